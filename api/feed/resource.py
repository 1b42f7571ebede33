"""``GET /v1/feed``: all recorded events, in order, as CloudEvents 1.0.

One URL offers continuing streams (server-sent events; NDJSON and MessagePack with ``follow``) and
pages (JSON, NDJSON, MessagePack, CloudEvents in their batch and single forms, CSV). All of them
resume after a position. Events that a token may not see are skipped, and the cursor moves past
them, so a client that resumes neither loses nor repeats an event.

The stream is a plain ``StreamResponse``. aiohttp-sse would encode and split each message for every
subscriber, while this service encodes it once for all. Its pings also need a task for each stream
and carry no id, while ours move the cursor of a client that sees few events.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, NamedTuple

import msgspec
import structlog
from aiohttp import hdrs, web

from api.feed.filters import filters_of
from api.feed.hub import Audience, Form, Hub, Item, Page, Subscriber, as_line, as_msgpack, as_sse
from api.feed.negotiation import (
    CLOUD_EVENT,
    CLOUD_EVENTS,
    CSV,
    EVENT_STREAM,
    MSGPACK,
    NDJSON,
    OFFERED,
    negotiated,
)
from api.feed.tickets import admit
from api.http.accepting import accepted
from api.http.access import caller_of, token_of
from api.http.evenly import answer_evenly
from api.http.front import EDGE, SEND_SECONDS, ends_with_client
from api.http.keys import DELIVERY, LINE, TOKENS
from api.http.named import MAX_POSITION
from api.http.problems import SERVER, Problem, unavailable
from api.http.reading import (
    AFTER_POSITION,
    bounded,
    json_response,
    next_link,
    query_value,
    require_calendar,
)
from api.http.resources import Parameter, Resource, header, parameter, whole_number
from api.running.pools import FEEDS
from api.systems.sharing import entitlement_of
from ledger.kernel import civil_moment
from ledger.kernel.events import Moment
from ledger.kernel.messages import message

log = structlog.get_logger("api.feed")

HUB = web.AppKey("hub", Hub)

#: How often an idle stream sends a heartbeat. It moves the cursor of a client that sees nothing,
#: and at each one a revoked token ends its streams.
HEARTBEAT_SECONDS = 15.0

#: How many bytes are passed to a connection at a time.
CHUNK_BYTES = 64 * 1024

#: Events on a page, and records examined for it.
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_SCAN = 10_000
PAGE_BYTES = 4 * 1024 * 1024
MAX_WAIT = 30

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

#: A civil day, which begins at midnight of the ledger's zone, or a moment.
DayOrMoment = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].+)?$",
        examples=["2026-03-16", "2026-03-16T08:30:00+08:00"],
    ),
]


class Wire(NamedTuple):
    """One kind of stream: how it encodes an event, how it begins, and its heartbeat.

    ``cursors``: whether it can tell its cursor to a client that sees no event.
    """

    form: Form
    first: bytes
    beat: bytes
    cursors: bool = False


#: An NDJSON parser passes over an empty line, and an Unpacker returns the heartbeat as ``None``.
#: In a stream of server-sent events no empty line follows the first lines and the heartbeat, so
#: they become part of the next event: some clients pass on every block and parse its data, and
#: they would fail on a block without data.
WIRES = {
    EVENT_STREAM: Wire(as_sse, b": supervision ledger\nretry: 1000\n", b": beat\n", cursors=True),
    NDJSON: Wire(as_line, b"", b"\n"),
    MSGPACK: Wire(as_msgpack, b"", b"\xc0"),
}


class CloudEvent(msgspec.Struct, frozen=True):
    """One event as CloudEvents 1.0; ``data`` is its body, ``time`` when it was recorded.

    ``dataschema`` is the address of the JSON Schema of ``data``, as it was stored.
    """

    specversion: str
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
    dataschema: str
    position: int
    occurredat: str
    visibility: str
    schemaversion: int
    actorunit: str
    actorrole: str
    correlationid: str
    commandid: str
    data: dict[str, Any]
    subject: str | None = None
    causationid: str | None = None


#: The columns of a CSV page: what every event has first, and its data last.
COLUMNS = (*(name for name in CloudEvent.__struct_fields__ if name != "data"), "data")


class FeedPage(msgspec.Struct, frozen=True):
    """A page of events. ``after=next_after`` returns the next; ``head`` is the last position."""

    events: tuple[CloudEvent, ...]
    next_after: int
    head: int


async def feed_context(app: web.Application) -> AsyncIterator[None]:
    """Start the hub with the application, and stop it before the ledger closes."""
    hub = app[HUB]
    hub.start()
    ticker = asyncio.create_task(_tick(hub))
    yield
    ticker.cancel()
    with suppress(asyncio.CancelledError):
        await ticker
    await hub.close()


async def end_streams(app: web.Application) -> None:
    """End the streams at shutdown, so that the server need not wait for them."""
    app[HUB].end_streams()


async def _tick(hub: Hub) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS / 2)
        hub.wake_all()


async def feed(request: web.Request) -> web.StreamResponse:
    """Return the events that the token may see, in order of position: a page or a stream.

    `Accept` chooses. `text/event-stream` is a stream: its ids are positions, and a client resumes
    with `Last-Event-ID` or `?lastEventId=`. Its events of type `cursor` tell a client that may see
    nothing new how far it has come. With `follow=true`, `application/x-ndjson` (an event on each
    line; empty lines are heartbeats) and `application/vnd.msgpack` (a map for each event; nil is a
    heartbeat) are streams too, and a client resumes with `after` and the `position` of the last
    event.

    Everything else is a page, which ends at `limit` or at the last event: `application/json`,
    `application/x-ndjson`, `application/vnd.msgpack`, `application/cloudevents-batch+json` (an
    array), `text/csv` (`data` is JSON). `application/cloudevents+json` is the next single event, or
    204 if there is none. `Link` and `X-Next-After` name where the next page begins. With `wait`,
    the answer waits for the first visible event, up to that many seconds.

    A client that can send no header, such as EventSource in a browser, asks for a `ticket` with its
    token (`POST /v1/feed/tickets`) and opens one stream with it.

    `since` leaves out events recorded before a day or moment. A page may then be empty although
    later ones are not: continue with `Link` up to the head.

    A partner's system (`subscriber_system`) sees public events, and those shared events that its
    active subscriptions cover. It always gets notices to remove a record, and events that end a
    record or its effects: neither its subscriptions nor the filters of this request exclude these.
    """
    media_type = negotiated(accepted(request))
    wire = _wire(request, media_type)
    grant = (await caller_of(request)).reader()
    topics, subjects = filters_of(request)
    after = whole_number(request.query.get("after"), parameter("after"), 0, 0, MAX_POSITION)
    after = _resumed(request, media_type, after)
    most, usual = (1, 1) if media_type == CLOUD_EVENT else (MAX_LIMIT, DEFAULT_LIMIT)
    limit = bounded(request, "limit", usual, 1, most)
    wait = bounded(request, "wait", 0, 0, MAX_WAIT)
    since = _since(request)
    hub = request.app[HUB]
    if hub.closing:
        raise unavailable("feed.service-shutting-down")
    entitled = await entitlement_of(request, grant)
    edge = request.app[EDGE]
    held = wire is not None or wait
    place = edge.shares.place(edge.source_of(request), grant) if held else nullcontext()
    with place, ends_with_client(request):
        audience = Audience(grant, topics, subjects, entitled, since)
        subscriber = hub.join(audience, after, as_sse if wire is None else wire.form)
        try:
            if wire is not None:
                _require_reached(after, await hub.head())
                return await _stream(request, hub, subscriber, media_type, wire)
            page = await _page(request, hub, subscriber, media_type, limit=limit, wait=wait)
        finally:
            hub.leave(subscriber)
    if subjects or since is not None:
        await answer_evenly(request)
    return page


def _wire(request: web.Request, media_type: str) -> Wire | None:
    """Return how to stream; ``None`` for a page."""
    follow = query_value(request, "follow", bool, default=media_type == EVENT_STREAM)
    if follow and media_type not in WIRES:
        raise Problem("malformed", message("feed.follow-must-be-asked-with", wires=list(WIRES)))
    if media_type == EVENT_STREAM and not follow:
        raise Problem("malformed", "feed.events-always-follow")
    return WIRES[media_type] if follow else None


def _since(request: web.Request) -> datetime | None:
    given = request.query.get("since")
    if given is None:
        return None
    try:
        if _DAY.fullmatch(given):
            day = date.fromisoformat(given)
            require_calendar("since", day)
            return civil_moment(day)
        moment = msgspec.convert(given, Moment)
    except (msgspec.ValidationError, ValueError):
        raise Problem("malformed", "feed.since-must-be-day-or-moment") from None
    require_calendar("since", moment.date())
    return moment


def _resumed(request: web.Request, media_type: str, after: int) -> int:
    """Return the position after which to begin: the client's last event id, else ``after``."""
    # EventSource replacements in browsers send the id in the address. A header is more recent: a
    # client that reconnects may repeat the old address.
    given = request.query.get("lastEventId")
    if media_type != EVENT_STREAM:
        if given:
            raise Problem("malformed", "feed.lasteventid-resumes-stream")
        return after
    after = whole_number(given or None, parameter("lastEventId"), after, 0, MAX_POSITION)
    last = request.headers.get("Last-Event-ID") or None
    return whole_number(last, header("Last-Event-ID"), after, 0, MAX_POSITION)


