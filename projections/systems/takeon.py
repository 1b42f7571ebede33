"""Take-ons from older systems, and the duties taken on that are still to be performed (2.18)."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.takeon.folds import OpenDuty, TakeOn
from projections.tables import Row, kept_from
from projections.views import FoldView, subject_table

TAKEONS = subject_table("takeons", "unit", "source", "stage")


class TakeOns(FoldView[TakeOn]):
    """A row for each take-on."""

    name = "takeons"
    kind = "takeon"
    fold = TakeOn
    table = TAKEONS
    tables = (TAKEONS,)


DUTIES = subject_table(
    "open_duties",
    "unit",
    "entity",
    "concerns",
    "due_on",
    "stage",
    sa.Column("confidential", sa.Boolean, nullable=False),
    sa.Column("kept_from", sa.Text, nullable=False),
)


class OpenDuties(FoldView[OpenDuty]):
    """A row for each duty taken on from an older system."""

    name = "open_duties"
    kind = "duty"
    fold = OpenDuty
    table = DUTIES
    tables = (DUTIES,)

    def row(self, fold: OpenDuty, position: int) -> Row:
        return {
            "unit": fold.unit,
            "entity": fold.entity,
            "concerns": fold.concerns,
            "due_on": None if fold.due_on is None else fold.due_on.isoformat(),
            "stage": fold.stage,
            "confidential": fold.confidential,
            "kept_from": kept_from(fold.withheld_from),
        }
