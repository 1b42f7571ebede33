"""Events of plans, filings, tasks and visits (检查计划与备案, 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.values import GovernmentApproval, Month, Result, VisitLabel, Year
from ledger.general.vocabulary import (
    Badge,
    DrawId,
    EntityId,
    FilingId,
    IrregularVisitId,
    JointId,
    MatterId,
    Name,
    OfficerId,
    PersonId,
    PlanId,
    Sha256,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Event, LegalRef, Value, Visibility
from ledger.kernel.events import Upcaster

#: A share from 0 to 1 with at most four decimal places.
Ratio = Annotated[str, msgspec.Meta(pattern=r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$")]
InspectionKind = Literal["daily", "case", "special"]
Trigger = Literal[
    "plan",
    "complaint",
    "transfer",
    "superior",
    "data_monitoring",
    "entity_request",
    "emergency",
]
Ground = Literal[
    "national_security",
    "public_security",
    "food_drug",
    "work_safety",
    "environment",
    "public_health_emergency",
    "complaint",
    "superior_assignment",
    "other",
]
#: The ways to check without a visit, as in ``NonOnsiteConsidered``.
OffSiteMeans = Literal["written", "shared_data", "remote"]
OffSiteResult = Literal["no_issue", "issue_corrected", "visit_needed"]
#: Whether a task counts under the cap on the number of visits (SUP-R1, SUP-V1).
Counter = Literal["capped", "exempt"]


def no_draw(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body unchanged: versions before draws existed name no draw."""
    return body


class PlanItem(Value, omit_defaults=True):
    """A line of an annual plan: a matter, how and among whom visits are chosen, and the months."""

    matter: MatterId
    mode: Literal["random", "key", "full_coverage"]
    target_class: Name
    planned_visits: Annotated[int, msgspec.Meta(ge=1)]
    months: Annotated[tuple[Month, ...], msgspec.Meta(min_length=1)]
    ratio: Ratio | None = None
    joint_with: tuple[Name, ...] = ()


class PlanDiff(Value, omit_defaults=True):
    """The changes of an amendment.

    ``set_items`` are added, or replace the item of the same matter.
    """

    set_items: tuple[PlanItem, ...] = ()
    removed_matters: tuple[MatterId, ...] = ()


class NonOnsiteConsidered(Value):
    """非现场检查考虑: the checks without a visit that were considered, and the result (FIL-R9)."""

    written: bool
    shared_data: bool
    remote: bool
    conclusion: Literal["sufficient", "insufficient"]


class AnnualPlanApproved(Event):
    """年度行政执法检查计划经批准: version 1 of a unit's annual plan was approved."""

    TOPIC: ClassVar[str] = "filing.annual-plan-approved"
    VISIBILITY = "shared"  # among authorities until it is published (PlanPublished)
    NARROWED = True

    plan: PlanId
    unit: UnitId
    year: Year
    items: tuple[PlanItem, ...]


class PlanAmended(Event):
    """计划调整: the plan was amended; the new version is in force once it is filed."""

    TOPIC: ClassVar[str] = "filing.plan-amended"
    VISIBILITY = "shared"  # among authorities until it is published (PlanPublished)
    NARROWED = True

    plan: PlanId
    unit: UnitId
    version: int
    diff: PlanDiff
    reason: Text


class AnnualPlanFiled(Event):
    """计划备案: a version of the plan was filed with the Justice Bureau."""

    TOPIC: ClassVar[str] = "filing.annual-plan-filed"
    VISIBILITY = "shared"  # among authorities until it is published (PlanPublished)
    NARROWED = True

    plan: PlanId
    unit: UnitId
    version: int
    filed_on: date
    filed_to: Name = "JB"
    days_late: int = 0


class FilingAccepted(Event):
    """备案受理: the Justice Bureau accepted a filed version of the plan."""

    TOPIC: ClassVar[str] = "filing.filing-accepted"
    VISIBILITY = "shared"  # among authorities until it is published (PlanPublished)
    NARROWED = True

    plan: PlanId
    unit: UnitId
    version: int


class FilingReturned(Event):
    """备案退回: the Justice Bureau returned a filed version of the plan, with reasons."""

    TOPIC: ClassVar[str] = "filing.filing-returned"
    VISIBILITY = "shared"  # among authorities until it is published (PlanPublished)
    NARROWED = True

    plan: PlanId
    unit: UnitId
    version: int
    reasons: Text


class PlanPublished(Event):
    """计划公布: a version of the plan was published.

    Since version 2 this event holds ``items`` itself, because only authorities may read the
    approval of the plan.
    """

    TOPIC: ClassVar[str] = "filing.plan-published"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "public"

    plan: PlanId
    unit: UnitId
    version: int
    url: Name
    items: tuple[PlanItem, ...] = ()


