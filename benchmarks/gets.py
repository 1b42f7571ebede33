"""Every GET at 500,000 events beside the same GET at 5,000: what it costs more.

Both ledgers begin with the same two stories (``benchmarks.multiplied``), and what is asked is about
their things, or a page of a list: the answer is as long in both. Two servers, each a process of its
own, are asked in turns. Then a cheap GET is timed while clients keep asking for each of the
expensive ones.

    python -m benchmarks gets [--quick]

The ledgers are kept in the folder that LEDGER_BENCH names, if it does, and made once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import quote

from api.app import RESOURCES as COMMON
from api.resources import Parameter, Resource
from api.views import RESOURCES
from benchmarks.multiplied import multiply, tell

SMALL, LARGE, QUICK = 5_000, 500_000, 50_000

#: How often each GET is asked in each of both ledgers; and once more where it seems to cost more.
TIMES, AGAIN = 3, 15

#: What a GET may cost more at most.
TARGET = 3.0

ROLES = ("public", "officer", "supervisor")

#: Clients that keep asking for something expensive, and for how many seconds.
CLIENTS, SECONDS = 8, 4.0

#: What is never over, or is no resource of the ledger.
_LEFT_OUT = {"/v1/openapi.json", "/static/{name}", "/v1/access"}

#: Kinds of subjects that a place in a path names otherwise.
_KINDS = {"id": "task", "uscc": "entity", "annual_stats": "annual-stats"}


class Asked(NamedTuple):
    """One GET: who asks for what."""

    role: str
    path: str


class Server(NamedTuple):
    """A running server, and a token of each role."""

    port: int
    tokens: dict[str, str]


class Figure(NamedTuple):
    """What a GET costs in milliseconds in the small and the large ledger."""

    asked: Asked
    status: int
    small: float
    large: float

    @property
    def ratio(self) -> float:
        """How much more."""
        return self.large / self.small


class Client:
    """One connection to a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, asked: Asked) -> tuple[int, int]:
        """Status and length of the answer."""
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._server.port
            )
        assert self._reader is not None
        token = self._server.tokens.get(asked.role)
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._writer.write(
            f"GET {asked.path} HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n".encode()
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        if b"transfer-encoding: chunked" in head:
            length = 0
            while size := int(await self._reader.readline(), 16):
                length += len(await self._reader.readexactly(size + 2)) - 2
            await self._reader.readline()
            return status, length
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        await self._reader.readexactly(length)
        return status, length

    def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()


def ledgers(folder: Path, large: int) -> tuple[Path, Path]:
    """The small and the large ledger; made if they are not there."""
    told = folder / "told" / "business" / "ledger.db"
    if not (folder / "told" / "done").exists():
        tell(folder / "told")
        (folder / "told" / "done").touch()
    paths = []
    for length in (SMALL, large):
        path = folder / str(length) / "ledger.db"
        if not path.with_name("done").exists():
            began = time.perf_counter()
            multiply(told, path, length)
            path.with_name("done").touch()
            print(f"made {length} events in {time.perf_counter() - began:.0f} s", flush=True)
        paths.append(path)
    return paths[0], paths[1]


@contextmanager
def served(path: Path) -> Iterator[Server]:
    """A server over a ledger, once its views have caught up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers", "kept", str(path)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Server(said["port"], said["tokens"])
    finally:
        process.terminate()
        process.wait()


def subjects(path: Path) -> dict[str, list[str]]:
    """Some subjects of the stories, by kind, with what most is recorded of first."""
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT tag, count(*) FROM event_tags WHERE position <= 1038 GROUP BY tag"
            " ORDER BY 2 DESC, 1"
        )
        found: dict[str, list[str]] = {}
        for tag, _ in rows:
            kind, _, name = tag.partition(":")
            found.setdefault(kind, []).append(name)
    return found


def asked(found: dict[str, list[str]]) -> Iterator[Asked]:
    """Every GET of the route table, with paths and filters that find something."""
    for resource in (*COMMON, *RESOURCES):
        if resource.path in _LEFT_OUT or resource.path.startswith("/v1/feed"):
            continue
        for path in _paths(resource, found):
            for query in _queries(resource, found):
                for role in ROLES:
                    yield Asked(role, path + query)


def _paths(resource: Resource, found: dict[str, list[str]]) -> Iterator[str]:
    path = resource.path.replace("{id:.+}", "{id}")
    if "{" not in path:
        yield path
        return
    for number in range(3):
        filled = path
        while "{" in filled:
            place = filled.partition("{")[2].partition("}")[0]
            names = {
                "position": ["17"],
                "name": ["malformed"],
                "month": ["2026-05"],
            }.get(place) or found.get(_KINDS.get(place, place.replace("_", "-")), [])
            if number >= len(names):
                return
            filled = filled.replace(f"{{{place}}}", quote(names[number], safe=""))
        yield filled


def _queries(resource: Resource, found: dict[str, list[str]]) -> Iterator[str]:
    yield ""
    for parameter in resource.query:
        for value in _values(parameter, found):
            yield f"?{parameter.name}={quote(value, safe='')}"
            if parameter.name not in {"unit", "subject_unit"} and any(
                one.name == "unit" for one in resource.query
            ):
                yield f"?unit=MRB&{parameter.name}={quote(value, safe='')}"


def _values(parameter: Parameter, found: dict[str, list[str]]) -> list[str]:
    name = parameter.name
    if name in {"after", "limit", "at_least", "cutoff", "to_position", "wait"}:
        return ["1"] if name == "limit" else []
    if name == "known_as_of":
        return ["2000-01-01T00:00:00Z", "2026-06-01T00:00:00Z"]
    if name in {"valid_as_of", "on", "since", "until", "due_before", "raised_before"}:
        return ["2026-06-01"]
    if parameter.type is bool:
        return ["true", "false"]
    if name in {"unit", "reviewing_unit", "subject_unit", "organ", "determined_by"}:
        return [*found["unit"][:1], "NOBODY"]
    if name == "year":
        return ["2026", "1999"]
    if name in found:
        return [found[name][0]]
    if parameter.type is str:
        # A value that nothing has costs no more than one that something has.
        return ["nothing"]
    return []


async def measured(small: Server, large: Server, what: list[Asked]) -> list[Figure]:
    """The medians of each GET, asked in turns."""
    clients = Client(small), Client(large)
    figures = []
    for one in what:
        figure = await _figure(clients, one, TIMES)
        if figure is not None and figure.ratio > TARGET * 0.7:
            figure = await _figure(clients, one, AGAIN)
        if figure is not None:
            figures.append(figure)
    return figures


async def _figure(clients: tuple[Client, Client], one: Asked, times: int) -> Figure | None:
    taken: tuple[list[float], list[float]] = [], []
    status = 0
    for _ in range(times):
        for client, into in zip(clients, taken, strict=True):
            began = time.perf_counter()
            status, _length = await client.get(one)
            into.append(1_000 * (time.perf_counter() - began))
            if into[-1] > 2_000 and len(into) > 1:
                times = 2
        if status >= 400 and len(taken[0]) == 1 and status != 503:
            return None  # not for this role, or not there
        if len(taken[0]) >= times:
            break
    return Figure(one, status, median(taken[0]), median(taken[1]))


async def unharmed(server: Server, cheap: Asked, costly: list[Asked]) -> None:
    """Time a cheap GET while clients keep asking for each of the expensive ones."""
    alone = await _times(server, cheap, SECONDS)
    _told("alone", alone)
    for one in costly:
        crowd = [asyncio.create_task(_keep_asking(server, one)) for _ in range(CLIENTS)]
        await asyncio.sleep(0.3)
        times = await _times(server, cheap, SECONDS)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        _told(f"{one.role} {one.path}", times)


async def _keep_asking(server: Server, one: Asked) -> None:
    client = Client(server)
    try:
        while True:
            status, _ = await client.get(one)
            if status == 503:
                await asyncio.sleep(0.1)
    finally:
        client.close()


async def _times(server: Server, one: Asked, seconds: float) -> list[float]:
    client, taken = Client(server), []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        await client.get(one)
        taken.append(1_000 * (time.perf_counter() - began))
        await asyncio.sleep(0.005)
    client.close()
    return taken


def _told(what: str, times: list[float]) -> None:
    p99 = quantiles(times, n=100)[98]
    print(f"  p50 {median(times):7.2f} ms  p99 {p99:7.2f} ms  n {len(times):5}  {what}", flush=True)


def run(quick: bool = False) -> None:
    """Measure and print."""
    with ExitStack() as opened:
        kept = os.environ.get("LEDGER_BENCH")
        folder = Path(kept or opened.enter_context(tempfile.TemporaryDirectory()))
        small_path, large_path = ledgers(folder, QUICK if quick else LARGE)
        what = list(asked(subjects(small_path)))
        small = opened.enter_context(served(small_path))
        large = opened.enter_context(served(large_path))
        figures = asyncio.run(measured(small, large, what))
        figures.sort(key=lambda figure: figure.ratio, reverse=True)
        over = [f for f in figures if f.ratio > TARGET]
        print(f"{len(figures)} GETs; {len(over)} cost more than {TARGET:g} times as much")
        for figure in figures[:25] if len(over) < 25 else over:
            print(
                f"  ratio {figure.ratio:6.2f}  {figure.small:8.2f} ms  {figure.large:8.2f} ms  "
                f"{figure.status}  {figure.asked.role} {figure.asked.path}"
            )
        slow = sorted(figures, key=lambda figure: figure.large, reverse=True)
        costly = list(dict.fromkeys(f.asked for f in slow))[:8]
        entity = next(f.asked for f in figures if f.asked.path.endswith("/profile"))
        print("a cheap GET while eight clients ask for an expensive one")
        asyncio.run(unharmed(large, entity._replace(role="public"), costly))
