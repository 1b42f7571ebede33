"""Folds about delegated powers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.general.vocabulary import DelegationId, UnitId
from ledger.kernel import Fold
from ledger.systems.delegations.events import (
    DelegationAssessed,
    DelegationEnded,
    DelegationResumed,
    DelegationSuspended,
    Power,
    PowerDelegated,
)

_DAY = timedelta(days=1)


class Suspension(msgspec.Struct):
    """A time in which a delegation did not hold; both days included."""

    since: date
    until: date | None
    reason: str

    def covers(self, on: date) -> bool:
        """Return whether it is in effect on a day."""
        return self.since <= on and (self.until is None or on <= self.until)


class Assessment(msgspec.Struct):
    """One assessment of how a township carries a power."""

    assessed_on: date
    result: str
    says: str


class Delegation(Fold):
    """Which powers does this delegation give, to whom, and on which days does it hold?"""

    delegation: DelegationId
    unit: str = ""
    matters: tuple[str, ...] = ()
    powers: tuple[Power, ...] = ()
    decision_ref: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    division_note: str = ""
    suspensions: list[Suspension] = msgspec.field(default_factory=list)
    assessments: list[Assessment] = msgspec.field(default_factory=list)
    ended_on: date | None = None
    ended_because: str = ""

    @property
    def exists(self) -> bool:
        return self.unit != ""

    @property
    def stage(self) -> Literal["unknown", "given", "ended"]:
        """Whether it was taken back; that it is over or suspended shows by its days."""
        if not self.exists:
            return "unknown"
        return "given" if self.ended_on is None else "ended"

    def in_force(self, on: date) -> bool:
        """Whether the township may act under it that day."""
        return any(since <= on <= until for since, until in self.spans())

    def suspended(self, on: date) -> bool:
        """Return whether a suspension is in effect on a day."""
        return any(suspension.covers(on) for suspension in self.suspensions)

    def spans(self) -> list[tuple[date, date]]:
        """The days on which it is in force, as first and last days in their order."""
        if self.valid_from is None or self.valid_to is None:
            return []
        since, last = self.valid_from, self.valid_to
        if self.ended_on is not None:
            last = min(last, self.ended_on - _DAY)
        found = []
        for one in sorted(self.suspensions, key=lambda one: one.since):
            if since <= min(last, one.since - _DAY):
                found.append((since, min(last, one.since - _DAY)))
            since = max(since, (one.until or date.max - _DAY) + _DAY)
        if since <= last:
            found.append((since, last))
        return found

    def covers(self, matter: str, power: Power) -> bool:
        """Whether it gives this power under this matter."""
        return matter in self.matters and power in self.powers

    def on_delegated(self, event: PowerDelegated) -> None:
        self.unit, self.matters, self.powers = event.unit, event.matters, event.powers
        self.decision_ref, self.division_note = event.decision_ref, event.division_note
        self.valid_from, self.valid_to = event.valid_from, event.valid_to

    def on_suspended(self, event: DelegationSuspended) -> None:
        self.suspensions.append(Suspension(event.since, event.until, event.reason))

    def on_resumed(self, event: DelegationResumed) -> None:
        for suspension in self.suspensions:
            if suspension.covers(event.resumed_on):
                suspension.until = event.resumed_on - _DAY

    def on_ended(self, event: DelegationEnded) -> None:
        self.ended_on, self.ended_because = event.ended_on, event.reason

    def on_assessed(self, event: DelegationAssessed) -> None:
        self.assessments.append(Assessment(event.assessed_on, event.result, event.says))


class DelegatedTo(Fold):
    """Which powers were delegated to this unit?"""

    unit: UnitId
    given: dict[str, Delegation] = msgspec.field(default_factory=dict)

    def on_delegated(self, event: PowerDelegated) -> None:
        self.given[event.delegation] = Delegation(event.delegation)
        self.given[event.delegation].on_delegated(event)

    def on_suspended(self, event: DelegationSuspended) -> None:
        self.given[event.delegation].on_suspended(event)

    def on_resumed(self, event: DelegationResumed) -> None:
        self.given[event.delegation].on_resumed(event)

    def on_ended(self, event: DelegationEnded) -> None:
        self.given[event.delegation].on_ended(event)

    def about(self, matter: str) -> list[Delegation]:
        """The delegations that name a matter, in force or not."""
        return [one for one in self.given.values() if matter in one.matters]

    def holds(self, matter: str, power: Power, on: date) -> bool:
        """Whether the unit has this power under a matter that day."""
        return any(one.covers(matter, power) and one.in_force(on) for one in self.about(matter))
