"""The follower: places and rows move together, poison stays alone, rebuilt equals followed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from ledger.stores.sqlite import SQLiteRecorder
from projections import views as views_module
from projections.follower import PLACES, Followed, Follower, Views
from projections.opening import all_views, open_views, verify_views
from projections.profiles import PROFILES, Profiles
from projections.rebuilding import Rebuilder
from projections.source import Entry, Source
from projections.systems.findings import Findings
from projections.systems.tasks import Tasks
from projections.tables import Store, open_engine, views_url
from tests.examples import examples
from tests.projections import strategies
from tests.projections.facts import E1, E2, Past, inspection, task


def fill(past: Past, count: int) -> None:
    for number in range(count):
        past.add(inspection(f"I-{number}", E1 if number % 3 else E2))


def digests(views: Views) -> dict[str, str]:
    return {name: views.digest(name)[1] for name in views.views}


def test_places_move_with_the_rows(past: Past, follower: Follower, views: Views) -> None:
    """After catching up every view stands at the head, whether an event concerned it or not."""
    fill(past, 7)
    assert follower.catch_up() == 7
    assert set(views.places().values()) == {7}
    with views.reading() as connection:
        rows = connection.execute(sa.select(PROFILES.c.key, PROFILES.c.position)).all()
    assert sorted(rows) == [(E1, 6), (E2, 7)]


def test_a_failed_batch_leaves_nothing(past: Past, views: Views, monkeypatch: Any) -> None:
    """When a row cannot be written, neither the rows before it nor the place are there."""

    def fail(self: Store, table: Any, rows: Sequence[Any]) -> None:
        put(self, table, rows)
        if table is PROFILES:
            raise sa.exc.OperationalError("disk I/O error", None, Exception())

    fill(past, 3)
    with Follower(past.recorder, views) as follower:
        follower.catch_up(2)
        put = Store.put
        monkeypatch.setattr(Store, "put", fail)
        with pytest.raises(sa.exc.OperationalError):
            follower.catch_up()
        monkeypatch.undo()
        assert views.places()["profiles"] == 2
        assert [h.state for h in follower.health() if h.view == "profiles"] == ["following"]
        follower.catch_up()
    assert [v.same for v in verify_views(past.recorder, views)] == [True] * len(views.views)


class Refusing(Tasks):
    """A view that cannot take one task."""

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        for entry in entries:
            if "task:T-13" in entry.tags:
                raise ValueError("thirteen")
        super().take(entries, store, source, last)


def test_poison_stops_one_view_right_before_it(past: Past, tmp_path: Path) -> None:
    """A view that cannot take an event stops before it and says so; the others go on."""
    for number in range(40):
        past.add(task(f"T-{number}"))
    views = Views(
        open_engine(f"sqlite:///{tmp_path / 'v.db'}"), [Refusing(), Findings(), Profiles()]
    )
    with Follower(past.recorder, views, batch=9) as follower:
        follower.catch_up()
        health = {h.view: h for h in follower.health()}
        assert (health["tasks"].state, health["tasks"].position) == ("stopped", 13)
        assert health["tasks"].error_position == 14
        assert "thirteen" in str(health["tasks"].error)
        assert health["tasks"].lag == 27
        assert {health[name].position for name in ("profiles", "findings")} == {40}
        # It stays where it is, however often one asks, and says so to those who only read.
        past.add(task("T-40"))
        assert follower.catch_up() == 41
        assert follower.position("tasks") == 13
        with views.reading() as connection:
            told = connection.execute(
                sa.select(PLACES.c.error_position).where(PLACES.c.view == "tasks")
            ).scalar_one()
        assert told == 14
    # A program that can take it goes on from there, and comes to what a rebuild comes to.
    mended = Views(views.engine, [Tasks(), Findings(), Profiles()])
    with Follower(past.recorder, mended) as follower:
        assert follower.catch_up() == 41
    assert all(v.same for v in verify_views(past.recorder, mended))


def test_an_unreadable_record_stops_only_who_wants_it(past: Past, follower: Follower) -> None:
    """Bytes that are no record stop the views of their type; an unknown type stops nobody."""
    past.add(task("T-1"))
    past.unreadable("filing.inspection-cancelled", [f"entity:{E1}", "task:T-1"])
    past.unreadable("future.unknown", [f"entity:{E1}"])
    past.add(task("T-2"))
    follower.catch_up()
    stopped = {h.view for h in follower.health() if h.state == "stopped"}
    assert stopped == {"profiles", "tasks", "burdens", "inbox"}
    assert {h.error_position for h in follower.health() if h.state == "stopped"} == {2}
    assert follower.position("findings") == 4


def test_a_trouble_that_passes_stops_nobody(past: Past, views: Views, monkeypatch: Any) -> None:
    """In the thread, a database that fails for a while is tried again until it works."""
    fill(past, 3)
    failures = iter([True, True])
    put = Store.put

    def sometimes(self: Store, table: Any, rows: Sequence[Any]) -> None:
        if table is PROFILES and next(failures, False):
            raise sa.exc.OperationalError("database is locked", None, Exception())
        put(self, table, rows)

    monkeypatch.setattr(Store, "put", sometimes)
    with Follower(past.recorder, views) as follower:
        follower.start()
        assert follower.wait_for(3, 60, "profiles")
        assert {h.state for h in follower.health()} == {"following"}


def test_the_thread_follows_and_listeners_hear_it(past: Past, follower: Follower) -> None:
    """What is appended is seen without asking; a listener is told which rows changed."""
    heard: list[tuple[str, set[str], int]] = []
    follower.on_commit(lambda view, keys, position: heard.append((view, set(keys), position)))
    follower.start()
    position = past.add(inspection("I-1"))
    assert follower.wait_for(position, 60)
    assert ("profiles", {E1}, position) in heard
    assert not follower.wait_for(position + 1, 0.05)


def test_only_one_follows(past: Past, tmp_path: Path, views: Views) -> None:
    """A second follower of the same tables is told so, and takes over when the first is gone."""
    fill(past, 3)
    with (
        closing(Views(open_engine(str(views.engine.url)), all_views())) as other,
        Follower(past.recorder, views) as first,
        Follower(past.recorder, other) as second,
    ):
        first.catch_up()
        with pytest.raises(Followed, match="another process writes"):
            second.catch_up()
        second.start()
        assert second.wait_for(3, 60)
        assert {h.state for h in second.health()} == {"standby"}
        assert second.position("profiles") == 3
        first.close()
        fill_position = past.add(inspection("I-99"))
        assert second.wait_for(fill_position, 60)


def test_a_severed_follower_notices(past: Past, views: Views) -> None:
    """If another moved the place meanwhile (a lost lock), nothing is written over it."""
    fill(past, 3)
    with Follower(past.recorder, views) as follower:
        follower.catch_up(2)
        with views.engine.begin() as connection:
            connection.execute(sa.update(PLACES).values(position=3))
        with pytest.raises(Followed, match="is not at position 2"):
            follower.catch_up()


def test_a_changed_view_alone_is_rebuilt(past: Past, views: Views) -> None:
    """A view of another version starts at zero; the others keep their place."""

    class Newer(Tasks):
        version = 99

    past.add(task("T-1"))
    fill(past, 3)
    with Follower(past.recorder, views) as follower:
        follower.catch_up()
    newer = Views(views.engine, [Newer(), Profiles()])
    with Follower(past.recorder, newer) as follower:
        follower.catch_up(0)
        assert (follower.position("tasks"), follower.position("profiles")) == (0, 4)
        assert follower.catch_up() == 4


def test_views_of_another_ledger_are_not_gone_on_with(past: Past, views: Views) -> None:
    """After a restore to an earlier state, and writing on, the views start from zero."""
    fill(past, 5)
    with Follower(past.recorder, views) as follower:
        follower.catch_up()
    restored = Past(InMemoryDCBRecorder())
    fill(restored, 3)
    with Follower(restored.recorder, views) as follower:
        assert follower.catch_up() == 3
    assert all(v.same for v in verify_views(restored.recorder, views))
    written_on = Past(InMemoryDCBRecorder())
    for number in range(7):
        written_on.add(inspection(f"J-{number}"))
    with Follower(written_on.recorder, views) as follower:
        assert follower.catch_up() == 7
    assert all(v.same for v in verify_views(written_on.recorder, views))


def test_rebuild_one_view_while_running(past: Past, follower: Follower, views: Views) -> None:
    """A rebuilt view comes to the same rows, and the others need not wait for it."""
    fill(past, 50)
    follower.catch_up()
    before = views.digest("profiles")
    follower.rebuild("profiles")
    assert views.digest("profiles") == before
    follower.start()
    follower.rebuild("profiles")
    assert follower.wait_for(50, 60)
    assert views.digest("profiles") == before


def test_a_view_is_rebuilt_in_a_file_of_its_own(
    past: Past, tmp_path: Path, monkeypatch: Any
) -> None:
    """A stopped view is rebuilt while the others follow; nobody reads rows in between."""
    for number in range(40):
        past.add(task(f"T-{number}"))
    url = f"sqlite:///{tmp_path / 'v.db'}"
    views = Views(open_engine(url), [Refusing(), Findings(), Profiles()])
    seen: list[int] = []
    with Follower(past.recorder, views, batch=9) as follower:
        follower.start()
        assert follower.wait_for(40, 60)
        stopped = follower.position("tasks")
        follower.on_commit(
            lambda view, keys, place: seen.append(place) if view == "tasks" else None
        )
        monkeypatch.setattr("projections.rebuilding.NEAR", 5)
        rebuilder = Rebuilder(follower, all_views)
        rebuilder.start()
        with pytest.raises(KeyError):
            rebuilder.ask("no-such-view")
        rebuilder.ask("tasks")
        assert follower.wait_for(40, 60, "tasks")
        rebuilder.close()
        rebuild = rebuilder.all()["tasks"]
        assert (rebuild.state, rebuild.position, rebuild.error) == ("done", 40, None)
        assert (rebuild.rate or 0) > 0
        assert (stopped, seen) == (13, [40]), "the rows are exchanged at once"
        past.add(task("T-40"))
        assert follower.wait_for(41, 60, "tasks"), "it follows again"
        assert follower.health("tasks")[0].state == "following"
    with closing(Views(open_engine(url), [Tasks(), Findings(), Profiles()])) as mended:
        assert all(v.same for v in verify_views(past.recorder, mended))


def _follow_and_die(ledger: str, url: str, commits: int) -> None:
    recorder = SQLiteRecorder(ledger)
    follower = Follower(recorder, Views(open_engine(url), all_views()), batch=10)
    seen: set[int] = set()

    def listener(view: str, keys: Any, position: int) -> None:
        seen.add(position)
        if len(seen) >= commits:
            os.kill(os.getpid(), signal.SIGKILL)

    follower.on_commit(listener)
    for position in range(7, 1000, 7):
        follower.catch_up(position)


def test_killed_between_batches_it_goes_on(tmp_path: Path) -> None:
    """A follower killed with -9 leaves rows and places that belong together, again and again."""
    path, url = tmp_path / "ledger.db", f"sqlite:///{tmp_path / 'ledger.db.views.db'}"
    with SQLiteRecorder(path) as recorder:
        past = Past(recorder)
        for number in range(60):
            past.add(task(f"T-{number}", E1 if number % 2 else E2))
            past.add(inspection(f"I-{number}"))
        past.correct(2, "/body/type", "routine", "follow-up", "2026-03-02")
        context = multiprocessing.get_context("spawn")
        for commits in (1, 3, 6):
            child = context.Process(target=_follow_and_die, args=(str(path), url, commits))
            child.start()
            child.join(60)
            assert child.exitcode == -signal.SIGKILL
        views = open_views(f"sqlite:///{path}")
        assert 0 < views.places()["profiles"] < 121
        assert all(v.same for v in verify_views(recorder, views))
        with Follower(recorder, views) as follower:
            assert follower.catch_up() == 121
        assert all(v.same for v in verify_views(recorder, views))
        views.close()


@examples(12, suppress_health_check=list(HealthCheck))
@given(facts=strategies.pasts(), steps=st.lists(st.integers(1, 9), max_size=6))
def test_rebuilt_equals_followed(facts: strategies.Facts, steps: list[int], tmp_path: Path) -> None:
    """However the events came in pieces, the rows are those of a rebuild from zero."""
    views_module.MAX_FOLDS, limit = 3, views_module.MAX_FOLDS
    try:
        past = Past(InMemoryDCBRecorder())
        facts.tell(past)
        views = Views(open_engine("sqlite://"), all_views())
        with Follower(past.recorder, views, batch=4) as follower:
            for end in (*(sum(steps[: n + 1]) for n in range(len(steps))), None):
                follower.catch_up(end if end is None else min(end, past.last))
            assert {h.state for h in follower.health()} == {"following"}, follower.health()
        whole = Views(open_engine("sqlite://"), all_views())
        with Follower(past.recorder, whole, batch=1000) as follower:
            follower.catch_up()
        assert digests(views) == digests(whole)
        views.close()
        whole.close()
    finally:
        views_module.MAX_FOLDS = limit


def test_where_views_lie() -> None:
    """Views lie beside an SQLite ledger, and inside a PostgreSQL one."""
    assert views_url("sqlite:////data/ledger.db").database == "/data/ledger.db.views.db"
    assert views_url("sqlite:////d#/a?b %41.db").database == "/d#/a?b %41.db.views.db"
    assert str(views_url("postgresql://h/db")) == "postgresql://h/db"


def test_on_postgresql_the_rows_are_the_same(postgres_database: str, past: Past) -> None:
    """The same views on PostgreSQL come to the same digests."""
    fill(past, 9)
    for number in range(9):
        past.add(task(f"T-{number}"))
    past.correct(1, "/body/type", "routine", "follow-up", "2026-03-02")
    there = open_views("sqlite://", postgres_database)
    here = open_views("sqlite://")
    with Follower(past.recorder, there, batch=4) as one, Follower(past.recorder, here) as two:
        assert one.catch_up() == two.catch_up() == 19
        third = open_views("sqlite://", postgres_database)
        with Follower(past.recorder, third) as other, pytest.raises(Followed):
            other.catch_up()
        third.close()
        assert digests(there) == digests(here)
        one.rebuild("profiles")
        assert digests(there) == digests(here)
    there.close()
    here.close()
