"""Who works for whom: each kind of question has its own few threads, a short queue, and a time.

What one kind costs is then waited for by those who ask for that kind alone. Nothing that answers
requests uses the event loop's default threads.
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

T = TypeVar("T")

#: How often is looked whether the client is still there, in seconds.
LOOK_SECONDS = 0.1

#: The GET that is being answered, so that work for a client who left is given up.
ASKED_BY: ContextVar[web.Request | None] = ContextVar("asked_by", default=None)


class Pool:
    """A few threads for one kind of question.

    ``waiting``: questions that may wait for a thread at most; one more is turned away at once.
    ``seconds``: how long one may wait, and then how long its answer may take; ``None`` is as long
    as it takes, whoever leaves, for what must be finished or is for several.
    """

    def __init__(self, name: str, threads: int, waiting: int, seconds: float | None) -> None:
        self.name = name
        self.threads = threads
        self.waiting = waiting
        self.seconds = seconds
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"pool-{name}")
        self._lock = threading.Lock()
        self._taken = 0
        #: By event loop: how many answers may be in the making, or made and not fetched yet.
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    @property
    def taken(self) -> int:
        """How many questions are being answered or wait for it."""
        return self._taken

    async def run(self, question: Callable[[], T]) -> T:
        """The answer to a question that blocks, from one of the threads.

        Raises a ``Problem``: ``unavailable`` where too many wait already, ``too-costly`` where the
        answer takes too long. A client who leaves, and a caller who is cancelled, end the work.
        """
        with self._lock:
            if self._taken >= self.threads + self.waiting:
                raise busy()
            self._taken += 1
        asked_at = time.monotonic()
        place = self._place()
        try:
            # Threads do not run ahead of the event loop: answers that it has not fetched yet are
            # as many as there are places, however many questions wait.
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
        # When the thread is done with it, which may be after nobody waits any more.
        work.add_done_callback(self._free)
        request = ASKED_BY.get()
        watch = None if request is None or budget is None else _Watch(request, budget)
        try:
            return await asyncio.wrap_future(work)
        except Exhausted:
            raise Problem(
                "too-costly",
                f"The answer takes more than {self.seconds:g} seconds to make. Ask for less: "
                "a smaller page, fewer subjects, a shorter time.",
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
        raise Exhausted("nobody waits for the answer")
    if time.monotonic() > asked_at + budget.seconds:
        raise busy()
    with within(budget):
        return question()


class _Watch:
    """Looks whether a client is still there; gives up what is worked for one who left."""

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
        """Look no more."""
        self._next.cancel()


def has_left(request: web.Request) -> bool:
    """Whether the client closed the connection on which it asked."""
    transport = request.transport
    return transport is None or transport.is_closing()


def busy() -> Problem:
    """The answer where too many ask for the same kind of thing at once."""
    return Problem(
        "unavailable",
        "Too many ask for this kind of thing at once. Nothing was recorded; ask again in a second.",
        headers={hdrs.RETRY_AFTER: RETRY_AFTER},
    )


#: Whose token it is: a read of an index, whose answer several may wait for. Nothing else ever
#: stands in its way.
TOKENS = Pool("tokens", 2, 2_000, None)
#: Health and metrics.
PROBES = Pool("probes", 2, 32, 5)
#: Rows by key and pages of them.
READS = Pool("reads", 4, 500, 5)
#: The same for requests without a token: however many ask, they take no thread from the others.
PUBLIC_READS = Pool("public-reads", 2, 250, 5)
#: Pages of the feed.
FEEDS = Pool("feeds", 4, 200, 10)
#: Pages for streams that are behind: each waits for its turn, as many as there may be streams.
STREAMS = Pool("streams", 2, 5_000, 60)
#: What a supervisor's query names, before it is taken down.
AUDITS = Pool("audits", 2, 200, 5)
#: Large bodies, sealing, and what is worked out before a command is handed in.
COMMANDS = Pool("commands", 4, 200, None)
#: Parts of files of evidence, on their way in or out.
FILES = Pool("files", 4, 500, None)
#: Profiles as of another day, and replays step by step.
REPLAYS = Pool("replays", 2, 16, 10)
#: Files and receipts of draws, rosters, previews.
DRAWS = Pool("draws", 2, 16, 30)
#: What is counted anew from the ledger: months filled in, scores run again, impact.
COUNTS = Pool("counts", 2, 16, 10)
#: Screenings for key supervision: each goes through every business once.
SCREENINGS = Pool("screenings", 1, 8, 120)
#: Proofs, tiles and entries of the log.
PROOFS = Pool("proofs", 2, 200, 5)
