"""Annual plans, special plans, and their filing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.roles import UNIT, roles
from ledger.general.values import GovernmentApproval, Year
from ledger.general.vocabulary import (
    EntityId,
    FilingId,
    MatterId,
    Name,
    PlanId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep, UnknownReference, message
from ledger.systems.catalogue.folds import Matter
from ledger.systems.filing import rules
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    FilingAccepted,
    FilingReturned,
    Ground,
    PlanAmended,
    PlanDiff,
    PlanItem,
    PlanPublished,
    SpecialInspectionFiled,
    SpecialPlanApproved,
)
from ledger.systems.filing.folds import (
    AnnualPlan,
    OwnCampaigns,
    PlanVersion,
    SpecialFiling,
    SpecialPlan,
    Task,
)


class ApproveAnnualPlan(Act):
    """批准年度检查计划: approve version 1 of a unit's plan for a year."""

    ROLES = roles("unit_head")

    plan: PlanId
    unit: UnitId
    year: Year
    items: Annotated[tuple[PlanItem, ...], msgspec.Meta(min_length=1, max_length=500)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(AnnualPlan(self.plan))
        _check_items(inquiry, self.items)
        yield AnnualPlanApproved(plan=self.plan, unit=self.unit, year=self.year, items=self.items)


class AmendPlan(Act):
    """调整年度检查计划: add the next version of a plan; it takes effect when it is filed."""

    ROLES = roles("unit_head")

    plan: PlanId
    unit: UnitId
    diff: PlanDiff
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plan = _own_plan(inquiry, self.plan, self.unit)
        newest = plan.versions[-1]
        if not (self.diff.set_items or self.diff.removed_matters):
            raise Malformed("filing.diff-must-set-remove-least-one", pointer="/diff")
        for matter in self.diff.removed_matters:
            if matter not in newest.items:
                raise Malformed(
                    "filing.removed-matters-must-be-plan",
                    pointer="/diff/removed_matters",
                    matter=matter,
                )
        _check_items(inquiry, self.diff.set_items)
        yield PlanAmended(
            plan=self.plan,
            unit=self.unit,
            version=newest.version + 1,
            diff=self.diff,
            reason=self.reason,
        )


class FileAnnualPlan(Act):
    """年度计划备案: file the newest version of a plan with the Justice Bureau."""

    ROLES = UNIT

    plan: PlanId
    unit: UnitId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plan = _own_plan(inquiry, self.plan, self.unit)
        newest = plan.versions[-1]
        if newest.filed is not None and not newest.returned:
            raise OutOfStep("filing.version-filed-already", version=newest.version, plan=self.plan)
        if newest.returned:
            raise OutOfStep("filing.version-returned", version=newest.version, plan=self.plan)
        rule = rules.FILE_PLAN if newest.version == 1 else rules.FILE_AMENDMENT
        due = inquiry.due(rule, newest.source)
        yield AnnualPlanFiled(
            plan=self.plan,
            unit=self.unit,
            version=newest.version,
            filed_on=inquiry.on,
            days_late=inquiry.days_after(due),
        )


class AcceptFiling(Act):
    """受理备案: accept the filed version of a plan, as the Justice Bureau."""

    ROLES = roles("jb_supervisor")

    plan: PlanId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plan, version = _filed(inquiry, self.plan)
        yield FilingAccepted(plan=self.plan, unit=plan.unit, version=version.version)


class ReturnFiling(Act):
    """退回备案: return the filed version of a plan with reasons, as the Justice Bureau."""

    ROLES = roles("jb_supervisor")

    plan: PlanId
    reasons: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plan, version = _filed(inquiry, self.plan)
        yield FilingReturned(
            plan=self.plan, unit=plan.unit, version=version.version, reasons=self.reasons
        )


class PublishPlan(Act):
    """公布计划: publish the newest filed version of a plan."""

    ROLES = UNIT

    plan: PlanId
    unit: UnitId
    url: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        plan = _own_plan(inquiry, self.plan, self.unit)
        version = plan.in_force(inquiry.on)
        if version is None:
            raise OutOfStep("filing.version-must-be-filed-before-published", plan=self.plan)
        yield PlanPublished(
            plan=self.plan,
            unit=self.unit,
            version=version.version,
            url=self.url,
            items=tuple(version.items.values()),
        )


class ApproveSpecialPlan(Act):
    """批准专项检查计划: approve a campaign that is not in the annual plan (FIL-R3)."""

    ROLES = roles("unit_head")

    plan: PlanId
    unit: UnitId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1)]
    necessity_assessment_ref: Name
    scope: Text
    period_from: date
    period_to: date
    deployed_by: Literal["own", "superior"]
    government_approval: GovernmentApproval | None = None
    quota_no: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(SpecialPlan(self.plan))
        if self.period_to < self.period_from:
            raise Malformed(
                "filing.period-to-must-not-before-period-from",
                pointer="/period_to",
                period_from=self.period_from,
                period_to=self.period_to,
            )
        policy = inquiry.setting("special.approval")
        if self.deployed_by == "own":
            _require_approved_campaign(inquiry, self, policy["annual_quota"])
        else:
            # A campaign of a superior is not capped, so the superior's document must be named.
            order = self.government_approval
            inquiry.require(
                order is not None and order.level != "county_government",
                rules.FIL_R3,
                reason=message("filing.government-approval-must-name-document-superior-ordered"),
            )
        yield SpecialPlanApproved(
            plan=self.plan,
            unit=self.unit,
            matters=self.matters,
            necessity_assessment_ref=self.necessity_assessment_ref,
            scope=self.scope,
            period_from=self.period_from,
            period_to=self.period_to,
            deployed_by=self.deployed_by,
            government_approval=self.government_approval,
            quota_no=self.quota_no,
        )


