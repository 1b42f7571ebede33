"""The catalogue of metrics: what is counted for a monthly report, one line for each (2.14).

A metric counts events of some types; ``counts`` gives any further condition. When a system adds a
line, the pre-filled document, LDG-R1 and the assessment use the new metric at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec

from ledger.general.findings import FindingRaised
from ledger.kernel import Event
from ledger.systems.casefiles.events import CaseFileScored, RectificationVerified
from ledger.systems.catalogue.events import MatterPublished, MatterRevised, MatterWithdrawn
from ledger.systems.complaints.events import ComplaintAcknowledged, ComplaintResolved
from ledger.systems.credit.events import CreditRecordEntered, ObjectionResolved, PublicityStarted
from ledger.systems.draws.events import DrawExecuted, DrawResultPublished
from ledger.systems.filing.events import (
    AnnualPlanFiled,
    FilingAccepted,
    FilingReturned,
    InspectionConcluded,
    ResultNotified,
    SpecialInspectionFiled,
)
from ledger.systems.joint.events import JointVisitHeld
from ledger.systems.keylist.events import (
    GuidanceProvided,
    KeyDesignationReviewed,
    TrackingVisitLogged,
)
from ledger.systems.legalreview.events import LegalReviewConcluded
from ledger.systems.leniency.events import EducationRecorded, LeniencyApplied
from ledger.systems.observation.events import (
    CorrectionVerified,
    ObservationGranted,
    SoftMeasureTaken,
)
from ledger.systems.penalties.events import (
    DecisionPublished,
    DecisionWithdrawn,
    PenaltyDecided,
    PenaltyServed,
)
from ledger.systems.process.events import AvRecordSealed, CaseArchived, ProcessStepRecorded
from ledger.systems.progress.events import OutreachPublished
from ledger.systems.publicity.events import ActPublished, ActWithdrawn, ExAntePublished
from ledger.systems.reconsideration.events import ReconDecided, ReconMediated, ReconReplyReceived
from ledger.systems.repair.events import RepairGranted, RepairRefused
from ledger.systems.sharing.events import RemovalAcknowledged
from ledger.systems.supervision.events import (
    FindingClosed,
    FindingDismissed,
    FindingTriaged,
    RectificationAccepted,
    SupervisionDocAnswered,
    SupervisionDocIssued,
    UnitResponded,
)
from ledger.systems.workplans.events import MilestoneReached, UrgeAnswered, WorkUrged

#: The activities whose number must not be rewarded (ASM-R1).
Base = Literal["inspections", "penalties", "fines"]


def _every(_event: Any) -> int:
    return 1


class Metric(msgspec.Struct, frozen=True):
    """One metric: its name, its title, its task (``None``: the safeguards) and what it counts.

    ``counts`` returns the number that one event adds. ``whose``: the event counts for the unit that
    it is about, or for the unit that recorded it. ``level``: the metric is a level at the end of
    the month, not a count of events in it. ``base``: the activity with which the metric grows, if
    the number of that activity must not be rewarded.
    """

    name: str
    title: str
    task_no: int | None
    events: tuple[type[Event], ...]
    counts: Callable[[Any], int] = _every
    whose: Literal["unit", "actor"] = "unit"
    level: bool = False
    base: Base | None = None

    def part_of(self, other: Metric) -> bool:
        """Return whether ``other`` counts all events that this metric counts."""
        if self == other:
            return True
        return (
            other.counts is _every
            and set(self.events) <= set(other.events)
            and (self.whose, self.level) == (other.whose, other.level)
        )


def _in_time(event: Any) -> int:
    return int(event.days_late == 0)


def _open(event: Any) -> int:
    return 1 if isinstance(event, FindingRaised) else -1


def _result(*results: str) -> Callable[[Any], int]:
    return lambda event: int(event.result in results)


def _outcome(*outcomes: str) -> Callable[[Any], int]:
    return lambda event: int(event.outcome in outcomes)


_CLOSED = (FindingClosed, FindingDismissed)
_REPAIRED = (RepairGranted, RepairRefused)
_RECORDED = (ProcessStepRecorded, AvRecordSealed)
_RECON_ENDED = (ReconDecided, ReconMediated)

#: All metrics, in the order in which they are shown.
_CATALOGUE: tuple[Metric, ...] = (
    # 1 matter list and filing
    Metric("matters_published", "公布执法事项", 1, (MatterPublished,)),
    Metric("matters_published_in_time", "按期公布执法事项", 1, (MatterPublished,), _in_time),
    Metric("matters_adjusted", "动态调整执法事项", 1, (MatterRevised, MatterWithdrawn)),
    Metric("plans_filed", "备案年度检查计划", 1, (AnnualPlanFiled,)),
    Metric("plans_filed_in_time", "按期备案年度检查计划", 1, (AnnualPlanFiled,), _in_time),
    Metric(
        "special_filings", "专项、个案检查备案", 1, (SpecialInspectionFiled,), base="inspections"
    ),
    Metric("filings_decided", "审查备案", 1, (FilingAccepted, FilingReturned), whose="actor"),
    # 2 double-random draws and inspections
    Metric("inspections", "办结行政检查", 2, (InspectionConcluded,), base="inspections"),
    Metric(
        "inspections_without_issue", "未发现问题的检查", 2, (InspectionConcluded,),
        _result("no_issue"), base="inspections",
    ),
    Metric("results_notified", "告知检查结果", 2, (ResultNotified,), base="inspections"),
    Metric(
        "results_notified_in_time", "按期告知检查结果", 2, (ResultNotified,), _in_time,
        base="inspections",
    ),
    Metric("results_published", "公示检查结果", 2, (DrawResultPublished,), base="inspections"),
    Metric(
        "results_published_in_time", "按期公示检查结果", 2, (DrawResultPublished,), _in_time,
        base="inspections",
    ),
    Metric("draws", "实施随机抽取", 2, (DrawExecuted,), base="inspections"),
    Metric("joint_visits", "牵头联合检查", 2, (JointVisitHeld,), base="inspections"),
    # 3 credit supervision
    # Most credit records stem from one penalty each, so they grow with the penalties.
    Metric("records_entered", "录入信用信息", 3, (CreditRecordEntered,), base="penalties"),
    Metric("publicity_started", "公示信用信息", 3, (PublicityStarted,), base="penalties"),
    Metric(
        "publicity_started_in_time", "按期公示信用信息", 3, (PublicityStarted,), _in_time,
        base="penalties",
    ),
    Metric("objections_resolved", "处理异议", 3, (ObjectionResolved,)),
    Metric("objections_resolved_in_time", "按期处理异议", 3, (ObjectionResolved,), _in_time),
    Metric("repairs_answered", "办结信用修复", 3, _REPAIRED),
    Metric("repairs_answered_in_time", "按期办结信用修复", 3, _REPAIRED, _in_time),
    Metric("repairs_granted", "准予信用修复", 3, (RepairGranted,)),
    Metric("removals_acknowledged", "确认移除已修复信息", 3, (RemovalAcknowledged,)),
    Metric(
        "removals_acknowledged_in_time", "按期确认移除", 3, (RemovalAcknowledged,), _in_time
    ),
    # 4 key supervision
    Metric("key_guidance", "重点监管直接指导", 4, (GuidanceProvided,)),
    Metric(
        "key_visits", "重点监管跟踪走访", 4, (TrackingVisitLogged,), base="inspections"
    ),
    Metric("key_reviews", "复核重点监管对象", 4, (KeyDesignationReviewed,)),
    Metric("key_reviews_in_time", "按期复核重点监管对象", 4, (KeyDesignationReviewed,), _in_time),
    # 5 inclusive-prudent supervision
    Metric("observations_granted", "给予留观期", 5, (ObservationGranted,)),
    # They grow with the cases found; only their share, compared with penalties, may be rewarded.
    Metric("soft_measures", "采取柔性措施", 5, (SoftMeasureTaken,), base="penalties"),
    Metric("corrections_verified", "核实整改", 5, (CorrectionVerified,)),
    # 6 flexible enforcement
    Metric("leniency_applied", "适用两轻一免清单", 6, (LeniencyApplied,), base="penalties"),
    Metric(
        "exemptions_applied", "适用免予处罚", 6, (LeniencyApplied,), _outcome("exempt"),
        base="penalties",
    ),
    Metric("education_given", "教育当事人", 6, (EducationRecorded,), base="penalties"),
    # 7 three systems
    Metric("penalties", "作出行政处罚", 7, (PenaltyDecided,), base="penalties"),
    Metric("penalties_served", "送达处罚决定", 7, (PenaltyServed,), base="penalties"),
    Metric(
        "penalties_served_in_time", "按期送达处罚决定", 7, (PenaltyServed,), _in_time,
        base="penalties",
    ),
    Metric("penalties_published", "公开处罚决定", 7, (DecisionPublished,), base="penalties"),
    Metric(
        "penalties_published_in_time", "按期公开处罚决定", 7, (DecisionPublished,), _in_time,
        base="penalties",
    ),
    Metric("decisions_withdrawn", "撤回公开的决定", 7, (DecisionWithdrawn, ActWithdrawn)),
    Metric("ex_ante_published", "事前公开", 7, (ExAntePublished,)),
    Metric("acts_published", "公开其他执法决定", 7, (ActPublished,)),
    Metric("acts_published_in_time", "按期公开其他执法决定", 7, (ActPublished,), _in_time),
    Metric("process_records", "全过程记录", 7, _RECORDED, base="penalties"),
    Metric("case_files_archived", "案卷归档", 7, (CaseArchived,), base="penalties"),
    Metric("legal_reviews", "法制审核", 7, (LegalReviewConcluded,), base="penalties"),
    Metric(
        "legal_reviews_in_time", "按期法制审核", 7, (LegalReviewConcluded,), _in_time,
        base="penalties",
    ),
    # 8 enforcement supervision
    Metric("findings", "监督发现问题", 8, (FindingRaised,)),
    Metric("findings_open", "月末未办结问题", 8, (FindingRaised, *_CLOSED), _open, level=True),
    Metric("findings_answered", "回复监督问题", 8, (UnitResponded,)),
    Metric("rectifications_accepted", "整改获认可", 8, (RectificationAccepted,)),
    Metric("findings_triaged", "分办监督问题", 8, (FindingTriaged,), whose="actor"),
    Metric("findings_ended", "办结监督问题", 8, _CLOSED, whose="actor"),
    Metric("documents_issued", "制发监督文书", 8, (SupervisionDocIssued,), whose="actor"),
    Metric("documents_answered", "答复监督文书", 8, (SupervisionDocAnswered,)),
    Metric(
        "documents_answered_in_time", "按期答复监督文书", 8, (SupervisionDocAnswered,), _in_time
    ),
    Metric("case_files_reviewed", "被评查案卷", 8, (CaseFileScored,)),
    Metric(
        "case_files_passed", "合格案卷", 8, (CaseFileScored,), _outcome("pass", "excellent")
    ),
    Metric("case_files_scored", "评查案卷", 8, (CaseFileScored,), whose="actor"),
    Metric("case_files_put_right", "案卷整改到位", 8, (RectificationVerified,)),
    Metric(
        "case_files_put_right_in_time", "案卷按期整改到位", 8, (RectificationVerified,), _in_time
    ),
    # 9 complaints and reconsideration
    Metric("complaints_acknowledged", "告知收到投诉", 9, (ComplaintAcknowledged,)),
    Metric(
        "complaints_acknowledged_in_time", "按期告知收到投诉", 9, (ComplaintAcknowledged,),
        _in_time,
    ),
    Metric("complaints_resolved", "办结投诉", 9, (ComplaintResolved,)),
    Metric("complaints_resolved_in_time", "按期办结投诉", 9, (ComplaintResolved,), _in_time),
    Metric("recon_replies", "提交复议答复", 9, (ReconReplyReceived,)),
    Metric("recon_replies_in_time", "按期提交复议答复", 9, (ReconReplyReceived,), _in_time),
    Metric("recons_decided", "作出复议决定", 9, _RECON_ENDED, whose="actor"),
    Metric("recons_decided_in_time", "按期作出复议决定", 9, _RECON_ENDED, _in_time, whose="actor"),
    # safeguards
    Metric("outreach", "宣传报道", None, (OutreachPublished,)),
    Metric("milestones_reached", "完成时间节点", None, (MilestoneReached,)),
    Metric("milestones_reached_in_time", "按期完成时间节点", None, (MilestoneReached,), _in_time),
    Metric("works_urged", "被督办", None, (WorkUrged,)),
    Metric("urges_answered", "答复督办", None, (UrgeAnswered,)),
    Metric("urges_answered_in_time", "按期答复督办", None, (UrgeAnswered,), _in_time),
)  # fmt: skip


def _indexed(catalogue: Iterable[Metric]) -> dict[str, Metric]:
    by_name: dict[str, Metric] = {}
    for metric in catalogue:
        if metric.name in by_name:
            raise TypeError(f"metric {metric.name} is declared twice")
        by_name[metric.name] = metric
    return by_name


METRICS: Mapping[str, Metric] = _indexed(_CATALOGUE)


def metrics_of(task_no: int | None) -> tuple[Metric, ...]:
    """Return the metrics of one task; ``None`` stands for the safeguards."""
    return tuple(metric for metric in METRICS.values() if metric.task_no == task_no)
