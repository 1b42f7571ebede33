"""Commands of handovers: a unit's head moves what waits for one of its people to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.handovers.events import DutyHandedOver, DutyTakenBack, Scope
from ledger.handovers.folds import UnitHandovers, systems_of
from ledger.kernel import Command, Event, Malformed, OutOfStep, Reading
from ledger.vocabulary import Badge, Text, UnitId, same_person


class HandOverDuty(Command):
    """职责交接: let what waits for one person of the unit wait for another, for a time or for good.

    It moves what is open and what will come; nothing that was done changes its author.
    """

    unit: UnitId
    from_person: Badge
    to_person: Badge
    reason: Text
    scope: Scope = ()
    until: date | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        ledger.act_for(self.unit)
        if same_person(self.from_person, self.to_person):
            raise Malformed("to_person must be another person than from_person", "/to_person")
        if self.until is not None and self.until < ledger.today:
            raise Malformed(
                f"until must be today ({ledger.today}) or later; it is {self.until}", "/until"
            )
        known = ledger.read(UnitHandovers(self.unit))
        for system in systems_of(self.scope):
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


class TakeBackDuty(Command):
    """职责收回: end a handover; what waits is the first person's again."""

    unit: UnitId
    from_person: Badge
    scope: Scope = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.must_be_now()
        ledger.act_for(self.unit)
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
