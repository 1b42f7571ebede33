"""Sends the events of subscriptions to webhooks: in order, at least once, each webhook by itself.

One thread runs an event loop of its own. Its main task follows the ledger: it learns of webhooks,
subscriptions and notices, and starts a task for each webhook, so a slow receiver delays nobody
else. A task takes the next visible events from the store, exactly those that the feed would show,
and for each message:

1. sends it. A crash here may leave a message that was taken and is not noted: it comes again.
2. records the acknowledgement that the receiver's answer contains. After a crash here the message
   comes again, and so does its acknowledgement, which is recorded once.
3. notes the attempt and moves the cursor, in one transaction.

A receiver that cannot be reached, or says that it is busy, is tried until it answers. One that
refuses a message ``Schedule.park_after`` times is poisoned by it: the message is parked, and the
next one sent.
"""

from __future__ import annotations

import asyncio
import random
import secrets as chance
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from hashlib import sha256
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

import aiohttp
import msgspec
import structlog
import yarl
from aiohttp import hdrs
from standardwebhooks.webhooks import Webhook as Signing
from standardwebhooks.webhooks import WebhookVerificationError

from api.feed.hub import Audience, Item, head_of, item_of, scan_store
from api.http.tokens import Grant
from api.http.visibility import NOTICES, Entitlement
from api.webhooks.outbox import (
    Acknowledgement,
    Attempt,
    Outbox,
    Outcome,
    Parked,
    Receipt,
    Repeat,
    Secret,
    moment,
)
from api.webhooks.targets import Blocked, Targets, session
from ledger.kernel import Actor, Ledger, NotRecorded, Recorded, Unavailable, codec
from ledger.kernel.folds import Selector
from ledger.kernel.threads import Worker
from ledger.systems.credit.events import CreditRecordAltered
from ledger.systems.sharing.commands import AcknowledgeRemoval
from ledger.systems.sharing.events import (
    DeliveriesRepeated,
    FeedSubscribed,
    FeedUnsubscribed,
    Filters,
    RemovalNotified,
    WebhookEnded,
    WebhookMoved,
    WebhookRegistered,
)
from ledger.systems.sharing.folds import SIGNED_BY, TELLS, Webhook
from projections.source import Source

log = structlog.get_logger("api.webhooks")

P = ParamSpec("P")
T = TypeVar("T")

#: What a message is, in its header Content-Type.
MEDIA_TYPE = "application/cloudevents+json"

#: The type of a test message.
TEST_TYPE = "sharing.webhook-test"

#: How long a receiver may take: to accept the connection, and for the whole answer, in seconds.
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 20.0

#: How much of an answer is read; only a signed acknowledgement matters.
ANSWER_BYTES = 16 * 1024

#: A message above this size is not sent: receivers commonly accept a megabyte.
MESSAGE_BYTES = 1024 * 1024

#: Threads that ask the ledger and the outbox.
THREADS = 4

#: How often the ledger is asked for new events, in seconds.
LOOK_SECONDS = 0.25

#: How long the main task may take for one round, in seconds.
STEP_SECONDS = 60.0

#: How many threads read and note for the tasks, and look up the names of hosts.
THREADS = 16

#: How long a failed task of a webhook waits before it is started again, in seconds.
RESTART_SECONDS = 5.0

#: How often a webhook without a secret looks for one, in seconds.
SECRET_SECONDS = 2.0

#: Messages that a webhook reads from the store at a time, and positions examined for them.
PAGE = 50
SCAN = 10_000
#: Events about webhooks that are read at a time.
LEARNT = 1_000
PAGE_BYTES = 2 * 1024 * 1024

#: For how long a round keeps receipts of the feed, in seconds; how many ranges wait at most, and of
#: how many readers it is known how far they were served.
KEEP_SECONDS = 1.0
MOST_READS = 10_000
MOST_READERS = 1_000

