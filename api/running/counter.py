"""Where the event loop and a sequencer's thread hand each other commands and outcomes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web

from api.http.keys import LEDGER
from ledger.kernel import Command, Context, Ledger, NotRecorded, Outcome


class Counter:
    """Where commands are handed in to the sequencer's thread, and its answers handed out.

    All commands that arrive in one turn of the event loop are handed in together, and all answers
    of one group commit wake the loop once. So commits are larger, and the two threads take the
    interpreter from each other less often, than if each command went by itself.
    """

    def __init__(self, ledger: Ledger, loop: asyncio.AbstractEventLoop) -> None:
        self._ledger = ledger
        self._loop = loop
        self._arrived: list[tuple[Command, Context, asyncio.Future[Outcome]]] = []
        self._done: deque[tuple[asyncio.Future[Outcome], Outcome | BaseException]] = deque()
        self._woken = False

    def execute(self, command: Command, context: Context) -> asyncio.Future[Outcome]:
        """The outcome of a command, to be awaited. It is decided even if nobody waits any more."""
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
        # After the append: if the loop is awake and has not looked yet, it will find this too.
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        # Before looking: what is appended after the look wakes the loop again.
        self._woken = False
        while self._done:
            waiter, answer = self._done.popleft()
            if waiter.done():
                continue  # its client went away; the command was recorded all the same
            if isinstance(answer, BaseException):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)


COUNTER = web.AppKey("counter", Counter)


async def counter_context(app: web.Application) -> AsyncIterator[None]:
    """Open the counter on the running loop."""
    app[COUNTER] = Counter(app[LEDGER], asyncio.get_running_loop())
    yield
