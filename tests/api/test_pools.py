"""What one kind of question costs is waited for by those who ask for that kind alone."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.http.problems import Problem
from api.http.tokens import Tokens
from api.running import pools
from api.running.pools import Pool
from ledger.kernel import budget
from ledger.kernel.folds import Selector
from ledger.stores.sqlite import SQLiteRecorder
from projections.follower import Views
from projections.source import Source
from projections.tables import open_engine
from tests.api.conftest import Face
from tests.projections.facts import Past, inspection

ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


def endless() -> None:
    """Python that would go on for ever, were it not for its budget."""
    while True:
        budget.check()


async def test_work_ends_with_its_time() -> None:
    """What takes longer than its kind may take is a problem that says so, and frees its thread."""
    pool = Pool("slow", 1, 0, 0.1)
    with pytest.raises(Problem) as refused:
        await pool.run(endless)
    assert refused.value.kind.name == "too-costly"
    assert refused.value.kind.status == 503
    assert await pool.run(lambda: "free") == "free"


async def test_a_full_pool_turns_away_at_once() -> None:
    """Beyond its queue a kind is refused with Retry-After; others are answered meanwhile."""
    pool, other = Pool("full", 1, 1, 10), Pool("other", 1, 1, 10)
    let_go = threading.Event()
    waiting = [asyncio.create_task(pool.run(let_go.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await pool.run(lambda: None)
    assert not any(one.done() for one in waiting), "it was not turned away because one ended"
    assert refused.value.kind.name == "unavailable"
    assert refused.value.headers["Retry-After"]
    assert await other.run(lambda: 1) == 1
    let_go.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert (await pool.run(lambda: 2), pool.taken) == (2, 0)


async def test_threads_do_not_run_ahead_of_the_loop() -> None:
    """Of many large answers few are made that the event loop has not fetched yet."""
    pool, made = Pool("large", 1, 100, 10), []
    waiting = [asyncio.create_task(pool.run(lambda: made.append(1))) for _ in range(50)]
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - the loop is busy, as under load
    assert len(made) <= 2
    await asyncio.gather(*waiting)
    assert (len(made), pool.taken) == (50, 0)


async def test_cancelling_ends_the_work() -> None:
    """Who waits no more frees the thread too."""
    pool = Pool("left", 1, 0, 60)
    task = asyncio.create_task(pool.run(endless))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _until(lambda: pool.taken == 0)


async def test_statements_end_with_the_time(tmp_path: Path) -> None:
    """SQLite stops too: a statement over the ledger's file, and one over the views'."""
    pool = Pool("sql", 1, 0, 0.2)
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder:
        with pytest.raises(Problem, match="more than"):
            await pool.run(lambda: recorder._fetch(ENDLESS))
        # The connection is as good as before.
        assert await pool.run(recorder.head) == 0
    views = Views(open_engine(f"sqlite:///{tmp_path / 'views.db'}"), [])

    def ask() -> Any:
        with views.reading() as connection:
            return connection.execute(sa.text(ENDLESS)).one()

    with pytest.raises(Problem, match="more than"):
        await pool.run(ask)
    assert await pool.run(views.places) == {}
    views.close()


async def test_reading_the_ledger_ends_with_the_time(tmp_path: Path) -> None:
    """Whatever walks the events of a subject looks at its budget as it goes."""
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder:
        past = Past(recorder)
        for number in range(3):
            past.add(inspection(f"I-{number}", "bench:1", "2015-05-04"))
        source = Source(recorder)
        selector = Selector((), ("entity:bench:1",))
        assert len(source.records([selector])) == 3  # without a budget nothing is cut short
        with pytest.raises(Problem):
            await Pool("events", 1, 0, 1e-9).run(lambda: source.records([selector]))


async def test_tokens_are_looked_up_while_every_read_is_stuck(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that nobody has used yet is recognised though all other threads are taken."""
    let_go = threading.Event()
    kinds = [one for one in vars(pools).values() if isinstance(one, Pool)]
    stuck = [
        asyncio.create_task(pool.run(let_go.wait))
        for pool in kinds
        if pool is not pools.TOKENS
        for _ in range(pool.threads)
    ]
    stuck += [asyncio.create_task(asyncio.to_thread(let_go.wait)) for _ in range(40)]
    await asyncio.sleep(0.05)
    try:
        fresh = face.tokens.create("MRB", "P-NEW", "enforcement_officer")
        async with asyncio.timeout(60):
            answer = await face.get("/livez", fresh)
            assert answer.status == 200
            assert (await face.tokens.grant(fresh)) is not None
            assert (await face.note("T-77")) > 0
    finally:
        let_go.set()
        await asyncio.gather(*stuck)


async def test_a_client_that_leaves_ends_its_work(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading for somebody who closed the connection stops within a moment."""
    begun, ended = threading.Event(), threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        begun.set()
        try:
            endless()
        finally:
            ended.set()

    monkeypatch.setattr(SQLiteRecorder, "read", slow)
    reader, writer = await asyncio.open_connection("127.0.0.1", face.client.port)
    writer.write(b"GET /v1/events/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await _until(begun.is_set)
    writer.close()
    await _until(ended.is_set)
    del reader


async def test_a_shared_lookup_outlives_the_first_who_asked(tmp_path: Path) -> None:
    """Several wait for one look-up of a token: one of them leaving takes it from nobody."""
    with Tokens.open(tmp_path / "tokens.db") as tokens:
        token = tokens.create("MRB", "P-1", "unit_head")
        first = asyncio.create_task(tokens.grant(token))
        second = asyncio.create_task(tokens.grant(token))
        await asyncio.sleep(0)
        first.cancel()
        grant = await second
        assert grant is not None
        assert grant.person == "P-1"


def test_nothing_is_cut_short_without_a_budget() -> None:
    """A follower, a command, the command line: there SQLite is never interrupted."""
    connection = sqlite3.connect(":memory:")
    connection.set_progress_handler(budget.spent, 100)
    count = ENDLESS.replace("FROM n)", "FROM n WHERE i < 20000)")
    assert connection.execute(count).fetchone() == (20_000,)
    used = budget.Budget(0)
    with budget.within(used):
        used.abandon()
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            connection.execute(count).fetchone()


async def _until(what: Any) -> None:
    for _ in range(500):
        if what():
            return
        await asyncio.sleep(0.01)
    pytest.fail("nothing happened within five seconds")
