"""Answers whose time does not tell what is hidden from what is not there.

Both get the same answer (rulebook 2.17), but what is hidden has been read first: a row, the events
of a subject. With thousands of tries that shows, in microseconds. So an answer that only says that
there is nothing does not leave before its time.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from api.http.keys import LINE

#: How long such an answer takes at least, in seconds: several times what looking takes.
EVEN_SECONDS = 0.005


async def answer_evenly(request: web.Request) -> None:
    """Wait until ``EVEN_SECONDS`` after the request began, if that is not past."""
    left = request[LINE].started + EVEN_SECONDS - time.perf_counter()
    if left > 0:
        await asyncio.sleep(left)
