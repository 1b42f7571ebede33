"""The PostgreSQL store: appends, races, lost connections, and what the server refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
)
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
)

from ledger.kernel.sequencer import STEP_SECONDS
from ledger.kernel.store import Answered, StillCommitting
from ledger.stores import database
from ledger.stores import postgres as store
from ledger.stores.postgres import PostgresRecorder, grant


@pytest.fixture
def recorder(postgres_database: str) -> Iterator[PostgresRecorder]:
    with PostgresRecorder(postgres_database) as opened:
        yield opened


def event(n: int = 0, type_: str = "t", *tags: str) -> DCBEvent:
    return DCBEvent(type=type_, data=str(n).encode(), tags=list(tags))


def query(*items: tuple[list[str], list[str]]) -> DCBQuery:
    return DCBQuery([DCBQueryItem(types=types, tags=tags) for types, tags in items])


def condition(after: int, *items: tuple[list[str], list[str]]) -> DCBAppendCondition:
    return DCBAppendCondition(fail_if_events_match=query(*items), after=after)


# Appends


def test_unconditional_appends_of_many_writers(postgres_database: str) -> None:
    """Eight writers on four recorders: no gap, no reorder, nothing lost, each batch together."""
    writers, batches = 8, 25
    recorders = [PostgresRecorder(postgres_database) for _ in range(4)]
    seen: list[list[int]] = []

    def write(number: int) -> None:
        for batch in range(batches):
            tag = f"b:{number}-{batch}"
            recorders[number % 4].append([event(i, "t", tag) for i in range(3)])

    def watch() -> None:
        # While the writers run, every head that is seen is complete below.
        for _ in range(40):
            head = recorders[0].head()
            found = [e.position for e in recorders[1].read(after=0) if e.position <= head]
            seen.append([head, *found])

    with ThreadPoolExecutor(writers + 1) as threads:
        for done in [threads.submit(watch), *(threads.submit(write, n) for n in range(writers))]:
            done.result()
    total = writers * batches * 3
    assert recorders[2].head() == total
    assert all(found == list(range(1, head + 1)) for head, *found in seen)
    for number in range(writers):
        for batch in range(batches):
            got = recorders[3].read(query(([], [f"b:{number}-{batch}"])))
            places = [e.position for e in got]
            assert places == list(range(places[0], places[0] + 3))
    for each in recorders:
        each.close()


def test_one_of_many_conditional_appends_wins(postgres_database: str) -> None:
    """Twenty writers want the same name; one gets it, the others are told."""
    recorders = [PostgresRecorder(postgres_database) for _ in range(4)]

    def take(number: int) -> bool:
        wanted = condition(0, (["taken"], ["name:x"]))
        try:
            recorders[number % 4].append([event(number, "taken", "name:x")], wanted)
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        assert sum(threads.map(take, range(20))) == 1
    assert recorders[0].head() == 1
    for each in recorders:
        each.close()


def test_a_failed_append_burns_no_position(recorder: PostgresRecorder) -> None:
    """After a refusal and after a value that cannot be stored, the next position is the next."""
    recorder.append([event(1, "t", "a")])
    with pytest.raises(IntegrityError):
        recorder.append([event(2)], condition(0, (["t"], ["a"])))
    with pytest.raises(DataError):
        recorder.append([event(2, "t", "a\0b")])
    with pytest.raises(ProgrammingError):
        recorder.append([])
    assert recorder.append([event(2)]) == 2


def test_answers_are_kept_and_exclusive(postgres_database: str) -> None:
    """An answer is stored with the append, and the same command is answered only once."""
    with PostgresRecorder(postgres_database) as one, PostgresRecorder(postgres_database) as two:
        one.append([event(1)])
        never = condition(1, (["none"], []))
        assert one.append([], never, answers=[Answered("c", "d", 1)], commands=["c"]) == 1
        assert two.answers(["c", "other"]) == [Answered("c", "d", 1)]
        with pytest.raises(IntegrityError):
            two.append([event(2)], commands=["c"])
        assert two.head() == 1


# A lost connection


def test_a_connection_lost_before_the_commit_leaves_nothing(
    recorder: PostgresRecorder, postgres_url: str
) -> None:
    """The append reports it, nothing is recorded, and the next append connects again."""
    recorder.append([event(1)])
    _end_backends(recorder.url, postgres_url)
    try:
        position = recorder.append([event(2)])
    except OperationalError:
        assert recorder.head() == 1
        position = recorder.append([event(2)])
    assert position == 2


def test_a_lost_commit_is_waited_for(
    recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks while the server still commits: when the append fails, it can be read.

    Another session holds the head row for half a second, as a backend does that is committing.
    """
    recorder.append([event(1)])
    held = threading.Event()

    def commit_slowly() -> None:
        with psycopg.connect(recorder.url) as backend:
            backend.execute(b"UPDATE ledger.head SET position = position + 1")
            backend.execute(
                b"INSERT INTO ledger.events SELECT 2, 't', '2', '[]', decode('00', 'hex')"
            )
            held.set()
            threading.Event().wait(0.5)

    def lose(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("the connection was lost")

    monkeypatch.setattr(recorder, "_append", lose)
    slow = threading.Thread(target=commit_slowly)
    slow.start()
    assert held.wait(10)
    with pytest.raises(OperationalError):
        recorder.append([event(2)])
    assert recorder.head() == 2
    slow.join()


def test_a_commit_that_does_not_end_is_not_denied(
    recorder: PostgresRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lost transaction holds the head row for longer than an append waits: nobody can say."""
    recorder.append([event(1)])
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.3)
    with psycopg.connect(recorder.url) as backend:
        backend.execute(b"SELECT * FROM ledger.head FOR UPDATE")

        def lose(*_: object, **__: object) -> None:
            raise psycopg.OperationalError("the connection was lost")

        with monkeypatch.context() as patched:
            patched.setattr(recorder, "_append", lose)
            with pytest.raises(StillCommitting):
                recorder.append([event(2)])
    assert recorder.append([event(2)]) == 2


def test_a_locked_head_is_waited_for_once(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An append that cannot get the lock has recorded nothing, so it does not wait again."""
    monkeypatch.setattr(store, "LOCK_MILLISECONDS", 200)
    with PostgresRecorder(postgres_database) as recorder:
        recorder.append([event(1)])
        monkeypatch.setattr(recorder, "_outlive", lambda: pytest.fail("it waits again"))
        with psycopg.connect(recorder.url) as other:
            other.execute(b"SELECT * FROM ledger.head FOR UPDATE")
            with pytest.raises(OperationalError, match="lock timeout"):
                recorder.append([event(2)])
        assert recorder.append([event(2)]) == 2


def test_a_silent_node_does_not_keep_the_lock(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the append of a node that was paused in it; another node appends."""
    monkeypatch.setattr(store, "SILENT_MILLISECONDS", 200)
    with PostgresRecorder(postgres_database) as one, PostgresRecorder(postgres_database) as two:
        one.append([event(1)])
        paused, appended = threading.Event(), threading.Event()

        def pause(*_: object) -> None:
            paused.set()
            assert appended.wait(10)

        monkeypatch.setattr(one, "_check", pause)
        with ThreadPoolExecutor(1) as threads:
            wanted = condition(0, (["taken"], ["name:x"]))
            failed = threads.submit(one.append, [event(2)], wanted)
            assert paused.wait(10)
            assert two.append([event(2)]) == 2
            appended.set()
            assert isinstance(failed.exception(10), OperationalError)
        assert two.head() == 2


def test_the_longest_append_ends_within_a_step() -> None:
    """A sequencer whose step takes longer has failed for good."""
    assert store.LOCK_MILLISECONDS / 1000 + 2 * store.WAIT_SECONDS < STEP_SECONDS


def _end_backends(url: str, admin: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


# What is recorded stays

REFUSED = {
    "an event is changed": "UPDATE ledger.events SET type = 'x'",
    "an event is deleted": "DELETE FROM ledger.events",
    "all events are deleted": "TRUNCATE ledger.events",
    "a partition is changed": "UPDATE ledger.events_0 SET type = 'x'",
    "a partition is emptied": "TRUNCATE ledger.events_0",
    "a tag is deleted": "DELETE FROM ledger.event_tags",
    "a tag of a partition is deleted": "DELETE FROM ledger.event_tags_0",
    "an answer is deleted": "DELETE FROM ledger.answers",
    "the head goes back": "UPDATE ledger.head SET position = 0",
    "the epoch goes back": "UPDATE ledger.head SET epoch = 0",
    "the id changes": "UPDATE ledger.head SET id = 'x'",
    "the head is deleted": "DELETE FROM ledger.head",
    "a gap": "UPDATE ledger.head SET position = 5;"
    " INSERT INTO ledger.events VALUES (5, 't', '', '[]', '')",
    "beyond the head": "INSERT INTO ledger.events VALUES (4, 't', '', '[]', '')",
    "a position twice": "INSERT INTO ledger.events VALUES (2, 't', '', '[]', '')",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_a_change_is_refused_to_the_owner_too(recorder: PostgresRecorder, statement: str) -> None:
    """Triggers refuse it to every role; the ledger still records."""
    recorder.append([event(n, "t", "a") for n in range(3)])
    with psycopg.connect(recorder.url) as owner, pytest.raises(psycopg.Error):
        owner.execute(statement.encode())
    assert [e.position for e in recorder.read()] == [1, 2, 3]
    assert recorder.append([event(4)]) == 4


def test_the_role_that_appends_can_do_nothing_else(
    postgres_database: str, postgres_url: str
) -> None:
    """It appends and reads; it makes no table, switches no trigger off, and changes nothing."""
    with PostgresRecorder(postgres_database):
        pass
    role = f"writer_{postgres_database.rsplit('_', 1)[1]}"
    with psycopg.connect(postgres_database, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'".encode())
        grant(owner, "ledger", role)
    parts = psycopg.conninfo.conninfo_to_dict(postgres_database)
    url = psycopg.conninfo.make_conninfo(**{**parts, "user": role, "password": "p"})
    with PostgresRecorder(url) as recorder:
        assert recorder.append([event(1, "t", "a")], condition(0, (["t"], ["a"]))) == 1
        assert recorder.append([], answers=[Answered("c", "d", 1)], commands=["c"]) == 1
        assert len(list(recorder.read(query((["t"], ["a"]))))) == 1
    for statement in (
        *REFUSED.values(),
        "ALTER TABLE ledger.events DISABLE TRIGGER ALL",
        "CREATE TABLE ledger.more (n int)",
        "DROP TABLE ledger.answers",
        "SET session_replication_role = replica",
    ):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.Error):
            connection.execute(statement.encode())
    with psycopg.connect(postgres_database, autocommit=True) as owner:
        owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


# Opening


def test_two_nodes_may_make_it_at_once(postgres_database: str) -> None:
    """Both find one ledger with one id."""
    opened: list[PostgresRecorder] = []

    def begin(_: int) -> None:
        opened.append(PostgresRecorder(postgres_database))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(begin, range(6)))
    assert len({recorder.identity().id for recorder in opened}) == 1
    for recorder in opened:
        recorder.close()


def test_two_ledgers_of_one_database(postgres_database: str) -> None:
    """Each schema holds its own; a name that is none is refused."""
    with (
        PostgresRecorder(postgres_database) as one,
        PostgresRecorder(
            postgres_database, schema="ledger_access", part_of=one.identity().id
        ) as two,
    ):
        assert one.append([event(1)]) == two.append([event(2)]) == 1
        assert one.identity().id != two.identity().id
    with pytest.raises(ProgrammingError):
        PostgresRecorder(postgres_database, schema='x"; DROP SCHEMA ledger')


def test_what_cannot_be_opened(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ledger there, a newer schema, no server: each is said in its own words."""
    with pytest.raises(DatabaseError, match="there is no ledger in the schema"):
        PostgresRecorder(postgres_database, read_only=True)
    with PostgresRecorder(postgres_database) as recorder:
        recorder.append([event(1)])
    with psycopg.connect(postgres_database) as owner:
        owner.execute(b"UPDATE ledger.head SET version = 99")
    with pytest.raises(DatabaseError, match="it has 99"):
        PostgresRecorder(postgres_database)
    with psycopg.connect(postgres_database) as owner:
        owner.execute(b"UPDATE ledger.head SET version = 1")
    with PostgresRecorder(postgres_database, read_only=True) as reader:
        assert reader.head() == 1
        with pytest.raises(OperationalError, match="reading only"):
            reader.append([event(2)])
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.2)
    with pytest.raises(PersistenceError):
        PostgresRecorder("postgresql://nobody@127.0.0.1:1/none")


# Waiting

WAKES: dict[str, Callable[[PostgresRecorder, PostgresRecorder], object]] = {
    "an append of this process": lambda one, _: one.append([event(1)]),
    "an append of another": lambda _, two: two.append([event(1)]),
}


@pytest.mark.parametrize("wake", WAKES.values(), ids=WAKES)
def test_a_waiting_thread_is_woken(
    postgres_database: str, wake: Callable[[PostgresRecorder, PostgresRecorder], object]
) -> None:
    """Long before its time is over."""
    with PostgresRecorder(postgres_database) as one, PostgresRecorder(postgres_database) as two:
        timer = threading.Timer(0.2, wake, (one, two))
        timer.start()
        assert one.wait_for_append(0, 30)
        timer.join()
        assert not one.wait_for_append(1, 0.05)
        assert one.writable()
    with pytest.raises(ProgrammingError):
        one.wait_for_append(1, 30)


def test_a_locked_head_is_not_writable(recorder: PostgresRecorder) -> None:
    """While another session holds the row, and afterwards it is writable again."""
    with psycopg.connect(recorder.url) as other:
        other.execute(b"SELECT * FROM ledger.head FOR UPDATE")
        assert not recorder.writable()
    assert recorder.writable()