def _require_reached(after: int, head: int) -> None:
    """Refuse a cursor beyond the head: of another ledger, or from before a backup was restored."""
    if after > head:
        raise Problem(
            "malformed", message("feed.after-must-be-most-last-position", head=head, after=after)
        )


# Pages


async def _page(
    request: web.Request,
    hub: Hub,
    subscriber: Subscriber,
    media_type: str,
    *,
    limit: int,
    wait: int,
) -> web.StreamResponse:
    deadline = time.monotonic() + wait
    audience = subscriber.audience
    read = partial(
        hub.page,
        audience,
        limit=limit,
        scan=MAX_SCAN,
        size=PAGE_BYTES,
        pool=FEEDS,
        # Encode in the reading thread, so that the event loop handles only bytes.
        show=partial(_encoded, media_type, hub.source),
    )
    body, empty, cursor, head = await read(subscriber.cursor)
    _require_reached(subscriber.cursor, head)
    while empty and cursor >= head and not hub.closing:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        subscriber.cursor = cursor
        await _until_news(hub, subscriber, left)
        body, empty, cursor, head = await read(cursor)
    _note_read(request, audience, subscriber.cursor, cursor)
    request[LINE].position = cursor
    headers = {
        "X-Next-After": str(cursor),
        hdrs.LINK: next_link(request, after=cursor),
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.VARY: "Authorization, Accept",
    }
    if empty and media_type == CLOUD_EVENT:
        return web.Response(status=204, headers=headers)
    return json_response(None, body=body, headers=headers, media_type=media_type)


