"""One reader for all feed subscribers: a process reads, decodes and encodes each new record once.

A thread waits for appends, reads the new records and passes them to the event loop. The loop keeps
the newest records in a ring. It groups subscribers into *audiences*: those who may see and want the
same events. A waiting subscriber is given the new bytes of its audience. One that is still writing
takes them from the ring later; one that has fallen behind the ring reads the store, page by page.
There is no queue per subscriber, so a slow subscriber takes no more memory than a fast one.

The store promises positions without gaps, so a cursor tells exactly what a subscriber has received.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
import structlog

from api.contract.eventtypes import schema_path
from api.http.tokens import WITHHELD, Grant
from api.http.visibility import ENDS, NOTICES, Entitlement
from api.running.pools import STREAMS, Pool
from ledger.general.audiences import kept_from, visibility_of
from ledger.kernel import Visibility, budget, codec
from ledger.kernel.events import event_types
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.kernel.threads import Worker

log = structlog.get_logger("api.feed")

T = TypeVar("T")

#: Where the feed is; the schemas of events are on the same service.
FEED = "/v1/feed"

#: The size of the ring, in records and in stored bytes. Decoded and encoded records take about five
#: times as much memory.
RING_RECORDS = 4096
RING_BYTES = 8 * 1024 * 1024

#: Records read from the store at a time.
PAGE = 500

#: With a filter for subjects, the store's index skips unrelated records, and with a first moment
#: (``since``) a binary search skips earlier ones. So for one page the scan may cover this many
#: times as many positions.
SPARSE = 5

#: How often the waiting reader checks whether it must stop.
WAIT_SECONDS = 0.5

#: How often to poll a store that can neither notify nor wait.
POLL_SECONDS = 0.005

#: How long to wait after a failure of the store.
RETRY_SECONDS = 1.0

#: How long streams may take to end at shutdown. A client that is cut off then can resume.
END_SECONDS = 2.0

#: How long the reader may take for one page, in seconds.
STEP_SECONDS = 60.0

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
_PACK = msgspec.msgpack.Encoder(enc_hook=str).encode
_NOTHING = Selector(("-",), ("-",))


#: How many readings of one reader are kept, and of how many readers.
READINGS, MAX_READERS = 24, 1_000


class GapFound(Exception):
    """The store broke its promise of positions without gaps; continuing would lose events."""


class Store(Protocol):
    """The part of a recorder that the feed uses."""

    def read(self, query: Any = None, *, after: int | None = None, limit: int | None = None) -> Any:
        """Return the events after a position that match a query, in order."""


def head_of(recorder: Any) -> int:
    """Return the last position of a store, 0 if it is empty. Blocks."""
    head = getattr(recorder, "head", None)
    if head is not None:
        return int(head())
    # The query matches no event, but the answer still has the head.
    return recorder.read(as_query([_NOTHING])).head or 0


class Item(msgspec.Struct):
    """One record for subscribers. Encoded when first needed, and only once."""

    position: int
    topic: str
    tags: frozenset[str]
    subject: str | None
    fields: dict[str, Any]
    size: int
    #: The visibility with which the record is read.
    visibility: Visibility
    #: The units that must not see the record.
    kept_from: tuple[str, ...] = ()
    _json: bytes | None = None
    _frames: dict[Form, bytes] = msgspec.field(default_factory=dict)
    _veiled: dict[bool, Item] = msgspec.field(default_factory=dict)

    def veiled(self, *, unit: bool) -> Item:
        """Return the record without the acting person; with ``unit``, without the unit too."""
        if unit not in self._veiled:
            fields = {**self.fields, "command_id": WITHHELD}
            if unit:
                fields["actor"] = dict.fromkeys(self.fields["actor"], WITHHELD)
            self._veiled[unit] = Item(
                self.position,
                self.topic,
                self.tags,
                self.subject,
                fields,
                self.size,
                self.visibility,
            )
        return self._veiled[unit]

    def cloud_event(self, source: str) -> dict[str, Any]:
        """Return the record as a CloudEvent 1.0, as stored; a correction is a separate event."""
        fields = self.fields
        actor, version = fields["actor"], fields["schema_version"]
        event = {
            "specversion": "1.0",
            "id": fields["event_id"],
            "source": source,
            "type": self.topic,
            "time": fields["recorded_at"],
            "datacontenttype": "application/json",
            "dataschema": source.removesuffix(FEED) + schema_path(self.topic, version),
            "position": self.position,
            "occurredat": fields["occurred_at"],
            "visibility": fields["visibility"],
            "schemaversion": version,
            "actorunit": actor["unit_id"],
            # Without the person: readers who may know the person can read the event itself.
            "actorrole": actor["role"],
            "correlationid": fields["correlation_id"],
            "commandid": fields["command_id"],
            "data": fields["body"],
        }
        if self.subject is not None:
            event["subject"] = self.subject
        if "causation_id" in fields:
            event["causationid"] = fields["causation_id"]
        return event

    def json(self, source: str) -> bytes:
        """Return the CloudEvent as JSON."""
        if self._json is None:
            self._json = _ENCODE(self.cloud_event(source))
        return self._json

    def frame(self, source: str, form: Form) -> bytes:
        """Return the CloudEvent in the form of a stream."""
        frame = self._frames.get(form)
        if frame is None:
            frame = self._frames[form] = form(self, source)
        return frame


#: Encodes an event for one kind of stream.
Form = Callable[[Item, str], bytes]


def as_sse(item: Item, source: str) -> bytes:
    """Return an event as a server-sent event; JSON without line breaks fits one line."""
    return b"id: %d\ndata: %b\n\n" % (item.position, item.json(source))


def as_line(item: Item, source: str) -> bytes:
    """Return an event as a line of NDJSON."""
    return item.json(source) + b"\n"


def as_msgpack(item: Item, source: str) -> bytes:
    """Return an event as one MessagePack map, as an ``Unpacker`` reads them one after another."""
    return _PACK(item.cloud_event(source))


def item_of(stored: Any) -> Item:
    """Return the item for a stored event. Raises decoding errors for damaged bytes."""
    event = stored.event
    tags = event.tags
    # The tags of the actor and the command come after those of the event's own fields.
    subject = next((t for t in tags if not t.startswith(("actor:", "command:"))), None)
    fields = codec.plain(event.data)
    visibility = visibility_of(event.type, fields["visibility"], tags)
    kept = kept_from(event.type, visibility, tags, event.data)
    return Item(
        stored.position,
        event.type,
        frozenset(tags),
        subject,
        fields,
        len(event.data),
        visibility,
        kept,
    )


class Audience:
    """All subscribers who may see, and want, the same events.

    ``entitled``: what the subscriptions of a partner's system let it read; only for such systems.
    ``since``: the events recorded at that moment or later.
    """

    def __init__(
        self,
        grant: Grant,
        topics: frozenset[str],
        subjects: frozenset[str],
        entitled: Entitlement | None = None,
        since: datetime | None = None,
    ) -> None:
        self.grant = grant
        self.entitled = entitled
        self.since = since
        self.subjects = subjects
        self.exact = frozenset(t for t in topics if not t.endswith(".*"))
        self.prefixes = tuple(t[:-1] for t in topics if t.endswith(".*"))
        self.waiting: set[Subscriber] = set()
        #: The key under which the hub finds this audience.
        self.key: tuple[Any, ...] = (
            grant.role,
            grant.unit,
            grant.entity,
            topics,
            subjects,
            entitled,
            since,
        )

    def fits(self, topic: str, tags: Collection[str]) -> bool:
        """Return whether the filters pass an event; notices of removal and ends always pass."""
        if self.entitled is not None and self.entitled.unfiltered(topic, tags):
            return True
        if (self.exact or self.prefixes) and not (
            topic in self.exact or topic.startswith(self.prefixes or ("\0",))
        ):
            return False
        return not self.subjects or not self.subjects.isdisjoint(tags)

    def shown(self, item: Item) -> Item | None:
        """Return an event as this audience may see it, or ``None`` if it may not."""
        if not self.fits(item.topic, item.tags):
            return None
        if self.since is not None and _recorded_at(item.fields) < self.since:
            return None
        unit = item.fields["actor"]["unit_id"]
        visibility = item.visibility
        if not self.grant.sees(visibility, unit, item.tags, item.kept_from) and not (
            self.entitled is not None and self.entitled.admits(visibility, item.topic, item.tags)
        ):
            return None
        if self.grant.knows_actor(item.topic, unit, item.tags):
            return item
        return item.veiled(unit=self.grant.hides_actor(item.topic, unit))

    def query(self) -> Any:
        """Return the query for the store; ``None`` for all events.

        The store's index saves work only if there is a filter for subjects.
        """
        if not self.subjects:
            return None
        topics: tuple[str, ...] = ()
        wanted: list[Selector] = []
        if self.entitled is not None:
            notices = tuple(sorted(NOTICES))
            wanted += [Selector(notices, (tag,)) for tag in sorted(self.entitled.tags)]
            if self.entitled.filters:
                wanted.append(Selector(tuple(sorted(ENDS)), ()))
        if self.exact or self.prefixes:
            topics = tuple(t for t in sorted(event_types()) if self.fits(t, self.subjects))
            if not topics:
                return as_query(wanted or [_NOTHING])
        wanted += [Selector(topics, (subject,)) for subject in sorted(self.subjects)]
        return as_query(wanted)


class Subscriber:
    """One open stream: its cursor, its form, and the future that it waits for."""

    def __init__(self, audience: Audience, cursor: int, form: Form = as_sse) -> None:
        self.audience = audience
        self.cursor = cursor
        self.form = form
        self.waiter: asyncio.Future[bytes | None] | None = None
        #: Cuts the connection of a client that does not read.
        self.abort: Callable[[], None] | None = None

    def wake(self, news: bytes | None) -> None:
        """Resume a waiting subscriber with new bytes; with ``None``, it checks its state."""
        self.audience.waiting.discard(self)
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(news)


class Reading(msgspec.Struct, frozen=True):
    """How far a holder of a token had read the feed, and at which head, at a time of the clock."""

    at: float
    position: int
    head: int


class Hub:
    """The reader, the ring and the audiences of one process. For one event loop."""

    def __init__(self, store: Store, source: str) -> None:
        self.store = store
        self.source = source
        self.closing = False
        #: The error of the reader while it cannot continue.
        self.failure: str | None = None
        self._ring: list[Item | None] = [None] * RING_RECORDS
        self._low = 1  # the lowest position in the ring
        self._top = 0  # the highest; below `_low` when the ring is empty
        self._bytes = 0
        self._audiences: dict[tuple[Any, ...], Audience] = {}
        self._members: dict[Audience, set[Subscriber]] = {}
        #: The last readings of each unit and person since the start, the newest last.
        self._readings: OrderedDict[tuple[str, str], deque[Reading]] = OrderedDict()
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._appended = threading.Event()  # set by the store, if it can
        self._loop: asyncio.AbstractEventLoop | None = None
        #: The reader's thread.
        self.worker = Worker("feed-reader", self._read_on, limit=STEP_SECONDS)

    # Life

    def start(self) -> None:
        """Start the reader; it is idle while there are no subscribers."""
        self._loop = asyncio.get_running_loop()
        self.worker.start()

    def end_streams(self) -> None:
        """Tell all subscribers to end; after a moment, cut off those that have not."""
        self.closing = True
        self.wake_all()
        if self._loop is not None:
            self._loop.call_later(END_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        for members in list(self._members.values()):
            for subscriber in list(members):
                if subscriber.abort is not None:
                    subscriber.abort()

    async def close(self) -> None:
        """Stop the reader. The store may be closed after this."""
        self.closing = True
        self.worker.ending()
        self._stop.set()
        self._wanted.set()
        self._appended.set()
        await asyncio.to_thread(self.worker.join)

    def wake_all(self) -> None:
        """Resume every waiting subscriber, for a heartbeat or the end."""
        for members in list(self._members.values()):
            for subscriber in list(members):
                subscriber.wake(None)

    # Subscribers

    @property
    def top(self) -> int:
        """The highest position that was ever in the ring."""
        return self._top

    @property
    def subscribers(self) -> int:
        """The number of open streams."""
        return sum(map(len, self._members.values()))

    def lag(self, head: int) -> int:
        """Return how many positions the slowest subscriber is behind ``head``."""
        cursors = [s.cursor for members in list(self._members.values()) for s in list(members)]
        return max(0, head - min(cursors)) if cursors else 0

    def join(self, fresh: Audience, cursor: int, form: Form = as_sse) -> Subscriber:
        """Return a new subscriber of an audience that has received everything up to ``cursor``."""
        audience = self._audiences.setdefault(fresh.key, fresh)
        self._members.setdefault(audience, set())
        subscriber = Subscriber(audience, cursor, form)
        self._members[audience].add(subscriber)
        self._wanted.set()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber whose stream has ended."""
        audience = subscriber.audience
        self._note(subscriber)
        audience.waiting.discard(subscriber)
        members = self._members[audience]
        members.discard(subscriber)
        if not members:
            del self._members[audience]
            del self._audiences[audience.key]
        if not self._members:
            self._wanted.clear()

    def _note(self, subscriber: Subscriber) -> None:
        """Note how far a subscriber has read; nobody without a token is noted."""
        grant = subscriber.audience.grant
        if not grant.id:
            return
        readings = self._readings.setdefault((grant.unit, grant.person), deque(maxlen=READINGS))
        self._readings.move_to_end((grant.unit, grant.person))
        readings.append(Reading(time.time(), subscriber.cursor, self._top))
        if len(self._readings) > MAX_READERS:
            self._readings.popitem(last=False)

    def readings(self) -> dict[tuple[str, str], list[Reading]]:
        """Return the last readings of each unit and person since the start of the process."""
        for members in self._members.values():
            for subscriber in members:
                self._note(subscriber)
        return {reader: list(readings) for reader, readings in self._readings.items()}

    def at_hand(self, subscriber: Subscriber) -> bool:
        """Return whether the ring still has the next record for a subscriber."""
        return self._low - 1 <= subscriber.cursor <= self._top

    def caught_up(self, subscriber: Subscriber) -> bool:
        """Return whether the ring has nothing new for a subscriber."""
        return subscriber.cursor == self._top and self._low <= self._top + 1

    def from_ring(self, subscriber: Subscriber, max_bytes: int) -> bytes:
        """Return new frames for a subscriber that is ``at_hand``; moves its cursor."""
        frames: list[bytes] = []
        size = 0
        audience, position = subscriber.audience, subscriber.cursor
        while position < self._top and size < max_bytes:
            position += 1
            item = self._ring[position % RING_RECORDS]
            assert item is not None
            assert item.position == position
            shown = audience.shown(item)
            if shown is not None:
                frame = shown.frame(self.source, subscriber.form)
                frames.append(frame)
                size += len(frame)
        subscriber.cursor = position
        return b"".join(frames)

    async def news(self, subscriber: Subscriber) -> bytes | None:
        """Wait for new frames, once caught up; return ``None`` for a heartbeat or the end."""
        assert self._loop is not None
        if self.closing:
            return None
        subscriber.waiter = self._loop.create_future()
        subscriber.audience.waiting.add(subscriber)
        try:
            return await subscriber.waiter
        finally:
            subscriber.audience.waiting.discard(subscriber)
            subscriber.waiter = None

    # Reading the store, for subscribers that have fallen behind

    async def page(
        self,
        audience: Audience,
        after: int,
        *,
        limit: int,
        scan: int,
        size: int,
        show: Callable[[Page], T],
        pool: Pool = STREAMS,
    ) -> T:
        """Read visible events after ``after``; return the result of ``show`` for the page read.

        ``pool``: the threads that read and convert; it rejects a request if it is full.
        """

        def read() -> T:
            return show(scan_store(self.store, audience, after, limit, scan=scan, size=size))

        return await pool.run(read)

    async def head(self) -> int:
        """Return the last position in the store."""
        return await STREAMS.run(lambda: head_of(self.store))

    # The reader's thread

    def _read_on(self) -> None:
        listen = getattr(self.store, "listen", None)
        if listen is not None:
            listen(self._appended)
        position = -1  # not reading
        while not self._stop.is_set():
            if not self._wanted.is_set():
                position = -1
                self.worker.rest()
                self._wanted.wait()
                continue
            self.worker.step()
            try:
                if position < 0:
                    # There were no subscribers for a while: begin at the head; the store has the
                    # rest.
                    position = head_of(self.store)
                    self._hand_over(partial(self._begin, position))
                self._appended.clear()  # before reading: a later append sets it again
                items = [item_of(e) for e in self.store.read(after=position, limit=PAGE)]
                if items:
                    self._hand_over(partial(self._take, items))
                    # Only now: if the loop does not take the items, they are read again.
                    position = items[-1].position
                self.failure = None
                if not items:
                    self._wait_for_append(position)
            except Exception as error:
                if self._stop.is_set():
                    break
                if self.failure is None:
                    log.exception("feed_reader_failed", after=position)
                self.failure = f"{type(error).__name__}: {error}"
                self._stop.wait(RETRY_SECONDS)
        if listen is not None:
            self.store.unlisten(self._appended)  # type: ignore[attr-defined]

    def _wait_for_append(self, position: int) -> None:
        self.worker.rest()
        if hasattr(self.store, "listen"):
            self._appended.wait(WAIT_SECONDS)
        elif hasattr(self.store, "wait_for_append"):
            self.store.wait_for_append(position, WAIT_SECONDS)
        else:
            self._appended.wait(POLL_SECONDS)

    def _hand_over(self, work: Callable[[], None]) -> None:
        """Run ``work`` on the event loop and wait until it is done, before reading on."""
        assert self._loop is not None
        done: Future[None] = Future()

        def run() -> None:
            try:
                work()
                done.set_result(None)
            except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        while not self._stop.is_set():
            self.worker.step()  # a loop that never runs it is stuck; its own pulse shows that
            with suppress(TimeoutError):
                done.result(WAIT_SECONDS)
                return

    # The ring, on the event loop

    def _begin(self, head: int) -> None:
        if head != self._top:
            self._ring = [None] * RING_RECORDS
            self._bytes = 0
            self._low, self._top = head + 1, head
        self.wake_all()

    def _take(self, items: list[Item]) -> None:
        before = self._top
        for item in items:
            if item.position != self._top + 1:
                raise GapFound(f"position {item.position} follows {self._top}; run verify")
            slot = item.position % RING_RECORDS
            if item.position - self._low >= RING_RECORDS:
                self._drop_lowest()
            self._ring[slot] = item
            self._top = item.position
            self._bytes += item.size
            while self._bytes > RING_BYTES and self._low < self._top:
                self._drop_lowest()
        for audience in list(self._members):
            self._tell(audience, items, before)

    def _drop_lowest(self) -> None:
        slot = self._low % RING_RECORDS
        item = self._ring[slot]
        if item is not None:
            self._bytes -= item.size
            self._ring[slot] = None
        self._low += 1

    def _tell(self, audience: Audience, items: list[Item], before: int) -> None:
        if not audience.waiting:
            return
        seen = [shown for item in items if (shown := audience.shown(item)) is not None]
        news: dict[Form, bytes] = {}
        for subscriber in list(audience.waiting):
            if subscriber.cursor != before:
                subscriber.wake(None)
                continue
            subscriber.cursor = self._top
            if not seen:
                continue
            form = subscriber.form
            if form not in news:
                news[form] = b"".join(item.frame(self.source, form) for item in seen)
            subscriber.wake(news[form])


