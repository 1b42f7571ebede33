"""``subscribe``: every event, in order, through the death of the service and of the subscriber."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import httpx
import pytest

from supervision_ledger_client import (
    CursorDamaged,
    FileCursor,
    Ledger,
    Malformed,
    MemoryCursor,
)
from tests.serving import SECONDS, Served

ROOT = Path(__file__).parents[2]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """A service of the test's own, which it may kill."""
    with Served(tmp_path, "--quiet") as service:
        yield service


def _subscriber(service: Served, folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "tests/client/subscriber.py", service.address, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "clients/python"},
    )


def _positions(service: Served) -> list[int]:
    query = {"type": "entities.*", "limit": 1000}
    page = httpx.get(f"{service.address}/v1/feed", params=query).json()
    return [event["position"] for event in page["events"]]


def _handled(folder: Path) -> list[int]:
    with sqlite3.connect(folder / "own.db", timeout=SECONDS) as own:
        try:
            return [row[0] for row in own.execute("SELECT position FROM handled ORDER BY rowid")]
        except sqlite3.OperationalError:
            return []  # it was killed before it had a table
        finally:
            own.commit()


@pytest.mark.parametrize("seed", [1])
def test_killed_services_and_subscribers(own: Served, tmp_path: Path, seed: int) -> None:
    """Both die at random moments: it gets every event at least once, and handles it once."""
    chance = random.Random(seed)
    folder = tmp_path / "subscriber"
    folder.mkdir()
    count = 0
    subscriber = _subscriber(own, folder)
    try:
        for turn in range(6):
            more = chance.randint(1, 30)
            own.register(count, more)
            count += more
            time.sleep(chance.random() * 1.5)
            if turn % 3 == 2:
                own.kill()
                own.register(count, 3)
                count += 3
                own.start()
            else:
                subscriber.kill()
                subscriber.wait(SECONDS)
                subscriber = _subscriber(own, folder)
        every = _positions(own)
        assert len(every) == count
        deadline = time.monotonic() + SECONDS
        while len(_handled(folder)) < count:
            assert time.monotonic() < deadline, (seed, _handled(folder), every)
            assert subscriber.poll() is None
            time.sleep(0.1)
        assert _handled(folder) == every
    finally:
        subscriber.kill()
        subscriber.wait(SECONDS)
    got = [int(line) for line in (folder / "got.txt").read_text().splitlines()]
    assert sorted(set(got)) == every
    # It may go back to where its cursor was, and never passes over an event.
    place = {position: number for number, position in enumerate(every)}
    assert all(place[later] <= place[earlier] + 1 for earlier, later in pairwise(got))


def test_an_event_is_handled_when_the_next_is_asked_for(served: Served, tmp_path: Path) -> None:
    """A loop that ends within an event gets it again; the cursor is that of the one before."""
    cursor = FileCursor(tmp_path / "cursor")
    with Ledger(served.address) as ledger:
        events = ledger.subscribe(cursor=cursor, types=["entities.*"])
        first, second = islice(events, 2)
        events.close()  # type: ignore[attr-defined]
        assert cursor.load() == first.position
        again = next(ledger.subscribe(cursor=cursor, types=["entities.*"]))
        assert again == second


def test_the_cursor_passes_events_that_are_not_for_us(served: Served) -> None:
    """So that a subscriber of rare events need not read the ledger again when it resumes."""
    served.register(1000, 4)
    subjects = ["entity:register:1000", "entity:register:1004"]
    cursor = MemoryCursor()
    with Ledger(served.address) as ledger:
        head = ledger.feed(limit=1).head
        events = ledger.subscribe(cursor=cursor, subjects=subjects)
        assert next(events).position < head
        assert cursor.load() == 0
        served.register(1004, 1)
        assert next(events).position > head
        assert cursor.load() == head


def test_filters_and_a_first_day(served: Served) -> None:
    """They are those of the feed."""
    with Ledger(served.address) as ledger:
        event = next(iter(ledger.feed(types=["entities.*"]).events))
        assert event.subject is not None
        about = ledger.feed(subjects=[event.subject], types=["entities.*"])
        assert about.events == (event,)
        assert ledger.feed(since=event.time, types=["entities.*"]).events[0] == event
        assert ledger.feed(since=event.time.date().replace(year=2100)).events == ()
        assert next(ledger.subscribe(since=event.time, types=["entities.*"])) == event


def test_a_cursor_of_another_ledger_is_refused(served: Served) -> None:
    """It lies beyond the end: waiting there would lose what comes before it."""
    with Ledger(served.address) as ledger, pytest.raises(Malformed) as refused:
        next(ledger.subscribe(cursor=MemoryCursor(10**9)))
    assert refused.value.code == "feed.after-must-be-most-last-position"


class TestFileCursor:
    """A cursor in a file."""

    def test_it_begins_where_it_is_told(self, tmp_path: Path) -> None:
        """At the beginning, unless a start is given; a saved position counts more."""
        assert FileCursor(tmp_path / "a").load() == 0
        cursor = FileCursor(tmp_path / "b", start=7)
        assert cursor.load() == 7
        cursor.save(9)
        assert FileCursor(tmp_path / "b", start=7).load() == 9
        assert [path.name for path in tmp_path.iterdir()] == ["b"]

    @pytest.mark.parametrize("text", ["", "12", "x\n", "-1\n", "1\n2\n", "１\n", "\x00\x00\n"])
    def test_a_damaged_file_is_never_the_beginning(self, tmp_path: Path, text: str) -> None:
        """It would send everything again."""
        (tmp_path / "c").write_text(text, "utf-8")
        with pytest.raises(CursorDamaged):
            FileCursor(tmp_path / "c").load()

    def test_a_crash_before_the_rename_leaves_the_old_position(self, tmp_path: Path) -> None:
        """Whatever of the new file was written."""
        cursor = FileCursor(tmp_path / "d")
        cursor.save(5)
        (tmp_path / "d.new").write_text("99")
        assert cursor.load() == 5
        cursor.save(6)
        assert cursor.load() == 6

    def test_it_is_on_the_disk_when_it_returns(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The file is flushed before it is renamed, and the folder after that."""
        steps: list[str] = []
        fsync, replace = os.fsync, Path.replace
        monkeypatch.setattr(os, "fsync", lambda fd: (steps.append("flush"), fsync(fd)))
        monkeypatch.setattr(
            Path, "replace", lambda self, to: (steps.append("rename"), replace(self, to))[1]
        )
        FileCursor(tmp_path / "e").save(1)
        assert steps == ["flush", "rename", "flush"]
