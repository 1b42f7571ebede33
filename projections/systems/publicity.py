"""Publicity (行政执法公示, 2.8): what units have published, and what they must publish."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.publicity.folds import AnnualStats, DecidedAct, ExAnte, PublicityRecord
from projections.tables import Row
from projections.views import FoldView, subject_table

EX_ANTE = subject_table("ex_ante", sa.Column("items", sa.Integer, nullable=False))
ACTS = subject_table(
    "acts",
    "unit",
    "entity",
    "kind",
    "stage",
    "nullified_on",
    sa.Column("public", sa.Boolean, nullable=False, index=True),
)
ANNUAL_STATS = subject_table(
    "annual_stats",
    "unit",
    sa.Column("year", sa.Integer, index=True),
    sa.Column("public", sa.Boolean, nullable=False, index=True),
)
PUBLICITY = subject_table(
    "publicity", "known_since", sa.Column("called_for", sa.Integer, nullable=False)
)


class ExAntePublicity(FoldView[ExAnte]):
    """A row for each unit with the items that it must publish in advance."""

    name = "ex_ante"
    kind = "unit"
    fold = ExAnte
    table = EX_ANTE
    tables = (EX_ANTE,)

    def row(self, fold: ExAnte, position: int) -> Row:
        return {"items": len(fold.items)}


class Acts(FoldView[DecidedAct]):
    """A row for each decision other than a penalty."""

    name = "acts"
    kind = "decision"
    fold = DecidedAct
    table = ACTS
    tables = (ACTS,)


class AnnualStatistics(FoldView[AnnualStats]):
    """A row for the statistics of each unit and year."""

    name = "annual_stats"
    kind = "annual-stats"
    fold = AnnualStats
    table = ANNUAL_STATS
    tables = (ANNUAL_STATS,)


class PublicityRecords(FoldView[PublicityRecord]):
    """A row for each unit: how it performs its duties of publicity."""

    name = "publicity"
    kind = "unit"
    fold = PublicityRecord
    table = PUBLICITY
    tables = (PUBLICITY,)
