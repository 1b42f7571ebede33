"""``GET /v1/feed``: everything that is recorded, in order, as CloudEvents 1.0.

One URL speaks four media types: server-sent events that go on, and pages of JSON, NDJSON or
MessagePack. All resume after a position. What a token may not see is passed over, and the cursor
moves past it, so that whoever resumes neither loses nor repeats an event.

The stream is a plain ``StreamResponse`` and not aiohttp-sse's: that one encodes and splits each
message for each subscriber, where ours are encoded once for all, and its pings (one task for each
stream) carry no id, where ours move the cursor of a client that sees little.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, NamedTuple

import msgspec
import structlog
from aiohttp import hdrs, web

from api.feed.hub import Audience, Hub, Page, Subscriber
from api.http.access import grant_of, token_of
from api.http.evenly import answer_evenly
from api.http.front import EDGE, SEND_SECONDS, ends_with_client
from api.http.keys import LINE, TOKENS
from api.http.problems import RETRY_AFTER, SERVER, Problem
from api.http.reading import MAX_POSITION, accepted, bounded, json_response, next_link, whole_number
from api.http.resources import Parameter, Resource
from api.running.pools import FEEDS
from api.systems.sharing import entitlement_of

log = structlog.get_logger("api.feed")

HUB = web.AppKey("hub", Hub)

EVENT_STREAM = "text/event-stream"
JSON = "application/json"
NDJSON = "application/x-ndjson"
MSGPACK = "application/vnd.msgpack"
#: In order of preference, for a client that accepts anything.
OFFERED = (JSON, EVENT_STREAM, NDJSON, MSGPACK)

#: An idle stream says so this often; a client that sees nothing then advances its cursor too,
#: and a revoked token ends its streams.
HEARTBEAT_SECONDS = 15.0

#: Bytes handed to a connection at once.
CHUNK_BYTES = 64 * 1024

#: Events on a page, and records looked at for it.
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_SCAN = 10_000
PAGE_BYTES = 4 * 1024 * 1024
MAX_WAIT = 30

#: Filters of one request.
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
    """Events in order. Ask again with ``after=next_after``; ``head`` is the last position."""

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
    """On shutdown: streams end, so that the server need not wait for them."""
    app[HUB].end_streams()


async def _tick(hub: Hub) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS / 2)
        hub.wake_all()


async def feed(request: web.Request) -> web.StreamResponse:
    """Every event that the token may see, in order of position: a page, or a stream that goes on.

    `Accept` chooses: `text/event-stream` for a stream (its ids are positions; a client resumes
    with `Last-Event-ID` or `?lastEventId=`; an event of the type `cursor` says how far a client
    that may see nothing new has come), `application/json`, `application/x-ndjson` or
    `application/vnd.msgpack` for a page. With `wait`, an empty page is answered as soon as
    there is something to see, or after so many seconds.

    A partner's system (`subscriber_system`) sees what is public, and of what is shared that which
    its live subscriptions cover. Notices that it has to remove a record, and the ends of records
    and of what rests on them, reach it whatever the filters are, those of this request too.
    """
    media_type = negotiated(accepted(request))
    grant = await grant_of(request)
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
    """After which position a stream begins; ``after`` unless its client says what it had last."""
    # What replaces EventSource in browsers puts the id into the address. The header is the newest:
    # a client that reconnects may repeat an address unchanged.
    given = request.query.get("lastEventId")
    if media_type != EVENT_STREAM:
        if given:
            raise Problem("malformed", "lastEventId resumes a stream; a page begins after=")
        return after
    after = whole_number(given or None, "query parameter 'lastEventId'", after, 0, MAX_POSITION)
    last = request.headers.get("Last-Event-ID") or None
    return whole_number(last, "header Last-Event-ID", after, 0, MAX_POSITION)


def _busy(why: str) -> Problem:
    return Problem("unavailable", why, headers={hdrs.RETRY_AFTER: RETRY_AFTER})


def _require_reached(after: int, head: int) -> None:
    """Refuse a cursor of another ledger, or of a future that a restored backup has not seen."""
    if after > head:
        raise Problem("malformed", f"after={after} lies beyond the last position, which is {head}")


def _filters(request: web.Request) -> tuple[frozenset[str], frozenset[str]]:
    topics = frozenset(request.query.getall("type", ()))
    subjects = frozenset(request.query.getall("subject", ()))
    if len(topics) + len(subjects) > MAX_FILTERS:
        raise Problem("malformed", f"at most {MAX_FILTERS} filters are allowed")
    for topic in topics:
        if not topic or topic == "*" or "*" in topic.removesuffix(".*"):
            raise Problem(
                "malformed",
                f"type {topic!r} has to be a whole type, as filing.task-approved, or all types of "
                "a system, as filing.*",
            )
    for subject in subjects:
        kind, _, value = subject.partition(":")
        # Who did what is not a filter for everybody: person and command are no subjects.
        if not kind or not value or kind in {"actor", "command"} or not subject.isprintable():
            raise Problem(
                "malformed", f"subject {subject!r} has to be kind:id, as entity:91620100MA7LX0017J"
            )
    return topics, subjects


def negotiated(accept: str) -> str:
    """The media type to answer with. Raises ``not-acceptable``."""
    best, best_quality = "", 0.0
    for offered in OFFERED:
        quality = _quality(accept, offered)
        if quality > best_quality:
            best, best_quality = offered, quality
    if not best:
        raise Problem("not-acceptable", f"This resource speaks {', '.join(OFFERED)}.")
    return best


def _quality(accept: str, offered: str) -> float:
    """How much ``accept`` wants ``offered``; the most specific range that fits decides."""
    found, quality = 0, 0.0
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
        if rank > found:
            found, quality = rank, 1.0
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
        # In the thread that reads: only bytes wait for the event loop.
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
    """A page as it is sent."""

    body: bytes
    empty: bool
    cursor: int
    head: int


def _encoded(media_type: str, source: str, page: Page) -> _Encoded:
    items, cursor = page.items, page.cursor
    head = max(page.head, cursor)  # what was appended while the page was read
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
    """Wait until the hub has something for a subscriber at the head, or time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not hub.closing:
                # Above the top, the reader has not begun or not come this far: it will.
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
        # No empty line yet: these belong to the first event, whichever it will be. Clients that
        # hand on every block, and parse its data, would meet one without.
        await outlet.send(b": supervision ledger\nretry: 1000\n")
        await _follow(request, outlet, hub, subscriber)
        await response.write_eof()
    except (ConnectionError, TimeoutError, Problem) as error:
        request[LINE].more = {"ended": type(error).__name__}
        _abort(request)
    except Exception:
        # The response has begun: all that is left to say is that it breaks off.
        log.exception("feed_stream_failed", position=subscriber.cursor)
        _abort(request)
    finally:
        request[LINE].position = subscriber.cursor
    return response


