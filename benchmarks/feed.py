"""Row 6: the delay from an append to the arrival of its event, with a thousand open streams.

A command is sent every hundredth of a second. Ten streams read everything; the others wait for
events of a type that never comes. The append happens between the sending of a command and its
answer, so both delays are shown; the delay from the sending includes the decision and the commit.
"""

from __future__ import annotations

import asyncio
import time
from statistics import quantiles

import uvloop

from benchmarks.http import Server, post, server

#: Commands per second, and the number of seconds.
RATE, SECONDS = 100, 10

READING = 10

#: The limit for the 99th percentile of the delays, in milliseconds.
TARGET = 10


#: Reader and writer of a stream; a writer without a reference would close its connection.
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _stream(to: Server, types: str = "") -> Stream:
    """Open a stream of the events from now on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", to.port)
    writer.write(
        b"GET /v1/feed?after=%d%s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        b"Authorization: Bearer %s\r\n\r\n" % (await _head(to), types.encode(), to.token.encode())
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    return reader, writer


async def _head(to: Server) -> int:
    """Return the last position of the ledger."""
    reader, writer = await asyncio.open_connection("127.0.0.1", to.port)
    writer.write(b"GET /v1/feed?limit=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    body = (await reader.read()).split(b"\r\n\r\n", 1)[1]
    writer.close()
    return int(body.rsplit(b'"head":', 1)[1].split(b"}")[0])


async def _read(stream: Stream, arrived: dict[int, float]) -> None:
    """Note when each position arrives."""
    while True:
        line = await stream[0].readline()
        assert line, "the stream was ended"
        if line.startswith(b"id: "):
            arrived.setdefault(int(line[4:]), time.perf_counter())


async def _write(to: Server, count: int) -> dict[int, tuple[float, float]]:
    """Send commands; return, by position, when each was sent and when it was answered."""
    sent: dict[int, tuple[float, float]] = {}
    reader, writer = await asyncio.open_connection("127.0.0.1", to.port)
    start = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        at = time.perf_counter()
        writer.write(post(to))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        position = int(body.split(b'"position":')[1].split(b",")[0].split(b"}")[0])
        sent[position] = at, time.perf_counter()
    writer.close()
    return sent


async def _delays(to: Server, held: int, count: int) -> tuple[list[float], list[float]]:
    """Return the delays of all events on all streams, from sending and from the answer, in ms."""
    idle = [await _stream(to, "&type=policies.working-calendar-published") for _ in range(held)]
    arrivals: list[dict[int, float]] = [{} for _ in range(READING)]
    reading = [asyncio.create_task(_read(await _stream(to), one)) for one in arrivals]
    sent = await _write(to, count)
    await asyncio.sleep(1)
    for task in reading:
        task.cancel()
    assert all(sent.keys() <= one.keys() for one in arrivals), "an event did not arrive"
    assert all(not reader.at_eof() for reader, _ in idle), "a stream was given up"
    pairs = [(one[position], *moments) for one in arrivals for position, moments in sent.items()]
    return (
        [1_000 * (arrived - at) for arrived, at, _ in pairs],
        [1_000 * max(0.0, arrived - answered) for arrived, _, answered in pairs],
    )


def run(quick: bool = False) -> None:
    """Measure and print times, not ratios, because there is nothing to compare with."""
    with server("ledger") as to:
        for held in (0, 100 if quick else 990):
            both = uvloop.run(_delays(to, held, RATE * (3 if quick else SECONDS)))
            for since, delays in zip(("sent", "answered"), both, strict=True):
                cuts = quantiles(delays, n=100)
                what = f"command {since} to event on {READING} streams, {held} others open"
                print(
                    f"{what:<58} p50 {cuts[49]:5.1f} ms, p99 {cuts[98]:5.1f} ms"
                    f"   (to reach: {TARGET} ms)",
                    flush=True,
                )
