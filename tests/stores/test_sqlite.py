"""The SQLite store: its file, its connections, and other processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import signal
import sqlite3
import struct
import threading
import time
import tracemalloc
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBRecorder,
)
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)

from ledger.stores import StoreError, listening
from ledger.stores import sqlite as store
from ledger.stores.recorder import decode_tags
from ledger.stores.sqlite import SQLiteRecorder
from ledger.stores.tables import SQLiteFile

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def event(n: int = 0, type_: str = "t", *tags: str) -> DCBEvent:
    return DCBEvent(type=type_, data=str(n).encode(), tags=list(tags))


def query(*items: tuple[list[str], list[str]]) -> DCBQuery:
    return DCBQuery([DCBQueryItem(types=types, tags=tags) for types, tags in items])


def positions(recorder: DCBRecorder, *args: object, **kwargs: object) -> list[int]:
    return [e.position for e in recorder.read(*args, **kwargs)]  # type: ignore[arg-type]


# What the file holds


def test_text_may_hold_zero_bytes(path: Path) -> None:
    """Types and tags are told apart beyond a zero byte, at which C ends a text."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(1, "a\0b", "t\0x"), event(2, "a\0c", "t\0y"), event(3, "a", "t")])
        assert positions(recorder, query((["a\0b"], []))) == [1]
        assert positions(recorder, query(([], ["t\0y"]))) == [2]
        assert positions(recorder, query((["a"], ["t"]))) == [3]


def test_rows_are_what_was_appended(path: Path) -> None:
    """Rows hold data, ordered tags and the RFC 6962 leaf hash; the index each tag once."""
    with SQLiteRecorder(path) as recorder:
        assert recorder.head() == 0
        assert recorder.append([event(1, "x", "b", "a", "b"), event(2, "y")]) == 2
        first, second = recorder.rows(0, 10)
        assert (first.position, first.type, first.data) == (1, "x", b"1")
        assert decode_tags(first.tags) == ["b", "a", "b"]
        assert first.leaf == hashlib.sha256(b"\x001").digest()
        assert decode_tags(second.tags) == []
        assert recorder.rows(1, 10) == [second]
        assert recorder.rows(0, 1) == [first]
        assert recorder.tag_rows(0, 2) == [(1, "x", "a"), (1, "x", "b")]
        assert recorder.tag_rows(1, 2) == []
        assert recorder.counts_by_type() == {"x": 1, "y": 1}
        assert recorder.head() == 2


def test_reopening_continues(path: Path) -> None:
    """A closed ledger opens again with its events and goes on at the next position."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(1), event(2)])
    with SQLiteRecorder(str(path)) as recorder:
        assert positions(recorder) == [1, 2]
        assert recorder.append([event(3)]) == 3


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET data = x'00'",
        "UPDATE event_tags SET tag = 'other'",
        "DELETE FROM events",
        "DELETE FROM event_tags WHERE position = 1",
        "INSERT INTO events VALUES (4, 't', x'00', '[]', x'00')",
        "INSERT INTO events VALUES (2, 't', x'00', '[]', x'00')",
        "INSERT INTO events VALUES (NULL, 't', x'00', '[]', x'00')",
        "INSERT OR REPLACE INTO events VALUES (2, 't', x'00', '[]', x'00')",
        "INSERT INTO events VALUES (2, 't', x'00', '[]', x'00') ON CONFLICT DO UPDATE SET data = 1",
    ],
)
def test_the_database_itself_refuses(path: Path, sql: str) -> None:
    """Whoever asks: no UPDATE, no DELETE, no position but the next."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(1, "t", "a"), event(2, "t", "a")])
    with closing(sqlite3.connect(path)) as raw:
        before = list(raw.iterdump())
        with pytest.raises(sqlite3.IntegrityError, match="ledger: "):
            raw.execute(sql)
        raw.rollback()
        assert list(raw.iterdump()) == before


def test_durable_settings(path: Path) -> None:
    """The file is in WAL mode and every commit is synced."""
    with SQLiteRecorder(path) as recorder:
        pragma = recorder._writer.sqlite.execute
        assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)
        assert pragma("PRAGMA synchronous").fetchone() == (2,)


# Opening what is not a ledger


@pytest.mark.parametrize("name", [":memory:", "", "file:x?mode=memory", "file:x"])
def test_only_file_paths(name: str) -> None:
    """A ledger in memory or at a URI is refused in words."""
    with pytest.raises(ProgrammingError, match="must be a file"):
        SQLiteRecorder(name)


