"""An idempotency key is used up by a command that recorded nothing as by one that did."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.kernel import Command, Event, Inquiry, KeyReused, Ledger, Outcome, OutOfStep
from ledger.kernel.contexts import make_context
from ledger.stores.sqlite import SQLiteRecorder
from tests.kernel.hall import USHER, GuestId, HallId, Seats, SeatTaken


class Seat(Command):
    """See that a guest has a seat; nothing is recorded of one who has it. No. 13 is refused."""

    hall: HallId
    guest: GuestId
    seat: int = 1

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.seat == 13:
            raise OutOfStep("general.verbatim", error="there is no seat 13")
        if self.guest not in inquiry.read(Seats(self.hall)).guests:
            yield SeatTaken(hall=self.hall, guest=self.guest, seat=self.seat)


def send(ledger: Ledger, command: Command, key: str, *, remembered: bool = True) -> Outcome:
    context = make_context(command, USHER, ledger.clock(), key=key, remembered=remembered)
    return ledger.submit(command, context).result(60)


ANN, BOB = Seat(hall="H", guest="ANN"), Seat(hall="H", guest="BOB")


def test_a_key_is_used_up_by_a_command_that_recorded_nothing(recorder: Any) -> None:
    """The same request gets the same answer, whatever was recorded since; another is refused."""
    with Ledger(recorder) as ledger:
        send(ledger, ANN, "k-1")
        first = send(ledger, ANN, "k-2")
        assert (first.position, first.events, first.repeated) == (1, (), False)
        send(ledger, Seat(hall="H", guest="EVE"), "k-3")
        again = send(ledger, ANN, "k-2")
        assert (again.position, again.events, again.repeated) == (1, (), True)
        for other in (BOB, Seat(hall="I", guest="ANN"), Seat(hall="H", guest="ANN", seat=2)):
            with pytest.raises(KeyReused, match="Take a new key"):
                send(ledger, other, "k-2")
        assert len(list(recorder.read())) == 2


def test_on_every_node_and_after_a_restart(tmp_path: Path) -> None:
    """It lies with the ledger's file, so each process that opens it knows."""
    path = tmp_path / "ledger.db"
    with (
        SQLiteRecorder(path) as here,
        SQLiteRecorder(path) as there,
        Ledger(here) as one,
        Ledger(there) as two,
    ):
        send(one, ANN, "k-1")
        assert send(one, ANN, "k-2").position == 1
        assert send(two, ANN, "k-2").repeated
        with pytest.raises(KeyReused):
            send(two, BOB, "k-2")
    with SQLiteRecorder(path) as reopened, Ledger(reopened) as three:
        assert send(three, ANN, "k-2").repeated
        with pytest.raises(KeyReused):
            send(three, BOB, "k-2")
        assert reopened.head() == 1


def test_of_two_nodes_one_gets_the_key(tmp_path: Path) -> None:
    """One request records nothing, the other something, under one key: one of them is refused."""
    path, chance = tmp_path / "ledger.db", random.Random(7)
    with (
        SQLiteRecorder(path) as here,
        SQLiteRecorder(path) as there,
        Ledger(here) as one,
        Ledger(there) as two,
    ):
        send(one, ANN, "first")
        answers: list[Any] = []

        def sends(ledger: Ledger, command: Command, key: str, start: threading.Barrier) -> None:
            start.wait(60)
            try:
                answers.append(send(ledger, command, key))
            except KeyReused as error:
                answers.append(error)

        for number in range(60):
            new = Seat(hall="H", guest=f"G-{number}")
            answers.clear()
            start = threading.Barrier(2)
            racers: list[tuple[Ledger, Command]] = [(one, ANN), (two, new)]
            chance.shuffle(racers)
            threads = [
                threading.Thread(target=sends, args=(*racer, f"k-{number}", start))
                for racer in racers
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(isinstance(answer, KeyReused) for answer in answers) == [False, True]


def test_several_of_one_batch(tmp_path: Path) -> None:
    """What waits together is decided together: the second of a key meets the first's answer."""
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder, Ledger(recorder) as ledger:
        send(ledger, ANN, "k-1")
        sent = []
        for command in (ANN, ANN, BOB, ANN):
            context = make_context(command, USHER, ledger.clock(), key="k-2", remembered=True)
            sent.append(ledger.submit(command, context))
        outcomes = [future.exception(60) or future.result() for future in sent]
        assert [isinstance(outcome, KeyReused) for outcome in outcomes] == [
            False,
            False,
            True,
            False,
        ]
        assert recorder.head() == 1


def test_a_refused_command_leaves_its_key_free(tmp_path: Path) -> None:
    """A refusal promises nothing: the request may be mended and sent again under its key."""
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder, Ledger(recorder) as ledger:
        with pytest.raises(OutOfStep):
            send(ledger, Seat(hall="H", guest="ANN", seat=13), "k-1")
        assert send(ledger, ANN, "k-1").position == 1


def test_what_the_service_sends_asks_again(tmp_path: Path) -> None:
    """A clock sends under one key until there is something to record: nothing is remembered."""
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder, Ledger(recorder) as ledger:
        send(ledger, ANN, "k-1", remembered=False)
        assert not send(ledger, ANN, "k-2", remembered=False).repeated
        assert send(ledger, BOB, "k-2", remembered=False).position == 2


@pytest.mark.parametrize("others", [0, 1, 3])
def test_positions_are_those_that_were_answered(
    tmp_path: Path, others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another node appended, of what nobody here read, between reading and answering."""
    path = tmp_path / "ledger.db"
    with SQLiteRecorder(path) as here, SQLiteRecorder(path) as there, Ledger(here) as one:
        send(one, ANN, "k-1")
        append: Callable[..., int] = here.append

        def between(*given: Any, **more: Any) -> int:
            with Ledger(there) as two:
                for number in range(others):
                    send(two, Seat(hall="Z", guest=f"G-{number}"), f"z-{number}")
            return append(*given, **more)

        monkeypatch.setattr(here, "append", between)
        first = send(one, ANN, "k-2")
        monkeypatch.undo()
        assert send(one, ANN, "k-2").position == first.position
