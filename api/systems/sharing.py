"""Sharing: subscriptions, the removals they owe, and what they let a token see."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec
import sqlalchemy as sa
from aiohttp import web
from msgspec import UNSET, UnsetType

from api.http.asking import PRIVATE, asked, caught_up, one_row, read
from api.http.evenly import answer_evenly
from api.http.keys import DELIVERY, VIEWS
from api.http.listing import Listing, Where
from api.http.named import MAX_POSITION
from api.http.problems import not_found
from api.http.reader import Reader, reader_of
from api.http.reading import (
    AFTER_POSITION,
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    bounded,
    json_response,
)
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import Entitlement
from api.webhooks.outbox import Attempt, Parked
from ledger.general.vocabulary import Role
from ledger.kernel import Unavailable
from ledger.systems.credit.events import TerminationReason
from ledger.systems.credit.folds import Record
from ledger.systems.sharing.folds import covers, has_been_shown
from projections.systems.sharing import (
    REMOVALS,
    SUBSCRIPTIONS,
    WEBHOOKS,
    Removals,
    Subscriptions,
    Webhooks,
)
from projections.tables import Connection

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
            head=delivery.head(),
            secrets=tuple(secret.id for secret in delivery.signing(name)),
            parked=tuple(delivery.outbox.parked(name, after, limit)),
            attempts=tuple(delivery.outbox.attempts(name, limit)),
            failures=cursor.failures,
            failing_since=cursor.failing_since,
            stopped_at=cursor.stopped_at,
        )

    return json_response(await asked(look), headers=PRIVATE)


class SharedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a subscriber may use a record: it is shared, or it ended and must be removed."""

    record: str
    state: Literal["shared", "ended"]
    ended_on: date | UnsetType = UNSET
    reason: TerminationReason | UnsetType = UNSET
    removal: str | UnsetType = UNSET
    acknowledged_on: date | UnsetType = UNSET


async def shared_record(request: web.Request) -> web.Response:
    """Whether a record that the subscriber holds may still be used, and since when not.

    404 for a record that was never shared with the subscriber, whether it exists or not.
    """
    reader = await reader_of(request)
    name = request.match_info["record"]
    follower = await caught_up(request, Removals.name)
    entitled = await entitlement_of(request, reader)
    if entitled is None:
        raise reader.refused()
    query = (
        sa.select(REMOVALS.c.state)
        .where(REMOVALS.c.unit == reader.unit, REMOVALS.c.record == name)
        .order_by(REMOVALS.c.position)
    )

    def look(views: Connection) -> SharedRecord | None:
        fold = Record(name)
        record = fold.over(follower.source.records([fold.selector()]))
        if (
            has_been_shown(record, reader.today)
            and record.ended is None
            and any(covers(filters, record.says) for filters in entitled.filters)
        ):
            return SharedRecord(record=name, state="shared")
        notices = [Removals().decode(row.state) for row in views.execute(query)]
        if not notices:
            return None
        last = max(notices, key=lambda notice: notice.notified_position)
        return SharedRecord(
            record=name,
            state="ended",
            ended_on=UNSET if last.ended_on is None else last.ended_on,
            reason=last.reason,  # type: ignore[arg-type]
            removal=last.removal,
            acknowledged_on=UNSET if last.acknowledged_on is None else last.acknowledged_on,
        )

    shown = await read(follower, look)
    await answer_evenly(request)
    if shown is None:
        raise not_found()
    return json_response(shown, headers=PRIVATE)


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
    Resource(
        "/v1/sharing/records/{record}",
        shared_record,
        returns=SharedRecord,
        roles=frozenset({"subscriber_system"}),
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
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