@pytest.mark.parametrize("content", [b"x", b"hello world" * 3, b"\x00" * 600, os.urandom(5000)])
def test_garbage_is_refused(path: Path, content: bytes) -> None:
    """A file that is not a database is refused and stays as it was."""
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match="not a"):
        SQLiteRecorder(path)
    assert path.read_bytes() == content


def test_foreign_database_is_refused(path: Path) -> None:
    """Somebody else's SQLite database is refused and stays as it was."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    content = path.read_bytes()
    with pytest.raises(DatabaseError, match="not a ledger"):
        SQLiteRecorder(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(("version", "age"), [(store.SCHEMA_VERSION + 1, "newer"), (0, "older")])
def test_other_schema_is_refused(path: Path, version: int, age: str) -> None:
    """A ledger of another schema version is refused and says which."""
    SQLiteRecorder(path).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(DatabaseError, match=f"the {age} ledger schema {version}"):
        SQLiteRecorder(path)


def test_missing_directory_is_said(tmp_path: Path) -> None:
    """A path in a directory that does not exist says so."""
    with pytest.raises(OperationalError, match="Check that the directory exists"):
        SQLiteRecorder(tmp_path / "nowhere" / "ledger.sqlite")


# Errors leave nothing behind


def test_disk_full_leaves_nothing(path: Path) -> None:
    """When the disk fills up in the middle, nothing is recorded and appends work again later."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(1)])
        pages = recorder._writer.sqlite.execute("PRAGMA page_count").fetchone()[0]
        recorder._writer.sqlite.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(OperationalError, match="The disk is full"):
            recorder.append([DCBEvent("t", bytes(3000), ["a"]) for _ in range(100)])
        assert positions(recorder) == [1]
        assert recorder.tag_rows(0, 1000) == []
        recorder._writer.sqlite.execute("PRAGMA max_page_count = 1000000")
        assert recorder.append([event(2)]) == 2


def test_disk_full_is_said_of_small_tables(tmp_path: Path) -> None:
    """SQLite has rolled back by itself then; the error names the disk, and the rows are as before.

    The tables work again later.
    """
    tables = SQLiteFile(tmp_path / "beside.db", ("CREATE TABLE t (x)",))
    with closing(tables):
        ((pages,),) = tables.rows("PRAGMA page_count")
        tables.rows(f"PRAGMA max_page_count = {pages + 2}")
        with (
            pytest.raises(StoreError, match="The disk is full"),
            tables.writing() as writing,
        ):
            writing.executemany("INSERT INTO t VALUES (?)", [(bytes(3000),)] * 100)
        assert tables.rows("SELECT x FROM t") == []
        tables.rows("PRAGMA max_page_count = 1000000")
        with tables.writing() as writing:
            writing.execute("INSERT INTO t VALUES (1)")
        assert tables.rows("SELECT x FROM t") == [(1,)]


def test_locked_and_read_only_are_said(path: Path) -> None:
    """A lock held too long and a read-only file are errors that tell what to do."""
    with SQLiteRecorder(path, busy_timeout=0.05) as recorder:
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("BEGIN IMMEDIATE")
            with pytest.raises(OperationalError, match="holds the write lock"):
                recorder.append([event(1)])
            assert positions(recorder) == []  # readers do not wait for writers
        recorder._writer.sqlite.execute("PRAGMA query_only = ON")
        with pytest.raises(OperationalError, match="may not write the ledger"):
            recorder.append([event(1)])
        recorder._writer.sqlite.execute("PRAGMA query_only = OFF")
        assert recorder.append([event(1)]) == 1


@pytest.mark.parametrize(
    "bad",
    [
        DCBEvent("t", "text", []),  # type: ignore[arg-type]
        DCBEvent("t", b"", [b"tag"]),  # type: ignore[list-item]
        DCBEvent(None, b"", []),  # type: ignore[arg-type]
        DCBEvent("t", b"", ["\ud800"]),
        DCBEvent("\ud800", b"", []),
    ],
)
def test_what_cannot_be_stored_leaves_nothing(path: Path, bad: DCBEvent) -> None:
    """One event that cannot be stored fails the whole batch, and the next one works."""
    with SQLiteRecorder(path) as recorder:
        with pytest.raises(DataError):
            recorder.append([event(1), bad])
        assert recorder.append([event(1)]) == 1
        with pytest.raises(ProgrammingError):
            recorder.append([])


