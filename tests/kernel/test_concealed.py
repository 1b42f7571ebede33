"""Subjects that a command names and its sender may not know are answered as if nobody had them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import (
    Actor,
    Command,
    Context,
    Event,
    Fold,
    Inquiry,
    Ledger,
    Outcome,
    OutOfStep,
    Recorded,
    SubjectFold,
    UnknownReference,
    subject,
)

RoomId = Annotated[str, subject("room")]
HouseId = Annotated[str, subject("house", hideable=False)]
OWNER = Actor(unit_id="A", person_id="P", role="owner")


class RoomLet(Event):
    """A room has a guest; known to the house, and to whoever ``told`` names."""

    TOPIC: ClassVar[str] = "tests.room-let"

    room: RoomId
    house: HouseId
    told: str = ""

    def known_to(self) -> tuple[str, ...]:
        """Who is told."""
        return (self.told,) if self.told else ()


class RoomMentioned(Event):
    """Somebody speaks of a room, which may not be there."""

    TOPIC: ClassVar[str] = "tests.room-mentioned"

    house: HouseId
    room: RoomId | None = None


class Room(SubjectFold):
    """Whose is this room?"""

    BEGUN = "house"

    room: RoomId
    house: str = ""

    def on_let(self, event: RoomLet) -> None:
        self.house = event.house


class Mentions(Fold):
    """How often was this room spoken of?"""

    room: RoomId
    count: int = 0

    def on_mentioned(self, event: RoomMentioned) -> None:
        self.count += 1


class Let(Command):
    """Begin a room."""

    room: RoomId
    house: HouseId
    told: str = ""
    carelessly: bool = False

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.carelessly:
            if inquiry.read(Room(self.room)).exists:
                raise OutOfStep("general.verbatim", error="let")
        else:
            inquiry.new(Room(self.room))
        yield RoomLet(room=self.room, house=self.house, told=self.told)


class Mention(Command):
    """Speak of a room without looking whether it is there."""

    room: RoomId
    house: HouseId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield RoomMentioned(house=self.house, room=self.room)


class Ask(Command):
    """Refuses everything, saying what it knows."""

    room: RoomId
    another: RoomId | None = None
    reveal: bool = False
    position: int | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.position is not None:
            raise OutOfStep(
                "general.verbatim", error=str(inquiry.named_record(self.position) is not None)
            )
        if self.reveal:
            inquiry.reveal("room", self.room)
        mentions = inquiry.read(Mentions(self.room)).count
        house = inquiry.known(Room(self.room)).house
        derived = inquiry.read(Room("R-DERIVED")).house
        raise OutOfStep("general.verbatim", error=f"{house} {mentions} {derived}")
        yield


def audiences(record: Recorded, tags: Collection[str]) -> Iterable[str]:
    """The house of an event knows of it."""
    return [tag for tag in tags if tag.startswith("house:")]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger(InMemoryDCBRecorder(), audiences=audiences) as opened:
        yield opened


def send(ledger: Ledger, command: Command, *known: str) -> Outcome:
    """Send a command as somebody with these audiences."""
    context = Context(OWNER, uuid4().hex, UUID(int=1), audiences=frozenset(known))
    return ledger.submit(command, context).result()


def answer(ledger: Ledger, command: Command, *known: str) -> str:
    """What a command is answered that records nothing."""
    with pytest.raises((OutOfStep, UnknownReference)) as raised:
        send(ledger, command, *known)
    return f"{type(raised.value).__name__}: {raised.value}"


def test_who_may_not_know_a_subject_is_answered_as_for_an_unknown_one(ledger: Ledger) -> None:
    """And who may know it is answered as ever; so is the service itself."""
    ledger.execute(Let(room="R-1", house="H"), OWNER)
    assert answer(ledger, Ask(room="R-1"), "house:H") == "OutOfStep: H 0 "
    hidden = answer(ledger, Ask(room="R-1"), "house:I")
    assert hidden == answer(ledger, Ask(room="R-9"), "house:I").replace("R-9", "R-1")
    with pytest.raises(OutOfStep, match="H 0"):
        ledger.execute(Ask(room="R-1"), OWNER)


def test_every_fold_about_a_concealed_subject_is_blank(ledger: Ledger) -> None:
    """Those that a rule derives by itself are not."""
    ledger.execute(Let(room="R-DERIVED", house="D"), OWNER)
    ledger.execute(Let(room="R-1", house="H"), OWNER)
    ledger.execute(Mention(room="R-1", house="H"), OWNER)
    assert answer(ledger, Ask(room="R-1"), "house:H") == "OutOfStep: H 1 D"
    assert answer(ledger, Ask(room="R-1", reveal=True), "house:I") == "OutOfStep: H 1 D"
    assert answer(ledger, Ask(room="R-1"), "house:I").startswith("UnknownReference")


def test_a_mention_proves_nothing(ledger: Ledger) -> None:
    """Whoever has spoken of a room, before or after it was let, knows no more of it."""
    send(ledger, Mention(room="R-1", house="I"), "house:I")
    ledger.execute(Let(room="R-1", house="H"), OWNER)
    send(ledger, Mention(room="R-1", house="I"), "house:I")
    assert answer(ledger, Ask(room="R-1"), "house:I").startswith("UnknownReference")


def test_a_later_event_lets_somebody_know(ledger: Ledger) -> None:
    """One that is about the subject, by its audiences or by whom it is known to."""
    ledger.execute(Let(room="R-1", house="H"), OWNER)
    assert answer(ledger, Ask(room="R-1"), "guest:G").startswith("UnknownReference")
    # Another event about it is recorded by a command of which the sender knows the subject.
    send(ledger, Let(room="R-2", house="H", told="guest:G"), "house:H")
    assert answer(ledger, Ask(room="R-2"), "guest:G") == "OutOfStep: H 0 "
    assert answer(ledger, Ask(room="R-1"), "guest:G").startswith("UnknownReference")


@pytest.mark.parametrize("carelessly", [False, True])
def test_a_concealed_subject_does_not_begin_again(ledger: Ledger, carelessly: bool) -> None:
    """Not even by a command that reads it as blank; the words are those for any id in use."""
    ledger.execute(Let(room="R-1", house="H"), OWNER)
    head = ledger.recorder.read().head
    taken = "OutOfStep: room R-1 is recorded already; take another id"
    again = Let(room="R-1", house="I", carelessly=carelessly)
    assert answer(ledger, again, "house:I") == taken
    assert answer(ledger, Let(room="R-1", house="H"), "house:H") == taken
    assert ledger.recorder.read().head == head


def test_a_position_that_is_named_holds_what_its_sender_may_see(ledger: Ledger) -> None:
    """The record of another house is as one above the head."""
    ledger.execute(Let(room="R-1", house="H"), OWNER)
    for known, position, there in (("H", 1, "True"), ("I", 1, "False"), ("H", 2, "False")):
        asked = Ask(room="R-1", position=position)
        assert answer(ledger, asked, f"house:{known}") == f"OutOfStep: {there}"


def test_nothing_is_concealed_in_a_ledger_without_audiences() -> None:
    """The access ledger has none: all that it records is the service's own."""
    with Ledger(InMemoryDCBRecorder()) as ledger:
        ledger.execute(Let(room="R-1", house="H"), OWNER)
        assert answer(ledger, Ask(room="R-1"), "house:I") == "OutOfStep: H 0 "
