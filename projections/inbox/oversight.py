"""What waits in approvals, supervision, complaints, reconsideration, reviews, reports and plans."""

from __future__ import annotations

from typing import Any

from ledger.general.countersigning import countersigned_commands
from ledger.general.vocabulary import Role
from ledger.kernel import Recorded
from ledger.systems.approvals.events import (
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRequested,
    ApprovalWithdrawn,
)
from ledger.systems.assessment.events import (
    AppealDecided,
    AssessmentPublished,
    AssessmentRunCompleted,
    AssessmentSchemeAdopted,
    ScoreAppealed,
)
from ledger.systems.casefiles.events import (
    CaseFileScored,
    IssueRaised,
    RectificationOrdered,
    RectificationVerified,
    ReviewAnnounced,
    ReviewBatchDrawn,
    ReviewReportPublished,
)
from ledger.systems.channels.events import ChannelTested, ChannelTestFellDue, ComplaintChannelClosed
from ledger.systems.complaints.events import (
    ComplaintAccepted,
    ComplaintAcknowledged,
    ComplaintNotAccepted,
    ComplaintReceived,
    ComplaintResolved,
    ComplaintTransferred,
)
from ledger.systems.experience.events import ExperiencePublished, HighlightSelected
from ledger.systems.policies.events import CalendarCalledFor, WorkingCalendarPublished
from ledger.systems.progress.events import (
    LedgerAccepted,
    LedgerReturned,
    ProgressLedgerSubmitted,
    ReportingMonthOpened,
)
from ledger.systems.reconsideration.events import (
    IncidentalReviewConcluded,
    IncidentalReviewRequested,
    IncidentalReviewTransferred,
    OpinionCorrectionReported,
    OpinionLetterIssued,
    ReconAccepted,
    ReconApplied,
    ReconCopySent,
    ReconCorrected,
    ReconCorrectionRequested,
    ReconDecided,
    ReconDecisionServed,
    ReconDeemedAccepted,
    ReconMediated,
    ReconNonPerformance,
    ReconPerformed,
    ReconRefused,
    ReconReplyMissing,
    ReconReplyReceived,
    ReconResumed,
    ReconSuspended,
    ReconTerminated,
)
from ledger.systems.supervision.events import (
    FindingClosed,
    FindingDismissed,
    FindingRaised,
    FindingTold,
    FindingTriaged,
    ProposalDeclined,
    ProposalFollowed,
    RectificationAccepted,
    RectificationRejected,
    SupervisionDocAnswered,
    SupervisionDocIssued,
    SupervisionDocProposed,
    SupervisionDocWithdrawn,
    UnitResponded,
)
from ledger.systems.takeon.events import (
    OpenDeadlineTakenOn,
    OpenDutyPerformed,
    TakeOnClosed,
    TakeOnOpened,
)
from ledger.systems.workplans.events import (
    MilestoneDropped,
    MilestoneReached,
    MilestoneReturned,
    MilestoneSet,
    UrgeAnswered,
    WorkPlanAdopted,
    WorkPlanFellDue,
    WorkUrged,
)
from projections.inbox.waiting import Waiting

_SUPERVISING = "行政执法监督条例；《实施意见》任务八"
_COMPLAINING = "《实施意见》任务九：违法执法投诉"
_RECONSIDERING = "中华人民共和国行政复议法"
_REVIEWING = "行政执法案卷评查办法"
_TRACKING = "《实施意见》保障措施：跟踪调度、督促检查"

_JB: frozenset[Role] = frozenset({"jb_supervisor"})
_RLO: frozenset[Role] = frozenset({"rlo_assessor"})
_TRACKERS: frozenset[Role] = _JB | _RLO
_RECON: frozenset[Role] = frozenset({"recon_officer"})

_ENDED = (FindingDismissed, FindingClosed)
_RECON_ENDED = (ReconDecided, ReconMediated, ReconTerminated)


def _signers(event: ApprovalRequested) -> frozenset[Role]:
    """Who may approve the command that is requested; nobody for one that is no more."""
    command = countersigned_commands().get(event.command)
    return frozenset() if command is None else command.APPROVERS


def _signing_units(record: Recorded) -> tuple[str, ...]:
    """The requester's unit, and the one in whose name the request is made."""
    event: Any = record.event
    named = event.body.get("unit")
    own = record.envelope.actor.unit_id
    return (own,) if named in (None, own) or not isinstance(named, str) else (own, named)


