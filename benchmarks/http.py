"""Rows 3 and 4: commands and profiles over HTTP, compared with bare aiohttp, for 64 clients.

This process makes the load over raw sockets, which cost little. The two servers are processes of
their own on uvloop, measured in turns.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

import uvloop

from benchmarks.measuring import in_turns, report

CLIENTS = 64

#: The number of businesses registered before profiles are requested.
ENTITIES = 2_000

_numbers = count()


class Server(NamedTuple):
    """A running server: its port, and a token that it accepts."""

    port: int
    token: str


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    """Run a server of ``benchmarks.servers`` in a separate process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers", *arguments], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())
        yield Server(started["port"], started["token"])
    finally:
        process.kill()
        process.wait()


def post(to: Server) -> bytes:
    """Return the bytes of a request with a command that registers a new business."""
    number = next(_numbers)
    body = json.dumps(
        {
            "entity": f"bench:{number}",
            "identity": {"name": f"兰州新区第{number}号商行", "address": "中川镇纬一路"},
        },
        ensure_ascii=False,
    ).encode()
    return (
        b"POST /v1/entities/register-entity HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nAuthorization: Bearer %b\r\n"
        b"Idempotency-Key: k-%d\r\nContent-Length: %d\r\n\r\n%b"
        % (to.token.encode(), number, len(body), body)
    )


def get(to: Server) -> bytes:
    """Return the bytes of a request for a profile."""
    number = next(_numbers) % ENTITIES
    return (
        b"GET /v1/entities/profiled:%d/profile HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer %b\r\n\r\n" % (number, to.token.encode())
    )


def rate(to: Server, request: Callable[[Server], bytes], requests: int) -> float:
    """Return the requests answered per second for 64 keep-alive clients."""
    return uvloop.run(_rate(to, request, requests))


async def _rate(to: Server, request: Callable[[Server], bytes], requests: int) -> float:
    left = iter(range(requests))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", to.port)
        for _ in left:
            writer.write(request(to))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head[9:11] == b"20", head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return requests / (time.perf_counter() - started)


def size_of_profile(of: Server) -> int:
    """Return the number of bytes of a profile."""

    async def ask() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", of.port)
        writer.write(get(of))
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])

    return asyncio.run(ask())


def run(quick: bool = False) -> None:
    """Measure and print the figures."""
    requests, rounds = (3_000, 3) if quick else (20_000, 5)
    with server("ledger") as ours:
        size = size_of_profile(ours)
        with server("bare", str(size)) as bare:
            for to in (ours, bare):
                rate(to, post, 2_000)
                rate(to, get, 2_000)
            figures = in_turns(
                lambda: rate(ours, post, requests), lambda: rate(bare, post, requests), rounds
            )
            report("durable commands over HTTP ÷ bare aiohttp echo", *figures, 0.35, "/s")
            figures = in_turns(
                lambda: rate(ours, get, requests), lambda: rate(bare, get, requests), rounds
            )
            report(f"profile GETs ÷ bare aiohttp, {size} bytes", *figures, 0.6, "/s")
