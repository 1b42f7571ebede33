"""``GET /v1/feed``: all recorded events, in order, as CloudEvents 1.0.

One URL offers four media types: a continuing stream of server-sent events, and pages of JSON,
NDJSON or MessagePack. All of them resume after a position. Events that a token may not see are
skipped, and the cursor moves past them, so a client that resumes neither loses nor repeats an
event.

The stream is a plain ``StreamResponse``. aiohttp-sse would encode and split each message for every
subscriber, while this service encodes it once for all. Its pings also need a task for each stream
and carry no id, while ours move the cursor of a client that sees few events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from functools import partial
from typing import Annotated, Any, NamedTuple

import msgspec
import structlog
from aiohttp import hdrs, web

from api.feed.hub import Audience, Hub, Page, Subscriber
from api.http.access import caller_of, token_of
from api.http.evenly import answer_evenly
from api.http.front import EDGE, SEND_SECONDS, ends_with_client
from api.http.keys import LINE, TOKENS
from api.http.problems import RETRY_AFTER, SERVER, Problem
from api.http.reading import (
    AFTER_POSITION,
    MAX_POSITION,
    accepted,
    bounded,
    json_response,
    next_link,
    whole_number,
)
from api.http.resources import Parameter, Resource
from api.running.pools import FEEDS
from api.systems.sharing import entitlement_of

log = structlog.get_logger("api.feed")

HUB = web.AppKey("hub", Hub)

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
NDJSON = "application/x-ndjson"
MSGPACK = "application/vnd.msgpack"
#: In order of preference, for a client that accepts any type.
OFFERED = (JSON, EVENT_STREAM, NDJSON, MSGPACK)

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

#: The most filters in one request.
MAX_FILTERS = 50


class CloudEvent(msgspec.Struct, frozen=True):
    """One event as CloudEvents 1.0; ``data`` is its body, ``time`` when it was recorded."""

    specversion: str
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
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
    nothing new how far it has come. `application/json`, `application/x-ndjson` and
    `application/vnd.msgpack` are pages. With `wait`, the answer waits for the first visible event,
    up to that many seconds.

    A partner's system (`subscriber_system`) sees public events, and those shared events that its
    active subscriptions cover. It always gets notices to remove a record, and events that end a
    record or its effects: neither its subscriptions nor the filters of this request exclude these.
    """
    media_type = negotiated(accepted(request))
    grant = (await caller_of(request)).reader()
    topics, subjects = _filters(request)
    after = whole_number(request.query.get("after"), "query parameter 'after'", 0, 0, MAX_POSITION)
    after = _resumed(request, media_type, after)
    limit = bounded(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    wait = bounded(request, "wait", 0, 0, MAX_WAIT)
    hub = request.app[HUB]
    if hub.closing:
        raise _busy("the service is shutting down")
    entitled = await entitlement_of(request, grant)
    edge = request.app[EDGE]
    held = media_type == EVENT_STREAM or wait
    place = edge.shares.place(edge.source_of(request), grant) if held else nullcontext()
    with place, ends_with_client(request):
        subscriber = hub.join(grant, topics, subjects, after, entitled)
        try:
            if media_type == EVENT_STREAM:
                _require_reached(after, await hub.head())
                return await _stream(request, hub, subscriber)
            page = await _page(request, hub, subscriber, media_type, limit=limit, wait=wait)
        finally:
            hub.leave(subscriber)
    if subjects:
        await answer_evenly(request)
    return page


def _resumed(request: web.Request, media_type: str, after: int) -> int:
    """Return the position after which to begin: the client's last event id, else ``after``."""
    # EventSource replacements in browsers send the id in the address. A header is more recent: a
    # client that reconnects may repeat the old address.
    given = request.query.get("lastEventId")
    if media_type != EVENT_STREAM:
        if given:
            raise Problem("malformed", "lastEventId resumes a stream; for a page, use after")
        return after
    after = whole_number(given or None, "query parameter 'lastEventId'", after, 0, MAX_POSITION)
    last = request.headers.get("Last-Event-ID") or None
    return whole_number(last, "header Last-Event-ID", after, 0, MAX_POSITION)


def _busy(why: str) -> Problem:
    return Problem("unavailable", why, headers={hdrs.RETRY_AFTER: RETRY_AFTER})


def _require_reached(after: int, head: int) -> None:
    """Refuse a cursor beyond the head: of another ledger, or from before a backup was restored."""
    if after > head:
        raise Problem(
            "malformed", f"after must be at most {head}, the last position; it is {after}"
        )


def _filters(request: web.Request) -> tuple[frozenset[str], frozenset[str]]:
    topics = frozenset(request.query.getall("type", ()))
    subjects = frozenset(request.query.getall("subject", ()))
    if len(topics) + len(subjects) > MAX_FILTERS:
        raise Problem("malformed", f"a request must have at most {MAX_FILTERS} filters")
    for topic in topics:
        if not topic or topic == "*" or "*" in topic.removesuffix(".*"):
            raise Problem(
                "malformed",
                f"type must be a whole type, such as filing.task-approved, or all types of "
                f"a system, such as filing.*; it is {topic!r}",
            )
    for subject in subjects:
        kind, _, value = subject.partition(":")
        # Not everyone may filter by who did what, so person and command are not subjects.
        if not kind or not value or kind in {"actor", "command"} or not subject.isprintable():
            raise Problem(
                "malformed",
                f"subject must be kind:id, such as entity:91620100MA7LX0017J; it is {subject!r}",
            )
    return topics, subjects


def negotiated(accept: str) -> str:
    """Return the media type of the answer. Raises ``not-acceptable``."""
    best, best_quality = "", 0.0
    for offered in OFFERED:
        quality = _quality(accept, offered)
        if quality > best_quality:
            best, best_quality = offered, quality
    if not best:
        raise Problem("not-acceptable", f"This resource offers {', '.join(OFFERED)}.")
    return best


def _quality(accept: str, offered: str) -> float:
    """Return the quality that ``accept`` gives ``offered``; the most specific range decides."""
    best, quality = 0, 0.0
    for part in accept.split(","):
        media_range, *parameters = (p.strip().lower() for p in part.split(";"))
        if media_range == offered:
            rank = 3
        elif media_range == offered.split("/", maxsplit=1)[0] + "/*":
            rank = 2
        elif media_range == "*/*":
            rank = 1
        else:
            continue
        if rank > best:
            best, quality = rank, 1.0
            for parameter in parameters:
                if parameter.startswith("q="):
                    try:
                        quality = float(parameter[2:])
                    except ValueError:
                        quality = 0.0
    return quality


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
    request[LINE].position = cursor
    headers = {
        "X-Next-After": str(cursor),
        hdrs.LINK: next_link(request, after=cursor),
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.VARY: "Authorization, Accept",
    }
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
        body = b"".join(item.json(source) + b"\n" for item in items)
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


async def _until_news(hub: Hub, subscriber: Subscriber, seconds: float) -> None:
    """Wait until the hub has something new for a subscriber at the head, or time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not hub.closing:
                # Above the top: the reader has not started or not got there yet, but it will.
                if subscriber.cursor < hub.top or await hub.news(subscriber):
                    return


# Streams


async def _stream(request: web.Request, hub: Hub, subscriber: Subscriber) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: EVENT_STREAM,
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
        # No empty line yet, so these lines become part of the first event. Some clients pass on
        # every block and parse its data; they would fail on a block without data.
        await outlet.send(b": supervision ledger\nretry: 1000\n")
        await _follow(request, outlet, hub, subscriber)
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


async def _follow(request: web.Request, outlet: _Outlet, hub: Hub, subscriber: Subscriber) -> None:
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
            told = subscriber.cursor
        now = time.monotonic()
        if now >= next_beat:
            next_beat = now + HEARTBEAT_SECONDS
            if not await _still_granted(request, subscriber.audience):
                return
            if told != subscriber.cursor:
                told = subscriber.cursor
                # Its own event type: only clients that ask for it receive it. It has data that can
                # be parsed, for clients that treat every type as an event of the ledger.
                cursor = b'event: cursor\nid: %d\ndata: {"next_after":%d}\n\n' % (told, told)
                await outlet.send(cursor)
            else:
                await outlet.send(b": beat\n")  # part of the next event, like the first lines
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
        show=lambda page: (b"".join(i.frame(hub.source) for i in page.items), page.cursor),
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
    ),
)