def _organ(record: Recorded) -> tuple[str, ...]:
    event: Any = record.event
    return (event.organ,)


def _handler(record: Recorded) -> tuple[str, ...]:
    """The body that handles a complaint; never the unit accused (CMP-R1)."""
    event: Any = record.event
    unit = event.to if isinstance(event, ComplaintTransferred) else event.unit
    return () if unit == event.subject_unit else (unit,)


def _participants(record: Recorded) -> tuple[str, ...]:
    event: Any = record.event
    return (event.unit, *getattr(event, "participants", ()))


WAITS: tuple[Waiting, ...] = (
    Waiting(
        "approvals.request-to-answer",
        "双人审批待签: approve or refuse what another person requested",
        ("approvals/approve-request", "approvals/refuse-request"),
        opened_by=(ApprovalRequested,),
        closed_by=(ApprovalGiven, ApprovalRefused, ApprovalWithdrawn),
        about=("approval",),
        unit=_signing_units,
        region=frozenset({"jb_supervisor", "credit_officer"}),
        roles=_signers,
        but=lambda record: record.envelope.actor.person_id,
        law="《实施意见》；双人审批（GEN-R1）",
    ),
    Waiting(
        "policies.calendar-to-publish",
        "明年工作日历待发布: publish next year's working calendar by the State Council's notice",
        ("policies/publish-working-calendar",),
        opened_by=(CalendarCalledFor,),
        closed_by=(WorkingCalendarPublished,),
        about=("year",),
        region=_JB,
        fills=lambda event: {"year": int(event.year)},
        due=("policies.calendar",),
        law="国务院办公厅关于节假日安排的通知",
    ),
    Waiting(
        "supervision.finding-to-triage",
        "监督发现待分办: triage the finding, or dismiss it with a second reader",
        ("supervision/triage-finding", "supervision/dismiss-finding"),
        opened_by=(FindingRaised,),
        closed_by=(FindingTriaged, *_ENDED),
        about=("finding_id",),
        region=_JB,
        due=("triage_wd",),
        law=_SUPERVISING,
    ),
    Waiting(
        "supervision.finding-to-answer",
        "监督发现待回复: answer the finding",
        ("supervision/respond-to-finding",),
        opened_by=(FindingRaised, FindingTold, RectificationRejected),
        closed_by=(UnitResponded, SupervisionDocAnswered, RectificationAccepted, *_ENDED),
        about=("finding_id",),
        when=lambda event: event.unit is not None and event.unit not in event.kept_from(),
        due=("supervision.response_wd.rejected",),
        law=_SUPERVISING,
    ),
    Waiting(
        "supervision.finding-to-end",
        "监督发现待处理: accept or reject what the unit answered, close or dismiss the finding",
        (
            "supervision/accept-rectification",
            "supervision/reject-rectification",
            "supervision/close-finding",
            "supervision/dismiss-finding",
        ),
        opened_by=(FindingRaised,),
        closed_by=_ENDED,
        about=("finding_id",),
        roles=_JB,
        region=_JB,
        due=("supervision.direct_handling",),
        law=_SUPERVISING,
    ),
    Waiting(
        "supervision.proposal-to-decide",
        "文书建议待处理: issue the proposed document, or decline with a reason",
        ("supervision/issue-supervision-doc", "supervision/decline-proposal"),
        opened_by=(SupervisionDocProposed,),
        closed_by=(ProposalFollowed, ProposalDeclined),
        about=("proposal",),
        region=_JB,
        fills=lambda event: {"kind": event.kind, "demands": event.demands},
        law=_SUPERVISING,
    ),
    Waiting(
        "supervision.document-to-answer",
        "监督文书待复函: answer the document of the Justice Bureau",
        ("supervision/answer-supervision-doc",),
        opened_by=(SupervisionDocIssued,),
        closed_by=(SupervisionDocAnswered, SupervisionDocWithdrawn),
        about=("document",),
        due=(
            "supervision.response_wd",
            "supervision.opinion_response_wd",
            "supervision.decision",
        ),
        law=_SUPERVISING,
    ),
    Waiting(
        "complaints.complaint-to-acknowledge",
        "投诉待签收: acknowledge the complaint",
        ("complaints/acknowledge-complaint",),
        opened_by=(ComplaintReceived,),
        closed_by=(
            ComplaintAcknowledged,
            ComplaintAccepted,
            ComplaintNotAccepted,
            ComplaintTransferred,
            ComplaintResolved,
        ),
        about=("complaint",),
        unit=_handler,
        due=("complaint.ack_wd",),
        told=True,
        law=_COMPLAINING,
    ),
    Waiting(
        "complaints.complaint-to-accept",
        "投诉待受理: accept the complaint, refuse it with a reason, or transfer it",
        (
            "complaints/accept-complaint",
            "complaints/refuse-complaint",
            "complaints/transfer-complaint",
        ),
        opened_by=(ComplaintReceived, ComplaintTransferred),
        closed_by=(ComplaintAccepted, ComplaintNotAccepted, ComplaintTransferred),
        about=("complaint",),
        unit=_handler,
        due=("complaint.accept_wd", "complaint.accept_wd.transferred"),
        told=True,
        law=_COMPLAINING,
    ),
    Waiting(
        "complaints.complaint-to-resolve",
        "投诉待办结: investigate, pass on what is alleged, resolve and tell the complainant",
        (
            "complaints/resolve-complaint",
            "complaints/take-investigation-step",
            "complaints/pass-on-facts",
            "complaints/transfer-complaint",
        ),
        opened_by=(ComplaintAccepted,),
        closed_by=(ComplaintResolved, ComplaintTransferred),
        about=("complaint",),
        unit=_handler,
        due=("complaint.resolve_cd",),
        told=True,
        law=_COMPLAINING,
    ),
    Waiting(
        "channels.channel-to-test",
        "投诉渠道待测试: try the channel, and report whether it was answered",
        ("channels/report-channel-test",),
        opened_by=(ChannelTestFellDue,),
        closed_by=(ChannelTested, ComplaintChannelClosed),
        about=("channel",),
        # A test that nobody answered leaves it untested.
        ends=lambda event: getattr(event, "answered", True),
        region=_TRACKERS,
        law=_COMPLAINING,
    ),
    Waiting(
        "experience.highlight-to-publish",
        "亮点经验待发布: publish the highlight for everybody to read",
        ("experience/publish-experience",),
        opened_by=(HighlightSelected,),
        closed_by=(ExperiencePublished,),
        about=("experience",),
        region=_TRACKERS,
        law="《实施意见》保障措施：宣传引导",
    ),
    Waiting(
        "reconsideration.application-to-admit",
        "复议申请待审查: accept the application, refuse it, or ask for corrections",
        (
            "reconsideration/accept-application",
            "reconsideration/refuse-application",
            "reconsideration/request-application-correction",
        ),
        opened_by=(ReconApplied, ReconCorrected),
        closed_by=(
            ReconAccepted,
            ReconRefused,
            ReconDeemedAccepted,
            ReconCorrectionRequested,
            ReconTerminated,
        ),
        about=("recon",),
        unit=_organ,
        due=("recon.accept_wd", "recon.accept_wd.corrected"),
        law=f"{_RECONSIDERING} Art. 30–31",
    ),
    Waiting(
        "reconsideration.application-to-correct",
        "复议申请待补正: correct the application",
        ("reconsideration/correct-application",),
        opened_by=(ReconCorrectionRequested,),
        closed_by=(ReconCorrected, ReconTerminated),
        about=("recon",),
        unit=_organ,
        due=("recon.correction_wd",),
        law=f"{_RECONSIDERING} Art. 31",
    ),
    Waiting(
        "reconsideration.copy-to-send",
        "复议申请副本待发送: send the respondent the copy",
        ("reconsideration/send-copy",),
        opened_by=(ReconAccepted, ReconDeemedAccepted),
        closed_by=(ReconCopySent, *_RECON_ENDED),
        about=("recon",),
        unit=_organ,
        due=("recon.ordinary.copy", "recon.summary.copy", "recon.deemed.copy"),
        law=f"{_RECONSIDERING} Art. 48, 54",
    ),
    Waiting(
        "reconsideration.reply-to-submit",
        "复议答复待提交: submit the reply with the evidence",
        ("reconsideration/submit-reply",),
        opened_by=(ReconCopySent,),
        closed_by=(ReconReplyReceived, ReconReplyMissing, *_RECON_ENDED),
        about=("recon",),
        due=("recon.ordinary.reply", "recon.summary.reply"),
        law=f"{_RECONSIDERING} Art. 48, 54, 70",
    ),
    Waiting(
        "reconsideration.case-to-decide",
        "复议案件待决定: hear, decide, mediate, extend, suspend or terminate the case",
        (
            "reconsideration/decide-case",
            "reconsideration/record-recon-hearing",
            "reconsideration/mediate-case",
            "reconsideration/suspend-case",
            "reconsideration/extend-case",
            "reconsideration/terminate-case",
        ),
        opened_by=(ReconAccepted, ReconDeemedAccepted, ReconResumed),
        closed_by=(ReconSuspended, *_RECON_ENDED),
        about=("recon",),
        unit=_organ,
        due=(
            "recon.ordinary.decide",
            "recon.summary.decide",
            "recon.deemed.decide",
            "recon.decide.resumed",
            "recon.decide.extended",
        ),
        law=f"{_RECONSIDERING} Art. 62–73",
    ),
    Waiting(
        "reconsideration.case-to-resume",
        "复议案件中止: resume the case once its ground is gone, or terminate it",
        ("reconsideration/resume-case", "reconsideration/terminate-case"),
        opened_by=(ReconSuspended,),
        closed_by=(ReconResumed, *_RECON_ENDED),
        about=("recon",),
        unit=_organ,
        law=f"{_RECONSIDERING} Art. 39–41",
    ),
    Waiting(
        "reconsideration.document-to-review",
        "规范性文件附带审查: transfer the document to the competent body, or conclude its review",
        (
            "reconsideration/transfer-incidental-review",
            "reconsideration/conclude-incidental-review",
        ),
        opened_by=(IncidentalReviewRequested, IncidentalReviewTransferred),
        closed_by=(IncidentalReviewConcluded, *_RECON_ENDED),
        about=("recon",),
        unit=_organ,
        due=(
            "recon.incidental_review.transfer",
            "recon.incidental_review.decide",
            "recon.incidental_review.answer",
        ),
        law=f"{_RECONSIDERING} Art. 56–60",
    ),
    Waiting(
        "reconsideration.decision-to-serve",
        "复议决定待送达: serve the decision",
        ("reconsideration/serve-recon-decision",),
        opened_by=(ReconDecided, ReconMediated),
        closed_by=(ReconDecisionServed,),
        about=("recon",),
        unit=_organ,
        law=f"{_RECONSIDERING} Art. 75",
    ),
    Waiting(
        "reconsideration.decision-to-perform",
        "复议决定待履行: report what was done",
        ("reconsideration/report-performance",),
        opened_by=(ReconDecisionServed,),
        closed_by=(ReconPerformed,),
        about=("recon",),
        when=lambda event: event.perform_by is not None,
        due=("recon.perform",),
        law=f"{_RECONSIDERING} Art. 77",
    ),
    Waiting(
        "reconsideration.performance-to-watch",
        "复议决定履行待督促: report that the decision was not performed",
        ("reconsideration/report-non-performance",),
        opened_by=(ReconDecisionServed,),
        closed_by=(ReconPerformed, ReconNonPerformance),
        about=("recon",),
        unit=_organ,
        when=lambda event: event.perform_by is not None,
        due=("recon.perform",),
        law=f"{_RECONSIDERING} Art. 77",
    ),
    Waiting(
        "reconsideration.opinion-to-answer",
        "行政复议意见书待反馈: report what was corrected",
        ("reconsideration/report-opinion-correction",),
        opened_by=(OpinionLetterIssued,),
        closed_by=(OpinionCorrectionReported,),
        about=("recon",),
        due=("recon.opinion_report_cd",),
        law=f"{_RECONSIDERING} Art. 76",
    ),
    Waiting(
        "casefiles.batch-to-draw",
        "案卷抽查待抽取: draw the files once the announced values are out",
        ("casefiles/draw-review-batch",),
        opened_by=(ReviewAnnounced,),
        closed_by=(ReviewBatchDrawn,),
        about=("batch",),
        unit="reviewing_unit",
        region=_JB,
        law=_REVIEWING,
    ),
    Waiting(
        "casefiles.batch-to-score",
        "案卷待评查: score each file, then publish the report",
        ("casefiles/score-case-file", "casefiles/publish-review-report"),
        opened_by=(ReviewBatchDrawn,),
        closed_by=(ReviewReportPublished,),
        about=("batch",),
        unit="reviewing_unit",
        region=_JB,
        law=_REVIEWING,
    ),
    Waiting(
        "casefiles.issue-to-rectify",
        "案卷问题待整改: order rectification",
        ("casefiles/order-rectification",),
        opened_by=(IssueRaised, CaseFileScored),
        closed_by=(RectificationOrdered,),
        about=("casefile",),
        when=lambda event: isinstance(event, IssueRaised) or event.outcome == "fail",
        region=_JB,
        roles=_JB,
        law=_REVIEWING,
    ),
    Waiting(
        "casefiles.rectification-to-verify",
        "案卷整改待核实: verify the rectification",
        ("casefiles/verify-rectification",),
        opened_by=(RectificationOrdered,),
        closed_by=(RectificationVerified,),
        about=("casefile",),
        region=_JB,
        due=("casefile.rectification",),
        law=_REVIEWING,
    ),
    Waiting(
        "progress.report-to-submit",
        "月报待报送: submit the monthly report, with a dispute where a figure is wrong",
        ("progress/submit-progress-ledger", "progress/dispute-metric"),
        opened_by=(ReportingMonthOpened, LedgerReturned),
        closed_by=(ProgressLedgerSubmitted,),
        about=("report",),
        due=("ledger.month_end",),
        law="《实施意见》保障措施：每月工作进展台账",
    ),
    Waiting(
        "progress.report-to-accept",
        "月报待审核: accept the report, or return it with reasons",
        ("progress/accept-ledger", "progress/return-ledger"),
        opened_by=(ProgressLedgerSubmitted,),
        closed_by=(LedgerAccepted, LedgerReturned),
        about=("report",),
        region=_TRACKERS,
        law="《实施意见》保障措施：每月工作进展台账",
    ),
    Waiting(
        "workplans.plan-to-adopt",
        "年度工作计划逾期: adopt the unit's work plan of the year",
        ("workplans/adopt-work-plan",),
        opened_by=(WorkPlanFellDue,),
        closed_by=(WorkPlanAdopted,),
        about=("unit",),
        # Nothing names the year in a tag: the plan of the year is the next one that is adopted.
        law=_TRACKING,
    ),
    Waiting(
        "workplans.milestone-to-reach",
        "时间节点待完成: report the milestone with its evidence",
        ("workplans/reach-milestone",),
        opened_by=(MilestoneSet, MilestoneReturned),
        closed_by=(MilestoneReached, MilestoneDropped),
        about=("milestone",),
        unit=_participants,
        due=("work.milestone", "work.milestone.again"),
        law=_TRACKING,
    ),
    Waiting(
        "workplans.urge-to-answer",
        "督办函待答复: answer the urge",
        ("workplans/answer-urge",),
        opened_by=(WorkUrged,),
        closed_by=(UrgeAnswered,),
        about=("urge",),
        due=("work.urge",),
        law=_TRACKING,
    ),
    Waiting(
        "takeon.takeon-to-close",
        "启用日期初事项: enter what the older system holds, and close the take-on",
        ("takeon/close-take-on",),
        opened_by=(TakeOnOpened,),
        closed_by=(TakeOnClosed,),
        about=("takeon",),
        region=frozenset({"jb_supervisor", "credit_officer"}),
        law="《实施意见》；启用日",
    ),
    Waiting(
        "takeon.duty-to-perform",
        "期初未完事项: report that the duty was performed",
        ("takeon/perform-open-duty",),
        opened_by=(OpenDeadlineTakenOn,),
        closed_by=(OpenDutyPerformed,),
        about=("duty",),
        due=("takeon.open-deadline",),
        law="启用日：以原系统所载依据为准",
    ),
    Waiting(
        "assessment.score-to-appeal",
        "考核计分告知: appeal the score",
        ("assessment/appeal-score",),
        opened_by=(AssessmentRunCompleted,),
        closed_by=(ScoreAppealed, AssessmentPublished),
        about=("score",),
        law="《实施意见》保障措施：考核评价",
    ),
    Waiting(
        "assessment.appeal-to-decide",
        "考核异议待处理: decide the appeal",
        ("assessment/decide-appeal",),
        opened_by=(ScoreAppealed,),
        closed_by=(AppealDecided,),
        about=("score",),
        region=_RLO,
        law="《实施意见》保障措施：考核评价",
    ),
    Waiting(
        "assessment.year-to-publish",
        "年度考核待公布: score the units and publish the assessment",
        ("assessment/publish-assessment", "assessment/run-assessment"),
        opened_by=(AssessmentSchemeAdopted,),
        closed_by=(AssessmentPublished,),
        about=("year",),
        region=_RLO,
        due=("assessment.yearly",),
        law="《实施意见》保障措施：考核评价",
    ),
)
