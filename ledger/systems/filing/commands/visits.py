"""Visits: from the entry scan to the notice of the result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.findings import finding, reporter
from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.values import Result, VisitLabel
from ledger.general.vocabulary import (
    DrawId,
    EntityId,
    IrregularVisitId,
    MatterId,
    Name,
    OfficerId,
    PersonalText,
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
    Forbidden,
    Inquiry,
    Malformed,
    OutOfStep,
    Report,
    Value,
    message,
)
from ledger.systems.catalogue.folds import Matter, OfficerStanding
from ledger.systems.draws.effects import target_inspected
from ledger.systems.entities.folds import Registration
from ledger.systems.filing import rules
from ledger.systems.filing.actcode import digest_of, looks_made
from ledger.systems.filing.commands.joining import came_apart, own_part
from ledger.systems.filing.commands.tasks import own_task
from ledger.systems.filing.effects import report_irregular_visit
from ledger.systems.filing.events import (
    ChecklistItem,
    EntryScanned,
    Ground,
    InspectionCoding,
    InspectionConcluded,
    InspectionNoticeIssued,
    IrregularVisitReported,
    OffSiteCheckRecorded,
    OffSiteMeans,
    OffSiteResult,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    OnSiteRecordSigned,
    ResultNotified,
    VisitRated,
)
from ledger.systems.filing.folds import PlanInForce, Task, VisitRating
from ledger.systems.joint.events import JointResultSplit
from ledger.systems.keylist import rules as keylist
from ledger.systems.keylist.folds import KeyDesignations
from ledger.systems.persons.effects import refuse_clear, registered
from ledger.systems.persons.events import SealedPerson
from ledger.systems.persons.folds import Person
from ledger.systems.supervision import rules as supervision
from ledger.systems.supervision.effects import visit_opened


class Emergency(Value):
    """紧急情况: the data of an emergency visit, instead of plan, filing and approval (FIL-R5)."""

    unit: UnitId
    entity: EntityId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1)]
    ground: Ground


class ScanEntry(Report):
    """扫码入企: report the scan of the entry code, on entry, or before leaving after an outage.

    ``act_code`` must be the code that the service made for this task. Before the day that the
    policy ``filing.act_code_from`` names, a code of another system is accepted too.
    """

    ROLES = OFFICERS

    task: TaskId
    act_code: Name
    device: Name
    geo: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = own_task(inquiry, self.task, on_site=True)
        if task.stage not in ("approved", "notified", "opened", "recorded"):
            raise OutOfStep(
                "filing.scan-must-come-after-approval-before", task=self.task, stage=task.stage
            )
        self._check_code(inquiry, task)
        yield EntryScanned(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            act_code=self.act_code,
            device=self.device,
            geo=self.geo,
        )

    def _check_code(self, inquiry: Inquiry, task: Task) -> None:
        """Refuse a code that the service made for another task, or that it did not make."""
        notice = task.notified.event if task.notified is not None else None
        known = notice.act_code_digest if isinstance(notice, InspectionNoticeIssued) else None
        if known is not None and digest_of(self.act_code) == known:
            return
        policy = inquiry.policy("filing.act_code_from")
        free = policy is None or inquiry.on.isoformat() < policy.value or known is None
        if not free or looks_made(self.act_code):
            raise Malformed(
                "filing.act-code-must-be-code-service-made",
                pointer="/act_code",
                task=self.task,
            )


class OpenInspection(DatedAct):
    """开始现场检查: open a visit, with scan, certificates and notice, or as an emergency."""

    ROLES = OFFICERS

    task: TaskId
    officers: Annotated[tuple[OfficerId, ...], msgspec.Meta(max_length=50)]
    certs_shown: tuple[Name, ...]
    notice_shown: bool
    rights_informed: bool
    conduct_rules_informed: bool
    scan_outage: bool = False
    emergency: Emergency | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = inquiry.read(Task(self.task))
        if self.emergency is None:
            task = own_task(inquiry, self.task, on_site=True)
            if task.stage != "notified":
                raise OutOfStep(
                    "filing.task-must-be-notified-before-opened", task=self.task, stage=task.stage
                )
            self._check_approval(inquiry, task)
            unit, entity, ids = task.unit, task.entity, task.matters
        else:
            unit, entity, ids = (
                self.emergency.unit,
                self.emergency.entity,
                self.emergency.matters,
            )
            inquiry.act_for(unit)
            inquiry.new(Task(self.task))
        matters = [rules.published_matter(inquiry, m, unit, inquiry.on) for m in ids]
        part = own_part(inquiry, task)
        rules.check_officers(
            inquiry, unit, entity, self.officers, matters, on=inquiry.on, part=part
        )
        unshown = self._unshown(inquiry, rules.acting_units(unit, part))
        missing = [
            element
            for element, present in (
                (message("filing.entry-scan"), task.scanned or self.scan_outage or self.emergency),
                (message("filing.valid-certificate-of", units=unshown), not unshown),
                (message("filing.inspection-notice"), self.notice_shown or self.emergency),
            )
            if not present
        ]
        inquiry.require(not missing, rules.FIL_R8, missing=message("general.all-of", parts=missing))
        yield OnSiteInspectionOpened(
            task=self.task,
            entity=entity,
            unit=unit,
            matters=tuple(ids),
            officers=self.officers,
            certs_shown=self.certs_shown,
            notice_shown=self.notice_shown,
            rights_informed=self.rights_informed,
            conduct_rules_informed=self.conduct_rules_informed,
            emergency=self.emergency is not None,
            ground=self.emergency.ground if self.emergency else None,
            scan_outage=self.scan_outage,
        )
        if task.kind == "daily":
            yield from self._planned(inquiry, task)
        yield from came_apart(inquiry, task)
        yield from visit_opened(inquiry, unit=unit, entity=entity, task=self.task, matters=ids)
        yield from target_inspected(inquiry, task.draw, entity, self.task, self.officers, unit=unit)

    def _planned(self, inquiry: Inquiry, task: Task) -> Iterator[Event]:
        """Yield FIL-V2 outside the plan's months, or KEY-V1 if the key designation has lapsed."""
        covering = inquiry.read(PlanInForce(task.unit, inquiry.on.year)).covering(
            task.matters, inquiry.on, inquiry.on
        )
        if covering is None:
            yield finding(
                inquiry,
                rules.FIL_V2,
                unit=task.unit,
                entity=task.entity,
                task=self.task,
                visited_on=inquiry.on.isoformat(),
            )
            return
        _, version = covering
        key = {matter for matter in task.matters if version.items[matter].mode == "key"}
        lapsed = inquiry.read(KeyDesignations(task.entity, task.unit)).lapsed_for(key, inquiry.on)
        if lapsed:
            yield finding(
                inquiry,
                keylist.KEY_V1,
                unit=task.unit,
                entity=task.entity,
                task=self.task,
                designations=lapsed,
                visited_on=inquiry.on.isoformat(),
            )

    def _unshown(self, inquiry: Inquiry, units: tuple[str, ...]) -> list[str]:
        """Return the officers who show no certificate that is valid for the units on that day.

        Raises ``Malformed`` for a certificate that none of the officers holds.
        """
        held = {
            officer: inquiry.read(OfficerStanding(officer)).valid_numbers(inquiry.on, units)
            for officer in self.officers
        }
        strange = sorted(set(self.certs_shown).difference(*held.values()))
        unshown = [officer for officer, own in held.items() if not own & set(self.certs_shown)]
        if strange and not unshown:
            raise Malformed(
                "filing.certs-shown-must-be-certificates-officers",
                pointer="/certs_shown",
                units=units,
                strange=strange,
            )
        return unshown

    def _check_approval(self, inquiry: Inquiry, task: Task) -> None:
        """Require the approved visit: its officers, its year, and a time after its notice."""
        assert task.approved is not None
        assert task.notified is not None
        assert task.planned_on is not None
        for step, record in (("approved", task.approved), ("announced", task.notified)):
            if inquiry.at < record.envelope.occurred_at:
                raise OutOfStep(
                    "filing.visit-must-not-opened-before",
                    step=step,
                    occurred_at=record.envelope.occurred_at,
                    at=inquiry.at,
                )
        if inquiry.on.year != task.planned_on.year:
            raise OutOfStep(
                "filing.task-counts-cap",
                task=self.task,
                year=task.planned_on.year,
                on_year=inquiry.on.year,
            )
        others = sorted(set(self.officers) - set(task.officers))
        inquiry.require(
            not others,
            rules.FIL_R4,
            reason=message("filing.must-be-among-officers-approved-visit", others=others),
            officers=others,
        )
        inquiry.require(
            not is_among(task.approver, self.officers),
            supervision.GEN_R2,
            person=task.approver,
            one="approver",
            other="inspector",
        )


