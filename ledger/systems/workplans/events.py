"""Events of work plans and their tracking (明确目标任务和时间节点, 跟踪调度、督促检查; 2.18)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    DecisionId,
    EvidenceEventId,
    MilestoneId,
    Name,
    Sha256,
    Text,
    UnitId,
    UrgeId,
    WorkId,
    WorkPlanId,
)
from ledger.kernel import Event, Value, Visibility
from ledger.systems.progress.events import TaskNo

Year = Annotated[int, msgspec.Meta(ge=2000, le=2199)]
#: The scope of a plan: one unit, or all units of the region together.
PlanScope = Literal["unit", "region"]
#: The code of a milestone within its piece of work.
Code = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}(?![\s\S])", examples=["MS-1"]),
]
Position = Annotated[int, msgspec.Meta(ge=1)]


class PlannedMilestone(Value):
    """A milestone (时间节点): ``says`` must be done by ``due_on``, which calendars do not move."""

    milestone: Code
    says: Text
    due_on: date


class Work(Value):
    """One piece of work of a plan: a task of the Notice, its goals and its milestones.

    ``participants`` may report its milestones as well as the plan's unit. ``reason`` says why a
    unit takes on a task that ``ledger.responsibilities`` does not give it (WRK-R1).
    """

    work: WorkId
    task_no: TaskNo
    goals: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()
    milestones: Annotated[tuple[PlannedMilestone, ...], msgspec.Meta(max_length=40)] = ()
    participants: Annotated[tuple[UnitId, ...], msgspec.Meta(max_length=40)] = ()
    reason: Text | None = None


class EvidenceFile(Value):
    """A file that proves a milestone and is kept elsewhere: its title, digest and date."""

    title: Name
    sha256: Sha256
    dated: date


class _OfPlan(Event):
    """An event about a plan, with the visibility of the plan.

    ``internal``: only the units that the plan names and the supervisors may read it.
    """

    TOPIC: ClassVar[str] = ""

    internal: bool = False

    def visibility(self) -> Visibility:
        """Return ``public`` unless the plan is internal."""
        return "restricted" if self.internal else "public"


class WorkPlanAdopted(_OfPlan):
    """工作计划制定: a unit adopts its plan for a year, or the plan of the region.

    The adoption also files the plan with the Justice Bureau. ``days_late`` counts calendar days
    after the day ``work.plan_due``.
    """

    TOPIC: ClassVar[str] = "workplans.work-plan-adopted"

    work_plan: WorkPlanId
    unit: UnitId
    year: Year
    scope: PlanScope
    works: tuple[Work, ...]
    basis: Text
    days_late: int = 0


class WorkPlanAmended(_OfPlan):
    """工作计划调整: the unit replaces the works of the plan by these, and says why."""

    TOPIC: ClassVar[str] = "workplans.work-plan-amended"

    work_plan: WorkPlanId
    unit: UnitId
    version: int
    works: tuple[Work, ...]
    reason: Text


class WorkPlanFellDue(Event):
    """未按期制定工作计划: the day for a unit's plan of the year passed without one (WRK-V4)."""

    TOPIC: ClassVar[str] = "workplans.work-plan-fell-due"

    unit: UnitId
    year: Year
    due_on: date


class MilestoneSet(_OfPlan):
    """时间节点确定: a milestone is due on a day, until an amendment sets it again or drops it."""

    TOPIC: ClassVar[str] = "workplans.milestone-set"

    milestone: MilestoneId
    work: WorkId
    work_plan: WorkPlanId
    unit: UnitId
    task_no: TaskNo
    says: Text
    due_on: date
    participants: tuple[UnitId, ...] = ()


class MilestoneDropped(_OfPlan):
    """时间节点取消: an amendment of the plan left the milestone out."""

    TOPIC: ClassVar[str] = "workplans.milestone-dropped"

    milestone: MilestoneId
    work: WorkId
    unit: UnitId


class EvidenceNamed(Event):
    """佐证材料: a report of a milestone names a recorded event as evidence.

    It is recorded along with the milestone. Only readers of the evidence may read it.
    """

    TOPIC: ClassVar[str] = "workplans.evidence-named"

    milestone: MilestoneId
    unit: UnitId
    position: Position
    evidence: EvidenceEventId
    decision: DecisionId | None = None
    seen_as: Visibility

    def visibility(self) -> Visibility:
        """Return the visibility of the evidence."""
        return self.seen_as


class MilestoneReached(_OfPlan):
    """时间节点完成: a milestone was reached on ``reached_on``, the day of its evidence.

    ``evidence_events`` are positions in the ledger. ``by_unit``, which is the plan's unit or a
    participant, reported it. ``days_late`` counts calendar days from the due day to ``reached_on``.
    """

    TOPIC: ClassVar[str] = "workplans.milestone-reached"

    milestone: MilestoneId
    work: WorkId
    unit: UnitId
    by_unit: UnitId
    task_no: TaskNo
    says: Text
    reached_on: date
    evidence_events: tuple[Position, ...] = ()
    evidence_files: tuple[EvidenceFile, ...] = ()
    days_late: int = 0


class MilestoneReturned(_OfPlan):
    """时间节点退回: the evidence is insufficient; the unit must report again by ``due_on``."""

    TOPIC: ClassVar[str] = "workplans.milestone-returned"

    milestone: MilestoneId
    work: WorkId
    unit: UnitId
    task_no: TaskNo
    reason: Text
    due_on: date


class WorkUrged(Event):
    """督办函: a supervising office urges a unit to carry out a piece of work.

    The office is the Justice Bureau or the rule-of-law office. The unit must answer by ``due_on``.
    """

    TOPIC: ClassVar[str] = "workplans.work-urged"

    urge: UrgeId
    work: WorkId
    unit: UnitId
    task_no: TaskNo
    demand: Text
    due_on: date


class UrgeAnswered(Event):
    """督办答复: the unit says what it did after the urge; ``days_late`` counts calendar days."""

    TOPIC: ClassVar[str] = "workplans.urge-answered"

    urge: UrgeId
    work: WorkId
    unit: UnitId
    task_no: TaskNo
    says: Text
    days_late: int = 0


class TrackingInspectionHeld(Event):
    """督促检查: a supervising office inspected a unit's works and found these ``faults``."""

    TOPIC: ClassVar[str] = "workplans.tracking-inspection-held"
    CORRECTABLE = frozenset({"faults"})

    unit: UnitId
    works: tuple[WorkId, ...]
    held_on: date
    faults: tuple[Text, ...] = ()
