"""Running an application as a process."""

from __future__ import annotations

import errno
import gc
import socket
import sys
from collections.abc import Callable

from aiohttp import web

try:
    from uvloop import new_event_loop
except ImportError:  # Windows has none
    from asyncio import new_event_loop  # type: ignore[assignment]

#: How long requests in flight may take to finish when the process is asked to stop.
SHUTDOWN_SECONDS = 30.0


#: New objects after which the collector looks for garbage. What is remembered between commands is
#: large and has no cycles: looking at it every 700 objects took a tenth of all time.
COLLECT_AFTER = 50_000

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
    waits and closes.
    """
    prepare_process()
    web.run_app(
        app,
        host=host,
        port=port,
        loop=new_event_loop(),
        print=lambda _: ready(),
        access_log=None,  # the canonical line says more
        shutdown_timeout=SHUTDOWN_SECONDS,
        keepalive_timeout=75.0,
    )


def prepare_process() -> None:
    """Tell the interpreter what this process is like.

    Much memory that stays, few cycles; an event loop that must not wait for threads that compute.
    """
    gc.collect()
    gc.freeze()  # what was loaded to start with is never garbage
    gc.set_threshold(COLLECT_AFTER, 50, 100)
    sys.setswitchinterval(SWITCH_SECONDS)
