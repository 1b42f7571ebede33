"""Noticing that the process can open no more files, connections among them.

uvloop tells nobody: what comes in then is accepted and closed at once, or not accepted, and the
service seems to hang. Connections are limited so that it does not come to that
(``api.http.front``), but everything else that opens files counts too. So the event loop tries,
twice a second; when it cannot, it says so in the log, counts, and closes connections on which
nobody is being answered, to make room for the others, those that ask whether the service is ready
above all.
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

#: How often it is tried, in seconds.
LOOK_SECONDS = 0.5


class Files:
    """Tries whether a file can be opened, and counts how often none could."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._exhausted = 0

    def look(self) -> None:
        """Try; where no file is left, tell and make room. Never raises."""
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
        """Numbers for the metrics page."""
        yield CounterMetricFamily(
            "files_exhausted", "Looks that found no file left to open", self._exhausted
        )


FILES = web.AppKey("files", Files)


async def files_context(app: web.Application) -> AsyncIterator[None]:
    """Look for as long as the application runs."""
    watching = asyncio.create_task(_watch(app[FILES]))
    yield
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def _watch(files: Files) -> None:
    while True:
        files.look()
        await asyncio.sleep(LOOK_SECONDS)
