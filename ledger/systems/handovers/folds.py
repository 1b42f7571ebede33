"""Folds about handovers."""

from __future__ import annotations

from datetime import date
from typing import get_args

import msgspec

from ledger.general.vocabulary import UnitId, person_key, same_person
from ledger.kernel import Fold
from ledger.systems.handovers.events import DutyHandedOver, DutyTakenBack, Handed


class Handover(msgspec.Struct):
    """The duties of one person in one system, handed over; a newer handover replaces it."""

    from_person: str
    to_person: str
    system: str
    since: date
    until: date | None
    reason: str

    def holds(self, on: date) -> bool:
        """Return whether the handover is in force on a day."""
        return self.since <= on and (self.until is None or on <= self.until)


def systems_of(scope: tuple[Handed, ...]) -> tuple[Handed, ...]:
    """Return the systems that a scope names; all systems for an empty scope."""
    return scope or get_args(Handed)


class UnitHandovers(Fold):
    """Which duties have the people of this unit handed over, to whom and until when?"""

    unit: UnitId
    standing: list[Handover] = msgspec.field(default_factory=list)

    def on_handed(self, event: DutyHandedOver) -> None:
        systems = systems_of(event.scope)
        self._end(event.from_person, systems)
        self.standing += [
            Handover(
                event.from_person, event.to_person, system, event.since, event.until, event.reason
            )
            for system in systems
        ]

    def on_taken_back(self, event: DutyTakenBack) -> None:
        self._end(event.from_person, systems_of(event.scope))

    def _end(self, person: str, systems: tuple[Handed, ...]) -> None:
        self.standing = [
            handover
            for handover in self.standing
            if not (same_person(handover.from_person, person) and handover.system in systems)
        ]

    def handed(self, person: str, system: str, on: date) -> Handover | None:
        """Return the handover of a person in a system that is in force on a day, or ``None``."""
        return next(
            (
                handover
                for handover in self.standing
                if handover.system == system
                and same_person(handover.from_person, person)
                and handover.holds(on)
            ),
            None,
        )

    def holder(self, person: str, system: str, on: date) -> str:
        """Return the person who has the work of ``person`` on a day, after all handovers."""
        met = {person_key(person)}
        while (handover := self.handed(person, system, on)) is not None:
            if person_key(handover.to_person) in met:
                break
            person = handover.to_person
            met.add(person_key(person))
        return person

    def without(self, person: str, systems: tuple[Handed, ...]) -> UnitHandovers:
        """Return a copy without the handovers of one person in these systems."""
        rest = UnitHandovers(self.unit, list(self.standing))
        rest._end(person, systems)
        return rest

    def held_by(self, person: str, on: date) -> dict[str, set[str]]:
        """Return the people whose work a person has on a day, by ``person_key``, with systems."""
        systems: dict[str, set[str]] = {}
        for handover in self.standing:
            holder = self.holder(handover.from_person, handover.system, on)
            if same_person(holder, person) and not same_person(handover.from_person, person):
                systems.setdefault(person_key(handover.from_person), set()).add(handover.system)
        return systems
