"""Commands of work plans (2.18): plans, their milestones, urges and inspections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import PLANNING, REPORTING, roles
from ledger.general.vocabulary import MilestoneId, Text, UnitId, UrgeId, WorkId, WorkPlanId
from ledger.kernel import (
    Act,
    Event,
    Forbidden,
    Inquiry,
    Malformed,
    OutOfStep,
    Recorded,
    Report,
    UnknownReference,
    message,
)
from ledger.systems.progress.folds import ReportingUnit, month_of, part_in
from ledger.systems.workplans import rules
from ledger.systems.workplans.events import (
    EvidenceFile,
    EvidenceNamed,
    MilestoneDropped,
    MilestoneReached,
    MilestoneReturned,
    MilestoneSet,
    PlanScope,
    Position,
    TrackingInspectionHeld,
    UrgeAnswered,
    Work,
    WorkPlanAdopted,
    WorkPlanAmended,
    WorkPlanFellDue,
    WorkUrged,
    Year,
)
from ledger.systems.workplans.folds import (
    Milestone,
    Planned,
    PolicyKnown,
    UnitUrges,
    UnitWorkPlans,
    Urge,
    WorkPlan,
    milestone_id,
)

#: Roles of the offices that track the work of units; each may adopt the region's plan.
TRACKING_ROLES = frozenset({"jb_supervisor", "rlo_assessor"})

Works = Annotated[tuple[Work, ...], msgspec.Meta(min_length=1, max_length=40)]


class AdoptWorkPlan(Act):
    """制定工作计划: adopt a unit's plan for the year, which also files it with the Justice Bureau.

    With ``scope`` ``region`` it is the plan that the Justice Bureau or the rule-of-law office
    adopts for all units.
    """

    ROLES = PLANNING

    work_plan: WorkPlanId
    unit: UnitId
    year: Year
    works: Works
    basis: Text
    scope: PlanScope = "unit"
    internal: bool = False

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.scope == "region" and inquiry.actor.role not in TRACKING_ROLES:
            raise Forbidden("workplans.region-plan-must-be-adopted-justice-bureau", unit=self.unit)
        if self.year < inquiry.today.year:
            raise Malformed(
                "workplans.plan-must-be-year-later-one",
                pointer="/year",
                year=inquiry.today.year,
                given_year=self.year,
            )
        inquiry.new(WorkPlan(self.work_plan))
        other = inquiry.read(UnitWorkPlans(self.unit)).plan_for(self.year, self.scope)
        if other is not None:
            raise OutOfStep(
                "workplans.adopted-amend-plan", unit=self.unit, other=other, year=self.year
            )
        _check_works(inquiry, self.unit, self.scope, self.works, {})
        yield WorkPlanAdopted(
            work_plan=self.work_plan,
            unit=self.unit,
            year=self.year,
            scope=self.scope,
            works=self.works,
            basis=self.basis,
            internal=self.internal,
            days_late=inquiry.days_after(_plan_due(inquiry, self.year)),
        )
        for work in self.works:
            for planned in work.milestones:
                yield _set(self.work_plan, self.unit, work, planned, self.internal)


class AmendWorkPlan(Act):
    """调整工作计划: replace the works of the plan, with a reason.

    A milestone that keeps its code and day continues unchanged; one that is left out is dropped. A
    reached milestone stays reached.
    """

    ROLES = PLANNING

    work_plan: WorkPlanId
    works: Works
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plan = inquiry.own(WorkPlan(self.work_plan), "workplans.adopt-plan-first")
        if self.works == plan.works:
            raise OutOfStep("workplans.works-must-differ-those", work_plan=self.work_plan)
        before = {work.work: work for work in plan.works}
        _check_works(inquiry, plan.unit, plan.scope, self.works, before)
        yield WorkPlanAmended(
            work_plan=self.work_plan,
            unit=plan.unit,
            version=plan.version + 1,
            works=self.works,
            reason=self.reason,
            internal=plan.internal,
        )
        kept = set()
        for work in self.works:
            for planned in work.milestones:
                made = _set(self.work_plan, plan.unit, work, planned, plan.internal)
                kept.add(made.milestone)
                known = inquiry.read(Milestone(made.milestone))
                if known.stage == "reached" or _same(known, made):
                    continue
                yield made
        for work in plan.works:
            for planned in work.milestones:
                name = milestone_id(work.work, planned.milestone)
                if name not in kept and inquiry.read(Milestone(name)).stage != "reached":
                    yield MilestoneDropped(
                        milestone=name, work=work.work, unit=plan.unit, internal=plan.internal
                    )


class ReachMilestone(Act):
    """报告时间节点完成: report that a milestone was reached, with evidence (WRK-R2).

    It counts as reached on the latest day of its evidence: the day of a recorded event, or the day
    stated for a file.
    """

    # WRK-R2, not ROLES, refuses a unit that has no part in the work.
    ROLES = roles(*REPORTING, "rlo_assessor")

    milestone: MilestoneId
    says: Text
    evidence_events: Annotated[tuple[Position, ...], msgspec.Meta(max_length=50)] = ()
    evidence_files: Annotated[tuple[EvidenceFile, ...], msgspec.Meta(max_length=50)] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        milestone = inquiry.known(Milestone(self.milestone), "workplans.work-plan-sets-milestones")
        inquiry.require(
            inquiry.actor.unit_id in (milestone.unit, *milestone.participants),
            rules.WRK_R2,
            milestone=self.milestone,
            reason=message(
                "workplans.neither-plan-unit-nor-participant", unit=inquiry.actor.unit_id
            ),
            hint=message(
                "workplans.must-be-reported", unit=(milestone.unit, *milestone.participants)
            ),
        )
        if milestone.stage in ("reached", "dropped"):
            raise OutOfStep(
                "workplans.must-be-open-returned-reported",
                milestone=self.milestone,
                stage=milestone.stage,
            )
        inquiry.require(
            self.evidence_events or self.evidence_files,
            rules.WRK_R2,
            milestone=self.milestone,
            reason=message("workplans.no-evidence-named"),
            hint=message("workplans.name-recorded-events-files-day"),
        )
        records = [
            self._record(inquiry, place, at) for place, at in enumerate(self.evidence_events)
        ]
        for place, file in enumerate(self.evidence_files):
            if file.dated > inquiry.today:
                raise Malformed(
                    "workplans.day-file-must-not-lie-after",
                    pointer=f"/evidence_files/{place}/dated",
                    today=inquiry.today,
                    dated=file.dated,
                )
        reached_on = max(
            [record.occurred_on for record in records]
            + [file.dated for file in self.evidence_files]
        )
        assert milestone.due_on is not None
        for record in records:
            yield EvidenceNamed(
                milestone=self.milestone,
                unit=milestone.unit,
                position=record.position,
                evidence=str(record.envelope.event_id),
                decision=getattr(record.event, "decision", None),
                seen_as=record.envelope.visibility,
            )
        yield MilestoneReached(
            milestone=self.milestone,
            work=milestone.work,
            unit=milestone.unit,
            by_unit=inquiry.actor.unit_id,
            task_no=milestone.task_no,
            says=self.says,
            reached_on=reached_on,
            evidence_events=self.evidence_events,
            evidence_files=self.evidence_files,
            days_late=max(0, (reached_on - milestone.due_on).days),
            internal=milestone.internal,
        )

    def _record(self, inquiry: Inquiry, place: int, position: int) -> Recorded:
        record = inquiry.named_record(position)
        if record is None:
            raise UnknownReference(
                "event",
                str(position),
                message("workplans.name-recorded-position-evidence-events", place=place),
            )
        if record.envelope.visibility == "sealed" or record.event.kept_from():
            raise Malformed(
                "workplans.evidence-must-be-readable-plan-unit-supervisors",
                pointer=f"/evidence_events/{place}",
            )
        if isinstance(record.event, MilestoneReached | EvidenceNamed):
            raise Malformed(
                "workplans.evidence-must-be-event-other-report-milestone",
                pointer=f"/evidence_events/{place}",
            )
        return record


class ReturnMilestone(Act):
    """退回时间节点: return a milestone that its evidence does not show, with a new day."""

    ROLES = roles("jb_supervisor", "rlo_assessor")

    milestone: MilestoneId
    reason: Text
    due_on: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        milestone = inquiry.known(Milestone(self.milestone))
        _of_others(inquiry, milestone.unit, self.milestone)
        if milestone.stage != "reached":
            raise OutOfStep(
                "workplans.must-be-reached", milestone=self.milestone, stage=milestone.stage
            )
        _require_ahead(inquiry, self.due_on)
        yield MilestoneReturned(
            milestone=self.milestone,
            work=milestone.work,
            unit=milestone.unit,
            task_no=milestone.task_no,
            reason=self.reason,
            due_on=self.due_on,
            internal=milestone.internal,
        )


class UrgeWork(Act):
    """督办: urge the plan's unit, or a participant, to complete a work.

    ``unit`` is the plan's unit by default. A second urge for one task in a calendar quarter raises
    a finding (WRK-V2).
    """

    ROLES = roles("jb_supervisor", "rlo_assessor")
    ACTS_FOR = ""

    urge: UrgeId
    work: WorkId
    demand: Text
    due_on: date
    unit: UnitId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Urge(self.urge))
        planned = inquiry.known(Planned(self.work), "workplans.work-plan-names-works")
        unit = self.unit or planned.unit
        if unit not in (planned.unit, *planned.participants):
            raise Malformed(
                "workplans.unit-urged-must-be-plan-participant",
                pointer="/unit",
                unit=planned.unit,
                given_unit=unit,
            )
        _of_others(inquiry, unit, self.work)
        _require_ahead(inquiry, self.due_on)
        yield WorkUrged(
            urge=self.urge,
            work=self.work,
            unit=unit,
            task_no=planned.task_no,
            demand=self.demand,
            due_on=self.due_on,
        )
        before = inquiry.read(UnitUrges(unit)).in_quarter_of(inquiry.on, planned.task_no)
        if before == 1:
            yield finding(
                inquiry,
                rules.WRK_V2,
                unit=unit,
                task_no=planned.task_no,
                work=self.work,
                urge=self.urge,
            )


class AnswerUrge(Act):
    """答复督办: answer an urge with what the unit did; a late answer is accepted too."""

    ROLES = REPORTING

    urge: UrgeId
    says: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        urge = inquiry.own(Urge(self.urge))
        if urge.stage != "open":
            raise OutOfStep(
                "workplans.already-answered", urge=self.urge, answered_on=urge.answered_on
            )
        assert urge.due_on is not None
        yield UrgeAnswered(
            urge=self.urge,
            work=urge.work,
            unit=urge.unit,
            task_no=urge.task_no,
            says=self.says,
            days_late=inquiry.days_after(urge.due_on),
        )


class RecordTrackingInspection(Report):
    """记录督促检查: report that an office inspected works of a unit; ``occurred_at`` says when."""

    ROLES = roles("jb_supervisor", "rlo_assessor")
    ACTS_FOR = ""

    unit: UnitId
    works: Annotated[tuple[WorkId, ...], msgspec.Meta(min_length=1, max_length=40)]
    faults: Annotated[tuple[Text, ...], msgspec.Meta(max_length=40)] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        for place, name in enumerate(self.works):
            planned = inquiry.known(Planned(name), "workplans.work-plan-names-works")
            if self.unit not in (planned.unit, *planned.participants):
                raise Malformed(
                    "workplans.must-be-work", pointer=f"/works/{place}", name=name, unit=self.unit
                )
        yield TrackingInspectionHeld(
            unit=self.unit, works=self.works, held_on=inquiry.on, faults=self.faults
        )


class ReviewWorkPlan(Act):
    """未按期制定工作计划: record once that a reporting unit adopted no plan in time (WRK-V4).

    Only years count that began after the policy was recorded in this ledger.
    """

    ROLES = roles("ledger_clock")
    ACTS_FOR = ""

    unit: UnitId
    year: Year

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plans = inquiry.read(UnitWorkPlans(self.unit))
        if plans.settled(self.year):
            raise OutOfStep(
                "workplans.already-adopted-plan-already-reviewed", unit=self.unit, year=self.year
            )
        since = inquiry.read(PolicyKnown("work.plan_due")).since
        if since is None or since.year >= self.year:
            raise OutOfStep("workplans.units-did-not-adopt-plan", year=self.year)
        if inquiry.read(ReportingUnit(self.unit)).groups(f"{self.year:04}-01") is None:
            raise OutOfStep("workplans.did-not-report-january", unit=self.unit, year=self.year)
        due_on = _plan_due(inquiry, self.year)
        if inquiry.today <= due_on:
            raise OutOfStep("workplans.plan-due", year=self.year, due_on=due_on)
        yield WorkPlanFellDue(unit=self.unit, year=self.year, due_on=due_on)
        yield finding(
            inquiry, rules.WRK_V4, unit=self.unit, year=self.year, due_on=due_on.isoformat()
        )


def _plan_due(inquiry: Inquiry, year: int) -> date:
    return inquiry.stated_day("work.plan_due", year)


def _check_works(
    inquiry: Inquiry,
    unit: str,
    scope: PlanScope,
    works: tuple[Work, ...],
    before: Mapping[str, Work],
) -> None:
    """Refuse works without goals or milestones, works of other units and repetitions (WRK-R1)."""
    groups = inquiry.read(ReportingUnit(unit)).groups(month_of(inquiry.on)) or ()
    tasks: dict[str, Any] = inquiry.setting("ledger.responsibilities")["tasks"]
    seen = set()
    for place, work in enumerate(works):
        if work.work in seen:
            raise Malformed(
                "workplans.must-be-named-once", pointer=f"/works/{place}/work", work=work.work
            )
        seen.add(work.work)
        if work.work not in before:
            inquiry.new(Planned(work.work))
        codes = [planned.milestone for planned in work.milestones]
        if len(set(codes)) < len(codes):
            raise Malformed(
                "workplans.each-milestone-must-code-own",
                pointer=f"/works/{place}/milestones",
                work=work.work,
                codes=codes,
            )
        for part, given in (("goal", work.goals), ("milestone", work.milestones)):
            inquiry.require(
                given,
                rules.WRK_R1,
                work=work.work,
                unit=unit,
                reason=message("workplans.no", part=part),
                hint=message("workplans.name-least-one", part=part),
            )
        inquiry.require(
            scope == "region"
            or work.reason is not None
            or part_in(tasks, work.task_no, {unit, *groups}) is not None,
            rules.WRK_R1,
            work=work.work,
            unit=unit,
            reason=message(
                "workplans.neither-leads-nor-responsible-task", unit=unit, task_no=work.task_no
            ),
            hint=message("workplans.give-reason-why-unit-takes-leave"),
        )


def _set(work_plan: str, unit: str, work: Work, planned: Any, internal: bool) -> MilestoneSet:
    return MilestoneSet(
        milestone=milestone_id(work.work, planned.milestone),
        work=work.work,
        work_plan=work_plan,
        unit=unit,
        task_no=work.task_no,
        says=planned.says,
        due_on=planned.due_on,
        participants=work.participants,
        internal=internal,
    )


def _same(known: Milestone, made: MilestoneSet) -> bool:
    """Return whether a milestone continues unchanged; a returned one keeps its new day."""
    return (
        known.exists
        and not known.dropped
        and known.returned_because is None
        and all(
            getattr(known, name) == getattr(made, name)
            for name in ("task_no", "says", "due_on", "participants")
        )
    )


def _of_others(inquiry: Inquiry, unit: str, name: str) -> None:
    if unit == inquiry.actor.unit_id:
        raise Forbidden("workplans.belongs-itself", name=name, unit=unit)


def _require_ahead(inquiry: Inquiry, day: date) -> None:
    if day <= inquiry.on:
        raise Malformed(
            "workplans.due-on-must-lie-after-today", pointer="/due_on", on=inquiry.on, day=day
        )
