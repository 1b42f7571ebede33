"""Take-ons, and what older systems asked for that is still to be done (2.18)."""

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
    """A row for each thing that an older system asked for."""

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
