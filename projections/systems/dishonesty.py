"""Dishonesty (失信, 2.4c): determinations, serious lists, sanctions and incentives."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.dishonesty.folds import (
    Determination,
    Incentive,
    ListField,
    MeasureCatalogue,
    Sanction,
    SeriousListing,
)
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
    """A row for each determination, beginning with its notice."""

    name = "determinations"
    kind = "determination"
    fold = Determination
    table = DETERMINATIONS
    tables = (DETERMINATIONS,)


class SeriousList(FoldView[SeriousListing]):
    """A row for each listing, by the credit record on which it rests."""

    name = "serious_list"
    kind = "record"
    fold = SeriousListing
    table = SERIOUS_LIST
    tables = (SERIOUS_LIST,)

    def row(self, fold: SeriousListing, position: int) -> Row:
        # The list is public (P), but not its past: a business that left the list is not shown.
        return {
            "entity": fold.entity,
            "unit": fold.unit,
            "list_field": fold.list_field,
            "public": fold.stands,
        }


class ListFields(FoldView[ListField]):
    """A row for each field with a serious list, or with proposed criteria for one."""

    name = "list_fields"
    kind = "list-field"
    fold = ListField
    table = LIST_FIELDS
    tables = (LIST_FIELDS,)


class MeasureCatalogues(FoldView[MeasureCatalogue]):
    """A row for each catalogue of measures, with all its versions."""

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
    """A row for each incentive, beginning with its promise or its grant."""

    name = "incentives"
    kind = "incentive"
    fold = Incentive
    table = INCENTIVES
    tables = (INCENTIVES,)