class SpecialPlanApproved(Event):
    """专项检查计划经批准: a special campaign outside the annual plan was approved."""

    TOPIC: ClassVar[str] = "filing.special-plan-approved"
    VISIBILITY = "public"

    plan: PlanId
    unit: UnitId
    matters: tuple[MatterId, ...]
    necessity_assessment_ref: Name
    scope: Text
    period_from: date
    period_to: date
    deployed_by: Literal["own", "superior"]
    government_approval: GovernmentApproval | None = None
    quota_no: Name | None = None


class SpecialInspectionFiled(Event):
    """专项、个案检查备案: an inspection was filed with the unit's own legal office.

    It must be filed before the visit; an emergency inspection is filed after it.
    """

    TOPIC: ClassVar[str] = "filing.special-inspection-filed"

    filing: FilingId
    unit: UnitId
    ground: Ground
    matters: tuple[MatterId, ...]
    entity: EntityId | None = None
    task: TaskId | None = None
    special_plan: PlanId | None = None
    clue_ref: Name | None = None
    filed_to: Literal["unit_legal_office"] = "unit_legal_office"
    days_late: int = 0


class InspectionTaskApproved(Event):
    """检查任务经批准: the head of the unit approved an inspection (FIL-R4).

    ``plan_version`` is the version of the plan that covers it. Since version 2 ``draw`` is the
    random draw that selected the business (FIL-R11), and ``joint`` the joint visit that this task
    is a part of (2.11). Since version 3 ``prescribed_by`` is the legal provision that prescribes
    the visit (FIL-R12).
    """

    TOPIC: ClassVar[str] = "filing.inspection-task-approved"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict, 2: dict}
    VISIBILITY = "sealed"  # only the unit may know of upcoming visits (2.16)

    task: TaskId
    entity: EntityId
    unit: UnitId
    kind: InspectionKind
    trigger: Trigger
    matters: tuple[MatterId, ...]
    officers: tuple[OfficerId, ...]
    planned_on: date
    approver: Badge
    counter: Counter
    non_onsite_considered: NonOnsiteConsidered
    emergency: bool = False
    plan: PlanId | None = None
    plan_version: int | None = None
    filing: FilingId | None = None
    scheme_ref: Name | None = None
    territorial_assistance_ref: Name | None = None
    draw: DrawId | None = None
    joint: JointId | None = None
    prescribed_by: LegalRef | None = None


class InspectionNoticeIssued(Event):
    """检查通知书: the business was notified of the visit.

    ``act_code_digest`` is the SHA-256 of the code that officers show at the door. Since version 2
    it is absent if the service made no code.
    """

    TOPIC: ClassVar[str] = "filing.inspection-notice-issued"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    CORRECTABLE = frozenset({"notice_no"})

    task: TaskId
    entity: EntityId
    unit: UnitId
    notice_no: Name
    act_code_digest: Sha256 | None = None


class InspectionCancelled(Event):
    """检查取消: an approved visit was cancelled; it no longer counts under the cap."""

    TOPIC: ClassVar[str] = "filing.inspection-cancelled"
    VISIBILITY = "sealed"  # only the unit may know of upcoming visits (2.16)

    task: TaskId
    entity: EntityId
    unit: UnitId
    planned_on: date
    counter: Counter
    reason: Text


class EntryScanned(Event):
    """扫码入企: the officers showed their act code at the door and it was scanned."""

    TOPIC: ClassVar[str] = "filing.entry-scanned"
    CORRECTABLE = frozenset({"act_code", "device", "geo"})

    task: TaskId
    entity: EntityId
    unit: UnitId
    act_code: Name
    device: Name
    geo: Name | None = None


