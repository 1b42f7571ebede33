"""Items that wait in approvals, supervision, complaints, reconsideration, reviews and reports."""

from __future__ import annotations

from typing import Any

from ledger.general.countersigning import ApprovalRequested, countersigned_commands
from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import Role
from ledger.kernel import Recorded
from ledger.systems.approvals.events import ApprovalGiven, ApprovalRefused, ApprovalWithdrawn
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

_SUPERVISING = "《行政执法监督条例》；《实施意见》任务八"
_COMPLAINING = "《实施意见》任务九：违法执法投诉"
_RECONSIDERING = "《中华人民共和国行政复议法》"
_REVIEWING = "《行政执法案卷评查办法》"
_TRACKING = "《实施意见》保障措施：跟踪调度、督促检查"

_JB: frozenset[Role] = frozenset({"jb_supervisor"})
_RLO: frozenset[Role] = frozenset({"rlo_assessor"})
_TRACKERS: frozenset[Role] = _JB | _RLO
_RECON: frozenset[Role] = frozenset({"recon_officer"})

_ENDED = (FindingDismissed, FindingClosed)
_RECON_ENDED = (ReconDecided, ReconMediated, ReconTerminated)


def _signers(event: ApprovalRequested) -> frozenset[Role]:
    """Return the roles that may approve the requested command; none if it no longer exists."""
    command = countersigned_commands().get(event.command)
    return frozenset() if command is None else command.APPROVERS


def _signing_units(record: Recorded) -> tuple[str, ...]:
    """Return the requester's unit and the unit in whose name the request is made."""
    event: Any = record.event
    named = event.body.get("unit")
    own = record.envelope.actor.unit_id
    return (own,) if named in (None, own) or not isinstance(named, str) else (own, named)


def _organ(record: Recorded) -> tuple[str, ...]:
    event: Any = record.event
    return (event.organ,)


def _handler(record: Recorded) -> tuple[str, ...]:
    """Return the body that handles a complaint; it is never the accused unit (CMP-R1)."""
    event: Any = record.event
    unit = event.to if isinstance(event, ComplaintTransferred) else event.unit
    return () if unit == event.subject_unit else (unit,)


def _participants(record: Recorded) -> tuple[str, ...]:
    event: Any = record.event
    return (event.unit, *getattr(event, "participants", ()))


