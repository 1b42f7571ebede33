"""Folds about delegated powers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.general.vocabulary import DelegationId, UnitId
from ledger.kernel import Fold, SubjectFold
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
    """A period in which a delegation was suspended; both days included."""

    since: date
    until: date | None
    reason: str

    def covers(self, on: date) -> bool:
        """Return whether it is in effect on a day."""
        return self.since <= on and (self.until is None or on <= self.until)


class Assessment(msgspec.Struct):
    """An assessment of how a township uses a delegated power."""

    assessed_on: date
    result: str
    says: str


class Delegation(SubjectFold):
    """Which powers does this delegation give, to whom, and on which days is it in force?"""

    BEGUN = "unit"

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
    def stage(self) -> Literal["unknown", "given", "ended"]:
        """Whether the delegation was withdrawn; its days say whether it is expired or suspended."""
        if not self.exists:
            return "unknown"
        return "given" if self.ended_on is None else "ended"

    def in_force(self, on: date) -> bool:
        """Return whether the township may act under the delegation on a day."""
        return any(since <= on <= until for since, until in self.spans())

    def suspended(self, on: date) -> bool:
        """Return whether a suspension is in effect on a day."""
        return any(suspension.covers(on) for suspension in self.suspensions)

    def spans(self) -> list[tuple[date, date]]:
        """Return the periods in which the delegation is in force, as sorted first and last days."""
        if self.valid_from is None or self.valid_to is None:
            return []
        since, last = self.valid_from, self.valid_to
        if self.ended_on is not None:
            last = min(last, self.ended_on - _DAY)
        periods = []
        for pause in sorted(self.suspensions, key=lambda pause: pause.since):
            if since <= min(last, pause.since - _DAY):
                periods.append((since, min(last, pause.since - _DAY)))
            since = max(since, (pause.until or date.max - _DAY) + _DAY)
        if since <= last:
            periods.append((since, last))
        return periods

    def covers(self, matter: str, power: Power) -> bool:
        """Return whether the delegation gives a power under a matter."""
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
        """Return the delegations that name a matter, in force or not."""
        return [delegation for delegation in self.given.values() if matter in delegation.matters]

    def holds(self, matter: str, power: Power, on: date) -> bool:
        """Return whether the unit has a power under a matter on a day."""
        return any(
            delegation.covers(matter, power) and delegation.in_force(on)
            for delegation in self.about(matter)
        )