class OnSiteInspectionOpened(Event):
    """现场检查开始: officers began a visit.

    They must first show their certificates and state the business's rights; the fields say which of
    these duties they observed.
    """

    TOPIC: ClassVar[str] = "filing.on-site-inspection-opened"
    CORRECTABLE = frozenset(
        {"certs_shown", "notice_shown", "rights_informed", "conduct_rules_informed"}
    )

    task: TaskId
    entity: EntityId
    unit: UnitId
    matters: tuple[MatterId, ...]
    officers: tuple[OfficerId, ...]
    certs_shown: tuple[Name, ...]
    notice_shown: bool
    rights_informed: bool
    conduct_rules_informed: bool
    emergency: bool = False
    ground: Ground | None = None
    scan_outage: bool = False


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body of version 1 unchanged; it has the name of the person who signed."""
    return body


class OnSiteRecordSigned(Event):
    """现场检查笔录: the business signed the record of the visit, or refused for a stated reason.

    ``signatory`` is the person who signed, registered in the same append. ``entity_signature`` is
    the person's name; only events of version 1 have it.
    """

    TOPIC: ClassVar[str] = "filing.on-site-record-signed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}
    CORRECTABLE = frozenset({"record_digest", "refusal_reason"})

    task: TaskId
    entity: EntityId
    unit: UnitId
    record_digest: Sha256
    entity_signature: Name | None = None
    refusal_reason: Text | None = None
    signatory: PersonId | None = None


class OnSiteInspectionClosed(Event):
    """现场检查结束: the officers left, ``minutes_on_site`` minutes after the opening."""

    TOPIC: ClassVar[str] = "filing.on-site-inspection-closed"
    CORRECTABLE = frozenset({"minutes_on_site"})

    task: TaskId
    entity: EntityId
    unit: UnitId
    minutes_on_site: int


class ChecklistItem(Value):
    """An answer on the checklist."""

    item: Name
    ok: bool
    note: Text | None = None


#: A code for data exchange, listed in the policy ``exchange.inspection_codes``.
ExchangeCode = Annotated[
    str,
    msgspec.Meta(pattern=r"^[0-9A-Z]{1,8}(?![\s\S])", examples=["1"]),
]


class InspectionCoding(Value, omit_defaults=True):
    """检查形式、检查类型、检查方式: the codes of an inspection for data exchange (互联网+监管).

    The codes are listed in the policy ``exchange.inspection_codes``. ``result`` is needed if more
    than one code fits the result of the inspection.
    """

    form: ExchangeCode
    type: ExchangeCode
    mode: ExchangeCode | None = None
    result: ExchangeCode | None = None


class InspectionConcluded(Event):
    """检查办结: an inspection was concluded with a result.

    ``lawful_refusal`` says that the business refused entry because certificates were not shown,
    which is lawful (FIL-V6). ``coding`` (since version 2) has the codes for data exchange.
    """

    TOPIC: ClassVar[str] = "filing.inspection-concluded"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    CORRECTABLE = frozenset({"result", "checklist", "note"})

    task: TaskId
    entity: EntityId
    unit: UnitId
    matters: tuple[MatterId, ...]
    result: Result
    checklist: tuple[ChecklistItem, ...] = ()
    lawful_refusal: bool = False
    note: Text | None = None
    coding: InspectionCoding | None = None


class ResultNotified(Event):
    """检查结果告知书: the business was told the result, ``days_late`` calendar days late."""

    TOPIC: ClassVar[str] = "filing.result-notified"

    task: TaskId
    entity: EntityId
    unit: UnitId
    days_late: int = 0


class VisitRated(Event):
    """企业评价: the business rated the visit from 1 to 5; the unit never learns who rated it."""

    TOPIC: ClassVar[str] = "filing.visit-rated"
    VISIBILITY = "sealed"

    task: TaskId
    unit: UnitId
    score: Annotated[int, msgspec.Meta(ge=1, le=5)]
    anonymous: bool = True


class OffSiteCheckRecorded(Event):
    """非现场检查: a check was carried out without entering the business (FIL-R9).

    ``means`` are the ways that were used. Unless the result is ``visit_needed``, the check replaced
    a visit. ``coding`` (since version 2) has the codes for data exchange.
    """

    TOPIC: ClassVar[str] = "filing.off-site-check-recorded"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    CORRECTABLE = frozenset({"means", "result", "note"})

    entity: EntityId
    unit: UnitId
    matters: tuple[MatterId, ...]
    means: tuple[OffSiteMeans, ...]
    result: OffSiteResult
    checked_on: date
    note: Text | None = None
    coding: InspectionCoding | None = None


class IrregularVisitReported(Event):
    """违规入企报告: a visit against the rules was reported. Every such report is recorded (0.1).

    ``label`` is the name that the officers gave to the visit; ``draw`` is the random draw that they
    claimed as its reason.
    """

    TOPIC: ClassVar[str] = "filing.irregular-visit-reported"
    VERSION = 2
    UPCASTERS = {1: no_draw}
    CORRECTABLE = frozenset(
        {"visited_on", "facts", "label", "scanned", "officers_seen", "checklist_or_order_left"}
    )

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
    officers_seen: int | None = None
    checklist_or_order_left: bool = False
    draw: DrawId | None = None

    def visibility(self) -> Visibility:
        """Return sealed for a report by a business, so that the unit does not see who reported."""
        return "sealed" if self.reporter == "entity" else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the reported unit if a business made the report."""
        return (self.unit,) if self.unit is not None and self.visibility() == "sealed" else ()