class Page(NamedTuple):
    """The visible events in ``(after, cursor]``, and the last position when they were read."""

    items: list[Item]
    cursor: int
    head: int


def scan_store(
    store: Store, audience: Audience, after: int, limit: int, *, scan: int, size: int
) -> Page:
    """Return up to ``limit`` visible events after ``after``, of about ``size`` bytes. Blocks.

    Examines at most the next ``scan`` positions (``SPARSE`` times as many if the store's index can
    find the subjects, or the audience has a first moment), so the cursor advances even if few
    events are visible. It stops at the last visible event of a full page, otherwise at the last
    position examined. Both depend only on visible events and on the length of the ledger, never on
    hidden events. So a first moment does not move the range that is examined: otherwise the cursor
    would tell when a hidden event was recorded.
    """
    # Before reading: everything up to this head is recorded, even if more is appended meanwhile.
    head = head_of(store)
    query = audience.query()
    last = min(head, after + (scan if query is None and audience.since is None else SPARSE * scan))
    items: list[Item] = []
    cursor = after
    if audience.since is not None:
        cursor = _last_before(store, audience.since, after, last)
    while cursor < last:
        wanted = min(PAGE, last - cursor)
        read = list(store.read(query, after=cursor, limit=wanted))
        for stored in read:
            budget.check()
            if stored.position > last:
                return Page(items, last, head)
            cursor = stored.position
            if audience.fits(stored.event.type, stored.event.tags):
                item = audience.shown(item_of(stored))
                if item is not None:
                    items.append(item)
                    size -= item.size
                    if len(items) >= limit or size <= 0:
                        return Page(items, cursor, head)
        if len(read) < wanted:
            break
    return Page(items, max(after, last), head)


def _last_before(store: Store, moment: datetime, after: int, last: int) -> int:
    """Return the last position in ``(after, last]`` recorded before ``moment``, else ``after``.

    Recording times never decrease, so a binary search finds it. A damaged record counts as later:
    reading it then raises its error.
    """
    low, high = after, last
    while low < high:
        middle = (low + high + 1) // 2
        stored = next(iter(store.read(after=middle - 1, limit=1)))
        at = codec.recorded_at(stored.event.data)
        if at is not None and at < moment:
            low = middle
        else:
            high = middle - 1
    return low


def _recorded_at(fields: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(fields["recorded_at"])