WAITS: tuple[Waiting, ...] = (
    Waiting(
        "approvals.request-to-answer",
        "他人提交的请求待审批：批准，或者不予批准: approve or refuse the request of another person",
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
        "次年工作日历待按国务院办公厅通知发布: "
        "publish the working calendar of next year according to the State Council's notice",
        ("policies/publish-working-calendar",),
        opened_by=(CalendarCalledFor,),
        closed_by=(WorkingCalendarPublished,),
        about=("year",),
        region=_JB,
        fills=lambda event: {"year": int(event.year)},
        due=("policies.calendar",),
        law="《国务院办公厅关于节假日安排的通知》",
    ),
    Waiting(
        "supervision.finding-to-triage",
        "监督发现待分办，或者经他人复核后认定不成立: "
        "triage the finding, or dismiss it after a second person has reviewed it",
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
        "监督发现待处理：认可或者退回整改，办结或者认定不成立: "
        "accept or reject the unit's rectification, or close or dismiss the finding",
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
        "制发监督文书的建议待处理：制发，或者说明理由不采纳: "
        "issue the proposed document, or decline the proposal with a reason",
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
        "行政执法监督文书待答复: answer the document of the Justice Bureau",
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
        "已收到投诉，待告知投诉人: acknowledge the complaint",
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
        "投诉待受理：受理、说明理由不予受理，或者转办: "
        "accept the complaint, refuse it with a reason, or transfer it",
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
        "投诉待办结：调查核实，移交投诉事实，办结并告知投诉人: "
        "investigate the complaint, pass its facts on where another body is competent, then "
        "resolve it and inform the complainant",
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
        "投诉渠道待测试，并报告是否有人应答: test the channel and report whether it was answered",
        ("channels/report-channel-test",),
        opened_by=(ChannelTestFellDue,),
        closed_by=(ChannelTested, ComplaintChannelClosed),
        about=("channel",),
        # After a test that nobody answered, the channel still has to be tested.
        ends=lambda event: getattr(event, "answered", True),
        region=_TRACKERS,
        law=_COMPLAINING,
    ),
    Waiting(
        "experience.highlight-to-publish",
        "已选取的亮点经验待发布: publish the selected highlight",
        ("experience/publish-experience",),
        opened_by=(HighlightSelected,),
        closed_by=(ExperiencePublished,),
        about=("experience",),
        region=_TRACKERS,
        law="《实施意见》保障措施：宣传引导",
    ),
    Waiting(
        "reconsideration.application-to-admit",
        "行政复议申请待审查：受理、不予受理，或者通知补正: "
        "accept the application, refuse to accept it, or ask for corrections",
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
        law=f"{_RECONSIDERING}第30条、第31条",
    ),
    Waiting(
        "reconsideration.application-to-correct",
        "行政复议申请待补正: correct the application",
        ("reconsideration/correct-application",),
        opened_by=(ReconCorrectionRequested,),
        closed_by=(ReconCorrected, ReconTerminated),
        about=("recon",),
        unit=_organ,
        due=("recon.correction_wd",),
        law=f"{_RECONSIDERING}第31条",
    ),
    Waiting(
        "reconsideration.copy-to-send",
        "行政复议申请书副本待发送被申请人: send a copy of the application to the respondent",
        ("reconsideration/send-copy",),
        opened_by=(ReconAccepted, ReconDeemedAccepted),
        closed_by=(ReconCopySent, *_RECON_ENDED),
        about=("recon",),
        unit=_organ,
        due=("recon.ordinary.copy", "recon.summary.copy", "recon.deemed.copy"),
        law=f"{_RECONSIDERING}第48条、第54条",
    ),
    Waiting(
        "reconsideration.reply-to-submit",
        "行政复议答复书和证据待提交: submit the reply and the evidence",
        ("reconsideration/submit-reply",),
        opened_by=(ReconCopySent,),
        closed_by=(ReconReplyReceived, ReconReplyMissing, *_RECON_ENDED),
        about=("recon",),
        due=("recon.ordinary.reply", "recon.summary.reply"),
        law=f"{_RECONSIDERING}第48条、第54条、第70条",
    ),
    Waiting(
        "reconsideration.case-to-decide",
        "行政复议案件待审理：听证、决定、调解、延长期限、中止或者终止: "
        "hear, decide, mediate, extend, suspend or terminate the case",
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
        law=f"{_RECONSIDERING}第62条至第73条",
    ),
    Waiting(
        "reconsideration.case-to-resume",
        "行政复议案件已中止，中止原因消除后待恢复审理，或者终止: "
        "resume the case when the reason for its suspension has ended, or terminate it",
        ("reconsideration/resume-case", "reconsideration/terminate-case"),
        opened_by=(ReconSuspended,),
        closed_by=(ReconResumed, *_RECON_ENDED),
        about=("recon",),
        unit=_organ,
        law=f"{_RECONSIDERING}第39条至第41条",
    ),
    Waiting(
        "reconsideration.document-to-review",
        "规范性文件待附带审查：转送有权机关，或者作出审查结论: "
        "transfer the document to the competent body, or conclude its review",
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
        law=f"{_RECONSIDERING}第56条至第60条",
    ),
    Waiting(
        "reconsideration.decision-to-serve",
        "行政复议决定书或者调解书待送达: "
        "serve the decision, or the mediation document, on the parties",
        ("reconsideration/serve-recon-decision",),
        opened_by=(ReconDecided, ReconMediated),
        closed_by=(ReconDecisionServed,),
        about=("recon",),
        unit=_organ,
        law=f"{_RECONSIDERING}第75条",
    ),
    Waiting(
        "reconsideration.decision-to-perform",
        "行政复议决定待履行，并报告履行情况: perform the decision and report what was done",
        ("reconsideration/report-performance",),
        opened_by=(ReconDecisionServed,),
        closed_by=(ReconPerformed,),
        about=("recon",),
        when=lambda event: event.perform_by is not None,
        due=("recon.perform",),
        law=f"{_RECONSIDERING}第77条",
    ),
    Waiting(
        "reconsideration.performance-to-watch",
        "行政复议决定待督促履行；未履行的，记录不履行: "
        "watch over the performance of the decision; record it if the respondent does not perform",
        ("reconsideration/report-non-performance",),
        opened_by=(ReconDecisionServed,),
        closed_by=(ReconPerformed, ReconNonPerformance),
        about=("recon",),
        unit=_organ,
        when=lambda event: event.perform_by is not None,
        due=("recon.perform",),
        law=f"{_RECONSIDERING}第77条",
    ),
    Waiting(
        "reconsideration.opinion-to-answer",
        "行政复议意见书待整改，并报告整改情况: "
        "correct what the opinion letter names, and report it",
        ("reconsideration/report-opinion-correction",),
        opened_by=(OpinionLetterIssued,),
        closed_by=(OpinionCorrectionReported,),
        about=("recon",),
        due=("recon.opinion_report_cd",),
        law=f"{_RECONSIDERING}第76条",
    ),
    Waiting(
        "casefiles.batch-to-draw",
        "评查案卷待抽取：公告的随机源均已公开后抽取: "
        "draw the case files when all announced values are public",
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
        "案卷待评查：逐卷评分后发布评查通报: score each case file, then publish the review report",
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
        "案卷存在问题，待责令整改: order the rectification of the case file",
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
        "案卷整改情况待核验: verify that the case file was rectified",
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
        "月度工作进展台账待报送；对数据有异议的，提出异议: "
        "submit the monthly report; dispute each figure that is wrong",
        ("progress/submit-progress-ledger", "progress/dispute-metric"),
        opened_by=(ReportingMonthOpened, LedgerReturned),
        closed_by=(ProgressLedgerSubmitted,),
        about=("report",),
        due=("ledger.month_end",),
        law="《实施意见》保障措施：每月工作进展台账",
    ),
    Waiting(
        "progress.report-to-accept",
        "月度工作进展台账待审核：接收，或者说明理由退回: "
        "accept the monthly report, or return it with reasons",
        ("progress/accept-ledger", "progress/return-ledger"),
        opened_by=(ProgressLedgerSubmitted,),
        closed_by=(LedgerAccepted, LedgerReturned),
        about=("report",),
        region=_TRACKERS,
        law="《实施意见》保障措施：每月工作进展台账",
    ),
    Waiting(
        "workplans.plan-to-adopt",
        "年度工作计划逾期未制定，待制定: adopt the unit's work plan of the year, which is overdue",
        ("workplans/adopt-work-plan",),
        opened_by=(WorkPlanFellDue,),
        closed_by=(WorkPlanAdopted,),
        about=("unit",),
        # No tag names the year, so the next plan that the unit adopts counts as that year's.
        law=_TRACKING,
    ),
    Waiting(
        "workplans.milestone-to-reach",
        "时间节点待完成，并报告完成情况和证明材料: "
        "report that the milestone was reached, with the evidence",
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
        "督办函待答复: answer the urging letter",
        ("workplans/answer-urge",),
        opened_by=(WorkUrged,),
        closed_by=(UrgeAnswered,),
        about=("urge",),
        due=("work.urge",),
        law=_TRACKING,
    ),
    Waiting(
        "takeon.takeon-to-close",
        "启用日期初事项待录入，录入完毕后确认启用完成: "
        "enter what the older system holds, then close the take-on",
        ("takeon/close-take-on",),
        opened_by=(TakeOnOpened,),
        closed_by=(TakeOnClosed,),
        about=("takeon",),
        region=frozenset({"jb_supervisor", "credit_officer"}),
        law="《实施意见》；启用日",
    ),
    Waiting(
        "takeon.duty-to-perform",
        "原系统未完结事项待办理，并报告办理情况: "
        "perform the duty taken on from the older system, and report it",
        ("takeon/perform-open-duty",),
        opened_by=(OpenDeadlineTakenOn,),
        closed_by=(OpenDutyPerformed,),
        about=("duty",),
        due=("takeon.open-deadline",),
        law="启用日：以原系统所载依据为准",
    ),
    Waiting(
        "assessment.score-to-appeal",
        "考核计分已完成，有异议的可以在结果公布前提出: "
        "appeal the score before the results are published, if it is wrong",
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
        "年度考核待计分，考核结果待公布: score the units and publish the assessment of the year",
        ("assessment/publish-assessment", "assessment/run-assessment"),
        opened_by=(AssessmentSchemeAdopted,),
        closed_by=(AssessmentPublished,),
        about=("year",),
        region=_RLO,
        due=("assessment.yearly",),
        law="《实施意见》保障措施：考核评价",
    ),
)
