"""Commands of handovers: the head of a unit moves the duties of one person to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.general.roles import roles
from ledger.general.vocabulary import Badge, Text, UnitId, same_person
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep
from ledger.systems.catalogue.folds import OfficerStanding
from ledger.systems.handovers.events import DutyHandedOver, DutyTakenBack, Scope
from ledger.systems.handovers.folds import UnitHandovers, systems_of


class HandOverDuty(Act):
    """职责交接: move the duties of a person of the unit to another, for a time or for good.

    Open and future duties move; acts that were done keep their author. The successor must hold a
    certificate of the unit that is in force, or be the head who hands over; everyone can take over
    requests (``approvals``) alone.
    """

    ROLES = roles("unit_head")

    unit: UnitId
    from_person: Badge
    to_person: Badge
    reason: Text
    scope: Scope = ()
    until: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if same_person(self.from_person, self.to_person):
            raise Malformed("to_person must be another person than from_person", "/to_person")
        if self.until is not None and self.until < inquiry.today:
            raise Malformed(
                f"until must be today ({inquiry.today}) or later; it is {self.until}", "/until"
            )
        self._require_successor(inquiry)
        systems = systems_of(self.scope)
        # This handover ends earlier ones of this person, so leave those out.
        known = inquiry.read(UnitHandovers(self.unit)).without(self.from_person, systems)
        for system in systems:
            end = known.holder(self.to_person, system, inquiry.today)
            if same_person(end, self.from_person):
                raise OutOfStep(
                    f"{self.to_person} has handed {system} over to {self.from_person}; take it "
                    "back first with take-back-duty"
                )
        yield DutyHandedOver(
            unit=self.unit,
            from_person=self.from_person,
            to_person=self.to_person,
            scope=self.scope,
            since=inquiry.today,
            until=self.until,
            reason=self.reason,
        )

    def _require_successor(self, inquiry: Inquiry) -> None:
        """Require a successor whose inbox shows the duties that are handed over."""
        head = same_person(self.to_person, inquiry.actor.person_id)
        if head or set(self.scope) == {"approvals"}:
            return
        standing = inquiry.read(OfficerStanding(self.to_person))
        barred = standing.barred(inquiry.today, self.unit, set())
        if barred is not None:
            raise OutOfStep(
                f"to_person must hold a certificate of {self.unit} that is in force today, or be "
                f"{inquiry.actor.person_id}, who hands over; {self.to_person} {barred}"
            )


class TakeBackDuty(Act):
    """职责收回: end a handover; the open duties return to the first person."""

    ROLES = roles("unit_head")

    unit: UnitId
    from_person: Badge
    scope: Scope = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.read(UnitHandovers(self.unit))
        systems = systems_of(self.scope)
        if not any(known.handed(self.from_person, system, inquiry.today) for system in systems):
            raise OutOfStep(
                f"{self.from_person} must have handed over a duty of {', '.join(systems)}; no such "
                "handover is in force"
            )
        yield DutyTakenBack(
            unit=self.unit,
            from_person=self.from_person,
            scope=self.scope,
            taken_back_on=inquiry.today,
        )
