"""Delegated powers (赋权乡镇, 2.18), as their fold has them, and the days on which each holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from ledger.systems.delegations.folds import Delegation
from projections.tables import Code, Store, in_groups
from projections.views import FoldView, subject_table

DELEGATIONS = subject_table("delegations", "unit", "stage", "valid_from", "valid_to", "ended_on")

#: The days on which a delegation is in force, both included: a suspension divides them.
SPANS = sa.Table(
    "delegation_spans",
    sa.MetaData(),
    sa.Column("delegation", Code, primary_key=True),
    sa.Column("since", Code, primary_key=True),
    sa.Column("until", Code, nullable=False),
)


class Delegations(FoldView[Delegation]):
    """A row for each delegation."""

    name = "delegations"
    kind = "delegation"
    fold = Delegation
    table = DELEGATIONS
    version = 2
    tables = (DELEGATIONS, SPANS)

    def write(self, folds: Mapping[str, tuple[Delegation, int]], store: Store) -> None:
        super().write(folds, store)
        for some in in_groups(sorted(folds)):
            store.connection.execute(sa.delete(SPANS).where(SPANS.c.delegation.in_(some)))
        store.put(
            SPANS,
            [
                {"delegation": key, "since": since.isoformat(), "until": until.isoformat()}
                for key, (fold, _) in sorted(folds.items())
                for since, until in fold.spans()
            ],
        )


def in_force(table: sa.Table, day: date) -> sa.ColumnElement[bool]:
    """The rows of delegations that are in force on a day."""
    return sa.exists().where(
        SPANS.c.delegation == table.c.key,
        SPANS.c.since <= day.isoformat(),
        SPANS.c.until >= day.isoformat(),
    )
