"""Folds about work plans, their milestones and what units were urged to."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import (
    DecisionId,
    EvidenceEventId,
    MilestoneId,
    UnitId,
    UrgeId,
    WorkId,
    WorkPlanId,
)
from ledger.kernel import Event, Fold, PolicyVersionAdopted, Recorded, civil_date
from ledger.kernel.policies import PolicyKey
from ledger.systems.workplans.events import (
    EvidenceFile,
    EvidenceNamed,
    MilestoneDropped,
    MilestoneReached,
    MilestoneReturned,
    MilestoneSet,
    PlanScope,
    TrackingInspectionHeld,
    UrgeAnswered,
    Work,
    WorkPlanAdopted,
    WorkPlanAmended,
    WorkPlanFellDue,
    WorkUrged,
)


def milestone_id(work: str, code: str) -> str:
    """The id of a milestone: its piece of work, and its code there."""
    return f"{work}/{code}"


def _marked_otherwise(event: Event, internal: bool) -> bool:
    """Whether an event is internal and its plan is not, or the other way round.

    A plan is internal from its first day or never. What is marked otherwise belongs to no plan, and
    a document that some may read never holds what they may not.
    """
    return getattr(event, "internal", internal) is not internal


class WorkPlan(Fold):
    """What does this plan promise for the year, in its newest version?"""

    work_plan: WorkPlanId
    unit: str = ""
    year: int = 0
    scope: PlanScope = "unit"
    version: int = 0
    works: tuple[Work, ...] = ()
    basis: str = ""
    internal: bool = False
    adopted_on: date | None = None
    days_late: int = 0
    amended_on: date | None = None
    amended_because: str = ""

    @property
    def exists(self) -> bool:
        return self.version > 0

    @property
    def stage(self) -> Literal["unknown", "adopted", "amended"]:
        """Whether it is as it was adopted."""
        return ("unknown", "adopted", "amended")[min(self.version, 2)]

    def take(self, record: Recorded) -> None:
        if not (self.exists and _marked_otherwise(record.event, self.internal)):
            super().take(record)

    def on_adopted(self, event: WorkPlanAdopted, record: Recorded) -> None:
        self.unit, self.year, self.scope = event.unit, event.year, event.scope
        self.version, self.works, self.basis = 1, event.works, event.basis
        self.internal, self.days_late = event.internal, event.days_late
        self.adopted_on = record.occurred_on

    def on_amended(self, event: WorkPlanAmended, record: Recorded) -> None:
        self.version, self.works = event.version, event.works
        self.amended_on, self.amended_because = record.occurred_on, event.reason


class UnitWorkPlans(Fold):
    """For which years has this unit adopted a plan of its own, and for which was one missing?"""

    unit: UnitId
    plans: dict[str, str] = msgspec.field(default_factory=dict)
    missing: list[int] = msgspec.field(default_factory=list)

    @property
    def exists(self) -> bool:
        return bool(self.plans or self.missing)

    def plan_for(self, year: int, scope: PlanScope) -> str | None:
        """The id of the plan for a year, if the unit adopted one."""
        return self.plans.get(f"{scope}:{year}")

    def settled(self, year: int) -> bool:
        """Whether nothing is left to say of a year: there is a plan, or it was found missing."""
        return self.plan_for(year, "unit") is not None or year in self.missing

    def on_adopted(self, event: WorkPlanAdopted) -> None:
        if event.unit == self.unit:  # a plan names its participants too
            self.plans[f"{event.scope}:{event.year}"] = event.work_plan

    def on_fell_due(self, event: WorkPlanFellDue) -> None:
        self.missing.append(event.year)


class Planned(Fold):
    """In which plan does this piece of work stand, and for which task is it?"""

    work: WorkId
    work_plan: str = ""
    unit: str = ""
    task_no: int = 0
    participants: tuple[str, ...] = ()
    internal: bool = False

    @property
    def exists(self) -> bool:
        return self.work_plan != ""

    def on_planned(self, event: WorkPlanAdopted | WorkPlanAmended) -> None:
        for work in event.works:
            if work.work == self.work:
                self.work_plan, self.unit = event.work_plan, event.unit
                self.task_no, self.participants = work.task_no, work.participants
                self.internal = event.internal


class Reached(msgspec.Struct):
    """One report that a milestone was reached, and what it rests on."""

    by_unit: str
    reported_on: date
    reached_on: date
    says: str
    evidence_events: tuple[int, ...]
    evidence_files: tuple[EvidenceFile, ...]
    days_late: int


class Milestone(Fold):
    """When is this milestone due, and was it reached?"""

    milestone: MilestoneId
    work: str = ""
    work_plan: str = ""
    unit: str = ""
    task_no: int = 0
    says: str = ""
    due_on: date | None = None
    participants: tuple[str, ...] = ()
    internal: bool = False
    dropped: bool = False
    reports: list[Reached] = msgspec.field(default_factory=list)
    returned_because: str | None = None

    @property
    def exists(self) -> bool:
        return self.due_on is not None

    @property
    def stage(self) -> Literal["unknown", "open", "reached", "returned", "dropped"]:
        """How far it has come."""
        if not self.exists:
            return "unknown"
        if self.dropped:
            return "dropped"
        if self.returned_because is not None:
            return "returned"
        return "reached" if self.reports else "open"

    def take(self, record: Recorded) -> None:
        if not (self.exists and _marked_otherwise(record.event, self.internal)):
            super().take(record)

    def on_set(self, event: MilestoneSet) -> None:
        self.work, self.work_plan, self.unit = event.work, event.work_plan, event.unit
        self.task_no, self.says, self.due_on = event.task_no, event.says, event.due_on
        self.participants, self.internal = event.participants, event.internal
        self.dropped = False

    def on_dropped(self, event: MilestoneDropped) -> None:
        self.dropped = True

    def on_reached(self, event: MilestoneReached, record: Recorded) -> None:
        self.returned_because = None
        self.reports.append(
            Reached(
                event.by_unit,
                civil_date(record.envelope.recorded_at),
                event.reached_on,
                event.says,
                event.evidence_events,
                event.evidence_files,
                event.days_late,
            )
        )

    def on_returned(self, event: MilestoneReturned) -> None:
        self.returned_because, self.due_on = event.reason, event.due_on


class RestingOn(Fold):
    """Which milestones rest on this recorded event?"""

    evidence: EvidenceEventId
    milestones: dict[str, str] = msgspec.field(default_factory=dict)

    def on_named(self, event: EvidenceNamed) -> None:
        self.milestones[event.milestone] = event.unit


class RestingOnDecision(Fold):
    """Which milestones rest on events about this decision, and on which events?"""

    decision: DecisionId
    named: list[EvidenceNamed] = msgspec.field(default_factory=list)

    def on_named(self, event: EvidenceNamed) -> None:
        self.named.append(event)


class Urge(Fold):
    """What was the unit urged to do, by when, and what did it answer?"""

    urge: UrgeId
    work: str = ""
    unit: str = ""
    task_no: int = 0
    demand: str = ""
    urged_by: str = ""
    urged_on: date | None = None
    due_on: date | None = None
    answer: str | None = None
    answered_on: date | None = None
    days_late: int = 0

    @property
    def exists(self) -> bool:
        return self.urged_on is not None

    @property
    def stage(self) -> Literal["unknown", "open", "answered"]:
        """Whether the unit has answered."""
        if not self.exists:
            return "unknown"
        return "open" if self.answered_on is None else "answered"

    def on_urged(self, event: WorkUrged, record: Recorded) -> None:
        self.work, self.unit, self.task_no = event.work, event.unit, event.task_no
        self.demand, self.due_on = event.demand, event.due_on
        self.urged_by, self.urged_on = record.envelope.actor.unit_id, record.occurred_on

    def on_answered(self, event: UrgeAnswered, record: Recorded) -> None:
        self.answer, self.days_late = event.says, event.days_late
        self.answered_on = record.occurred_on


class UnitUrges(Fold):
    """For which tasks was this unit urged, and when?"""

    unit: UnitId
    urged: list[tuple[int, date]] = msgspec.field(default_factory=list)

    def on_urged(self, event: WorkUrged, record: Recorded) -> None:
        self.urged.append((event.task_no, record.occurred_on))

    def in_quarter_of(self, day: date, task_no: int) -> int:
        """How often it was urged for a task in the calendar quarter of a day."""
        return sum(
            task == task_no and _quarter(urged_on) == _quarter(day) for task, urged_on in self.urged
        )


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3


class TrackingInspection(msgspec.Struct):
    """One look at a unit's works."""

    held_on: date
    held_by: str
    works: tuple[str, ...]
    faults: tuple[str, ...]


class Tracked(Fold):
    """What did the offices that track find when they looked at this unit's works?"""

    unit: UnitId
    inspections: list[TrackingInspection] = msgspec.field(default_factory=list)

    @property
    def exists(self) -> bool:
        return bool(self.inspections)

    def on_held(self, event: TrackingInspectionHeld, record: Recorded) -> None:
        by = record.envelope.actor.unit_id
        self.inspections.append(TrackingInspection(event.held_on, by, event.works, event.faults))


class PolicyKnown(Fold):
    """Since which day has this ledger held a version of this policy?"""

    key: PolicyKey
    since: date | None = None

    @property
    def exists(self) -> bool:
        return self.since is not None

    def on_adopted(self, event: PolicyVersionAdopted, record: Recorded) -> None:
        if self.since is None:
            self.since = civil_date(record.envelope.recorded_at)
