"""Commands of handovers: a unit's head moves what waits for one of its people to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.general.roles import roles
from ledger.general.vocabulary import Badge, Text, UnitId, same_person
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading
from ledger.systems.catalogue.folds import OfficerStanding
from ledger.systems.handovers.events import DutyHandedOver, DutyTakenBack, Scope
from ledger.systems.handovers.folds import UnitHandovers, systems_of


class HandOverDuty(Act):
    """职责交接: let what waits for one person of the unit wait for another, for a time or for good.

    It moves what is open and what will come; nothing that was done changes its author. The
    successor holds a certificate of the unit that is in force, or is the head who hands over;
    anybody may take over requests (``approvals``) alone.
    """

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    unit: UnitId
    from_person: Badge
    to_person: Badge
    reason: Text
    scope: Scope = ()
    until: date | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if same_person(self.from_person, self.to_person):
            raise Malformed("to_person must be another person than from_person", "/to_person")
        if self.until is not None and self.until < ledger.today:
            raise Malformed(
                f"until must be today ({ledger.today}) or later; it is {self.until}", "/until"
            )
        self._require_successor(ledger)
        systems = systems_of(self.scope)
        # What this person handed over before ends with this handover, so it sends nobody on.
        known = ledger.read(UnitHandovers(self.unit)).without(self.from_person, systems)
        for system in systems:
            end = known.holder(self.to_person, system, ledger.today)
            if same_person(end, self.from_person):
                raise OutOfStep(
                    f"{self.to_person} has handed {system} over to {self.from_person}; take that "
                    "back first (take-back-duty)"
                )
        yield DutyHandedOver(
            unit=self.unit,
            from_person=self.from_person,
            to_person=self.to_person,
            scope=self.scope,
            since=ledger.today,
            until=self.until,
            reason=self.reason,
        )

    def _require_successor(self, ledger: Reading) -> None:
        """Require a successor whose inbox shows what is handed over."""
        head = same_person(self.to_person, ledger.actor.person_id)
        if head or set(self.scope) == {"approvals"}:
            return
        standing = ledger.read(OfficerStanding(self.to_person))
        barred = standing.barred(ledger.today, self.unit, set())
        if barred is not None:
            raise OutOfStep(
                f"to_person must hold a certificate of {self.unit} that is in force today, or be "
                f"{ledger.actor.person_id}, who hands over; {self.to_person} {barred}"
            )


class TakeBackDuty(Act):
    """职责收回: end a handover; what waits is the first person's again."""

    ROLES = roles("unit_head")
    ACTS_FOR = "unit"

    unit: UnitId
    from_person: Badge
    scope: Scope = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        known = ledger.read(UnitHandovers(self.unit))
        systems = systems_of(self.scope)
        if not any(known.handed(self.from_person, system, ledger.today) for system in systems):
            raise OutOfStep(f"{self.from_person} has handed over nothing of {', '.join(systems)}")
        yield DutyTakenBack(
            unit=self.unit,
            from_person=self.from_person,
            scope=self.scope,
            taken_back_on=ledger.today,
        )
