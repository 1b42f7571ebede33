"""Notice when the process cannot open any more files; connections count as files.

uvloop does not report this: new connections are closed at once or not accepted, and the service
seems to hang. The limit on connections should prevent it (``api.http.front``), but all other open
files count too. So the event loop tries to open a file twice a second. If that fails, it logs and
counts the failure, and closes idle connections to make room for others, above all for readiness
checks.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, Metric

from api.http.front import Edge
from api.running.logs import log_noise

#: How often to try, in seconds.
LOOK_SECONDS = 0.5


class Files:
    """Tries to open a file, and counts how often that failed."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._exhausted = 0

    def look(self) -> None:
        """Try to open a file; on failure log it and make room. Never raises."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                return
            self._exhausted += 1
            closed = self._edge.close_idle()
            log_noise(
                "files_exhausted",
                level="error",
                of="process" if error.errno == errno.EMFILE else "system",
                closed_idle_connections=closed,
            )

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers for the metrics page."""
        yield CounterMetricFamily(
            "files_exhausted", "Checks that found no file left to open", self._exhausted
        )


FILES = web.AppKey("files", Files)


async def files_context(app: web.Application) -> AsyncIterator[None]:
    """Check as long as the application runs."""
    watching = asyncio.create_task(_watch(app[FILES]))
    yield
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def _watch(files: Files) -> None:
    while True:
        files.look()
        await asyncio.sleep(LOOK_SECONDS)
