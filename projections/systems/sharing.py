"""Sharing (互联互通, 2.4f): subscriptions with their purpose, and the removal of records."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.sharing.folds import Removal, Subscription, Webhook
from projections.views import FoldView, subject_table

SUBSCRIPTIONS = subject_table(
    "subscriptions",
    "unit",
    sa.Column("live", sa.Boolean, nullable=False, index=True),
    #: Whether any removal is still unconfirmed.
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
    """A row for each notice that a record must be removed."""

    name = "removals"
    kind = "removal"
    fold = Removal
    table = REMOVALS
    tables = (REMOVALS,)


WEBHOOKS = subject_table(
    "webhooks",
    "unit",
    "subscription",
    sa.Column("live", sa.Boolean, nullable=False, index=True),
)


class Webhooks(FoldView[Webhook]):
    """A row for each webhook."""

    name = "webhooks"
    kind = "webhook"
    fold = Webhook
    table = WEBHOOKS
    tables = (WEBHOOKS,)
