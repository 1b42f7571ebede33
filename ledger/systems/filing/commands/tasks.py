"""Inspection tasks: the permission for one visit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import OFFICERS, UNIT
from ledger.general.vocabulary import (
    DrawId,
    EntityId,
    FilingId,
    JointId,
    MatterId,
    Name,
    OfficerId,
    Sha256,
    TaskId,
    Text,
    UnitId,
    is_among,
)
from ledger.kernel import (
    Act,
    DatedAct,
    Event,
    Inquiry,
    LegalRef,
    Malformed,
    OutOfStep,
    Recorded,
    Report,
    message,
)
from ledger.systems.catalogue.events import MatterElements
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.draws.effects import drawn_target, require_drawn_officers
from ledger.systems.draws.folds import DrawnTasks, DrawState, Target
from ledger.systems.draws.uvdraw import ratio_of
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import require_listed
from ledger.systems.filing import rules
from ledger.systems.filing.commands.joining import own_part, part_of, require_joined
from ledger.systems.filing.events import (
    Counter,
    InspectionCancelled,
    InspectionKind,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    NonOnsiteConsidered,
    SpecialInspectionFiled,
    SpecialPlanApproved,
    Trigger,
)
from ledger.systems.filing.folds import (
    AnnualPlan,
    FilingUse,
    PlanInForce,
    PlanVersion,
    SpecialFiling,
    SpecialPlan,
    Task,
)
from ledger.systems.grading.folds import CreditGrade
from ledger.systems.joint.events import Participant
from ledger.systems.supervision import rules as supervision
from ledger.systems.supervision.folds import BookedVisits

#: The triggers that each kind of inspection may have.
_TRIGGERS: dict[str, set[str]] = {
    "daily": {"plan"},
    "case": {"complaint", "transfer", "superior", "data_monitoring", "entity_request", "emergency"},
    "special": {"plan", "superior"},
}
#: The ground that supports each trigger of a case. Without that ground, and always with ``None``,
#: the filing must name a clue.
_GROUNDS: dict[str, str | None] = {
    "complaint": "complaint",
    "superior": "superior_assignment",
    "transfer": None,
    "data_monitoring": None,
    "entity_request": None,
}


class ApproveTask(Act):
    """批准检查任务: approve one visit of certified officers on published matters, within the cap.

    A daily visit must be planned, others must be filed. ``prescribed_by``: the legal provision that
    prescribes a daily visit without a draw or a designation, if the manner of supervision for the
    grade of the business needs one (FIL-R12).
    """

    # FIL-R4, not ROLES, refuses all but the head, so that the refusal cites the law.
    ROLES = UNIT

    task: TaskId
    unit: UnitId
    entity: EntityId
    kind: InspectionKind
    trigger: Trigger
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=50)]
    officers: Annotated[tuple[OfficerId, ...], msgspec.Meta(max_length=50)]
    planned_on: date
    non_onsite_considered: NonOnsiteConsidered
    filing: FilingId | None = None
    scheme_ref: Name | None = None
    territorial_assistance_ref: Name | None = None
    draw: DrawId | None = None
    joint: JointId | None = None
    prescribed_by: LegalRef | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = inquiry.read(Task(self.task))
        # After an emergency the task is approved afterwards, without plan or filing (FIL-R5).
        emergency = task.emergency and task.approved is None
        if task.exists and not emergency:
            raise OutOfStep("filing.task-recorded-already", task=self.task)
        if emergency and (task.unit, task.entity) != (self.unit, self.entity):
            raise OutOfStep(
                "filing.unit-entity-must-be-those-emergency-visit",
                task=self.task,
                unit=task.unit,
                entity=task.entity,
                given_unit=self.unit,
                given_entity=self.entity,
            )
        self._check_body()
        self._check_day(inquiry, task.opened if emergency else None)
        inquiry.known(Registration(self.entity), "general.register-business-first")
        if self.kind != "case":
            require_listed(inquiry, self.entity)

        matters = [
            rules.published_matter(inquiry, m, self.unit, self.planned_on) for m in self.matters
        ]
        part = None if self.joint is None else self._part(inquiry, self.joint)
        plan = self._plan(inquiry) if self.kind == "daily" else None
        campaign = None
        if self.kind != "daily" and not emergency:
            filing = self._filing(inquiry)
            campaign = self._campaign(inquiry, filing)
            if campaign is None:
                self._check_case(inquiry, filing)
        inquiry.require(
            inquiry.actor.role == "unit_head",
            rules.FIL_R4,
            reason=message(
                "filing.has-role", person=inquiry.actor.person_id, role=inquiry.actor.role
            ),
            person=inquiry.actor.person_id,
            role=inquiry.actor.role,
        )
        rules.check_officers(
            inquiry, self.unit, self.entity, self.officers, matters, on=self.planned_on, part=part
        )
        inquiry.require(
            not is_among(inquiry.actor.person_id, (*self.officers, *task.officers)),
            supervision.GEN_R2,
            person=inquiry.actor.person_id,
            one="approver",
            other="inspector",
        )
        inquiry.require(self.non_onsite_considered.conclusion == "insufficient", rules.FIL_R9)
        if self.kind == "daily":
            self._check_daily(inquiry, matters)
            if part is None:
                require_joined(inquiry, self.unit, self.entity, self.matters, self.planned_on)

        counter: Counter = "capped"
        if self.kind == "case" or (campaign and campaign.deployed_by == "superior"):
            counter = "exempt"
        yield InspectionTaskApproved(
            task=self.task,
            entity=self.entity,
            unit=self.unit,
            kind=self.kind,
            trigger=self.trigger,
            matters=self.matters,
            officers=self.officers,
            planned_on=self.planned_on,
            approver=inquiry.actor.person_id,
            counter=counter,
            non_onsite_considered=self.non_onsite_considered,
            emergency=emergency,
            plan=plan[0].plan if plan else None,
            plan_version=plan[1].version if plan else None,
            filing=self.filing,
            scheme_ref=self.scheme_ref,
            territorial_assistance_ref=self.territorial_assistance_ref,
            draw=self.draw,
            joint=self.joint,
            prescribed_by=self.prescribed_by,
        )
        yield from self._count(inquiry, counter)
        if self.kind == "daily" and self.draw is None:
            rules.require_manner(
                inquiry, self.unit, self.entity, self.matters, self.planned_on, self.prescribed_by
            )

    def _check_body(self) -> None:
        if self.trigger not in _TRIGGERS[self.kind]:
            allowed = sorted(_TRIGGERS[self.kind])
            raise Malformed(
                "filing.trigger-task-must-be-one",
                pointer="/trigger",
                kind=self.kind,
                allowed=allowed,
                trigger=self.trigger,
            )
        if self.draw is not None and self.kind != "daily":
            raise Malformed(
                "filing.draw-may-given-only-daily-task", pointer="/draw", kind=self.kind
            )
        if self.prescribed_by is not None and not self.prescribed_by.instrument.strip():
            raise Malformed(
                "filing.prescribed-by-must-name-legal-instrument", pointer="/prescribed_by"
            )

    def _part(self, inquiry: Inquiry, joint: str) -> Participant:
        return part_of(
            inquiry,
            joint,
            unit=self.unit,
            entity=self.entity,
            matters=self.matters,
            planned_on=self.planned_on,
        )

    def _check_day(self, inquiry: Inquiry, opened: Recorded | None) -> None:
        if opened is None and self.planned_on < inquiry.on:
            raise Malformed(
                "filing.planned-on-must-not-before",
                pointer="/planned_on",
                on=inquiry.on,
                planned_on=self.planned_on,
            )
        if opened is not None and self.planned_on != opened.occurred_on:
            raise Malformed(
                "filing.planned-on-must-be-day-visit",
                pointer="/planned_on",
                occurred_on=opened.occurred_on,
                planned_on=self.planned_on,
            )

    def _plan(self, inquiry: Inquiry) -> tuple[AnnualPlan, PlanVersion]:
        lead = int(inquiry.setting("filing.lead_wd"))
        plans = inquiry.read(PlanInForce(self.unit, self.planned_on.year))
        covering = plans.covering(self.matters, self.planned_on, inquiry.on)
        planned = {m: plans.months_of(m) for m in self.matters}
        inquiry.require(
            covering,
            rules.FIL_R1,
            matters=self.matters,
            unit=self.unit,
            month=self.planned_on.strftime("%Y-%m"),
            planned_months=planned,
            hint=message("filing.plan-months", planned=planned),
        )
        assert covering is not None
        if lead:
            self._check_lead(inquiry, covering[0], lead, planned)
        return covering

    def _check_lead(
        self, inquiry: Inquiry, plan: AnnualPlan, lead: int, planned: dict[str, list[int]]
    ) -> None:
        """Refuse a visit that comes too soon after the filing that plans it (filing.lead_wd)."""
        filed_on = plan.filed_on(self.matters, self.planned_on.month)
        assert filed_on is not None
        days = inquiry.days()
        inquiry.require(
            days.working_days_between(filed_on, self.planned_on) >= lead,
            rules.FIL_R1,
            matters=self.matters,
            unit=self.unit,
            month=self.planned_on.strftime("%Y-%m"),
            planned_months=planned,
            filed_on=filed_on,
            hint=message(
                "filing.filed-working-days-must-pass-before",
                filed_on=filed_on,
                lead=lead,
                on=days.due(filed_on, lead, "wd").on,
            ),
        )

    def _filing(self, inquiry: Inquiry) -> SpecialInspectionFiled:
        inquiry.require(
            self.filing, rules.FIL_R2, kind=self.kind, reason=message("filing.names-no-filing")
        )
        assert self.filing is not None
        filed = inquiry.known(SpecialFiling(self.filing)).filed
        assert filed is not None
        reason = None
        if filed.unit != self.unit:
            reason = message("filing.filed-by-other-unit", filing=self.filing, unit=filed.unit)
        elif filed.entity not in (None, self.entity):
            reason = message("filing.about-other-business", filing=self.filing, entity=filed.entity)
        elif not set(self.matters) <= set(filed.matters):
            reason = message("filing.covers-only", filing=self.filing, matters=filed.matters)
        elif filed.task not in (None, self.task):
            reason = message("filing.filed-after-emergency", filing=self.filing, task=filed.task)
        inquiry.require(reason is None, rules.FIL_R2, kind=self.kind, reason=reason)
        return filed

    def _campaign(
        self, inquiry: Inquiry, filing: SpecialInspectionFiled
    ) -> SpecialPlanApproved | None:
        """Return the campaign of a special task; a case must not have one."""
        reason = None
        campaign = None
        if filing.special_plan is not None:
            campaign = inquiry.known(SpecialPlan(filing.special_plan)).approved
        if self.kind == "case":
            if campaign is not None:
                reason = message("filing.about-campaign", filing=self.filing, plan=campaign.plan)
        elif campaign is None:
            reason = message("filing.names-no-special-plan", filing=self.filing)
        elif campaign.unit != self.unit:
            reason = message("filing.special-plan", plan=campaign.plan, unit=campaign.unit)
        elif not set(self.matters) <= set(campaign.matters):
            reason = message(
                "filing.covers-only-plan", plan=campaign.plan, matters=campaign.matters
            )
        elif not campaign.period_from <= self.planned_on <= campaign.period_to:
            reason = message(
                "filing.runs",
                plan=campaign.plan,
                period_from=campaign.period_from,
                period_to=campaign.period_to,
            )
        inquiry.require(reason is None, rules.FIL_R2, kind=self.kind, reason=reason)
        return campaign

    def _check_case(self, inquiry: Inquiry, filing: SpecialInspectionFiled) -> None:
        """Require a filing that supports the trigger and is not used by another task."""
        ground = _GROUNDS.get(self.trigger)
        wanted = (
            message("filing.clue")
            if ground is None
            else message("filing.ground-clue", ground=ground)
        )
        inquiry.require(
            self.trigger not in _GROUNDS
            or filing.clue_ref
            or (ground is not None and filing.ground == ground),
            rules.FIL_R2,
            kind=self.kind,
            reason=message(
                "filing.must-name-trigger", filing=self.filing, wanted=wanted, trigger=self.trigger
            ),
        )
        used = [
            task
            for task in inquiry.read(FilingUse(filing.filing)).tasks
            if inquiry.read(Task(task)).stage != "cancelled"
        ]
        inquiry.require(
            not used,
            rules.FIL_R2,
            kind=self.kind,
            reason=message("filing.used-already-task", filing=self.filing, used=used),
        )

    def _check_daily(self, inquiry: Inquiry, matters: list[MatterElements]) -> None:
        unit = inquiry.read(UnitStanding(self.unit)).qualified(inquiry.on)
        identity = inquiry.read(Registration(self.entity)).identity
        unit_area = unit.area if unit else None
        entity_area = identity.area if identity else None
        inquiry.require(
            unit_area is None
            or entity_area is None
            or unit_area == entity_area
            or self.territorial_assistance_ref,
            rules.FIL_R10,
            unit=self.unit,
            unit_area=unit_area,
            entity_area=entity_area,
        )
        random = [
            matter
            for matter, elements in zip(self.matters, matters, strict=True)
            if elements.domain == "general" and not elements.special_trade
        ]
        if random or self.draw is not None:
            self._check_drawn(inquiry, random or list(self.matters))

    def _check_drawn(self, inquiry: Inquiry, matters: list[str]) -> None:
        """Require that a draw selected the business for this visit and these officers (FIL-R11)."""
        target = None if self.draw is None else drawn_target(inquiry, self.draw, self.entity)
        reason = None
        if self.draw is None:
            reason = message("filing.no-draw-named")
        elif target is None:
            reason = message("filing.did-not-select", draw=self.draw, entity=self.entity)
        elif (part := inquiry.read(DrawState(target.draw)).part_of(self.unit)) is None:
            reason = message("filing.draw-of-other-units", draw=self.draw, units=target.units)
        elif not set(matters) <= set(part.matters):
            reason = message("filing.draw-for-matters-only", draw=self.draw, matters=part.matters)
        elif len(target.units) > 1 and self.joint is None:
            reason = message("filing.asks-one-joint-visit", draw=self.draw, units=target.units)
        elif target.state != "waiting" and not self._others_went(inquiry, target):
            reason = message("filing.visit-asks", draw=self.draw, state=target.state)
        elif target.inspect_by is not None and self.planned_on > target.inspect_by:
            reason = message("filing.visits-end", draw=self.draw, inspect_by=target.inspect_by)
        else:
            booked = [
                task
                for task in inquiry.read(DrawnTasks(self.entity, target.draw)).tasks
                if (other := inquiry.read(Task(task))).unit == self.unit
                and other.stage != "cancelled"
            ]
            if booked:
                reason = message("filing.visit-asks-already-task", draw=self.draw, booked=booked)
        inquiry.require(
            reason is None, rules.FIL_R11, matters=matters, reason=reason, draw=self.draw
        )
        assert target is not None
        require_drawn_officers(inquiry, target, self.unit, self.officers)

    def _others_went(self, inquiry: Inquiry, target: Target) -> bool:
        """Return whether another unit of the draw has begun the visit that all make together."""
        if target.state != "inspected" or target.task is None:
            return False
        return inquiry.read(Task(target.task)).unit != self.unit

    def _drawn_whole(self, inquiry: Inquiry) -> bool:
        """Return whether the stratum of the business is visited whole, so that no cap applies."""
        target = None if self.draw is None else drawn_target(inquiry, self.draw, self.entity)
        if target is None:
            return False
        return ratio_of(inquiry.read(DrawState(target.draw)).ratios[target.stratum]) == 1

    def _count(self, inquiry: Inquiry, counter: Counter) -> Iterator[Event]:
        year = self.planned_on.year
        visits = inquiry.read(BookedVisits(self.entity, self.unit, year))
        grade = inquiry.read(CreditGrade(self.entity)).on(inquiry.on)
        cap = int(inquiry.setting("visit_cap", unit=self.unit, grade=grade)[grade])
        if counter == "capped":
            inquiry.require(
                visits.capped < cap or self._drawn_whole(inquiry),
                supervision.SUP_R1,
                unit=self.unit,
                entity=self.entity,
                grade=grade,
                cap=cap,
                used=visits.capped,
                year=year,
                next_year=year + 1,
            )
            return
        reasonable = int(inquiry.setting("reasonable_factor")) * cap
        if visits.exempt + 1 > reasonable:
            yield finding(
                inquiry,
                supervision.SUP_V1,
                unit=self.unit,
                entity=self.entity,
                task=self.task,
                exempt_visits=visits.exempt + 1,
                reasonable=reasonable,
            )


class IssueInspectionNotice(Report):
    """送达检查通知书: notify the business of an approved visit.

    The service makes the act code of the visit and fills in ``act_code_digest``.
    """

    ROLES = OFFICERS

    task: TaskId
    notice_no: Name
    act_code_digest: Sha256 | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = own_task(inquiry, self.task)
        if task.stage != "approved":
            raise OutOfStep(
                "filing.notice-needs-approved-task-without-one", task=self.task, stage=task.stage
            )
        yield InspectionNoticeIssued(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            notice_no=self.notice_no,
            act_code_digest=self.act_code_digest,
        )


class CancelInspection(DatedAct):
    """取消检查: cancel an approved visit."""

    ROLES = OFFICERS

    task: TaskId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = own_task(inquiry, self.task)
        if task.stage not in ("approved", "notified"):
            raise OutOfStep(
                "filing.task-must-be-approved-notified-cancelled", task=self.task, stage=task.stage
            )
        assert task.planned_on is not None
        yield InspectionCancelled(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            planned_on=task.planned_on,
            counter=task.counter,
            reason=self.reason,
        )


def own_task(inquiry: Inquiry, task_id: str, *, on_site: bool = False) -> Task:
    """Return the task, which must belong to the actor's unit.

    ``on_site``: for what is recorded during a visit, the actor may also belong to the unit that was
    entrusted in writing with this part of a joint visit.
    """
    task = inquiry.known(Task(task_id), "general.approve-task-first")
    part = own_part(inquiry, task)
    if not (on_site and part is not None and inquiry.actor.unit_id == part.entrusted_to):
        inquiry.act_for(task.unit)
    return task
