"""Who looks after the threads of a service, and how the process ends when one has failed."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog
from aiohttp import web

from api.running.logs import current_writer
from ledger.kernel.threads import Pulse, Supervisor

log = structlog.get_logger("api.threads")

#: How often the event loop shows that it turns, and after what silence it is stuck, in seconds.
BEAT_SECONDS, LOOP_SECONDS = 0.5, 30.0

#: How long the process may take to end in order once something has failed, in seconds.
END_SECONDS = 10.0

#: How long closing everything may take after an orderly end, in seconds.
CLOSE_SECONDS = 60.0

#: What the process ends with where it does not end in order (EX_SOFTWARE).
EXIT_FAILED = 70

SUPERVISOR = web.AppKey("supervisor", Supervisor)


async def supervision_context(app: web.Application) -> AsyncIterator[None]:
    """Look after the threads, and the event loop itself, for as long as the application runs."""
    supervisor = app[SUPERVISOR]
    loop = Pulse("event-loop", LOOP_SECONDS)
    beating = asyncio.create_task(_beat(loop))
    supervisor.add(loop)
    supervisor.start()
    yield
    await asyncio.to_thread(supervisor.stop)
    supervisor.remove(loop)
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating


async def _beat(loop: Pulse) -> None:
    while True:
        loop.step()
        await asyncio.sleep(BEAT_SECONDS)


def end_process_with(supervisor: Supervisor, stop: Callable[[], None]) -> Callable[[], str | None]:
    """Have the process end once something has failed: in order by ``stop``, or else by force.

    Returns what tells the first trouble, ``None`` while there is none. ``stop`` is called in
    the thread that noticed.
    """
    failed: list[str] = []

    def on_trouble(why: str) -> None:
        failed.append(why)
        # First, so that the process ends even if a step below never returns.
        end_process_within(END_SECONDS)
        log.critical("service_failed", why=why, ends_within=END_SECONDS)
        stop()

    supervisor.on_trouble = on_trouble
    return lambda: failed[0] if failed else None


def end_process_within(seconds: float) -> threading.Timer:
    """Have the process end by force unless that is cancelled: a stuck thread cannot be joined."""
    last = threading.Timer(seconds, _end_now)
    last.daemon = True
    last.start()
    return last


def _end_now() -> None:
    writer = current_writer()
    if writer is not None:
        writer.settle(1.0)
    os._exit(EXIT_FAILED)
