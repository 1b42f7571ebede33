"""The grounds for exempting a drawn business, checked in the ledger (DRW-R10, DRW-V7)."""

from __future__ import annotations

from datetime import date

import msgspec

from ledger.general.vocabulary import EntityId, UnitId
from ledger.kernel import Fold, Inquiry, Message, Recorded, message
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.draws import rules, uvdraw
from ledger.systems.draws.events import (
    DrawResultPublished,
    DrawTargetExempted,
    DrawTargetSelected,
    ExemptGround,
)
from ledger.systems.draws.folds import DrawnTasks, DrawState, Target
from ledger.systems.entities.folds import Registration
from ledger.systems.filing.events import InspectionTaskApproved, OnSiteInspectionOpened
from ledger.systems.filing.folds import Task
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.supervision.folds import BookedVisits


class YearsTargets(msgspec.Struct):
    """The numbers of businesses that a unit drew for a year and exempted on request."""

    selected: int = 0
    let_off: int = 0


class UnitTargets(Fold):
    """How many businesses did this unit draw in each year, and how many did it exempt?"""

    unit: UnitId
    years: dict[int, YearsTargets] = msgspec.field(default_factory=dict)
    #: The year of each draw.
    draws: dict[str, int] = msgspec.field(default_factory=dict)

    def of(self, year: int) -> YearsTargets:
        """Return the numbers of a year."""
        return self.years.setdefault(year, YearsTargets())

    def on_selected(self, event: DrawTargetSelected) -> None:
        self.draws[event.draw] = event.inspect_by.year
        self.of(event.inspect_by.year).selected += 1

    def on_exempted(self, event: DrawTargetExempted) -> None:
        if not event.of_itself and event.draw in self.draws:
            self.of(self.draws[event.draw]).let_off += 1


#: Results of visits without an inspection: entry was refused, or the business was not found.
_NOT_INSPECTED = {"refused_by_entity", "entity_not_found"}


class ResultsAt(Fold):
    """On which matters did this unit inspect this business and publish the result, and when?

    Case inspections and emergency inspections follow up a clue and do not count here.
    """

    entity: EntityId
    unit: UnitId
    clues: set[str] = msgspec.field(default_factory=set)
    opened: dict[str, date] = msgspec.field(default_factory=dict)
    published: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    def on_approved(self, event: InspectionTaskApproved) -> None:
        if event.kind == "case":
            self.clues.add(event.task)

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self.opened[event.task] = record.occurred_on
        if event.emergency:
            self.clues.add(event.task)

    def on_published(self, event: DrawResultPublished) -> None:
        if event.result not in _NOT_INSPECTED and event.withhold_reason is None:
            self.published[event.task] = event.matters

    def inspected(self, year: int) -> set[str]:
        """Return the matters on which the business was inspected in a year."""
        return {
            matter
            for task, matters in self.published.items()
            for matter in matters
            if task not in self.clues and task in self.opened and self.opened[task].year == year
        }


def require_ground(inquiry: Inquiry, draw: DrawState, target: Target, ground: ExemptGround) -> None:
    """Refuse an exemption if the ledger does not confirm its ground (DRW-R10)."""
    reason = None
    if ground == "closed":
        if inquiry.read(Registration(target.entity)).left(inquiry.on) is None:
            reason = message("draws.register-lists", entity=target.entity)
    elif ground == "moved":
        unit = inquiry.read(UnitStanding(draw.unit)).qualified(inquiry.on)
        identity = inquiry.read(Registration(target.entity)).identity
        here = None if unit is None else unit.area
        there = None if identity is None else identity.area
        if here is None or there is None or here == there:
            reason = message(
                "draws.acts", entity=target.entity, there=there, unit=draw.unit, here=here
            )
    elif ground == "already_inspected_same_matter":
        results = inquiry.read(ResultsAt(target.entity, draw.unit))
        missing = sorted(set(target.matters) - results.inspected(draw.year))
        if missing:
            reason = message(
                "draws.published-no-result-visit", unit=draw.unit, year=draw.year, missing=missing
            )
    elif ground == "cap_used":
        reason = _why_within_cap(inquiry, draw, target)
    inquiry.require(reason is None, rules.DRW_R10, target=target.target, reason=reason)


def _why_within_cap(inquiry: Inquiry, draw: DrawState, target: Target) -> Message | None:
    """Return why the unit's cap still allows the visit, or ``None`` if it is used up."""
    if uvdraw.ratio_of(draw.ratios[target.stratum]) == 1:
        return message("draws.all-visited-regardless-cap", stratum=target.stratum)
    grade = inquiry.read(CreditGrade(target.entity)).on(inquiry.on)
    cap = int(inquiry.setting("visit_cap", unit=draw.unit, grade=grade)[grade])
    used = inquiry.read(BookedVisits(target.entity, draw.unit, draw.year)).capped
    own = [
        inquiry.read(Task(name))
        for name in inquiry.read(DrawnTasks(target.entity, draw.draw)).tasks
    ]
    used -= sum(task.stage != "cancelled" and task.counter == "capped" for task in own)
    return (
        None
        if used >= cap
        else message("draws.capped-visits-used", used=used, cap=cap, year=draw.year)
    )
