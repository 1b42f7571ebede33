"""Run an application as a process."""

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
except ImportError:  # Windows does not have uvloop
    from asyncio import new_event_loop  # type: ignore[assignment]

#: How long open requests may take to finish after the process was asked to stop.
SHUTDOWN_SECONDS = 30.0

#: How many connections may wait to be accepted.
BACKLOG = 512

#: How many files the process asks to be able to open; connections count as files.
FILES = 32_768

#: How many new objects trigger a garbage collection. The data kept between commands is large and
#: has no cycles; with the default of 700 objects the collector took a tenth of all time.
COLLECT_AFTER = 50_000

#: Allocations of at least this many bytes are mapped separately; glibc's option for that
#: (malloc.h).
LARGE = 512 * 1024
_MMAP_THRESHOLD = -3

#: How long a computing thread may delay the event loop, in seconds. Python's default is 5 ms, and
#: several computing threads multiply it.
SWITCH_SECONDS = 0.0005


def require_free(host: str, port: int) -> None:
    """Raise ``OSError`` with an explanation if the port is in use, before much work is done.

    The server itself reports other faults of the address when it starts.
    """
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            with socket.socket(family, kind, protocol) as tried:
                # The server sets the same option: a server that has just ended is not in the way.
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                alternative = f"--port {port % 65_535 + 1}"
                raise OSError(
                    f"{host}:{port} is in use by another program. Choose another port, for example "
                    f'{alternative} (with make: make run RUN_ARGS="{alternative}")'
                ) from error


def serve(
    app: web.Application,
    host: str = "127.0.0.1",
    port: int = 8080,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve ``app`` until SIGTERM or SIGINT, then stop in order; call ``ready`` after the start.

    Stopping means: accept no new connections, end the streams, answer open requests, let the ledger
    decide its waiting commands, and close it. Raises ``SystemExit`` with ``EXIT_FAILED`` if a
    thread of the application failed; if the process does not stop in order soon after that, it ends
    by force.
    """
    prepare_process()
    loop = new_event_loop()
    loop.set_exception_handler(on_loop_error)
    stop = asyncio.Event()

    def stop_soon() -> None:
        with suppress(RuntimeError):  # the loop has already ended
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
    """Cancel the remaining tasks; nothing waits for them any more."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def prepare_process() -> None:
    """Raise the limit of open files, and adapt the interpreter to this process.

    It keeps much memory with few cycles, and its event loop must not wait for computing threads.
    """
    _raise_file_limit()
    _map_large()
    gc.collect()
    gc.freeze()  # objects loaded at the start are never garbage
    gc.set_threshold(COLLECT_AFTER, 50, 100)
    sys.setswitchinterval(SWITCH_SECONDS)


def _map_large() -> None:
    """Make the C library map large allocations separately, if it has that option.

    Such memory returns to the system when freed. By default glibc stops mapping them after some are
    freed; then the memory of one burst of large pages stays with the process.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)


def _raise_file_limit() -> None:
    """Raise the limit of open files: each connection is one, and the usual limit is too low."""
    try:
        import resource  # noqa: PLC0415 - Windows does not have this module
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS allows less than it reports
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
