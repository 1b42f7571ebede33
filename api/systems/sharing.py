"""Sharing: subscriptions, what they owe, and what they let a token of theirs see."""

from __future__ import annotations

import sqlalchemy as sa
from aiohttp import web

from api.http.asking import asked, may_ask
from api.http.keys import VIEWS
from api.http.listing import Listing, Where
from api.http.resources import Parameter
from api.http.tokens import Grant
from api.http.visibility import Entitlement
from ledger.general.audiences import UNIT_BOUND
from projections.systems.sharing import SUBSCRIPTIONS, Removals, Subscriptions


def _own_subscriptions(grant: Grant, table: sa.Table) -> Where:
    if grant.role == "subscriber_system":
        return [table.c.unit == grant.unit]
    return [may_ask(grant, unit=table.c.unit, entity=None)]


def _own_removals(grant: Grant, table: sa.Table) -> Where:
    """The subscriber's, and those of what a unit determined or a business has had removed."""
    if grant.role == "subscriber_system":
        return [table.c.unit == grant.unit]
    if grant.role in UNIT_BOUND:
        return [sa.or_(table.c.unit == grant.unit, table.c.determined_by == grant.unit)]
    return [may_ask(grant, unit=table.c.unit, entity=table.c.entity)]


SHARING = (
    Listing(
        path="/v1/sharing/subscriptions",
        view=Subscriptions,
        summary="Who reads credit information, what of it, for what and under which law.",
        one="One subscription: its filters, and the removals that its subscriber owes.",
        seen=_own_subscriptions,
        filters=(
            Parameter("unit", str, "the subscriber"),
            Parameter("live", bool, "whether it still reads"),
            Parameter("owing", bool, "whether a removal is not confirmed"),
        ),
    ),
    Listing(
        path="/v1/sharing/removals",
        view=Removals,
        summary="Notices that a record has to be removed, and who has confirmed it when.",
        one="One notice that a record has to be removed.",
        seen=_own_removals,
        filters=(
            Parameter("unit", str, "the subscriber"),
            Parameter("determined_by", str, "the unit whose record it was"),
            Parameter("entity", str, "the business that it concerned"),
            Parameter("record", str, "the record"),
            Parameter("subscription", str, "the subscription"),
            Parameter("done", bool, "whether it is confirmed"),
        ),
    ),
)


async def entitlement_of(request: web.Request, grant: Grant) -> Entitlement | None:
    """What the subscriptions of a partner's system let it read; ``None`` for everybody else."""
    if grant.role != "subscriber_system":
        return None
    follower = request.app[VIEWS]
    if follower is None:
        return Entitlement()
    query = sa.select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.unit == grant.unit)

    def ask() -> list[sa.Row[tuple[object, ...]]]:
        with follower.views.reading() as connection:
            return list(connection.execute(query.order_by(SUBSCRIPTIONS.c.key)))

    view = Subscriptions()
    rows = await asked(ask)
    return Entitlement(
        frozenset(row.key for row in rows),
        tuple(view.decode(row.state).filters for row in rows if row.live),
    )


RESOURCES = tuple(resource for listing in SHARING for resource in listing.resources())
