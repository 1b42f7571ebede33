"""Several nodes on one PostgreSQL ledger race for the last places while nodes are killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Annotated, ClassVar

import msgspec
import pytest

from ledger.kernel import (
    Actor,
    Event,
    Fold,
    Inquiry,
    Ledger,
    NotRecorded,
    OutcomeUnknown,
    Report,
    Rule,
    codec,
    subject,
)
from ledger.kernel.contexts import make_context
from ledger.stores.postgres import PostgresRecorder

SPAWN = multiprocessing.get_context("spawn")
NODES, WRITERS, ROOMS, PLACES = 4, 4, 8, 5
#: Kills in `make test`; `make soak` repeats the test with other seeds.
KILLS = 3

RoomId = Annotated[str, subject("room", pattern=r"^R[0-9]+$", examples=["R1"])]
USHER = Actor(unit_id="U", person_id="P", role="usher")
FULL = Rule("TST-N1", "room {room} has no place left", "House rules Art 1", "Take another room.")


class PlaceTaken(Event):
    """A guest took a place of a room."""

    TOPIC: ClassVar[str] = "nodes.place-taken"

    room: RoomId
    guest: str


class Places(Fold):
    """How many places of this room are taken?"""

    room: RoomId
    taken: int = 0

    def on_taken(self, event: PlaceTaken) -> None:
        self.taken += 1


class TakePlace(Report):
    """Take a place, if one is left (TST-N1)."""

    room: RoomId
    guest: str

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        inquiry.require(inquiry.read(Places(self.room)).taken < PLACES, FULL, room=self.room)
        yield PlaceTaken(room=self.room, guest=self.guest)


def serve(url: str, node: int, pipe: Connection) -> None:
    """Send commands of guests to random rooms until killed or all are sent; tell each outcome."""
    chance = random.Random(node)
    with PostgresRecorder(url) as recorder, Ledger(recorder) as ledger:
        pipe.send(("ready", node, 0))
        pipe.recv()
        for number in range(400):
            sent = []
            for writer in range(WRITERS):
                guest = f"{node}-{number}-{writer}"
                command = TakePlace(
                    room=f"R{chance.randrange(ROOMS) + number * ROOMS}", guest=guest
                )
                context = make_context(command, USHER, ledger.clock(), key=guest)
                sent.append((guest, ledger.submit(command, context)))
            for guest, future in sent:
                try:
                    pipe.send(("recorded", guest, future.result().position))
                except (NotRecorded, OutcomeUnknown) as error:
                    pipe.send((type(error).__name__, guest, 0))


@pytest.mark.timeout(240)
def test_nodes_race_and_are_killed(postgres_database: str) -> None:
    """No room is overbooked, no position is missing or taken twice, and what was answered is there.

    A killed node is replaced by another one, as a supervisor of processes does.
    """
    chance = random.Random(2026)
    nodes: dict[int, tuple[SPAWN.Process, Connection]] = {}  # type: ignore[name-defined]
    answered: dict[str, int] = {}
    refused: Counter[str] = Counter()

    def begin(number: int) -> None:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=serve, args=(postgres_database, number, theirs))
        process.start()
        theirs.close()
        nodes[number] = process, ours

    def listen(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for process, pipe in list(nodes.values()):
                try:
                    while pipe.poll(0.01):
                        what, who, position = pipe.recv()
                        if what == "ready":
                            pipe.send("go")
                        elif what == "recorded":
                            answered[who] = position
                        else:
                            refused[what] += 1
                except EOFError:
                    process.join()

    for number in range(NODES):
        begin(number)
    try:
        for kill in range(KILLS):
            listen(chance.uniform(1.0, 2.0))
            number = chance.choice(sorted(nodes))
            process, _ = nodes.pop(number)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            begin(NODES + kill)
        listen(2.0)
    finally:
        for process, _ in nodes.values():
            process.kill()
            process.join()
    with PostgresRecorder(postgres_database) as recorder:
        records = [codec.decode(s.position, s.event.data) for s in recorder.read()]
    assert [record.position for record in records] == list(range(1, len(records) + 1))
    taken = [r.event for r in records if isinstance(r.event, PlaceTaken)]
    assert max(Counter(event.room for event in taken).values()) <= PLACES
    guests = Counter(event.guest for event in taken)
    assert max(guests.values()) == 1
    at = {msgspec.structs.asdict(r.event)["guest"]: r.position for r in records}
    assert {guest: at.get(guest) for guest in answered} == answered
    times = [record.envelope.recorded_at for record in records]
    assert times == sorted(times)
    assert answered
    assert refused["Refusal"]
    assert set(refused) <= {"Refusal", "Unavailable", "OutcomeUnknown"}
