"""Whatever a GET reads, it reads in a pool of its kind, within a budget, for a client who waits.

One ledger with an event of every type is asked for every resource, by those who see most and least.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from api.app import RESOURCES as COMMON
from api.http import openapi
from api.http.resources import Resource
from api.log import receipts, transparency
from api.operations import operators
from api.running import pools
from api.running.pools import ASKED_BY, Pool
from api.sealed import evidence, persons
from api.views import RESOURCES
from ledger.kernel import budget
from ledger.stores.blobs import Blobs
from ledger.stores.sqlite import SQLiteRecorder
from projections.follower import Views
from tests.api import oracle
from tests.api.oracle import UNIT, Facts, Placed, Shelf

#: Answered from what the process has in memory: they read nothing.
STILL = {
    "/",
    "/docs",
    "/livez",
    "/problems",
    "/problems/{name}",
    "/static/{name}",
    "/v1/draws/{draw}/verify",
}

#: They need another token, or another ledger, than this one; the golden scheme of a year names a
#: metric that there is not.
ELSEWHERE = {"/metrics", "/v1/access", "/v1/scores/{score}/rerun"}

#: Pools whose work is never cut short: a token's look-up is shared, a command is finished, a part
#: of a file is on its way.
WHOLE = {pools.TOKENS, pools.COMMANDS, pools.FILES}

POOLS = [pool for pool in vars(pools).values() if isinstance(pool, Pool)]


def _resources() -> list[Resource]:
    listed: Iterable[Resource] = (
        *COMMON,
        *RESOURCES,
        *openapi.RESOURCES,
        *persons.RESOURCES,
        *evidence.RESOURCES,
        *receipts.RESOURCES,
        *transparency.RESOURCES,
        *operators.VIEW_RESOURCES,
        *operators.TOKEN_RESOURCES,
    )
    return [one for one in {r.path: r for r in listed}.values() if one.path not in ELSEWHERE]


@pytest_asyncio.fixture
async def shelf(tmp_path: Path) -> Any:
    facts = Facts()
    events = [*facts.law(), *facts.of_every_type(Placed(1, subject_unit="TAX"), UNIT)]
    async with Shelf(tmp_path, "ledger", events) as opened:
        opened.tokens["operator"] = opened.service.tokens.create("OPS", "OPS-1", "operator")
        opened.facts = events  # type: ignore[attr-defined]
        yield opened


_PLACES = {"position": ["5"], "name": ["malformed"], "tile": ["0/000"], "month": ["2026-03"]}


def _asked(shelf: Any) -> Iterator[tuple[Resource, str]]:
    """Each resource with a subject that is there, as far as the ledger has one of its kind."""
    ids = {**oracle.subjects(shelf.facts), **_PLACES}
    for resource in _resources():
        path = next(iter(oracle._paths(resource.path, ids)))
        yield resource, path + ("?old=1&new=2" if path.endswith("/consistency") else "")


async def _answer(shelf: Any, who: str, path: str) -> int:
    response = await shelf.get(who, path)
    return int(response.status)


WHO = ("bureau", "operator", "nobody")


async def test_every_get_is_turned_away_when_its_time_is_up(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no time at all, whatever reads answers 503; what is answered else has read nothing."""
    before = {
        (who, path): await _answer(shelf, who, path) for _, path in _asked(shelf) for who in WHO
    }
    reads: list[str] = []

    def spied(read: Callable[..., Any]) -> Callable[..., Any]:
        def look(*args: Any, **kwargs: Any) -> Any:
            if threading.current_thread().name.startswith("pool-"):
                reads.append(read.__qualname__)
            return read(*args, **kwargs)

        return look

    monkeypatch.setattr(SQLiteRecorder, "_fetch", spied(SQLiteRecorder._fetch))
    monkeypatch.setattr(Views, "reading", spied(Views.reading))
    monkeypatch.setattr(Blobs, "get", spied(Blobs.get))
    for pool in POOLS:
        if pool not in WHOLE:
            monkeypatch.setattr(pool, "seconds", 1e-9)
    turned_away: set[str] = set()
    for resource, path in _asked(shelf):
        for who in WHO:
            if before[who, path] != 200 or resource.path in STILL:
                continue
            reads.clear()
            status = await _answer(shelf, who, path)
            assert not reads, f"{who} {path} {reads}"
            if status == 503:
                turned_away.add(resource.path)
            else:
                # A document that is kept ready in memory.
                assert (status, resource.path) == (200, "/v1/entities/{entity}/profile"), who
    # Of nearly every resource the ledger has a thing that somebody may read.
    assert len(turned_away) > 100, sorted({r.path for r in _resources()} - turned_away)


async def test_every_read_is_in_a_pool_for_a_client_who_waits(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No read of a ledger or a view on the event loop, in threads for all, or without a budget."""
    wrong: list[str] = []
    reads = 0
    asking = ""
    loop_thread = threading.current_thread()

    def spied(read: Callable[..., Any]) -> Callable[..., Any]:
        def look(*args: Any, **kwargs: Any) -> Any:
            nonlocal reads
            thread = threading.current_thread()
            if thread is loop_thread or thread.name.startswith(("asyncio_", "ThreadPool")):
                wrong.append(f"{asking} reads in {thread.name}")
            elif thread.name.startswith("pool-"):
                reads += 1
                whole = any(thread.name.startswith(f"pool-{pool.name}_") for pool in WHOLE)
                if not whole and budget._CURRENT.get() is None:
                    wrong.append(f"{asking} reads without a budget in {thread.name}")
                if not whole and ASKED_BY.get() is None:
                    wrong.append(f"{asking} reads for nobody in {thread.name}")
            return read(*args, **kwargs)

        return look

    monkeypatch.setattr(SQLiteRecorder, "_fetch", spied(SQLiteRecorder._fetch))
    monkeypatch.setattr(Views, "reading", spied(Views.reading))
    for _, path in _asked(shelf):
        for who in WHO:
            asking = f"{who} {path}"
            await _answer(shelf, who, path)
    assert not wrong, sorted(set(wrong))
    assert reads > 200


async def test_what_is_read_for_a_client_who_left_ends(
    shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled request ends the reading of each kind, however far that has come."""
    endless = threading.Event()

    def stuck(*args: Any, **kwargs: Any) -> Any:
        if not threading.current_thread().name.startswith("pool-"):
            return original(*args, **kwargs)
        endless.set()
        while True:
            budget.check()

    original = SQLiteRecorder._fetch
    monkeypatch.setattr(SQLiteRecorder, "_fetch", stuck)
    stopped = 0
    for resource, path in _asked(shelf):
        if resource.path in STILL or resource.path.startswith("/readyz"):
            continue
        endless.clear()
        task = asyncio.create_task(shelf.get("nobody", path))
        for _ in range(100):
            if endless.is_set() or task.done():
                break
            await asyncio.sleep(0.01)
        if task.done():
            assert isinstance(task.result(), web.StreamResponse)
            continue  # answered from a view, or refused: nothing of the ledger was read
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for _ in range(300):
            if not any(pool.taken for pool in POOLS):
                break
            await asyncio.sleep(0.01)
        assert not any(pool.taken for pool in POOLS), path
        stopped += 1
    assert stopped > 5
