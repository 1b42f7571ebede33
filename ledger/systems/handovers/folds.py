"""Folds about handovers."""

from __future__ import annotations

from datetime import date
from typing import get_args

import msgspec

from ledger.general.vocabulary import UnitId, person_key, same_person
from ledger.kernel import Fold
from ledger.systems.handovers.events import DutyHandedOver, DutyTakenBack, Handed


class Handover(msgspec.Struct):
    """One system handed over by one person; a newer one of the same takes its place."""

    from_person: str
    to_person: str
    system: str
    since: date
    until: date | None
    reason: str

    def holds(self, on: date) -> bool:
        """Whether it is in force that day."""
        return self.since <= on and (self.until is None or on <= self.until)


def systems_of(scope: tuple[Handed, ...]) -> tuple[Handed, ...]:
    """The systems that a scope names; all of them when it is empty."""
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
            one
            for one in self.standing
            if not (same_person(one.from_person, person) and one.system in systems)
        ]

    def handed(self, person: str, system: str, on: date) -> Handover | None:
        """What a person has handed over of a system, if that is in force on a day."""
        return next(
            (
                one
                for one in self.standing
                if one.system == system and same_person(one.from_person, person) and one.holds(on)
            ),
            None,
        )

    def holder(self, person: str, system: str, on: date) -> str:
        """For whom it waits on a day what waits for a person: the last one it was handed to."""
        met = {person_key(person)}
        while (one := self.handed(person, system, on)) is not None:
            if person_key(one.to_person) in met:
                break
            person = one.to_person
            met.add(person_key(person))
        return person

    def without(self, person: str, systems: tuple[Handed, ...]) -> UnitHandovers:
        """The same handovers, without those of these systems by one person."""
        rest = UnitHandovers(self.unit, list(self.standing))
        rest._end(person, systems)
        return rest

    def held_by(self, person: str, on: date) -> dict[str, set[str]]:
        """The people for whom a person stands in on a day (``person_key``), with the systems."""
        found: dict[str, set[str]] = {}
        for one in self.standing:
            if same_person(self.holder(one.from_person, one.system, on), person) and not (
                same_person(one.from_person, person)
            ):
                found.setdefault(person_key(one.from_person), set()).add(one.system)
        return found
