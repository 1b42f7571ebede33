"""Sharing: subscriptions, the removals they owe, and what they let a token see."""

from __future__ import annotations

import sqlalchemy as sa
from aiohttp import web

from api.http.asking import read
from api.http.keys import VIEWS
from api.http.listing import Listing, Where
from api.http.reader import Reader
from api.http.resources import Parameter
from api.http.tokens import Grant
from api.http.visibility import Entitlement
from projections.systems.sharing import SUBSCRIPTIONS, Removals, Subscriptions


def _own_subscriptions(reader: Reader, table: sa.Table) -> Where:
    if reader.role == "subscriber_system":
        return [table.c.unit == reader.unit]
    return [reader.concerned(table.c.unit)]


def _own_removals(reader: Reader, table: sa.Table) -> Where:
    """The subscriber's notices; for a unit or business, those about its own records."""
    if reader.role == "subscriber_system":
        return [table.c.unit == reader.unit]
    if reader.in_unit:
        return [sa.or_(table.c.unit == reader.unit, table.c.determined_by == reader.unit)]
    return [reader.concerned(table.c.unit, table.c.entity)]


SHARING = (
    Listing(
        path="/v1/sharing/subscriptions",
        view=Subscriptions,
        summary="Subscribers of credit information, with their filters, purpose and law.",
        one="One subscription: its filters, and the removals that its subscriber owes.",
        seen=_own_subscriptions,
        filters=(
            Parameter("unit", str, "the subscriber"),
            Parameter("live", bool, "whether it is active"),
            Parameter("owing", bool, "whether a removal is not confirmed"),
        ),
    ),
    Listing(
        path="/v1/sharing/removals",
        view=Removals,
        summary="Notices that a record must be removed, and who has confirmed the removal when.",
        one="One notice that a record must be removed.",
        seen=_own_removals,
        filters=(
            Parameter("unit", str, "the subscriber"),
            Parameter("determined_by", str, "the unit that determined the record"),
            Parameter("entity", str, "the business that the record concerned"),
            Parameter("record", str, "the record"),
            Parameter("subscription", str, "the subscription"),
            Parameter("done", bool, "whether it is confirmed"),
        ),
    ),
)


async def entitlement_of(request: web.Request, grant: Grant) -> Entitlement | None:
    """Return what its subscriptions let a partner's system read; ``None`` for other roles."""
    if grant.role != "subscriber_system":
        return None
    follower = request.app[VIEWS]
    if follower is None:
        return Entitlement()
    query = sa.select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.unit == grant.unit)
    query = query.order_by(SUBSCRIPTIONS.c.key)
    view = Subscriptions()
    rows = await read(follower, lambda views: list(views.execute(query)))
    return Entitlement(
        frozenset(row.key for row in rows),
        tuple(view.decode(row.state).filters for row in rows if row.live),
    )


RESOURCES = tuple(resource for listing in SHARING for resource in listing.resources())
