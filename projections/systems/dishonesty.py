"""Dishonesty (失信, 2.4c): determinations, serious lists, the measure catalogue and measures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.systems.dishonesty.commands import ReviewSanction
from ledger.systems.dishonesty.folds import (
    Determination,
    Incentive,
    ListField,
    MeasureCatalogue,
    Sanction,
    SeriousListing,
)
from projections.follower import Views
from projections.systems.records import RECORDS
from projections.tables import Row
from projections.views import FoldView, subject_table

DETERMINATIONS = subject_table("determinations", "entity", "unit", "stage")
SERIOUS_LIST = subject_table(
    "serious_list",
    "entity",
    "unit",
    "list_field",
    sa.Column("public", sa.Boolean, nullable=False, index=True),
)
LIST_FIELDS = subject_table("list_fields", "unit")
MEASURE_CATALOGUES = subject_table("measure_catalogues")
SANCTIONS = subject_table(
    "sanctions",
    "entity",
    "unit",
    "record",
    "measure",
    sa.Column("alive", sa.Boolean, nullable=False, index=True),
)
INCENTIVES = subject_table("incentives", "entity", "unit", "measure", "stage")


class Determinations(FoldView[Determination]):
    """A row for each determination, from its notice on."""

    name = "determinations"
    kind = "determination"
    fold = Determination
    table = DETERMINATIONS
    tables = (DETERMINATIONS,)


class SeriousList(FoldView[SeriousListing]):
    """A row for each listing, by the credit record that it stands on."""

    name = "serious_list"
    kind = "record"
    fold = SeriousListing
    table = SERIOUS_LIST
    tables = (SERIOUS_LIST,)

    def row(self, fold: SeriousListing, position: int) -> Row:
        # The list is public (P) and its past is not: whoever is off it is not shown on it.
        return {
            "entity": fold.entity,
            "unit": fold.unit,
            "list_field": fold.list_field,
            "public": fold.stands,
        }


class ListFields(FoldView[ListField]):
    """A row for each field that has, or is to have, a serious list."""

    name = "list_fields"
    kind = "list-field"
    fold = ListField
    table = LIST_FIELDS
    tables = (LIST_FIELDS,)


class MeasureCatalogues(FoldView[MeasureCatalogue]):
    """A row for the catalogue of measures, with all its versions."""

    name = "measure_catalogues"
    kind = "measure-catalogue"
    fold = MeasureCatalogue
    table = MEASURE_CATALOGUES
    tables = (MEASURE_CATALOGUES,)


class Sanctions(FoldView[Sanction]):
    """A row for each sanction."""

    name = "sanctions"
    kind = "sanction"
    fold = Sanction
    table = SANCTIONS
    tables = (SANCTIONS,)


class Incentives(FoldView[Incentive]):
    """A row for each incentive, from its promise or its grant on."""

    name = "incentives"
    kind = "incentive"
    fold = Incentive
    table = INCENTIVES
    tables = (INCENTIVES,)


#: Sanctions handed to the clock at a time.
_MOST = 1_000


def outlived_sanctions(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Sanctions that are alive although the record on which they rest is over (DIS-V1)."""
    over = sa.or_(
        RECORDS.c.status.not_in(("active", "suspended", "unpublished")),
        RECORDS.c.max_until < today.isoformat(),
    )
    with views.reading() as connection:
        found = connection.execute(
            sa.select(SANCTIONS.c.key)
            .join(RECORDS, RECORDS.c.key == SANCTIONS.c.record)
            .where(SANCTIONS.c.alive, over)
            .order_by(SANCTIONS.c.key)
            .limit(_MOST)
        ).scalars()
        outlived = list(found)
    for sanction in outlived:
        yield ReviewSanction(sanction=sanction), f"sanction-outlived:{sanction}"
