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
            raise Malformed(
                "handovers.to-person-must-be-another-person-from-person", pointer="/to_person"
            )
        if self.until is not None and self.until < inquiry.today:
            raise Malformed(
                "handovers.until-must-be-today-later",
                pointer="/until",
                today=inquiry.today,
                until=self.until,
            )
        self._require_successor(inquiry)
        systems = systems_of(self.scope)
        # This handover ends earlier ones of this person, so leave those out.
        known = inquiry.read(UnitHandovers(self.unit)).without(self.from_person, systems)
        for system in systems:
            end = known.holder(self.to_person, system, inquiry.today)
            if same_person(end, self.from_person):
                raise OutOfStep(
                    "handovers.handed-over",
                    to_person=self.to_person,
                    system=system,
                    from_person=self.from_person,
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
                "handovers.to-person-must-hold-certificate-force-today",
                unit=self.unit,
                person=inquiry.actor.person_id,
                to_person=self.to_person,
                barred=barred,
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
                "handovers.must-handed-over-duty", from_person=self.from_person, systems=systems
            )
        yield DutyTakenBack(
            unit=self.unit,
            from_person=self.from_person,
            scope=self.scope,
            taken_back_on=inquiry.today,
        )