#: Statuses that say nothing about the message: the receiver is busy, or its proxy cannot reach it.
_BUSY = frozenset({408, 425, 429, 502, 503, 504})
_GONE = 410

#: The most hours for which earlier secrets sign too.
MOST_OVERLAP_HOURS = 24 * 30

#: The events that tell a subscriber of a record, or to remove one.
_TOLD = (*TELLS, *sorted(NOTICES))

_ABOUT = (
    FeedSubscribed.TOPIC,
    FeedUnsubscribed.TOPIC,
    RemovalNotified.TOPIC,
    WebhookRegistered.TOPIC,
    WebhookMoved.TOPIC,
    WebhookEnded.TOPIC,
    DeliveriesRepeated.TOPIC,
)


class Schedule(msgspec.Struct, frozen=True):
    """When a message is sent again: after ``first`` seconds, then twice as many, up to ``longest``.

    Each wait is shortened by chance, down to a half, so that webhooks of one receiver do not come
    together. After ``park_after`` refusals a message is parked; with these numbers after about 20
    minutes.
    """

    first: float = 2.0
    longest: float = 3_600.0
    park_after: int = 10

    def wait(self, failures: int) -> float:
        """Return how many seconds to wait after so many failures."""
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 40))
        return full * (0.5 + random.random() / 2)  # noqa: S311 - spreads the load, no secret


class Answer(NamedTuple):
    """What came of one attempt."""

    outcome: Outcome
    status: int | None
    milliseconds: int
    retry_after: float | None = None
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Removed(msgspec.Struct, frozen=True):
    """The body of an answer that acknowledges a removal."""

    removal: str
    removed_on: date


class Read(msgspec.Struct):
    """That a subscriber was served the feed in ``(after, up_to]``."""

    audience: Audience
    after: int
    up_to: int
    at: datetime


class Hook(msgspec.Struct):
    """A webhook as the ledger has it, with what its subscription lets it see."""

    state: Webhook
    registered_at: int
    filters: Filters
    live: bool = True
    #: The position of the newest notice to remove each record.
    removed: dict[str, int] = msgspec.field(default_factory=dict)
    #: Repetitions and moves that the outbox does not know yet.
    asked: list[Recorded] = msgspec.field(default_factory=list)

    @property
    def name(self) -> str:
        """The id of the webhook."""
        return self.state.webhook

    def audience(self) -> Audience:
        """Return who reads: the subscriber, through this subscription alone.

        A subscription that has ended brings nothing but its notices.
        """
        grant = Grant(self.state.unit, "webhook", "subscriber_system")
        entitled = Entitlement(
            frozenset({self.state.subscription}), (self.filters,) if self.live else ()
        )
        topics = frozenset(self.state.types or self.filters.types) if self.live else NOTICES
        return Audience(grant, topics, frozenset(), entitled)

    def wants(self, item: Item, entitled: Entitlement) -> bool:
        """Return whether the subscription asks for a visible event; public ones too must fit."""
        return entitled.unfiltered(item.topic, item.tags) or self.filters.fits(
            item.topic, item.tags
        )

    def withheld(self, item: Item) -> bool:
        """Return whether an event tells of a record that must have been removed since."""
        return item.topic in TELLS and any(
            self.removed.get(tag.removeprefix("record:"), 0) > item.position
            for tag in item.tags
            if tag.startswith("record:")
        )


