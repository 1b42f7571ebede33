"""The cost of every GET at 500,000 events compared with the same GET at 5,000.

Both ledgers begin with the same two stories (``benchmarks.multiplied``). The requests are about the
subjects of the stories, or for a short page of a list, so that both answers are equally long. Two
server processes are asked in turns. The cost is the CPU time of the server process, less the CPU
time of its other threads when idle, so that other programs on the machine do not change it. Wall
time is also shown.

Then a cheap GET is timed while clients keep sending the most expensive GET of each pool: in turns
to the same server, and to another server process over the same ledger, which puts the same load on
the machine but none on the server. The ratio shows how the expensive GET slows down the cheap one.

    python -m benchmarks.gets [--quick] [--only TEXT] [--again] [--no-crowd]

If LEDGER_BENCH names a folder, the ledgers and their views are made there once and kept. The
results are kept there, too, one JSON object per line in ``gets.jsonl``, written after each
measurement. A run continues where the previous one ended; ``--again`` measures everything again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple, get_args
from urllib.parse import quote

import msgspec

from api.app import RESOURCES as COMMON
from api.http.resources import Parameter, Resource
from api.log import receipts, transparency
from api.operations import accesses, operators
from api.sealed import persons
from api.views import RESOURCES
from benchmarks.multiplied import multiply, tell
from ledger.general.vocabulary import Role

SMALL, LARGE, QUICK = 5_000, 500_000, 50_000

#: The number of requests per GET and server, and the number for a repetition if it seems slower.
TIMES, AGAIN = 5, 20

#: The highest accepted ratio of the costs of a GET.
TARGET = 3.0

#: Readers with different views: the public; a unit without any data; the unit of the stories, which
#: has a part in every copy; the business of the stories; and a reader who sees everything.
READERS = ("public", "stranger", "officer", "business", "supervisor")

#: Resources that only operators may read.
OPERATED: frozenset[Role] = frozenset({"operator"})

#: The number of clients with expensive requests, the seconds per turn, and the number of turns.
CLIENTS, SECONDS, TURNS = 8, 2.0, 3

#: Expensive GETs of each thread pool (``api.running.pools``): the reader and the path. The clients
#: send the most expensive one among those measured.
POOLS: Mapping[str, tuple[str, str]] = {
    "reads": ("supervisor", r"/v1/units/[^/]+/trail.*|/v1/deadlines.*"),
    "public-reads": ("public", r"/v1/[^/]+/[^/]+/trail.*|/v1/entities/[^/]+/profile"),
    "replays": ("supervisor", r"/v1/entities/[^/]+/(replay|burden).*"),
    "counts": ("supervisor", r"/v1/progress/.*|/v1/scores/[^/]+/rerun"),
    "draws": ("supervisor", r"/v1/draws/roster.*"),
    "proofs": ("public", r"/v1/events/[^/]+/(proof|receipt)|/v1/log/.*"),
    "feeds": ("supervisor", r"/v1/feed.*"),
}

#: How long an idle server is observed, in seconds.
IDLE_SECONDS = 3.0

#: The number of events on a limited page, the same for both ledgers.
PAGE = 5

#: Endless responses, and resources that do not come from the ledger.
_LEFT_OUT = {"/v1/openapi.json", "/static/{name}", "/metrics"}

#: Path parameters whose names differ from the kind of their subject.
_KINDS = {"id": "task", "uscc": "entity", "annual_stats": "annual-stats"}


class Asked(NamedTuple):
    """One GET: its reader and its path."""

    role: str
    path: str


class Server(NamedTuple):
    """A running server, with a token for each role."""

    port: int
    pid: int
    tokens: dict[str, str]

    def spent(self) -> float:
        """Return the CPU seconds of all its threads so far. Linux: see clock_getcpuclockid."""
        return time.clock_gettime((~self.pid << 3) | 2)


class Cost(msgspec.Struct, frozen=True):
    """The cost of a GET in milliseconds: CPU and wall time; ``first``: CPU of the first request."""

    cpu: float
    wall: float
    first: float
    bytes: int


class Figure(msgspec.Struct, frozen=True):
    """The costs of a GET in the small and in the large ledger."""

    role: str
    path: str
    status: int
    small: Cost
    large: Cost

    @property
    def asked(self) -> Asked:
        """The GET."""
        return Asked(self.role, self.path)

    @property
    def ratio(self) -> float:
        """The ratio of the CPU times."""
        return self.large.cpu / self.small.cpu


class Client:
    """One connection to a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, asked: Asked) -> tuple[int, int]:
        """Send a GET; return the status and the length of the answer."""
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
    """Return the small and the large ledger; make them if they do not exist."""
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
def served(path: Path, entity: str) -> Iterator[Server]:
    """Start a server over a ledger and wait until its views have caught up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.servers", "kept", str(path), entity],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Server(said["port"], process.pid, said["tokens"])
    finally:
        process.terminate()
        process.wait()


def subjects(folder: Path) -> dict[str, list[str]]:
    """Return subjects of the stories by kind, those with the most events first."""
    path = folder / "told" / "business" / "ledger.db"
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT tag, count(*) FROM event_tags GROUP BY tag ORDER BY 2 DESC, 1"
        )
        found: dict[str, list[str]] = {}
        for tag, _ in rows:
            kind, _, name = tag.partition(":")
            found.setdefault(kind, []).append(name)
    return found


def asked(found: dict[str, list[str]]) -> Iterator[Asked]:
    """Yield every GET of the route table, with paths and filters that have results."""
    for resource in (
        *COMMON,
        *RESOURCES,
        *receipts.RESOURCES,
        *transparency.RESOURCES,
        *persons.RESOURCES,
        *accesses.RESOURCES,
        *operators.VIEW_RESOURCES,
        *operators.TOKEN_RESOURCES,
    ):
        if resource.path in _LEFT_OUT:
            continue
        for path in _paths(resource, found):
            for query in _queries(resource, found):
                for role in ("operator",) if resource.roles == OPERATED else READERS:
                    yield Asked(role, path + query)


def _paths(resource: Resource, found: dict[str, list[str]]) -> Iterator[str]:
    path = resource.path.replace(":.+}", "}")
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
                "month": ["2026-05"] * 3,
                "tile": ["0/000", "entries/001"],
            }.get(place) or found.get(_KINDS.get(place, place.replace("_", "-")), [])
            if number >= len(names):
                return
            filled = filled.replace(f"{{{place}}}", quote(names[number], safe="/"))
        yield filled


def _queries(resource: Resource, found: dict[str, list[str]]) -> Iterator[str]:
    if resource.path == "/v1/log/consistency":
        yield "?old=100&new=4000"
        return
    names = {parameter.name for parameter in resource.query}
    short = f"limit={PAGE}" if "limit" in names else ""
    yield f"?{short}" if short else ""
    for parameter in resource.query:
        for value in _of_lists(parameter) or _values(parameter, found):
            given = [f"{parameter.name}={quote(value, safe='')}", *([short] if short else [])]
            if parameter.name == "after" and "sort" in names:
                given.append("sort=id")  # a cursor of another order is not an id
            yield "?" + "&".join(given)
            if parameter.name not in {"unit", "subject_unit"} and "unit" in names:
                yield "?" + "&".join(["unit=MRB", *given])


def _of_lists(parameter: Parameter) -> list[str]:
    """Return values of the parameters that every list has."""
    name = parameter.name
    if name == "sort":
        return list(get_args(parameter.type))
    if name == "facets":
        return [",".join(get_args(parameter.type))]
    if name == "q":
        return ["有限公司", "lzxq", "nothing"]
    if name.endswith(("_from", "_to")):
        return ["2026"] if parameter.type is int else ["2026-06-01"]
    return []


def _values(parameter: Parameter, found: dict[str, list[str]]) -> list[str]:
    name = parameter.name.removeprefix("not_")
    if name in {"limit", "at_least", "cutoff", "to_position", "wait"}:
        return []
    if name == "after":
        return ["3000" if parameter.type is int else "M"]
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
    if name == "type":
        # Types for a trail or the feed: a rare one, a frequent one, and one that does not occur.
        return ["entities.entity-registered", "credit.record-published", "nothing.nothing"]
    if name == "subject":
        return [f"{kind}:{found[kind][0]}" for kind in ("entity", "unit")]
    if name in found:
        return [found[name][0]]
    if parameter.type is str:
        # A value without results must not cost more than one with results.
        return ["nothing"]
    return []


async def measured(
    small: Server, large: Server, what: Iterable[Asked], results: Path, known: set[Asked]
) -> None:
    """Measure each GET without a result so far, in turns on both servers."""
    servers = small, large
    clients = [Client(server) for server in servers]
    idle = [await _idle(server) for server in servers]
    with results.open("ab") as into:
        for one in what:
            if one in known:
                continue
            figure = await _figure(servers, clients, idle, one, TIMES)
            if isinstance(figure, Figure) and figure.ratio > TARGET * 0.6:
                again = await _figure(servers, clients, idle, one, AGAIN)
                assert isinstance(again, Figure)
                figure = msgspec.structs.replace(
                    again,
                    small=msgspec.structs.replace(again.small, first=figure.small.first),
                    large=msgspec.structs.replace(again.large, first=figure.large.first),
                )
            into.write(msgspec.json.encode(figure) + b"\n")
            into.flush()


async def _idle(server: Server) -> float:
    """Return the CPU seconds per second of an idle server."""
    await asyncio.sleep(0.5)
    began, before = time.perf_counter(), server.spent()
    await asyncio.sleep(IDLE_SECONDS)
    return (server.spent() - before) / (time.perf_counter() - began)


class NotThere(msgspec.Struct, frozen=True):
    """This reader gets no answer to the GET."""

    role: str
    path: str
    status: int


async def _figure(
    servers: tuple[Server, Server], clients: list[Client], idle: list[float], one: Asked, times: int
) -> Figure | NotThere:
    cpu: tuple[list[float], list[float]] = [], []
    wall: tuple[list[float], list[float]] = [], []
    length, status = [0, 0], [0, 0]
    while len(cpu[1]) < times:
        for n, (server, client) in enumerate(zip(servers, clients, strict=True)):
            began, before = time.perf_counter(), server.spent()
            status[n], length[n] = await client.get(one)
            took = time.perf_counter() - began
            cpu[n].append(1_000 * max(0.0, server.spent() - before - idle[n] * took))
            wall[n].append(1_000 * took)
        if status[0] >= 400 and status[0] == status[1]:
            return NotThere(*one, status[0])
        if wall[1][-1] > 1_000 and len(cpu[1]) > 1:
            break
    costs = [
        Cost(round(median(cpu[n]), 3), round(median(wall[n]), 3), round(cpu[n][0], 3), length[n])
        for n in (0, 1)
    ]
    return Figure(*one, status[1], *costs)


def read_results(path: Path) -> dict[Asked, Figure | NotThere]:
    """Return the earlier results, the newest per GET."""
    results: dict[Asked, Figure | NotThere] = {}
    if path.exists():
        for line in path.read_bytes().splitlines():
            figure: Figure | NotThere = (
                msgspec.json.decode(line, type=Figure)
                if b'"small"' in line
                else msgspec.json.decode(line, type=NotThere)
            )
            results[Asked(figure.role, figure.path)] = figure
    return results


def dearest(
    what: list[Asked], known: Mapping[Asked, Figure | NotThere]
) -> Iterator[tuple[str, Asked]]:
    """Return the most expensive GET of each pool, by the costs in the large ledger."""

    def cost(one: Asked) -> float:
        figure = known.get(one)
        if figure is None:
            return 0.0
        return figure.large.cpu if isinstance(figure, Figure) else -1.0

    for pool, (role, path) in POOLS.items():
        fit = [one for one in what if one.role == role and re.fullmatch(path, one.path)]
        yield pool, max(fit, key=cost)


async def unharmed(
    server: Server, other: Server, cheap: Asked, costly: Mapping[str, Asked]
) -> None:
    """Time a cheap GET while clients send an expensive one to the same or to the other server."""
    _told("alone", await _times(server, cheap, SECONDS))
    for pool, one in costly.items():
        times: tuple[list[float], list[float]] = [], []
        for _ in range(TURNS):
            for n, crowded in enumerate((server, other)):
                crowd = [asyncio.create_task(_keep_asking(crowded, one)) for _ in range(CLIENTS)]
                await asyncio.sleep(0.2)
                times[n].extend(await _times(server, cheap, SECONDS))
                for task in crowd:
                    task.cancel()
                await asyncio.gather(*crowd, return_exceptions=True)
                await asyncio.sleep(0.2)
        p50, p99 = (q(times[0]) / q(times[1]) for q in (median, _p99))
        _told(f"{pool}: {one.role} {one.path}", times[0])
        _told(f"    the crowd at another process: ratio p50 {p50:.2f}, p99 {p99:.2f}", times[1])


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


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[98]


def _told(what: str, times: list[float]) -> None:
    print(
        f"  p50 {median(times):7.2f} ms  p99 {_p99(times):7.2f} ms  n {len(times):5}  {what}",
        flush=True,
    )


def _report(figures: list[Figure]) -> None:
    figures.sort(key=lambda figure: figure.ratio, reverse=True)
    over = [f for f in figures if f.ratio > TARGET]
    print(f"{len(figures)} GETs; {len(over)} cost more than {TARGET:g} times as much")
    print("  ratio   CPU ms small    large   first: small    large   wall: small    large  bytes")
    for figure in figures[: max(25, len(over))]:
        a, b = figure.small, figure.large
        print(
            f"  {figure.ratio:5.2f}  {a.cpu:12.2f} {b.cpu:8.2f}  {a.first:12.2f} {b.first:8.2f}  "
            f"{a.wall:11.2f} {b.wall:8.2f}  {a.bytes}/{b.bytes}  {figure.status}  "
            f"{figure.role} {figure.path}"
        )


def run(quick: bool = False, only: str = "", again: bool = False, *, crowd: bool = True) -> None:
    """Measure and print the figures. ``only``: a text in the reader and path of the GETs."""
    with ExitStack() as opened:
        kept = os.environ.get("LEDGER_BENCH")
        folder = Path(kept or opened.enter_context(tempfile.TemporaryDirectory()))
        length = QUICK if quick else LARGE
        small_path, large_path = ledgers(folder, length)
        found = subjects(folder)
        what = [one for one in asked(found) if only in f"{one.role} {one.path}"]
        results = folder / f"gets-{length}.jsonl"
        known = set() if again else set(read_results(results))
        small = opened.enter_context(served(small_path, found["entity"][0]))
        large = opened.enter_context(served(large_path, found["entity"][0]))
        asyncio.run(measured(small, large, what, results, known))
        newest = read_results(results)
        figures = [f for one in what if isinstance(f := newest.get(one), Figure)]
        _report(figures)
        if not crowd:
            return
        costly = dict(dearest([*asked(found)], newest))
        public = (one for one in asked(found) if one.role == "public")
        cheap = next(one for one in public if one.path.endswith("/profile"))
        print(f"a cheap GET while {CLIENTS} clients ask for an expensive one")
        other = opened.enter_context(served(large_path, found["entity"][0]))
        asyncio.run(unharmed(large, other, cheap, costly))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gets")
    parser.add_argument("--quick", action="store_true", help="50,000 events")
    parser.add_argument(
        "--only", default="", help="measure only GETs with this text in their reader and path"
    )
    parser.add_argument("--again", action="store_true", help="measure everything again")
    parser.add_argument("--no-crowd", action="store_true", help="skip the timing of the cheap GET")
    chosen = parser.parse_args()
    run(chosen.quick, chosen.only, chosen.again, crowd=not chosen.no_crowd)
