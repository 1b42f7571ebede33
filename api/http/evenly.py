"""Delay "not found" answers, so that their time does not reveal that something is hidden.

A hidden subject and an unknown subject get the same answer (rulebook 2.17). For a hidden one the
service has read a row or events first; over thousands of tries that shows in microseconds. So each
such answer is held back until a fixed time after the request began.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from api.http.keys import LINE

#: The least time until such an answer, in seconds: several times what reading takes.
EVEN_SECONDS = 0.005


async def answer_evenly(request: web.Request) -> None:
    """Wait until ``EVEN_SECONDS`` have passed since the request began."""
    left = request[LINE].started + EVEN_SECONDS - time.perf_counter()
    if left > 0:
        await asyncio.sleep(left)
