"""Running an application as a process."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import gc
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from api.http.front import Runner
from api.running.logs import current_writer, on_loop_error
from api.running.threads import EXIT_FAILED, SUPERVISOR, end_process_with

try:
    from uvloop import new_event_loop
except ImportError:  # Windows has none
    from asyncio import new_event_loop  # type: ignore[assignment]

#: How long requests in flight may take to finish when the process is asked to stop.
SHUTDOWN_SECONDS = 30.0

#: Connections that may wait to be accepted.
BACKLOG = 512

#: Files that the process wants to be able to open, connections among them.
FILES = 32_768

#: New objects after which the collector looks for garbage. What is remembered between commands is
#: large and has no cycles: looking at it every 700 objects took a tenth of all time.
COLLECT_AFTER = 50_000

#: Bytes that are much at once; and the name that glibc has for the limit (malloc.h).
LARGE = 512 * 1024
_MMAP_THRESHOLD = -3

#: How long a thread that computes may keep the event loop waiting, in seconds; 5 ms by itself, and
#: that many times over where several compute.
SWITCH_SECONDS = 0.0005


def require_free(host: str, port: int) -> None:
    """Raise ``OSError``, in words, if somebody serves there: before much is done for nothing.

    What else may be wrong with an address the server says when it begins.
    """
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            with socket.socket(family, kind, protocol) as tried:
                # As the server will: what has just ended there is not in the way.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                other = f"--port {port % 65_535 + 1}"
                raise OSError(
                    f"{host}:{port} is taken: another program serves there. Choose another port, "
                    f'as in {other} (for make: make run RUN_ARGS="{other}")'
                ) from error


def serve(
    app: web.Application,
    host: str = "127.0.0.1",
    port: int = 8080,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve ``app`` until SIGTERM or SIGINT, then stop in order; ``ready`` is told of the start.

    No new connections; streams end; requests in flight are answered; the ledger decides what
    waits and closes. Raises ``SystemExit`` with ``EXIT_FAILED`` if a thread of the application
    failed: then the process ends by force if it does not end in order soon.
    """
    prepare_process()
    loop = new_event_loop()
    loop.set_exception_handler(on_loop_error)
    stop = asyncio.Event()

    def stop_soon() -> None:
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    failure: Callable[[], str | None] | None = None
    if SUPERVISOR in app:
        supervisor = app[SUPERVISOR]
        if (writer := current_writer()) is not None:
            supervisor.add(writer.worker)
        failure = end_process_with(supervisor, stop_soon)
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(_serve(app, host, port, ready, stop))
    finally:
        _end_tasks(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
    if failure is not None and failure() is not None:
        raise SystemExit(EXIT_FAILED)


async def _serve(
    app: web.Application, host: str, port: int, ready: Callable[[], None], stop: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    for wish in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C is a KeyboardInterrupt
            loop.add_signal_handler(wish, stop.set)
    runner = Runner(app, shutdown_timeout=SHUTDOWN_SECONDS)
    try:
        await runner.setup()
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        ready()
        await stop.wait()
    finally:
        await runner.cleanup()


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left of the tasks: nobody waits for it any more."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def prepare_process() -> None:
    """Have as many files as the system allows, and tell the interpreter what this process is like.

    Much memory that stays, few cycles; an event loop that must not wait for threads that compute.
    """
    _raise_file_limit()
    _map_large()
    gc.collect()
    gc.freeze()  # what was loaded to start with is never garbage
    gc.set_threshold(COLLECT_AFTER, 50, 100)
    sys.setswitchinterval(SWITCH_SECONDS)


def _map_large() -> None:
    """Have the C library map large pieces of memory one by one, where it has a word for that.

    They go back to the system when they are freed. By itself it stops mapping them once a few were
    freed, and what one rush of large pages took stays with the process.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)


def _raise_file_limit() -> None:
    """Each connection is a file; the usual limit is meant for programs that have few."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