class _Encoded(NamedTuple):
    """An encoded page."""

    body: bytes
    empty: bool
    cursor: int
    head: int


def _encoded(media_type: str, source: str, page: Page) -> _Encoded:
    items, cursor = page.items, page.cursor
    head = max(page.head, cursor)  # records may have been appended while the page was read
    if media_type == NDJSON:
        body = b"".join(as_line(item, source) for item in items)
    elif media_type == CLOUD_EVENT:
        body = b"".join(item.json(source) for item in items)
    elif media_type == CLOUD_EVENTS:
        body = b"[%b]" % b",".join(item.json(source) for item in items)
    elif media_type == CSV:
        body = _table(items, source)
    elif media_type == MSGPACK:
        body = msgspec.msgpack.encode(
            {
                "events": [item.cloud_event(source) for item in items],
                "next_after": cursor,
                "head": head,
            }
        )
    else:
        events = b",".join(item.json(source) for item in items)
        body = b'{"events":[%b],"next_after":%d,"head":%d}' % (events, cursor, head)
    return _Encoded(body, not items, cursor, page.head)


def _table(items: list[Item], source: str) -> bytes:
    """Return events as CSV with a header: a column for each attribute, `data` as JSON."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    for item in items:
        event = item.cloud_event(source)
        table.writerow({**event, "data": msgspec.json.encode(event["data"]).decode()})
    return text.getvalue().encode()


async def _until_news(hub: Hub, subscriber: Subscriber, seconds: float) -> None:
    """Wait until the hub has something new for a subscriber at the head, or time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not hub.closing:
                # Above the top: the reader has not started or not got there yet, but it will.
                if subscriber.cursor < hub.top or await hub.news(subscriber):
                    return


# Streams


async def _stream(
    request: web.Request, hub: Hub, subscriber: Subscriber, media_type: str, wire: Wire
) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: media_type,
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.VARY: "Authorization, Accept",
            "X-Accel-Buffering": "no",
            "X-Content-Type-Options": "nosniff",
            "X-Request-Id": request[LINE].request_id,
            hdrs.SERVER: SERVER,
        }
    )
    if request.version >= (1, 1):
        response.enable_chunked_encoding()
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    subscriber.abort = partial(_abort, request)
    try:
        outlet = _Outlet(request, response)
        if wire.first:
            await outlet.send(wire.first)
        await _follow(request, outlet, hub, subscriber, wire)
        await response.write_eof()
    except (ConnectionError, TimeoutError, Problem) as error:
        request[LINE].more = {"ended": type(error).__name__}
        _abort(request)
    except Exception:
        # The response has already begun, so it can only be broken off.
        log.exception("feed_stream_failed", position=subscriber.cursor)
        _abort(request)
    finally:
        request[LINE].position = subscriber.cursor
    return response


