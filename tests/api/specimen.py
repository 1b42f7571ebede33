"""A small system for the tests of the HTTP face: things are noted, hidden and locked.

It stands for any system, so that these tests do not change when the real ones do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.roles import roles
from ledger.general.vocabulary import EntityId, UnitId
from ledger.kernel import Event, Fold, Inquiry, Report, Rule, Value, Visibility, subject
from ledger.kernel.messages import message
from ledger.registry import Entry

ThingId = Annotated[str, subject("specimen", pattern=r"^[A-Za-z0-9-]{1,60}$", examples=["T-1"])]

LOCKED = Rule(
    "TST-R1",
    "thing {thing} is locked since position {since}",
    "Specimen Act Art 1",
    "Note another thing than {thing}.",
)

_ANY = roles("enforcement_officer", "jb_supervisor", "credit_officer", "entity_rep")

#: While cleared, whoever decides a ``Hold`` waits: a slow sequencer on demand.
released = threading.Event()
released.set()


class ThingNoted(Event):
    """A thing was noted."""

    TOPIC: ClassVar[str] = "specimen.thing-noted"

    thing: ThingId
    unit: UnitId | None = None
    entity: EntityId | None = None
    level: Visibility = "public"
    note: str = ""
    amount: int = 0
    on: date | None = None
    extra: Any = None

    def visibility(self) -> Visibility:
        return self.level


class ThingLocked(Event):
    """A thing was locked."""

    TOPIC: ClassVar[str] = "specimen.thing-locked"
    VISIBILITY = "public"

    thing: ThingId


class Locked(Fold):
    """Is this thing locked?"""

    thing: ThingId
    since: int | None = None

    def on_locked(self, event: ThingLocked, record: Any) -> None:
        self.since = record.position


class Part(Value):
    """A part of a thing."""

    colour: Literal["red", "green"]
    weight: int = 0


class NoteThing(Report):
    """Note a thing. Refused once it is locked (TST-R1)."""

    ROLES = _ANY
    ANY_UNIT = roles("jb_supervisor", "credit_officer", "entity_rep")

    thing: ThingId
    unit: UnitId | None = None
    entity: EntityId | None = None
    level: Visibility = "public"
    note: str = ""
    amount: int = 0
    on: date | None = None
    parts: tuple[Part, ...] = ()
    times: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    extra: Any = None

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        lock = inquiry.read(Locked(self.thing))
        inquiry.require(lock.since is None, LOCKED, thing=self.thing, since=lock.since)
        for _ in range(self.times):
            yield ThingNoted(
                thing=self.thing,
                unit=self.unit,
                entity=self.entity,
                level=self.level,
                note=self.note,
                amount=self.amount,
                on=self.on,
                extra=self.extra,
            )


class LockThing(Report):
    """Lock a thing; a locked one stays as it is and nothing is recorded."""

    ROLES = roles("jb_supervisor")

    thing: ThingId

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        if inquiry.read(Locked(self.thing)).since is None:
            yield ThingLocked(thing=self.thing)


class Hold(Report):
    """Wait until the test lets go."""

    ROLES = _ANY

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        released.wait(10)
        return ()


class Fail(Report):
    """Meet a fault of the program."""

    ROLES = _ANY

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        raise RuntimeError("secret internals")


class AskNothing(Report):
    """Raise what the test names."""

    ROLES = _ANY

    error: Literal["forbidden", "unknown", "step", "unavailable"]

    def decide(self, inquiry: Inquiry) -> Iterable[Event]:
        from ledger import kernel

        raise {
            "forbidden": kernel.Forbidden("general.verbatim", error="not your business"),
            "unknown": kernel.UnknownReference(
                "plan", "P-1", message("general.verbatim", error="File it first.")
            ),
            "step": kernel.OutOfStep("general.verbatim", error="it is closed"),
            "unavailable": kernel.Unavailable(
                "general.verbatim", error="the store did not take it"
            ),
        }[self.error]


COMMANDS = tuple(Entry("specimen", kind) for kind in (NoteThing, LockThing, Hold, Fail, AskNothing))
