"""Sharing (互联互通, 2.4f): who subscribes to what for which purpose, and who has removed what."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.sharing.folds import Removal, Subscription
from projections.views import FoldView, subject_table

SUBSCRIPTIONS = subject_table(
    "subscriptions",
    "unit",
    sa.Column("live", sa.Boolean, nullable=False, index=True),
    #: Whether a removal is not confirmed.
    sa.Column("owing", sa.Boolean, nullable=False, index=True),
)


class Subscriptions(FoldView[Subscription]):
    """A row for each subscription."""

    name = "subscriptions"
    kind = "subscription"
    fold = Subscription
    table = SUBSCRIPTIONS
    tables = (SUBSCRIPTIONS,)


REMOVALS = subject_table(
    "removals",
    "unit",
    "entity",
    "record",
    "subscription",
    "determined_by",
    sa.Column("done", sa.Boolean, nullable=False, index=True),
)


class Removals(FoldView[Removal]):
    """A row for each notice that a record has to be removed."""

    name = "removals"
    kind = "removal"
    fold = Removal
    table = REMOVALS
    tables = (REMOVALS,)