async def _follow(
    request: web.Request, outlet: _Outlet, hub: Hub, subscriber: Subscriber, wire: Wire
) -> None:
    told = subscriber.cursor  # the last id that the client has received
    next_beat = time.monotonic() + HEARTBEAT_SECONDS
    while not hub.closing:
        if not hub.at_hand(subscriber) and subscriber.cursor < hub.top:
            chunk = await _behind(hub, subscriber)
        elif hub.at_hand(subscriber) and not hub.caught_up(subscriber):
            chunk = hub.from_ring(subscriber, CHUNK_BYTES)
        else:
            chunk = await hub.news(subscriber) or b""
        if chunk:
            await outlet.send(chunk)
            _note_read(request, subscriber.audience, told, subscriber.cursor)
            told = subscriber.cursor
        now = time.monotonic()
        if now >= next_beat:
            next_beat = now + HEARTBEAT_SECONDS
            if not await _still_granted(request, subscriber.audience):
                return
            if wire.cursors and told != subscriber.cursor:
                told = subscriber.cursor
                # Its own event type: only clients that ask for it receive it. It has data that can
                # be parsed, for clients that treat every type as an event of the ledger.
                cursor = b'event: cursor\nid: %d\ndata: {"next_after":%d}\n\n' % (told, told)
                await outlet.send(cursor)
            else:
                await outlet.send(wire.beat)
        elif not chunk:
            # Skipping many hidden events must not block the event loop.
            await asyncio.sleep(0)


async def _behind(hub: Hub, subscriber: Subscriber) -> bytes:
    frames, subscriber.cursor = await hub.page(
        subscriber.audience,
        subscriber.cursor,
        limit=MAX_LIMIT,
        scan=MAX_SCAN,
        size=CHUNK_BYTES,
        show=lambda page: (
            b"".join(item.frame(hub.source, subscriber.form) for item in page.items),
            page.cursor,
        ),
    )
    return frames


class _Outlet:
    """The output of a stream; cuts off a client that reads nothing for ``SEND_SECONDS``."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request, self._response = request, response
        self._taken = -1
        self._since = 0.0

    async def send(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client disconnected")
        waiting = transport.get_write_buffer_size()
        if waiting == 0:
            await self._response.write(data)
            return
        # A slow client reads something. Heartbeats must not keep a client that reads nothing.
        taken = self._request.writer.output_size - waiting
        now = time.monotonic()
        if taken != self._taken:
            self._taken, self._since = taken, now
        elif now - self._since > SEND_SECONDS:
            raise TimeoutError
        async with asyncio.timeout(SEND_SECONDS):
            await self._response.write(data)


def _note_read(request: web.Request, audience: Audience, after: int, up_to: int) -> None:
    """Keep what a partner's system was served, for the account of what it must remove."""
    if audience.entitled is not None and DELIVERY in request.app and up_to > after:
        request.app[DELIVERY].note_read(audience, after, up_to)


async def _still_granted(request: web.Request, audience: Audience) -> bool:
    token = token_of(request)
    if token is None:
        return True
    tokens = request.app[TOKENS]
    grant = tokens.cached(token) or await tokens.grant(token)
    if grant is None or (grant := grant.reader()).role != audience.grant.role:
        return False
    # If a subscription began or ended, the stream shows other events: end it; the client resumes.
    return await entitlement_of(request, grant) == audience.entitled


def _abort(request: web.Request) -> None:
    transport = request.transport
    if transport is not None:
        transport.abort()


#: The id of the last event that a stream sent, or nothing.
LastId = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{0,16}(?![\s\S])", max_length=16, examples=["0"])
]
#: A type of event, or all types of a system.
Types = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^*\s](?:[^*]*[^*.])?(?:\.\*)?(?![\s\S])",
        max_length=120,
        examples=["entities.*"],
    ),
]

RESOURCES = (
    Resource(
        "/v1/feed",
        feed,
        returns=FeedPage,
        query=(
            AFTER_POSITION,
            Parameter("follow", bool, "for NDJSON and MessagePack: do not end, like a stream"),
            Parameter("ticket", str, "for streams: in place of a token, see /v1/feed/tickets"),
            Parameter("since", DayOrMoment, "only events recorded on this day or later"),
            Parameter(
                "lastEventId",
                str,
                "for streams: like the header Last-Event-ID, which wins",
                values=LastId,
            ),
            Parameter(
                "limit",
                Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT, examples=[20])],
                "events on a page",
                default=DEFAULT_LIMIT,
            ),
            Parameter(
                "wait",
                Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT, examples=[0])],
                "seconds to wait for the first event",
                default=0,
            ),
            Parameter(
                "type",
                str,
                "only this type, or `system.*` for a whole system",
                repeatable=True,
                values=Types,
            ),
            Parameter("subject", str, "only about this subject, `kind:id`", repeatable=True),
        ),
        headers=(
            Parameter(
                "Last-Event-ID",
                str,
                "for streams: the last id received",
                place="header",
                values=LastId,
            ),
        ),
        media_types=OFFERED,
        forms={CLOUD_EVENT: CloudEvent, CLOUD_EVENTS: tuple[CloudEvent, ...]},
        may_be_empty=True,
        admits=admit,
    ),
)