async def _follow(request: web.Request, outlet: _Outlet, hub: Hub, subscriber: Subscriber) -> None:
    told = subscriber.cursor  # the last id that the client knows
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
                # Of a type of its own, to which nobody listens who does not ask for it; with data
                # that can be parsed, for those that take every type for an event of the ledger.
                cursor = b'event: cursor\nid: %d\ndata: {"next_after":%d}\n\n' % (told, told)
                await outlet.send(cursor)
            else:
                await outlet.send(b": beat\n")  # of the next event, as the first lines are
        elif not chunk:
            # Walking over much that is not visible must not keep the loop to itself.
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
    """What a stream is written to: cuts off a reader that takes nothing for ``SEND_SECONDS``."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request, self._response = request, response
        self._taken = -1
        self._since = 0.0

    async def send(self, data: bytes) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client went away")
        waiting = transport.get_write_buffer_size()
        if waiting == 0:
            await self._response.write(data)
            return
        # A reader that is slow takes something; heartbeats must not keep one that takes nothing.
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
    # A subscription that began or ended since gives another stream; the client resumes it.
    return await entitlement_of(request, grant) == audience.entitled


def _abort(request: web.Request) -> None:
    transport = request.transport
    if transport is not None:
        transport.abort()


RESOURCES = (
    Resource(
        "/v1/feed",
        feed,
        returns=FeedPage,
        query=(
            Parameter("after", int, "the position after which to begin; 0 for the beginning"),
            Parameter("lastEventId", int, "for streams: as the header Last-Event-ID, which wins"),
            Parameter("limit", int, f"events on a page, 1 to {MAX_LIMIT}"),
            Parameter("wait", int, f"seconds to wait for the first event, at most {MAX_WAIT}"),
            Parameter(
                "type", str, "only this type, or `system.*` for a whole system", repeatable=True
            ),
            Parameter("subject", str, "only about this subject, `kind:id`", repeatable=True),
        ),
        headers=(
            Parameter("Last-Event-ID", str, "for streams: the last id received", place="header"),
        ),
        media_types=OFFERED,
    ),
)