class FileSpecialInspection(Act):
    """专项、个案检查备案: file a case or special inspection with the unit's own legal office.

    With ``task`` it is the filing after an emergency, which is recorded even if it is late. It must
    be about the business of that task and cover its matters.
    """

    ROLES = UNIT

    filing: FilingId
    unit: UnitId
    ground: Ground
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1)]
    entity: EntityId | None = None
    task: TaskId | None = None
    special_plan: PlanId | None = None
    clue_ref: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(SpecialFiling(self.filing))
        for matter in self.matters:
            inquiry.known(Matter(matter), "general.list-catalogue-first")
        if self.special_plan is not None:
            inquiry.known(SpecialPlan(self.special_plan), "filing.approve-special-plan-first")
        late, entity = 0, self.entity
        if self.task is not None:
            task = self._task(inquiry, self.task)
            entity = task.entity
            if task.emergency and task.opened is not None:
                due = inquiry.due(rules.FILE_EMERGENCY, task.opened)
                late = inquiry.days_after(due)
        yield SpecialInspectionFiled(
            filing=self.filing,
            unit=self.unit,
            ground=self.ground,
            matters=self.matters,
            entity=entity,
            task=self.task,
            special_plan=self.special_plan,
            clue_ref=self.clue_ref,
            days_late=late,
        )

    def _task(self, inquiry: Inquiry, task_id: str) -> Task:
        task = inquiry.known(Task(task_id))
        if task.unit != self.unit:
            raise OutOfStep(
                "filing.unit-must-be-task", task=task_id, unit=task.unit, given_unit=self.unit
            )
        if self.entity not in (None, task.entity):
            raise Malformed(
                "filing.entity-must-be-task",
                pointer="/entity",
                task=task_id,
                entity=task.entity,
                given_entity=self.entity,
            )
        if not set(task.matters) <= set(self.matters):
            covers = task.matters
            raise Malformed(
                "filing.matters-must-include-those-task",
                pointer="/matters",
                task=task_id,
                covers=covers,
            )
        return task


def _own_plan(inquiry: Inquiry, plan_id: str, unit: str) -> AnnualPlan:
    plan = inquiry.known(AnnualPlan(plan_id), "filing.approve-plan-first")
    if plan.unit != unit:
        raise UnknownReference("plan", plan_id, message("filing.not-plan", unit=unit))
    return plan


def _filed(inquiry: Inquiry, plan_id: str) -> tuple[AnnualPlan, PlanVersion]:
    plan = inquiry.known(AnnualPlan(plan_id))
    newest = plan.versions[-1]
    if newest.filed is None:
        raise OutOfStep("filing.version-must-be-filed", version=newest.version, plan=plan_id)
    if newest.returned or newest.accepted:
        done = "returned" if newest.returned else "accepted"
        raise OutOfStep("filing.version-already", version=newest.version, plan=plan_id, done=done)
    return plan, newest


def _check_items(inquiry: Inquiry, items: tuple[PlanItem, ...]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        if item.matter in seen:
            raise Malformed(
                "general.each-matter-must-be-listed-once",
                pointer=f"/items/{index}/matter",
                matter=item.matter,
            )
        seen.add(item.matter)
        inquiry.known(Matter(item.matter), "general.list-catalogue-first")


def _require_approved_campaign(
    inquiry: Inquiry, plan: ApproveSpecialPlan, quota: int | None
) -> None:
    inquiry.require(
        plan.government_approval,
        rules.FIL_R3,
        reason=message("filing.government-approval-must-name-approval-government"),
    )
    begun = inquiry.read(OwnCampaigns(plan.unit, plan.period_from.year)).count
    inquiry.require(
        quota is None or begun < quota,
        rules.FIL_R3,
        reason=message("filing.quota-campaigns-used-up", quota=quota, year=plan.period_from.year),
    )
    inquiry.require(
        quota is None or plan.quota_no,
        rules.FIL_R3,
        reason=message("filing.quota-no-must-name-number-within-quota", quota=quota),
    )