class Deliverer:
    """The thread that sends to webhooks. ``allowed`` networks may be reached besides public ones.

    ``source`` is the CloudEvents source of the feed. One node at a time sends; all learn what
    the ledger says of webhooks. ``turn``: whether this node sends now; asked before each message.
    """

    def __init__(
        self,
        ledger: Ledger,
        outbox: Outbox,
        source: str,
        *,
        targets: Targets | None = None,
        turn: Callable[[], bool] = lambda: True,
        schedule: Schedule | None = None,
        resolver: Any = None,
    ) -> None:
        self._ledger = ledger
        self._store = ledger.recorder
        self._events = Source(ledger.recorder)
        self.outbox = outbox
        self._source = source
        self._targets = Targets() if targets is None else targets
        self._turn = turn
        self._schedule = Schedule() if schedule is None else schedule
        self._resolver = resolver
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ended = False
        self._position = 0  # everything about webhooks is known up to here
        self._known = threading.Condition()
        self._head = 0
        self._held = False
        self._hooks: dict[str, Hook] = {}
        self._filters: dict[str, tuple[Filters, bool]] = {}
        self._removed: dict[str, dict[str, int]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        # Of their own: names are resolved in the loop's threads, where a slow one delays others.
        self._calls = ThreadPoolExecutor(THREADS, "webhooks-calls")
        self._reads: deque[Read] = deque()
        self._noted: dict[tuple[Any, ...], int] = {}
        #: Why the last round failed, for /readyz; ``None`` if it did not.
        self.error: str | None = None
        #: The thread.
        self.worker = Worker("webhooks", self._run, limit=STEP_SECONDS)

    # Life

    def start(self) -> None:
        """Start sending."""
        self.worker.start()

    def close(self) -> None:
        """Stop: attempts under way are given up, and made again after the next start."""
        self._ended = True
        self.worker.ending()
        if self._loop is not None and self._stopping is not None:
            with suppress(RuntimeError):  # the thread has died, and its loop with it
                self._loop.call_soon_threadsafe(self._stopping.set)
        self.worker.join()
        self.outbox.close()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks"))
        self._stopping = asyncio.Event()
        for encrypted in (False, True):
            self._sessions[encrypted] = session(
                self._targets, encrypted=encrypted, resolver=self._resolver
            )
        try:
            while not (self._stopping.is_set() or self._ended):
                self.worker.step()
                try:
                    await self._round()
                    self.error = None
                except Exception as error:  # noqa: BLE001 - /readyz shows it, the next round comes
                    if self.error is None:
                        log.error("webhooks_failed", error=type(error).__name__)
                    self.error = type(error).__name__
                self.worker.rest()
                try:
                    await asyncio.wait_for(self._stopping.wait(), LOOK_SECONDS)
                except TimeoutError:
                    continue
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for client in self._sessions.values():
                await client.close()
            self._calls.shutdown()

    def _call(self, ask: Callable[P, T], *given: P.args, **named: P.kwargs) -> Awaitable[T]:
        """Ask the ledger or the outbox, which blocks, in a thread for that."""
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._calls, partial(ask, *given, **named))

    async def _round(self) -> None:
        await self._call(self._keep_receipts)
        head = await self._call(self.head)
        held, self._held = self._held, self._turn()
        if head > self._head or not self._position or self._held > held:
            await self._call(self._learn, head)
            self._head = head
            for news in self._news.values():
                news.set()
        for name, hook in self._hooks.items():
            task = self._tasks.get(name)
            if hook.state.live and (task is None or task.done()):
                self._news[name] = asyncio.Event()
                self._tasks[name] = asyncio.create_task(self._follow(hook, self._news[name]))
            elif not hook.state.live and task is not None and not task.done():
                task.cancel()

    # What the ledger says of webhooks

    def _learn(self, head: int) -> None:
        selector = Selector(_ABOUT, ())
        while stored := self._events.after([selector], self._position, LEARNT):
            self.worker.step()  # the first round reads all there ever were
            for each in stored:
                self._take(codec.decode(each.position, each.event.data))
                self._position = each.position
        with self._known:
            self._position = max(self._position, head)
            self._known.notify_all()

    def _take(self, record: Recorded) -> None:
        event = record.event
        match event:
            case FeedSubscribed():
                self._filters[event.subscription] = event.filters, True
            case FeedUnsubscribed():
                filters, _ = self._filters.get(event.subscription, (Filters(), False))
                self._filters[event.subscription] = filters, False
                for hook in self._hooks.values():
                    if hook.state.subscription == event.subscription:
                        hook.live = False
            case RemovalNotified():
                removed = self._removed.setdefault(event.subscription, {})
                removed[event.record] = record.position
            case WebhookRegistered():
                filters, live = self._filters.get(event.subscription, (Filters(), False))
                removed = self._removed.setdefault(event.subscription, {})
                hook = Hook(Webhook(event.webhook), record.position, filters, live, removed)
                hook.state.take(record)
                self._hooks[event.webhook] = hook
            case WebhookMoved() | WebhookEnded() | DeliveriesRepeated():
                hook = self._hooks[event.webhook]
                if not isinstance(event, DeliveriesRepeated):
                    hook.state.take(record)
                if isinstance(event, WebhookEnded):
                    self.outbox.forget(event.webhook)
                else:
                    hook.asked.append(record)
            case _:
                raise AssertionError(event)

    def _settle(self, hook: Hook) -> None:
        """Pass on to the outbox what was asked of a webhook."""
        while hook.asked:
            record = hook.asked[0]
            event = record.event
            if isinstance(event, DeliveriesRepeated):
                repeat = Repeat(record.position, event.first, min(event.last, record.position))
                self.outbox.repeat(hook.name, hook.state.after, repeat)
            else:
                self.outbox.resume(hook.name, hook.state.after, record.position)
            hook.asked.pop(0)

    # One webhook

    async def _follow(self, hook: Hook, news: asyncio.Event) -> None:
        while True:
            try:
                news.clear()
                await self._call(self._settle, hook)
                if not await self._send_next(hook):
                    await news.wait()
            except Exception as error:  # noqa: BLE001 - the others continue, and this one comes back
                log.error("webhook_failed", webhook=hook.name, error=type(error).__name__)
                await asyncio.sleep(RESTART_SECONDS)

    async def _send_next(self, hook: Hook) -> bool:
        """Send the next messages of a webhook; return whether there may be more."""
        cursor = await self._call(self.outbox.cursor, hook.name, hook.state.after)
        if cursor.stopped_at is not None or not self._turn():
            return False
        if not await self._call(self.signing, hook.name):
            # Another node may be given one, after the event that tells of it.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news[hook.name].wait(), SECRET_SECONDS)
            return True
        repeat = await self._call(self.outbox.next_repeat, hook.name)
        # Beyond the head after an older backup was restored: what comes next is new.
        place = min(cursor.position, await self._call(self.head))
        if place < cursor.position:
            await self._call(self.outbox.set_back, hook.name, cursor.position, place)
        after = place if repeat is None else repeat.next - 1
        items, last = await self._call(
            self._page, hook, after, None if repeat is None else repeat.last
        )
        for item in items:
            came = await self._send(hook, item, repeat)
            if came != "on" or hook.asked:
                return came != "halt"
        if repeat is not None or last > place:
            await self._call(self._passed, hook, last, repeat)
        return last > after

    def _passed(self, hook: Hook, position: int, repeat: Repeat | None) -> None:
        """Note that nothing more is sent up to a position; what follows has not failed yet."""
        if repeat is None:
            self.outbox.move(hook.name, position)
        else:
            self.outbox.repeated(hook.name, repeat, position)

    def _page(self, hook: Hook, after: int, up_to: int | None) -> tuple[list[Item], int]:
        """Return the next messages, and the position up to which there are no others."""
        audience = hook.audience()
        page = scan_store(self._store, audience, after, PAGE, scan=SCAN, size=PAGE_BYTES)
        assert audience.entitled is not None
        items = [item for item in page.items if hook.wants(item, audience.entitled)]
        if up_to is None:
            return items, page.cursor
        return [item for item in items if item.position <= up_to], min(page.cursor, up_to)

    async def _send(
        self, hook: Hook, item: Item, repeat: Repeat | None
    ) -> Literal["on", "again", "halt"]:
        """Send a message until it is taken or parked, and return how to continue.

        With the next message, again from the outbox, or not before there is news.
        """
        data = item.json(self._source)
        while True:
            known = await self._call(self.outbox.cursor, hook.name, 0)
            if repeat is None and known.position >= item.position:
                return "again"  # this node was paused, and another one sent it
            # Asked before each attempt: hours may have passed since the message was read.
            if not (hook.state.live and self._turn()):
                return "halt"
            if hook.audience().shown(item) is None or hook.withheld(item):
                await self._call(self._passed, hook, item.position, repeat)
                return "on"
            signing = await self._call(self.signing, hook.name)
            if not signing:
                return "halt"
            began = self._ledger.clock()
            if len(data) > MESSAGE_BYTES:
                answer = Answer("refused", 413, 0)
            else:
                answer = await self._post(hook, message_id(hook, item), data, signing)
            if answer.outcome == "delivered":
                await self._taken(hook, item, answer, began, signing, repeat)
                return "on"
            failures = known.failures + 1
            refusals = known.refusals + (answer.outcome == "refused")
            attempt = _attempt(item.position, began, answer)
            cursor = item.position - 1
            if answer.status == _GONE:
                await self._call(self.outbox.tried, hook.name, attempt, begin=None)
                await self._call(self.outbox.stop, hook.name, cursor, attempt.at)
                log.warning("webhook_stopped", webhook=hook.name)
                return "halt"
            begin = cursor if repeat is None else hook.state.after
            await self._call(self.outbox.tried, hook.name, attempt, begin=begin)
            if answer.outcome == "refused" and (
                refusals >= self._schedule.park_after or len(data) > MESSAGE_BYTES
            ):
                parked = Parked(item.position, item.topic, attempt.at, failures)
                await self._call(self.outbox.park, hook.name, parked, item.position, repeat)
                log.warning("message_parked", webhook=hook.name, position=item.position)
                return "on"
            wait = self._schedule.wait(failures)
            if answer.retry_after is not None:
                wait = max(wait, min(answer.retry_after, self._schedule.longest))
            if await self._changed(hook, wait):
                return "again"

    async def _changed(self, hook: Hook, seconds: float) -> bool:
        """Wait; return early, and true, if the webhook was moved, repeated, ended or taken over."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if hook.asked or not (hook.state.live and self._turn()):
                return True
            await asyncio.sleep(min(left, LOOK_SECONDS))
        return False

    async def _taken(  # noqa: PLR0917 - the facts of one delivery
        self,
        hook: Hook,
        item: Item,
        answer: Answer,
        began: datetime,
        signing: Collection[Secret],
        repeat: Repeat | None,
    ) -> None:
        said: Acknowledgement | None = None
        removed: Removed | None = None
        if item.topic in NOTICES and answer.body:
            said, removed = acknowledged(message_id(hook, item), item, answer, signing)
        if removed is not None and not await self._call(
            self._acknowledge, hook, item.position, removed
        ):
            said = "not_recorded"
        attempt = _attempt(item.position, began, answer, said)
        await self._call(
            self.outbox.delivered,
            hook.name,
            hook.state.unit,
            attempt,
            item.position,
            told_of(item),
            repeat,
        )

    def _acknowledge(self, hook: Hook, position: int, removed: Removed) -> bool:
        """Record the removal that a receiver acknowledged by its signature; return whether it is.

        Raises ``Unavailable``: the message is sent again, and its answer asked for once more.
        """
        actor = Actor(
            unit_id=hook.state.unit, person_id=f"{SIGNED_BY}{hook.name}", role="subscriber_system"
        )
        command = AcknowledgeRemoval(removal=removed.removal, removed_on=removed.removed_on)
        try:
            self._ledger.execute(command, actor, key=f"acknowledge {removed.removal}")
        except Unavailable:
            raise
        except NotRecorded as error:
            # It was acknowledged before, or on a day that cannot be: the notice stays owed.
            log.info(
                "acknowledgement_refused",
                webhook=hook.name,
                position=position,
                reason=error.message.code,
            )
            return False
        return True

    def signing(self, webhook: str) -> list[Secret]:
        """Return the secrets that sign now, newest first. Blocks."""
        return self.outbox.secrets(webhook, moment(self._ledger.clock()))

    async def _post(
        self, hook: Hook, name: str, data: bytes, signing: Collection[Secret]
    ) -> Answer:
        began = time.monotonic()

        def took() -> int:
            return round(1000 * (time.monotonic() - began))

        try:
            url = yarl.URL(hook.state.address)
            self._targets.check(url)
            async with self._sessions[url.scheme == "https"].post(
                url,
                data=data,
                headers={**signed(name, data, signing), hdrs.CONTENT_TYPE: MEDIA_TYPE},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS),
            ) as response:
                body = await _beginning(response)
                taken = 200 <= response.status < 300
                busy = response.status in _BUSY
                outcome: Outcome = "delivered" if taken else "unreachable" if busy else "refused"
                return Answer(
                    outcome,
                    response.status,
                    took(),
                    _retry_after(response.headers.get(hdrs.RETRY_AFTER)),
                    response.headers,
                    body,
                )
        except TimeoutError:
            return Answer("timed_out", None, took())
        except (aiohttp.ClientError, OSError, ValueError) as error:
            blocked = isinstance(error, Blocked) or isinstance(
                getattr(error, "os_error", None), Blocked
            )
            return Answer("blocked" if blocked else "unreachable", None, took())

    # What is asked over HTTP, from other threads

    def head(self) -> int:
        """Return the last position up to which messages may be sent. Blocks."""
        return head_of(self._store)

    def wait_for(self, position: int, seconds: float) -> bool:
        """Wait until the webhooks are known up to a position; return whether they are. Blocks."""
        with self._known:
            return self._known.wait_for(lambda: self._position >= position, seconds)

    def unit_of(self, webhook: str) -> str | None:
        """Return the subscriber of a webhook; ``None`` if there is none."""
        hook = self._hooks.get(webhook)
        return None if hook is None else hook.state.unit

    async def test(self, webhook: str) -> Attempt | None:
        """Send a test message once, and return the attempt; ``None`` if nothing can be sent.

        It bears the id of no event, and is not sent again. For any event loop.
        """
        hook = self._hooks.get(webhook)
        if self._loop is None or hook is None or not hook.state.live:
            return None
        future = asyncio.run_coroutine_threadsafe(self._test(hook), self._loop)
        return await asyncio.wrap_future(future)

    async def _test(self, hook: Hook) -> Attempt | None:
        signing = await self._call(self.signing, hook.name)
        if not signing:
            return None
        began = self._ledger.clock()
        name = f"test_{hook.name}_{chance.token_hex(8)}"
        body = {
            "specversion": "1.0",
            "id": name,
            "source": self._source,
            "type": TEST_TYPE,
            "time": began.isoformat(),
            "datacontenttype": "application/json",
            "data": {"webhook": hook.name, "subscription": hook.state.subscription},
        }
        answer = await self._post(hook, name, msgspec.json.encode(body), signing)
        attempt = _attempt(0, began, answer)
        await self._call(self.outbox.tried, hook.name, attempt, begin=None)
        return attempt

    def new_secret(self) -> Secret:
        """Return a new secret that does not sign yet."""
        value = chance.token_bytes(32)
        return Secret(
            sha256(value).hexdigest()[:16],
            f"whsec_{b64encode(value).decode()}",
            moment(self._ledger.clock()),
        )

    def admit(self, webhook: str, secret: Secret, overlap_hours: int) -> None:
        """Let a secret sign, and the others for a while longer."""
        until = datetime.fromisoformat(secret.made_at) + timedelta(hours=overlap_hours)
        self.outbox.add_secret(webhook, secret, moment(until))
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake, webhook)

    def _wake(self, webhook: str) -> None:
        if webhook in self._news:
            self._news[webhook].set()

    # What subscribers read in the feed

    def note_read(self, audience: Audience, after: int, up_to: int) -> None:
        """Note that a subscriber was served the feed in ``(after, up_to]``. Never blocks."""
        with self._known:
            known = self._noted.get(audience.key, 0)
            if up_to <= known:
                return
            # What it was served before is known: the first time counts.
            new = max(after, known)
            last = self._reads[-1] if self._reads else None
            if last is not None and (last.audience.key, last.up_to) == (audience.key, new):
                last.up_to = up_to
            elif len(self._reads) < MOST_READS:
                self._reads.append(Read(audience, new, up_to, self._ledger.clock()))
            else:
                return
            if after <= known:
                if len(self._noted) > MOST_READERS:
                    self._noted.clear()
                self._noted[audience.key] = up_to

    def _keep_receipts(self) -> None:
        """Keep which records and notices subscribers were served, for a moment; the rest waits."""
        until = time.monotonic() + KEEP_SECONDS
        while time.monotonic() < until:
            with self._known:
                if not self._reads:
                    return
                read = self._reads.popleft()
            left = True
            try:
                events = self._events.after([Selector(_TOLD, ())], read.after, PAGE)
                items = [item_of(each) for each in events if each.position <= read.up_to]
                unit, at = read.audience.grant.unit, moment(read.at)
                self.outbox.receive(
                    Receipt(unit, subject, "feed", at, item.position)
                    for item in items
                    if read.audience.shown(item) is not None
                    for subject in told_of(item)
                )
                if left := len(items) == PAGE:
                    read.after = items[-1].position
            finally:  # also after an error: the next round tries it again
                if left:
                    with self._known:
                        self._reads.appendleft(read)


def told_of(item: Item) -> list[str]:
    """Return the subjects of which a message tells its receiver: records, notices, alterations."""
    subjects = [tag for tag in item.tags if tag.startswith(("record:", "removal:"))]
    if item.topic == CreditRecordAltered.TOPIC:
        subjects.append(f"altered:{item.position}")
    return subjects


def message_id(hook: Hook, item: Item) -> str:
    """Return the id of a message, the same for each attempt and repetition.

    It has the event's id: a position is given to another event if an older backup is restored.
    """
    return f"msg_{hook.name}_{item.fields['event_id']}"


def signed(name: str, data: bytes, signing: Iterable[Secret]) -> dict[str, str]:
    """Return the headers that sign a message with each of the secrets."""
    now = datetime.now(tz=UTC)
    text = data.decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(
            Signing(secret.secret).sign(name, now, text) for secret in signing
        ),
    }


def acknowledged(
    name: str, item: Item, answer: Answer, signing: Iterable[Secret]
) -> tuple[Acknowledgement, Removed | None]:
    """Return what an answer to a notice says, if it is signed like a message, with the same id."""
    headers = {key.lower(): value for key, value in answer.headers.items()}
    if "webhook-signature" not in headers:
        return "not_signed", None
    if headers.get("webhook-id") != name or not any(
        _verifies(secret, answer.body, headers) for secret in signing
    ):
        return "not_valid", None
    try:
        removed = msgspec.json.decode(answer.body, type=Removed)
    except (msgspec.DecodeError, RecursionError):
        return "not_valid", None
    if f"removal:{removed.removal}" not in item.tags:
        return "not_valid", None
    return "accepted", removed


def _verifies(secret: Secret, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Signing(secret.secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # a signature need not be valid base64
        return False
    return True


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of an answer, or nothing if it is longer than an acknowledgement may be."""
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            response.close()
            return b""
    return body


def _attempt(
    position: int, at: datetime, answer: Answer, said: Acknowledgement | None = None
) -> Attempt:
    return Attempt(position, moment(at), answer.outcome, answer.milliseconds, answer.status, said)


def _retry_after(given: str | None) -> float | None:
    """Return the seconds of a Retry-After, which may be a date."""
    if given is None:
        return None
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())