def test_closed_is_said(path: Path) -> None:
    """After close, from any thread and twice, every call says that the ledger was closed."""
    recorder = SQLiteRecorder(path)
    recorder.append([event(1)])
    thread = threading.Thread(target=recorder.close)
    thread.start()
    thread.join()
    recorder.close()
    for call in (
        recorder.head,
        recorder.read,
        lambda: recorder.append([event(1)]),
        lambda: recorder.wait_for_append(0, 5),
    ):
        with pytest.raises(ProgrammingError, match="was closed"):
            call()


def test_close_under_reading_threads(path: Path) -> None:
    """Closing while threads read ends them with an error in words, not with a crash."""
    recorder = SQLiteRecorder(path)
    recorder.append([event(n, "t", "a") for n in range(2000)])
    failures: list[ProgrammingError] = []

    def read() -> None:
        try:
            while True:
                assert len(positions(recorder, query(([], ["a"])))) == 2000
        except ProgrammingError as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    recorder.close()
    for thread in threads:
        thread.join()
    assert len(failures) == 4
    assert all("was closed" in str(failure) for failure in failures)


def test_connections_of_ended_threads_are_closed(path: Path) -> None:
    """Threads that come and go do not pile up connections."""
    with SQLiteRecorder(path) as recorder:
        for _ in range(20):
            thread = threading.Thread(target=recorder.head)
            thread.start()
            thread.join()
        assert len(recorder._readers) <= 2


# Large reads, large conditions


def test_unlimited_read_is_paged_and_its_head_is_fixed(path: Path) -> None:
    """A long read holds a page, not the table, and ignores what is appended meanwhile."""
    count = 20_000
    with SQLiteRecorder(path) as recorder:
        data = bytes(1000)
        for start in range(0, count, 5000):
            types = [f"t{n % 3}" for n in range(start, start + 5000)]
            recorder.append([DCBEvent(t, data, ["all"]) for t in types])
        for wanted in (None, query(([], ["all"])), query((["t0", "t1", "t2"], []))):
            head = recorder.head()
            tracemalloc.start()
            response = recorder.read(wanted)
            recorder.append([DCBEvent("new", data, ["all"])])
            expected = 0
            for each in response:
                expected += 1
                assert each.position == expected
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert response.head == head
            assert expected == (count if wanted and wanted.items[0].types else head)
            assert peak < 5_000_000  # all events would be more than 20 MB


def test_duplicates_come_once_across_statements(path: Path) -> None:
    """An event matched by a thousand items comes once, in order, within the limit."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(n, f"t{n % 7}", f"n:{n % 400}", "all") for n in range(3000)])
        thousand = query(*[([], [f"n:{n}"]) for n in range(400)], *[(["t1"], ["all"])] * 600)
        assert positions(recorder, thousand) == list(range(1, 3001))
        assert positions(recorder, thousand, after=10, limit=1500) == list(range(11, 1511))


@pytest.mark.parametrize("types", [[], ["a", "b"]], ids=["no types", "two types"])
def test_condition_of_a_thousand_items(path: Path, types: list[str]) -> None:
    """A thousand items are all evaluated, the last as well as the first."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(0, "a", "n:999", "more"), event(0, "b", "else", "more")])
        items = [(types, [f"n:{n}", "more"]) for n in range(1000)]
        misses = query(*items[:-1])
        assert recorder.append([event(1)], DCBAppendCondition(misses)) == 3
        with pytest.raises(IntegrityError):
            recorder.append([event(1)], DCBAppendCondition(query(*items)))
        with pytest.raises(IntegrityError):
            recorder.append([event(1)], DCBAppendCondition(query(*reversed(items))))
        assert recorder.append([event(1)], DCBAppendCondition(query(*items), after=1)) == 4


