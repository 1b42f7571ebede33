"""A primary with a synchronous standby: nothing is shown that a takeover could take back.

The server commits before it waits for the standby. If that wait is cancelled, everybody reads an
event that the standby does not have. Whatever was delivered or signed of it is contradicted when
the standby takes over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.persistence import OperationalError
from psycopg import conninfo

from api.service import Service
from ledger.kernel import OutcomeUnknown, Unavailable
from ledger.kernel.store import StillCommitting
from ledger.stores import postgres as store
from ledger.stores.postgres import PostgresRecorder
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity
from tests.postgres import PostgresServer, Standby
from tests.serving import EDB

DURABLE = {"synchronous_commit": "on", "fsync": "off", "full_page_writes": "on"}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WAIT_SECONDS", 1.0)
    monkeypatch.setattr(store, "ACKNOWLEDGE_SECONDS", 0.3)


@pytest.fixture
def pair() -> Iterator[tuple[PostgresServer, Standby]]:
    with PostgresServer(settings=DURABLE) as primary, Standby(primary, "s") as standby:
        primary.setting("synchronous_standby_names", "s")
        eventually(lambda: one(primary, "SELECT sync_state FROM pg_stat_replication") == "sync")
        yield primary, standby


def one(server: PostgresServer, query: str) -> object:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


def eventually(met: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def both(primary: PostgresServer, standby: PostgresServer) -> str:
    """The URL of both servers; the one that can be written is used."""
    parts = conninfo.conninfo_to_dict(primary.url())
    return (
        f"postgresql://{parts['user']}:{parts['password']}@127.0.0.1:{primary.port},"
        f"127.0.0.1:{standby.port}/postgres?target_session_attrs=read-write"
    )


def event(name: str) -> DCBEvent:
    return DCBEvent(type="e", data=name.encode(), tags=[name])


def delivered(recorder: object) -> int:
    """The last position that a reader of the ledger is given; 0 if it is told to wait."""
    try:
        return max((e.position for e in recorder.read(after=0)), default=0)  # type: ignore[attr-defined]
    except OperationalError:
        return 0


@pytest.mark.timeout(120)
def test_the_primary_is_killed_under_load(
    pair: tuple[PostgresServer, Standby], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standby takes over: what was answered is there at its position, the log continues, and
    the service, which was never restarted, records, follows and signs again."""
    primary, standby = pair
    monkeypatch.setenv("LEDGER_KEYS", str(tmp_path))
    answered: dict[str, int] = {}
    stopping = threading.Event()
    with Service(both(primary, standby), ticking=True) as service:

        def write(writer: int) -> None:
            for number in count():
                if stopping.is_set():
                    return
                entity = f"register:{writer}-{number}"
                command = RegisterEntity(entity=entity, identity=Identity(name="行"))
                try:
                    answered[entity] = service.ledger.execute(command, EDB, key=entity).position
                except (Unavailable, OutcomeUnknown):
                    time.sleep(0.05)

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in writers:
            thread.start()
        eventually(lambda: len(answered) > 50)
        eventually(lambda: service.keeper.newest is not None and service.keeper.newest.size > 160)
        primary.kill()
        signed, before = service.keeper.newest, len(answered)
        standby.promote()
        standby.setting("synchronous_standby_names", "")
        eventually(lambda: len(answered) > before + 50, 60)
        stopping.set()
        for thread in writers:
            thread.join()
        head = service.recorder.head()
        assert service.follower.wait_for(head, 60)
        newest = service.keeper.wait_for(head, 60)
        assert service.keeper.error is None
        assert newest is not None
        assert signed is not None
        assert newest.size == head > signed.size
        service.keeper.log.consistency(signed.size, newest.size)  # raises if it is not
        assert not any(pulse.failure for pulse in service.threads)
        recorded = {
            tag.removeprefix("entity:"): stored.position
            for stored in service.recorder.read()
            for tag in stored.event.tags
            if tag.startswith("entity:register:")
        }
        assert {entity: recorded.get(entity) for entity in answered} == answered


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("impatient")
def test_cancelled_while_a_standby_is_paused(pair: tuple[PostgresServer, Standby]) -> None:
    """What was shown outlives the primary; without the rule, what was shown vanishes."""
    primary, standby = pair
    with (
        PostgresRecorder(both(primary, standby)) as recorder,
        PostgresRecorder(both(primary, standby)) as other,
    ):
        recorder.append([event("first")])
        assert delivered(other.acknowledged()) == 1
        standby.pause()
        # It would read after the pause what was already sent: cut the connection too.
        one(primary, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication")
        failed: list[Exception] = []

        def append() -> None:
            try:
                recorder.append([event("lost")])
            except OperationalError as error:
                failed.append(error)

        appending = threading.Thread(target=append)
        appending.start()
        waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        eventually(lambda: one(primary, f"SELECT count(*) {waiting}") == 1)
        assert delivered(other) == 1  # it is not visible while it waits
        while appending.is_alive():  # the node tries to have a later write acknowledged
            one(primary, f"SELECT count(pg_cancel_backend(pid)) {waiting}")
            time.sleep(0.05)
        appending.join()
        assert [type(error) for error in failed] == [StillCommitting]

        shown = max(delivered(node.acknowledged()) for node in (recorder, other))
        without_the_rule = max(delivered(node) for node in (recorder, other))
        with pytest.raises(OperationalError):
            other.confirm(2)  # as before the answer to a command that was sent again
        primary.kill()
        standby.resume()
        standby.promote()
        standby.setting("synchronous_standby_names", "")
        head = one(standby, "SELECT position FROM ledger.head")
        assert head == 1
        assert shown <= 1
        assert without_the_rule == 2  # so this test fails where the rule is switched off

        # The nodes find the new primary, and the position is taken by what it records first.
        assert recorder.append([event("second")]) == 2
        eventually(lambda: delivered(other.acknowledged()) == 2)
        assert [e.event.data for e in other.read()] == [b"first", b"second"]
