"""Sharing: subscriptions, the removals they owe, and what they let a token see."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import PRIVATE, asked, one_row, read
from api.http.keys import DELIVERY, LEDGER, VIEWS
from api.http.listing import Listing, Where
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AFTER_POSITION,
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    MAX_POSITION,
    bounded,
    json_response,
)
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import Entitlement
from api.webhooks.outbox import Attempt, Parked
from ledger.general.vocabulary import Role
from ledger.kernel import Unavailable
from projections.systems.sharing import SUBSCRIPTIONS, WEBHOOKS, Removals, Subscriptions, Webhooks

#: Who registers webhooks: the subscriber, and the lead department for all.
SUBSCRIBING: frozenset[Role] = frozenset({"subscriber_system", "credit_officer"})

#: Attempts and parked messages on a page.
DEFAULT_PAGE = 100
MAX_PAGE = 500


def _own_subscriptions(reader: Reader, table: sa.Table) -> Where:
    if reader.role == "subscriber_system":
        return [table.c.unit == reader.unit]
    return [reader.concerned(table.c.unit)]


def own_webhooks(reader: Reader, table: sa.Table) -> Where:
    """Return the condition for the webhooks of a subscriber; the lead department sees all."""
    if reader.role == "credit_officer":
        return []
    return [table.c.unit == reader.unit]


def _own_removals(reader: Reader, table: sa.Table) -> Where:
    """The subscriber's notices; for a unit or business, those about its own records."""
    if reader.role == "subscriber_system":
        return [table.c.unit == reader.unit]
    if reader.in_unit:
        return [sa.or_(table.c.unit == reader.unit, table.c.determined_by == reader.unit)]
    return [reader.concerned(table.c.unit, table.c.entity)]


SHARING = (
    Listing(
        path="/v1/sharing/webhooks",
        view=Webhooks,
        summary="Addresses to which the events of subscriptions are sent.",
        one="One webhook: its address, its subscription, and the ids of its secrets.",
        seen=own_webhooks,
        roles=SUBSCRIBING,
        filters=(
            Parameter("unit", str, "the subscriber"),
            Parameter("subscription", str, "the subscription"),
            Parameter("live", bool, "whether messages are sent"),
        ),
    ),
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


class Deliveries(msgspec.Struct, frozen=True):
    """How far a webhook is, what it could not deliver, and its last attempts, newest first.

    `delivered_to` is the position up to which everything was sent, parked or withheld; `head` the
    last position of the ledger. `parked` are messages that the receiver refused each time.
    """

    webhook: str
    delivered_to: int
    head: int
    secrets: tuple[str, ...]
    parked: tuple[Parked, ...]
    attempts: tuple[Attempt, ...]
    failures: int = 0
    failing_since: str | None = None
    stopped_at: str | None = None


async def deliveries(request: web.Request) -> web.Response:
    """What became of the messages of a webhook.

    `failures` are the attempts of the next message that failed, `stopped_at` the moment when the
    receiver answered that it wants no more (410). `after` and `limit` choose the parked messages.
    """
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    reader = await reader_of(request)
    name = request.match_info["webhook"]
    row = await one_row(request, Webhooks.name, WEBHOOKS, name, own_webhooks(reader, WEBHOOKS))
    state = Webhooks().decode(row.state)
    delivery = request.app.get(DELIVERY)
    if delivery is None:
        raise Unavailable("sharing.service-sends-to-no-webhooks")

    def look() -> Deliveries:
        cursor = delivery.outbox.cursor(name, state.after)
        return Deliveries(
            webhook=name,
            delivered_to=cursor.position,
            head=request.app[LEDGER].recorder.head(),
            secrets=tuple(secret.id for secret in delivery.signing(name)),
            parked=tuple(delivery.outbox.parked(name, after, limit)),
            attempts=tuple(delivery.outbox.attempts(name, limit)),
            failures=cursor.failures,
            failing_since=cursor.failing_since,
            stopped_at=cursor.stopped_at,
        )

    return json_response(await asked(look), headers=PRIVATE)


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


RESOURCES = (
    *(resource for listing in SHARING for resource in listing.resources()),
    Resource(
        "/v1/sharing/webhooks/{webhook}/deliveries",
        deliveries,
        returns=Deliveries,
        roles=SUBSCRIBING,
        query=(AFTER_POSITION, LIMIT, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
)
