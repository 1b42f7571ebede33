"""Thread pools: each kind of question has a few threads, a short queue and a time limit.

So a costly kind of question delays only callers who ask that kind. Nothing that answers requests
uses the event loop's default threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from aiohttp import hdrs, web

from api.http.problems import RETRY_AFTER, Problem
from ledger.kernel.budget import Budget, Exhausted, within
from ledger.kernel.messages import message

T = TypeVar("T")

#: How often to check whether the client is still connected, in seconds.
LOOK_SECONDS = 0.1

#: The GET request that is being answered, so that work for a disconnected client is abandoned.
ASKED_BY: ContextVar[web.Request | None] = ContextVar("asked_by", default=None)


class Pool:
    """A few threads for one kind of question.

    ``waiting``: how many questions may wait for a thread; further ones are rejected at once.
    ``seconds``: the longest wait for a thread, and then the longest time for the answer. ``None``:
    no limits, even if the client disconnects; for work that must be finished or serves several.
    """

    def __init__(self, name: str, threads: int, waiting: int, seconds: float | None) -> None:
        self.name = name
        self.threads = threads
        self.waiting = waiting
        self.seconds = seconds
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"pool-{name}")
        self._lock = threading.Lock()
        self._taken = 0
        #: For each event loop: how many answers may be in progress, or finished but not fetched.
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    @property
    def taken(self) -> int:
        """How many questions are being answered or waiting."""
        return self._taken

    async def run(self, question: Callable[[], T]) -> T:
        """Run a blocking question in one of the threads and return its answer.

        Raises a ``Problem``: ``unavailable`` if too many questions wait, ``too-costly`` if the
        answer takes too long. If the client disconnects or the caller is cancelled, the work is
        abandoned.
        """
        with self._lock:
            if self._taken >= self.threads + self.waiting:
                raise busy()
            self._taken += 1
        asked_at = time.monotonic()
        place = self._place()
        try:
            # Threads must not run ahead of the event loop: there are at most as many unfetched
            # answers as places, however many questions wait.
            await place.acquire()
        except BaseException:
            self._free(None)
            raise
        try:
            return await self._run(question, asked_at)
        finally:
            place.release()

    def _place(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        place = self._places.get(loop)
        if place is None:
            place = self._places[loop] = asyncio.Semaphore(2 * self.threads)
        return place

    async def _run(self, question: Callable[[], T], asked_at: float) -> T:
        budget = None if self.seconds is None else Budget(self.seconds)
        context = contextvars.copy_context()
        try:
            work: Future[T] = self._executor.submit(
                context.run, _answer, question, budget, asked_at
            )
        except BaseException:
            self._free(None)
            raise
        # When the thread has finished, possibly after the caller stopped waiting.
        work.add_done_callback(self._free)
        request = ASKED_BY.get()
        watch = None if request is None or budget is None else _Watch(request, budget)
        try:
            return await asyncio.wrap_future(work)
        except Exhausted:
            raise Problem(
                "too-costly",
                message("running.answer-takes-more-seconds-make", seconds=self.seconds),
            ) from None
        finally:
            if budget is not None:
                budget.abandon()
            if watch is not None:
                watch.end()

    def _free(self, _work: Any) -> None:
        with self._lock:
            self._taken -= 1


def _answer(question: Callable[[], T], budget: Budget | None, asked_at: float) -> T:
    if budget is None:
        return question()
    if budget.abandoned:
        raise Exhausted("the client no longer waits for the answer")
    if time.monotonic() > asked_at + budget.seconds:
        raise busy()
    with within(budget):
        return question()


class _Watch:
    """Checks whether a client is still connected; if not, its work is abandoned."""

    def __init__(self, request: web.Request, budget: Budget) -> None:
        self._request = request
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if has_left(self._request):
            self._budget.abandon()
        else:
            self._next = self._loop.call_later(LOOK_SECONDS, self._look)

    def end(self) -> None:
        """Stop checking."""
        self._next.cancel()


def has_left(request: web.Request) -> bool:
    """Return whether the client closed the connection of the request."""
    transport = request.transport
    return transport is None or transport.is_closing()


def busy() -> Problem:
    """Return the answer to one request too many of the same kind."""
    return Problem(
        "unavailable",
        "running.too-many-requests-kind-progress",
        headers={hdrs.RETRY_AFTER: RETRY_AFTER},
    )


#: Token lookups: reads by index, whose answers several callers may share. No other work ever
#: delays them.
TOKENS = Pool("tokens", 2, 2_000, None)
#: Health and metrics.
PROBES = Pool("probes", 2, 32, 5)
#: Rows by key, and pages of rows.
READS = Pool("reads", 4, 500, 5)
#: The same for requests without a token: they take no thread from the others, however many.
PUBLIC_READS = Pool("public-reads", 2, 250, 5)
#: Pages of the feed.
FEEDS = Pool("feeds", 4, 200, 10)
#: Pages for streams that are behind; as many may wait as there may be streams.
STREAMS = Pool("streams", 2, 5_000, 60)
#: Lookups of the subjects in a supervisor's query, before the consultation is recorded.
AUDITS = Pool("audits", 2, 200, 5)
#: Large bodies, sealing, and preparations before a command reaches the sequencer.
COMMANDS = Pool("commands", 4, 200, None)
#: Parts of evidence files, sent or received.
FILES = Pool("files", 4, 500, None)
#: Profiles as of another day, and replays step by step.
REPLAYS = Pool("replays", 2, 16, 10)
#: Files and receipts of draws, rosters, previews.
DRAWS = Pool("draws", 2, 16, 30)
#: Calculations from the ledger: monthly values, scores calculated again, impact.
COUNTS = Pool("counts", 2, 16, 10)
#: Lists as sheets of up to 10,000 rows, and the same for requests without a token.
SHEETS = Pool("sheets", 1, 8, 20)
PUBLIC_SHEETS = Pool("public-sheets", 1, 4, 10)
#: Screenings for key supervision: each examines every business once.
SCREENINGS = Pool("screenings", 1, 8, 120)
#: Proofs, tiles and entries of the log.
PROOFS = Pool("proofs", 2, 200, 5)
