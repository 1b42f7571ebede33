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
#: Whose plan it is: one unit's own, or the one that the region's units carry out together.
PlanScope = Literal["unit", "region"]
#: A milestone's name within its piece of work.
Code = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}(?![\s\S])", examples=["MS-1"]),
]
Position = Annotated[int, msgspec.Meta(ge=1)]


class PlannedMilestone(Value):
    """A time node (时间节点): what is done by ``due_on``, a stated day that does not roll."""

    milestone: Code
    says: Text
    due_on: date


class Work(Value):
    """One piece of work of a plan: a task of the Notice, its goals and its time nodes.

    ``participants`` may report its milestones alongside the plan's unit. ``reason``: why a unit
    takes on a task that ``ledger.responsibilities`` does not give it (WRK-R1).
    """

    work: WorkId
    task_no: TaskNo
    goals: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()
    milestones: Annotated[tuple[PlannedMilestone, ...], msgspec.Meta(max_length=40)] = ()
    participants: Annotated[tuple[UnitId, ...], msgspec.Meta(max_length=40)] = ()
    reason: Text | None = None


class EvidenceFile(Value):
    """A file that shows what was done, kept elsewhere: its digest, and the day it is dated."""

    title: Name
    sha256: Sha256
    dated: date


class _OfPlan(Event):
    """What is recorded about a plan, read as the plan is.

    ``internal``: only the units that it names and the supervisors read it.
    """

    TOPIC: ClassVar[str] = ""

    internal: bool = False

    def visibility(self) -> Visibility:
        """Public, unless the plan is marked internal."""
        return "restricted" if self.internal else "public"


class WorkPlanAdopted(_OfPlan):
    """工作计划制定: a unit's plan for a year, or the region's; adopting it files it with JB.

    ``days_late``: calendar days after the day of ``work.plan_due``.
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
    """工作计划调整: the plan's works are these from now on, and why."""

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
    """佐证材料: a recorded event that a milestone rests on; recorded with the milestone.

    Whoever may read the evidence may read this, and nobody else: what it is about stays with it.
    """

    TOPIC: ClassVar[str] = "workplans.evidence-named"

    milestone: MilestoneId
    unit: UnitId
    position: Position
    evidence: EvidenceEventId
    decision: DecisionId | None = None
    seen_as: Visibility

    def visibility(self) -> Visibility:
        """As the evidence."""
        return self.seen_as


class MilestoneReached(_OfPlan):
    """时间节点完成: what the plan promised was done on ``reached_on``, the day of its evidence.

    ``evidence_events`` are positions in the ledger. ``by_unit`` reported it: the plan's unit or a
    participant. ``days_late``: calendar days from the day it was due to ``reached_on``.
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
    """时间节点退回: the evidence does not show it; it is to be reported again by ``due_on``."""

    TOPIC: ClassVar[str] = "workplans.milestone-returned"

    milestone: MilestoneId
    work: WorkId
    unit: UnitId
    task_no: TaskNo
    reason: Text
    due_on: date


class WorkUrged(Event):
    """督办函: JB or RLO urges a unit to get on with a piece of work, and to answer by a day."""

    TOPIC: ClassVar[str] = "workplans.work-urged"

    urge: UrgeId
    work: WorkId
    unit: UnitId
    task_no: TaskNo
    demand: Text
    due_on: date


class UrgeAnswered(Event):
    """督办答复: what the unit did about it; ``days_late`` counts calendar days."""

    TOPIC: ClassVar[str] = "workplans.urge-answered"

    urge: UrgeId
    work: WorkId
    unit: UnitId
    task_no: TaskNo
    says: Text
    days_late: int = 0


class TrackingInspectionHeld(Event):
    """督促检查: JB or RLO looked at a unit's works, and found this, one line for each fault."""

    TOPIC: ClassVar[str] = "workplans.tracking-inspection-held"
    CORRECTABLE = frozenset({"faults"})

    unit: UnitId
    works: tuple[WorkId, ...]
    held_on: date
    faults: tuple[Text, ...] = ()