def test_condition_holds_unevaluated_if_nothing_was_appended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A condition after the head costs nothing, however many items it has."""
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(1, "t", "a")])
        monkeypatch.setattr(recorder, "_check", None)  # calling it would fail
        wanted = query(*[(["t"], ["a"])] * 1000)
        assert recorder.append([event(2)], DCBAppendCondition(wanted, after=1)) == 2
        assert recorder.append([event(3)], DCBAppendCondition(DCBQuery(), after=2)) == 3


# Waiting


def test_subscription_misses_nothing(path: Path) -> None:
    """A subscription started amid appends receives every matching event once, in order."""
    with SQLiteRecorder(path) as recorder:

        def write() -> None:
            for n in range(200):
                recorder.append([event(n, "t", "odd" if n % 2 else "even")])

        writer = threading.Thread(target=write)
        writer.start()
        with recorder.subscribe(query(([], ["odd"]))) as subscription:
            received = [next(subscription).position for _ in range(100)]
        writer.join()
        assert received == list(range(2, 201, 2))
        assert not recorder._listeners


def test_stop_unblocks(path: Path) -> None:
    """stop() from another thread ends a blocked iteration."""
    with SQLiteRecorder(path) as recorder, recorder.subscribe() as subscription:
        threading.Timer(0.1, subscription.stop).start()
        assert list(subscription) == []


def test_close_ends_waiting(path: Path) -> None:
    """Closing wakes whoever waits for an append."""
    recorder = SQLiteRecorder(path)
    threading.Timer(0.1, recorder.close).start()
    with pytest.raises(ProgrammingError, match="was closed"):
        recorder.wait_for_append(0, 10)


def test_close_ends_subscriptions(path: Path) -> None:
    """A subscription on a closed ledger ends with an error instead of blocking for ever."""
    recorder = SQLiteRecorder(path)
    with recorder.subscribe() as subscription:
        threading.Timer(0.1, recorder.close).start()
        with pytest.raises(ProgrammingError, match="was closed"):
            next(subscription)


def _append_on_request(path: Path, pipe: Connection) -> None:
    with SQLiteRecorder(path) as recorder:
        pipe.send("ready")
        while pipe.recv():
            recorder.append([event(1)])
            pipe.send(time.monotonic())


def test_other_processes_wake_within_50_ms(path: Path) -> None:
    """Subscriptions and wait_for_append notice another process's append in about 50 ms."""
    ours, theirs = SPAWN.Pipe()
    writer = SPAWN.Process(target=_append_on_request, args=(path, theirs))
    writer.start()
    assert ours.recv() == "ready"
    with SQLiteRecorder(path) as recorder, recorder.subscribe() as subscription:
        assert recorder.wait_for_append(0, 0.05) is False
        delays = []
        for position in range(1, 11):
            ours.send(True)
            if position % 2:
                assert recorder.wait_for_append(position - 1, 5)
                now = time.monotonic()
                assert next(subscription).position == position
            else:
                assert next(subscription).position == position
                now = time.monotonic()
            delays.append(now - ours.recv())
        assert sorted(delays)[5] < 0.05, delays
    ours.send(False)
    writer.join()


