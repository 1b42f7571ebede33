"""A small domain for the kernel's own tests: guests take seats in halls of limited size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import msgspec

from ledger.kernel import Actor, Command, Event, Fold, Inquiry, OutOfStep, Recorded, Value, subject

HallId = Annotated[str, subject("hall")]
GuestId = Annotated[str, subject("guest")]

USHER = Actor(unit_id="HOUSE", person_id="USHER-1", role="usher")


class SeatTaken(Event):
    """A guest has a seat."""

    TOPIC: ClassVar[str] = "tests.seat-taken"

    hall: HallId
    guest: GuestId
    seat: int
    note: str = ""


class SeatLeft(Event):
    """A guest has left."""

    TOPIC: ClassVar[str] = "tests.seat-left"

    hall: HallId
    guest: GuestId


class Heard(Event):
    """Somebody said something; no subject at all."""

    TOPIC: ClassVar[str] = "tests.heard"
    CORRECTABLE = frozenset({"words"})

    words: Any


class Party(Value):
    """Some guests in one hall."""

    hall: HallId | None = None
    guests: tuple[GuestId, ...] = ()


class PartyArrived(Event):
    """Subjects inside other values."""

    TOPIC: ClassVar[str] = "tests.party-arrived"

    parties: tuple[Party, ...]
    host: GuestId | None = None


class Seats(Fold):
    """Who sits where in this hall?"""

    hall: HallId
    guests: dict[str, int] = msgspec.field(default_factory=dict)

    def on_taken(self, event: SeatTaken) -> None:
        self.guests[event.guest] = event.seat

    def on_left(self, event: SeatLeft) -> None:
        self.guests.pop(event.guest, None)


class Visits(Fold):
    """How often was this guest in this hall, and at which positions?"""

    guest: GuestId
    hall: HallId
    positions: list[int] = msgspec.field(default_factory=list)

    def on_taken(self, event: SeatTaken, record: Recorded) -> None:
        self.positions.append(record.position)


class TakeSeat(Command):
    """A guest takes the next seat of a hall, if one is free; nothing happens to who has one."""

    hall: HallId = "H"
    guest: GuestId
    capacity: int = 1000

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        seats = inquiry.read(Seats(self.hall))
        if self.guest in seats.guests:
            return
        if len(seats.guests) >= self.capacity:
            raise OutOfStep(
                "general.verbatim", error=f"all {self.capacity} seats of {self.hall} are taken"
            )
        yield SeatTaken(hall=self.hall, guest=self.guest, seat=len(seats.guests) + 1)


class Say(Command):
    """Something is said, as often as it is said."""

    words: Any

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        yield Heard(words=self.words)


class Stumble(Command):
    """A command with a bug, after it has read and decided something."""

    hall: HallId = "H"

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.read(Seats(self.hall))
        yield SeatTaken(hall=self.hall, guest="ghost", seat=0)
        raise ZeroDivisionError("a bug")