class SignOnSiteRecord(Report):
    """签署现场检查笔录: report that the business signed the record, or why it refused.

    ``entity_signature``, the name of the person who signs, is sent in clear text. The service seals
    it before anything else reads it, and fills in ``signatory``, which must not be sent.
    """

    ROLES = OFFICERS

    task: TaskId
    record_digest: Sha256
    entity_signature: PersonalText | None = None
    refusal_reason: Text | None = None
    signatory: SealedPerson | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = _on_site(inquiry, self.task)
        refuse_clear(entity_signature=self.entity_signature)
        if (self.signatory is None) == (self.refusal_reason is None):
            raise OutOfStep("filing.exactly-one-entity-signature-refusal-reason-must-be-given")
        if self.signatory is not None:
            inquiry.new(Person(self.signatory.person))
        yield OnSiteRecordSigned(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            record_digest=self.record_digest,
            refusal_reason=self.refusal_reason,
            signatory=self.signatory.person if self.signatory else None,
        )
        if self.signatory is not None:
            yield registered(self.signatory, task.unit)


class CloseInspection(Report):
    """结束现场检查: report that the officers have left; ``occurred_at`` is the time."""

    ROLES = OFFICERS

    task: TaskId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = _on_site(inquiry, self.task)
        if not (task.record_signed or task.emergency):
            raise OutOfStep("filing.on-site-record-task-must-be-signed-before", task=self.task)
        assert task.opened is not None
        stay = inquiry.at - task.opened.envelope.occurred_at
        if stay.total_seconds() < 0:
            raise OutOfStep(
                "filing.visit-must-not-closed-before-opened",
                occurred_at=task.opened.envelope.occurred_at,
                at=inquiry.at,
            )
        yield OnSiteInspectionClosed(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            minutes_on_site=int(stay.total_seconds() // 60),
        )
        if not task.scanned:
            yield finding(inquiry, rules.FIL_V3, unit=task.unit, entity=task.entity, task=self.task)


class ConcludeInspection(Report):
    """检查办结: report the result of an inspection. A refusal or absence ends it without a visit.

    ``coding``: its codes in exchange tables, by the policy ``exchange.inspection_codes``.
    """

    ROLES = OFFICERS

    task: TaskId
    result: Result
    checklist: tuple[ChecklistItem, ...] = ()
    refusal_ground: Literal["certificates_not_shown", "other"] | None = None
    note: Text | None = None
    coding: InspectionCoding | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = own_task(inquiry, self.task)
        without_visit = self.result in ("refused_by_entity", "entity_not_found")
        allowed = ("approved", "notified", "opened", "closed") if without_visit else ("closed",)
        if task.stage not in allowed:
            raise OutOfStep(
                "filing.task-must-be-concluded",
                task=self.task,
                allowed=allowed,
                result=self.result,
                stage=task.stage,
            )
        rules.require_coded(inquiry, self.coding, self.result)
        lawful = (
            self.result == "refused_by_entity" and self.refusal_ground == "certificates_not_shown"
        )
        yield InspectionConcluded(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            matters=task.matters,
            result=self.result,
            checklist=self.checklist,
            lawful_refusal=lawful,
            note=self.note,
            coding=self.coding,
        )
        if task.joint is not None:
            yield JointResultSplit(
                joint=task.joint,
                task=self.task,
                entity=task.entity,
                unit=task.unit,
                result=self.result,
            )
        if lawful:
            yield finding(inquiry, rules.FIL_V6, unit=task.unit, entity=task.entity, task=self.task)
        if task.opened is None:
            # A refusal or absence fulfils the draw, as a visit does.
            yield from target_inspected(inquiry, task.draw, task.entity, self.task, unit=task.unit)


class NotifyResult(Act):
    """送达检查结果告知书: notify the business of the result."""

    ROLES = OFFICERS

    task: TaskId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = own_task(inquiry, self.task)
        if task.stage != "concluded":
            raise OutOfStep(
                "filing.task-must-be-concluded-before-result-notified",
                task=self.task,
                stage=task.stage,
            )
        assert task.concluded is not None
        due = inquiry.due(rules.NOTIFY_RESULT, task.concluded)
        yield ResultNotified(
            task=self.task,
            entity=task.entity,
            unit=task.unit,
            days_late=inquiry.days_after(due),
        )


class RecordOffSiteCheck(Report):
    """非现场检查: report a check without a visit: on shared data, in writing or remotely.

    ``coding``: its codes in exchange tables, by the policy ``exchange.inspection_codes``.
    """

    ROLES = OFFICERS

    unit: UnitId
    entity: EntityId
    matters: Annotated[tuple[MatterId, ...], msgspec.Meta(min_length=1, max_length=50)]
    means: Annotated[tuple[OffSiteMeans, ...], msgspec.Meta(min_length=1)]
    result: OffSiteResult
    note: Text | None = None
    coding: InspectionCoding | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(Registration(self.entity), "general.register-business-first")
        for matter in self.matters:
            inquiry.known(Matter(matter), "general.list-catalogue-first")
        rules.require_coded(inquiry, self.coding, self.result)
        yield OffSiteCheckRecorded(
            entity=self.entity,
            unit=self.unit,
            matters=self.matters,
            means=tuple(dict.fromkeys(self.means)),
            result=self.result,
            checked_on=inquiry.on,
            note=self.note,
            coding=self.coding,
        )


class RateVisit(Report):
    """企业评价: rate a visit, as the business; the event does not name the business."""

    ROLES = roles("entity_rep")

    task: TaskId
    entity: EntityId
    score: Annotated[int, msgspec.Meta(ge=1, le=5)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        task = inquiry.known(Task(self.task))
        if task.entity != self.entity:
            raise Forbidden("filing.task-not-visit", task=self.task, entity=self.entity)
        if task.opened is None:
            raise OutOfStep("filing.task-must-visit-before-rated", task=self.task)
        if inquiry.read(VisitRating(self.task)).rated:
            raise OutOfStep("filing.visit-task-rated-already", task=self.task)
        yield VisitRated(task=self.task, unit=task.unit, score=self.score)


class ReportIrregularVisit(Report):
    """报告违规入企: report a visit that broke the rules; it is never refused as unlawful (0.1)."""

    ROLES = roles("entity_rep", "jb_supervisor", *UNIT)
    ANY_UNIT = roles("entity_rep", "jb_supervisor")

    irregular_visit: IrregularVisitId
    entity: EntityId
    reporter: Literal["entity", "supervisor", "self"]
    visited_on: date
    facts: Text
    unit: UnitId | None = None
    task: TaskId | None = None
    matters: tuple[MatterId, ...] = ()
    label: VisitLabel = "inspection"
    scanned: bool = False
    officers_seen: Annotated[int, msgspec.Meta(ge=0)] | None = None
    checklist_or_order_left: bool = False
    draw: DrawId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        fitting = reporter(inquiry)
        if self.reporter != fitting:
            raise Malformed(
                "filing.reporter-must-be-role",
                pointer="/reporter",
                fitting=fitting,
                role=inquiry.actor.role,
                reporter=self.reporter,
            )
        reported = IrregularVisitReported(
            irregular_visit=self.irregular_visit,
            entity=self.entity,
            reporter=self.reporter,
            visited_on=self.visited_on,
            facts=self.facts,
            unit=self.unit,
            task=self.task,
            matters=self.matters,
            label=self.label,
            scanned=self.scanned,
            officers_seen=self.officers_seen,
            checklist_or_order_left=self.checklist_or_order_left,
            draw=self.draw,
        )
        yield from report_irregular_visit(inquiry, reported)


def _on_site(inquiry: Inquiry, task_id: str) -> Task:
    task = own_task(inquiry, task_id, on_site=True)
    if task.stage not in ("opened", "recorded"):
        raise OutOfStep("filing.visit-task-must-be-progress", task=task_id, stage=task.stage)
    return task