def test_own_appends_wake_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiters of the same process do not depend on polling."""
    monkeypatch.setattr(listening, "POLL_SECONDS", 60.0)
    with SQLiteRecorder(path) as recorder:
        threading.Timer(0.1, recorder.append, [[event(1)]]).start()
        assert recorder.wait_for_append(0, 10)
        assert recorder.wait_for_append(0, 0)
        assert not recorder.wait_for_append(1, 0)


# Several processes


def _write_many(path: Path, name: str, batches: int) -> None:
    dice = random.Random(name)
    with SQLiteRecorder(path) as recorder:
        for n in range(batches):
            size = dice.randint(1, 5)
            recorder.append([event(n, name, f"{name}:{n}", f"part:{i}") for i in range(size)])


def _watch(path: Path, pipe: Connection) -> None:
    worst, reads = "", 0
    with SQLiteRecorder(path) as recorder:
        pipe.send("ready")
        while not pipe.poll():
            response = recorder.read()
            seen = [e.position for e in response]
            reads += 1
            if seen != list(range(1, len(seen) + 1)) or (response.head or 0) != len(seen):
                worst = f"head {response.head}, {len(seen)} events"
            tagged = recorder.read(query(([], ["part:0"])), after=len(seen) // 2)
            if sum(1 for _ in tagged) > (tagged.head or 0):
                worst = "more than there are"
    pipe.send((worst, reads))


def test_two_writing_processes_and_a_reader(path: Path) -> None:
    """Two processes appending to one file lose, skip and repeat nothing; readers see no gap."""
    ours, theirs = SPAWN.Pipe()
    watcher = SPAWN.Process(target=_watch, args=(path, theirs))
    watcher.start()
    assert ours.recv() == "ready"
    writers = [SPAWN.Process(target=_write_many, args=(path, name, 300)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    ours.send("stop")
    worst, reads = ours.recv()
    watcher.join()
    assert worst == ""
    assert reads > 5
    with SQLiteRecorder(path) as recorder:
        assert positions(recorder) == list(range(1, recorder.head() + 1))
        for name in "ab":
            dice = random.Random(name)
            sizes = [dice.randint(1, 5) for _ in range(300)]
            expected = [str(n).encode() for n, size in enumerate(sizes) for _ in range(size)]
            assert [e.event.data for e in recorder.read(query(([name], [])))] == expected


def _open_and_append(path: Path, start: float) -> None:
    time.sleep(max(0.0, start - time.time()))
    with SQLiteRecorder(path) as recorder:
        recorder.append([event(1)])


def test_creating_at_the_same_moment(path: Path) -> None:
    """Processes that create one ledger at the same moment share it."""
    start = time.time() + 1.0
    creators = [SPAWN.Process(target=_open_and_append, args=(path, start)) for _ in range(3)]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join()
        assert creator.exitcode == 0
    with SQLiteRecorder(path) as recorder:
        assert positions(recorder) == [1, 2, 3]


def _race(path: Path, name: str, rounds: int, pipe: Connection) -> None:
    won = []
    with SQLiteRecorder(path) as recorder:
        pipe.send("ready")
        for n in range(rounds):
            pipe.recv()
            wanted = query((["taken"], [f"seat:{n}"]))
            try:
                recorder.append([event(n, "taken", f"seat:{n}", name)], DCBAppendCondition(wanted))
                won.append(n)
            except IntegrityError:
                pass
            pipe.send("done")
    pipe.send(won)


def test_conditional_race_has_one_winner(path: Path) -> None:
    """Of two processes appending under the same condition exactly one succeeds, every time."""
    rounds = 100
    pipes, racers = [], []
    for name in ("red", "blue"):
        ours, theirs = SPAWN.Pipe()
        racers.append(SPAWN.Process(target=_race, args=(path, name, rounds, theirs)))
        pipes.append(ours)
        racers[-1].start()
    assert [pipe.recv() for pipe in pipes] == ["ready"] * 2
    for n in range(rounds):
        for pipe in pipes if n % 2 else reversed(pipes):
            pipe.send("go")
        assert [pipe.recv() for pipe in pipes] == ["done"] * 2
    red, blue = (set(pipe.recv()) for pipe in pipes)
    for racer in racers:
        racer.join()
    assert red | blue == set(range(rounds))
    assert not red & blue


def _batch() -> list[DCBEvent]:
    return [DCBEvent("t", os.urandom(500), [f"i:{i}", "all"]) for i in range(20)]


def _write_until_killed(path: Path, acknowledged: Path) -> None:
    with SQLiteRecorder(path) as recorder, acknowledged.open("ab", buffering=0) as log:
        while True:
            log.write(struct.pack("<q", recorder.append(_batch())))


def test_killed_in_the_middle(path: Path, tmp_path: Path) -> None:
    """After kill -9 at random moments: opens, gapless, whole batches, no acknowledged one lost."""
    acknowledged = tmp_path / "acknowledged"
    acknowledged.touch()
    dice = random.Random(20)
    for _ in range(6):
        before = acknowledged.stat().st_size
        writer = SPAWN.Process(target=_write_until_killed, args=(path, acknowledged))
        writer.start()
        while acknowledged.stat().st_size == before:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.15))
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        last = struct.unpack("<q", acknowledged.read_bytes()[-8:])[0]
        with SQLiteRecorder(path) as recorder:
            head = recorder.head()
            assert head in (last, last + 20)  # the last commit may have been cut off unacknowledged
            rows = recorder.rows(0, head + 1)
            assert [row.position for row in rows] == list(range(1, head + 1))
            assert all(hashlib.sha256(b"\0" + r.data).digest() == r.leaf for r in rows)
            assert [tag for *_, tag in recorder.tag_rows(0, head)] == [
                tag for row in rows for tag in sorted(decode_tags(row.tags))
            ]
            assert recorder.append(_batch()) == head + 20
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_whether_anything_carries_a_tag(tmp_path: Path) -> None:
    """`tagged` tells of any of several tags, and is as quick for one that many events carry."""
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder:
        recorder.append([DCBEvent(type="t", data=b"x", tags=["unit:A", "task:1"])])
        assert recorder.tagged(["unit:A"])
        assert recorder.tagged(["unit:B", "task:1"])
        assert not recorder.tagged(["unit:B", "unit:"])
        assert not recorder.tagged([])
