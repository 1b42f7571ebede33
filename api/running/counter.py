"""Exchange commands and outcomes between the event loop and a sequencer's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web

from api.http.keys import LEDGER
from ledger.kernel import Command, Context, Ledger, NotRecorded, Outcome


class Counter:
    """Passes commands to the sequencer's thread and its outcomes back to the event loop.

    All commands of one turn of the event loop are passed together, and all outcomes of one group
    commit wake the loop once. This makes commits larger, and the two threads switch the interpreter
    lock less often, than if each command were passed separately.
    """

    def __init__(self, ledger: Ledger, loop: asyncio.AbstractEventLoop) -> None:
        self._ledger = ledger
        self._loop = loop
        self._arrived: list[tuple[Command, Context, asyncio.Future[Outcome]]] = []
        self._done: deque[tuple[asyncio.Future[Outcome], Outcome | BaseException]] = deque()
        self._woken = False

    def execute(self, command: Command, context: Context) -> asyncio.Future[Outcome]:
        """Return the outcome of a command as a future. Cancelling it does not stop the command."""
        waiter: asyncio.Future[Outcome] = self._loop.create_future()
        if not self._arrived:
            self._loop.call_soon(self._hand_in)
        self._arrived.append((command, context, waiter))
        return waiter

    def _hand_in(self) -> None:
        arrived, self._arrived = self._arrived, []
        for command, context, waiter in arrived:
            try:
                self._ledger.hand_in(command, context, partial(self._carry, waiter))
            except NotRecorded as error:
                if not waiter.done():
                    waiter.set_exception(error)

    def _carry(self, waiter: asyncio.Future[Outcome], answer: Outcome | BaseException) -> None:
        self._done.append((waiter, answer))
        # After the append: a loop that is awake but has not looked yet will see this outcome too.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        # Before looking: an outcome appended after the look wakes the loop again.
        self._woken = False
        while self._done:
            waiter, answer = self._done.popleft()
            if waiter.done():
                continue  # the client disconnected; the command was recorded all the same
            if isinstance(answer, BaseException):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)


COUNTER = web.AppKey("counter", Counter)


async def counter_context(app: web.Application) -> AsyncIterator[None]:
    """Open the counter on the running loop."""
    app[COUNTER] = Counter(app[LEDGER], asyncio.get_running_loop())
    yield
