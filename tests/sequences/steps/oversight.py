"""Steps of supervision, complaints, observation, case-file review, monthly reports, assessment."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from ledger.general.countersigning import countersigned_commands
from ledger.kernel import Actor
from ledger.systems.approvals import commands as approvals
from ledger.systems.assessment import commands as assessment
from ledger.systems.casefiles import commands as casefiles
from ledger.systems.channels import commands as channels
from ledger.systems.complaints import commands as complaints
from ledger.systems.experience import commands as experience
from ledger.systems.observation import commands as observation
from ledger.systems.progress import commands as progress
from ledger.systems.supervision import commands as supervision
from ledger.systems.workplans import commands as workplans
from tests.sequences.drafts import Draft
from tests.sequences.prelude import VIOLATIONS
from tests.sequences.steps import OFTEN, RARE, Table
from tests.sequences.town import OFFICERS, UNITS, actor

TABLE = Table()
add = TABLE.add


def _unit(x: Draft) -> str:
    return x.pick(UNITS)


# Findings: the fields are named after the finding itself.
SHUT = "FindingClosed FindingDismissed"
add(
    supervision.RaiseFinding,
    type="inaction",
    rule_id="SUP-V2",
    facts={"days": 40},
    unit=_unit,
    entity=lambda x: x.pick((None, x.business())),
    officer=lambda x: x.pick((None, OFFICERS[x.unit][0])),
    sent_by=lambda x: actor("jb_supervisor", "JB", "JB-002"),
)
add(
    supervision.TriageFinding,
    "finding",
    after="FindingRaised",
    before=f"FindingTriaged {SHUT}",
    sent_by="jb_supervisor",
)
add(
    supervision.DismissFinding,
    "finding",
    after="FindingRaised FindingTriaged",
    before=f"UnitResponded {SHUT}",
    weight=RARE,
)

# What one person requested and a second one answers.
_WAITS = {
    "on": "approval",
    "after": "ApprovalRequested",
    "before": "ApprovalGiven ApprovalRefused ApprovalWithdrawn",
}


def _second(x: Draft) -> Actor:
    """Somebody else who may approve what was requested."""
    first = x.thing.record("ApprovalRequested").envelope.actor
    command = countersigned_commands()[x.thing.get("command")]
    may = command.APPROVERS
    role = first.role if first.role in may else min(may & {"unit_head", "jb_supervisor"})
    return actor(role, first.unit_id, f"{first.unit_id}-SECOND")


add(approvals.ApproveRequest, **_WAITS, sent_by=_second, weight=OFTEN)
add(approvals.RefuseRequest, **_WAITS, sent_by=_second, weight=RARE)
add(
    approvals.WithdrawRequest,
    **_WAITS,
    sent_by=lambda x: x.thing.record("ApprovalRequested").envelope.actor,
    weight=RARE,
)
add(
    supervision.RespondToFinding,
    "finding",
    after="FindingTriaged",
    before=f"UnitResponded DirectHandlingStarted {SHUT}",
    when=lambda x: x.thing.get("unit") in UNITS,
    unit=lambda x: x.thing.get("unit"),
    sent_by="unit_head",
)
add(
    supervision.AcceptRectification,
    "finding",
    after="UnitResponded",
    before=f"RectificationAccepted RectificationRejected {SHUT}",
)
add(
    supervision.RejectRectification,
    "finding",
    after="UnitResponded",
    before=f"RectificationAccepted RectificationRejected {SHUT}",
)
add(
    supervision.StartDirectHandling,
    "finding",
    after="RectificationRejected",
    before=f"DirectHandlingStarted {SHUT}",
    demands=["整改"],
    due_on=lambda x: x.day(10),
)
add(
    supervision.CloseFinding,
    "finding",
    after="RectificationAccepted",
    before=SHUT,
    sent_by="jb_supervisor",
)


def _findings(x: Draft) -> list[str]:
    found = [f.id for f in x.book.of("finding", "FindingRaised", SHUT) if f.get("unit") == x.unit]
    return x.few(found) if found and x.chance(0.7) else []


add(
    supervision.IssueSupervisionDoc,
    new="supdoc",
    label="notice",
    unit=_unit,
    kind="notice",
    doc_no=lambda x: x.name("兰新司监"),
    demands=["说明入企依据"],
    findings=_findings,
)
add(
    supervision.IssueSupervisionDoc,
    "supdoc",
    after="SupervisionDocIssued",
    before="SupervisionDocWithdrawn",
    new="supdoc",
    label="that follows",
    kind=lambda x: {"notice": "opinion"}.get(x.thing.get("kind"), "decision"),
    document=lambda x: x.name("supdoc"),
    doc_no=lambda x: x.name("兰新司监"),
    demands=["说明入企依据"],
    follows=lambda x: x.thing.id,
    due_on=lambda x: x.day(15) if x.body["kind"] == "decision" else None,
)
add(
    supervision.AnswerSupervisionDoc,
    "supdoc",
    after="SupervisionDocIssued",
    before="SupervisionDocAnswered SupervisionDocWithdrawn",
    sent_by="unit_head",
)
add(
    supervision.WithdrawSupervisionDoc,
    "supdoc",
    after="SupervisionDocIssued",
    before="SupervisionDocWithdrawn SupervisionDocAnswered",
    weight=RARE,
)
add(
    supervision.RecordPublicInterview,
    unit=_unit,
    attended_by=["局长"],
    raised="随意检查",
    findings=_findings,
    undertaken="整改",
)
add(
    supervision.IssueCircular,
    new="supdoc",
    units=lambda x: x.few(UNITS),
    title="关于未备案检查的通报",
    text="检查未备案",
)
add(
    supervision.ReferToDiscipline,
    unit=_unit,
    referred_to="新区纪检监察工委",
    doc_no=lambda x: x.name("移"),
    facts="接受宴请",
    officers=lambda x: [OFFICERS[x.unit][0]],
    findings=_findings,
)

# Complaints.
add(
    complaints.ReceiveComplaint,
    new="complaint",
    channel=lambda x: x.pick(("mailbox", "phone", "web", "window")),
    subject_unit=_unit,
    handled_by="JB",
    anonymous=lambda x: x.chance(0.5),
    complainant=lambda x: None if x.body["anonymous"] else "person-7f3a9c21",
    facts="两人以调研名义入企",
    officers=lambda x: OFFICERS[x.body["subject_unit"]][:1],
    entity=lambda x: x.pick((None, x.business())),
    visit=lambda x: (
        x.pick(
            (
                None,
                {
                    "irregular_visit": x.name("irregular-visit"),
                    "visited_on": x.today,
                    "label": "research",
                },
            )
        )
        if x.body["entity"]
        else None
    ),
    sent_by="jb_supervisor",
)


def _handler(x: Draft) -> Actor:
    """Who handles the complaint now."""
    unit = x.thing.last("ComplaintReceived").unit
    for event in x.thing.events("ComplaintTransferred"):
        unit = event.to
    return actor({"JB": "jb_supervisor", "PARK": "park_committee"}.get(unit, "unit_head"), unit)


NEW = "ComplaintAccepted ComplaintNotAccepted ComplaintResolved"
add(
    complaints.AcknowledgeComplaint,
    "complaint",
    after="ComplaintReceived",
    before=f"ComplaintAcknowledged {NEW}",
    sent_by=_handler,
)
add(
    complaints.AcceptComplaint,
    "complaint",
    after="ComplaintReceived",
    before=NEW,
    sent_by=_handler,
)
add(
    complaints.RefuseComplaint,
    "complaint",
    after="ComplaintReceived",
    before=NEW,
    feedback_text="不属行政执法",
    sent_by=_handler,
    weight=RARE,
)
add(
    complaints.TransferComplaint,
    "complaint",
    after="ComplaintReceived",
    before=f"ComplaintTransferred {NEW}",
    to="PARK",
    sent_by=_handler,
    weight=RARE,
)
add(
    complaints.TakeInvestigationStep,
    "complaint",
    after="ComplaintAccepted",
    before="ComplaintResolved",
    sent_by=_handler,
)
add(
    complaints.ResolveComplaint,
    "complaint",
    after="ComplaintAccepted InvestigationStepTaken",
    before="ComplaintResolved",
    remedy="批评教育",
    feedback_text="情况属实",
    sent_by=_handler,
)
add(
    complaints.GiveComplaintFeedback,
    "complaint",
    after="ComplaintResolved",
    before="ComplainantFeedbackGiven",
    sent_by=_handler,
)

# Observation.
add(
    observation.GrantObservation,
    new="observation",
    unit=_unit,
    entity=lambda x: x.business(),
    four_new_kind=lambda x: x.pick(("technology", "industry", "business_form", "model")),
    policy_basis={"level": "national", "instrument": "国办发〔2019〕38号"},
    domain="food_drug",
    bottom_lines=["safety", "quality", "fraud"],
    activity=lambda x: x.name("直播带货食品"),
    sent_by="unit_head",
)
OVER = "ObservationTerminated ObservationExpired"
add(
    observation.ExtendObservation,
    "observation",
    after="ObservationGranted",
    before=f"ObservationExtended {OVER}",
    ends_on=lambda x: x.thing.get("ends_on") + timedelta(days=90),
    sent_by="unit_head",
)
add(
    observation.TerminateObservation,
    "observation",
    after="ObservationGranted",
    before=OVER,
    because="requested",
    reason="企业申请",
    sent_by="unit_head",
    weight=RARE,
)
add(
    observation.TakeSoftMeasure,
    new="soft-measure",
    unit=_unit,
    entity=lambda x: x.business(),
    issue=lambda x: x.pick(VIOLATIONS),
    response_due=lambda x: x.day(10),
)
add(
    observation.TakeSoftMeasure,
    "observation",
    after="ObservationGranted",
    before=OVER,
    new="soft-measure",
    label="in a period",
    entity=lambda x: x.thing.get("entity"),
    issue=lambda x: x.pick(VIOLATIONS),
    response_due=lambda x: x.day(10),
    observation=lambda x: x.thing.id,
)
add(
    observation.VerifyCorrection,
    "soft-measure",
    after="SoftMeasureTaken",
    before="CorrectionVerified",
)
add(
    observation.JustifyPenalty,
    "observation",
    after="ObservationGranted",
    before=OVER,
    issue=lambda x: x.pick(
        set(VIOLATIONS) - {e.issue for e in x.thing.events("PenaltyWithinObservationJustified")}
    ),
)
add(
    observation.ReportBottomLineBreach,
    "observation",
    after="ObservationGranted",
    before=OVER,
    line=lambda x: x.pick(("safety", "fraud")),
    issue="FS-099",
    breached_on=lambda x: x.today,
    sent_by="unit_head",
    weight=RARE,
)

# Case-file review.
JB = actor("jb_supervisor", "")


def _closed_cases(x: Draft) -> list[str]:
    return [c.id for c in x.book.of("case", "CaseFiled PenaltyDecided") if c.get("unit") == x.unit]


def _reviewed_unit(x: Draft) -> str:
    return x.pick(
        {c.get("unit") for c in x.book.of("case", "CaseFiled PenaltyDecided")} & set(UNITS)
    )


add(
    casefiles.AnnounceReview,
    new="review-batch",
    unit=_reviewed_unit,
    year=2026,
    mode="mutual",
    reviewing_unit=lambda x: x.pick(unit for unit in UNITS if unit != x.unit),
    cases=_closed_cases,
    sources=lambda x: [
        {"name": "福彩", "publication_at": x.now + timedelta(hours=x.dice.randint(2, 30))}
    ],
    sent_by="jb_supervisor",
)
add(
    casefiles.DrawReviewBatch,
    "review-batch",
    after="ReviewAnnounced",
    before="ReviewBatchDrawn",
    when=lambda x: x.thing.last("ReviewAnnounced").sources[0].publication_at < x.now,
    values=["08 14 17 22 29 31 05"],
    sent_by="jb_supervisor",
)
add(
    casefiles.OpenSelfReview,
    new="review-batch",
    unit=_reviewed_unit,
    year=2026,
    cases=_closed_cases,
    sent_by="unit_legal_office",
)


def _unscored(x: Draft) -> list[str]:
    scored = {e.case for e in x.thing.events("CaseFileScored")}
    return [c for c in x.thing.last("ReviewBatchDrawn").cases if c not in scored]


def _reviewer(x: Draft) -> Actor:
    """Somebody of the unit that reviews."""
    unit = x.thing.get("reviewing_unit") or x.thing.get("unit")
    return JB if unit == "JB" else actor("unit_legal_office", unit)


add(
    casefiles.ScoreCaseFile,
    "review-batch",
    after="ReviewBatchDrawn",
    before="ReviewReportPublished",
    when=_unscored,
    case=lambda x: x.pick(_unscored(x)),
    score=lambda x: x.pick((50, 80, 95)),
    outcome=lambda x: {50: "fail", 80: "pass", 95: "excellent"}[x.body["score"]],
    sent_by=_reviewer,
)


def _batch_reviewer(x: Draft) -> Actor:
    batch = x.book.thing("review-batch", x.thing.get("batch"))
    unit = batch.get("reviewing_unit") or batch.get("unit")
    return JB if unit == "JB" else actor("unit_legal_office", unit)


add(
    casefiles.RaiseIssue,
    "casefile",
    after="CaseFileScored",
    before="RectificationOrdered",
    when=lambda x: (
        "ReviewReportPublished" not in x.book.thing("review-batch", x.thing.get("batch")).names
    ),
    issue="未告知听证权利",
    sent_by=_batch_reviewer,
)
add(
    casefiles.OrderRectification,
    "casefile",
    after="IssueRaised",
    before="RectificationOrdered",
    due_on=lambda x: x.day(10),
)
add(
    casefiles.VerifyRectification,
    "casefile",
    after="RectificationOrdered",
    before="RectificationVerified",
)
add(
    casefiles.PublishReviewReport,
    "review-batch",
    after="ReviewBatchDrawn",
    before="ReviewReportPublished",
    when=lambda x: not _unscored(x),
)

# Monthly reports.
RLO = "rlo_assessor"


def _month(x: Draft) -> str:
    last = x.today.replace(day=1) - timedelta(days=1)
    return f"{last:%Y-%m}"


add(
    progress.EnrolReportingUnit,
    unit="PARK",
    groups=["parks"],
    since=lambda x: f"{x.today:%Y-%m}",
    when=lambda x: "ReportingUnitEnrolled" not in _names(x, "unit", "PARK"),
    sent_by=RLO,
)


def _names(x: Draft, kind: str, id: str) -> set[str]:
    thing = x.book.things.get(kind, {}).get(id)
    return set() if thing is None else thing.names


add(
    progress.WithdrawReportingUnit,
    unit="PARK",
    until=lambda x: f"{x.today:%Y-%m}",
    when=lambda x: (
        "ReportingUnitEnrolled" in _names(x, "unit", "PARK")
        and "ReportingUnitWithdrawn" not in _names(x, "unit", "PARK")
    ),
    sent_by=RLO,
)
add(
    progress.SubmitProgressLedger,
    unit=_unit,
    month=_month,
    task_no=lambda x: x.pick((2, 3, 4, 6)),
    when=lambda x: x.today.month > 1,
    ledger_cutoff_position=lambda x: x.book.records[-1].position,
    narrative="本月进展",
    highlights=["一企一策说理式执法"],
    sent_by="unit_head",
)
add(
    progress.DisputeMetric,
    unit=_unit,
    month=_month,
    when=lambda x: x.today.month > 1,
    task_no=2,
    metric="inspections",
    stated=lambda x: x.dice.randint(0, 3),
    ledger_cutoff_position=lambda x: x.book.records[-1].position,
    sent_by="unit_head",
)
add(
    progress.ReturnLedger,
    "report",
    after="ProgressLedgerSubmitted",
    before="LedgerAccepted LedgerReturned",
    sent_by=RLO,
)
add(
    progress.AcceptLedger,
    "report",
    after="ProgressLedgerSubmitted",
    before="LedgerAccepted LedgerReturned",
    sent_by=RLO,
)
add(progress.PublishOutreach, new="outreach", unit=_unit, task_no=6, sent_by="unit_head")
add(
    progress.WithdrawOutreach,
    "outreach",
    after="OutreachPublished",
    before="OutreachWithdrawn",
    sent_by="unit_head",
)

# Experience.

add(
    experience.SelectHighlight,
    "report",
    after="ProgressLedgerSubmitted",
    new="experience",
    highlight=1,
    sent_by=RLO,
)
add(
    experience.PublishExperience,
    "experience",
    after="HighlightSelected",
    before="ExperiencePublished",
    unit=lambda x: x.thing.get("unit"),
    title="说理式执法",
    matters=[],
    sent_by=RLO,
)
add(
    experience.WithdrawExperience,
    "experience",
    after="ExperiencePublished",
    before="ExperienceWithdrawn",
    sent_by=RLO,
)

# Work plans.


def _work(x: Draft, day: int) -> dict[str, object]:
    return {
        "work": f"W-{x.unit}-{x.today.year}",
        "task_no": 4,
        "goals": ["重点领域检查全覆盖"],
        "milestones": [{"milestone": "MS-1", "says": "完成排查", "due_on": x.day(day)}],
    }


def _planless(x: Draft) -> bool:
    plans = x.book.of("work-plan")
    return not any((t.get("unit"), t.get("year")) == (x.unit, x.today.year) for t in plans)


add(
    workplans.AdoptWorkPlan,
    new="work-plan",
    unit=_unit,
    year=lambda x: x.today.year,
    works=lambda x: [_work(x, 20)],
    basis="年度重点工作",
    when=_planless,
    sent_by="unit_head",
)
add(
    workplans.AmendWorkPlan,
    "work-plan",
    after="WorkPlanAdopted",
    works=lambda x: [
        {**msgspec.to_builtins(x.thing.events("WorkPlanAdopted")[0].works[0]),
         "milestones": [{"milestone": "MS-2", "says": "完成整改", "due_on": x.day(40)}]}
    ],
    when=lambda x: "WorkPlanAmended" not in x.thing.names,
    sent_by="unit_head",
)  # fmt: skip
add(
    workplans.ReachMilestone,
    "milestone",
    after="MilestoneSet",
    before="MilestoneReached MilestoneDropped",
    evidence_files=lambda x: [{"title": "工作总结", "sha256": "b" * 64, "dated": x.today}],
    sent_by="unit_head",
)
add(
    workplans.ReturnMilestone,
    "milestone",
    after="MilestoneReached",
    before="MilestoneReturned",
    due_on=lambda x: x.day(10),
    sent_by=RLO,
)
add(
    workplans.UrgeWork,
    "work",
    after="WorkPlanAdopted",
    new="urge",
    due_on=lambda x: x.day(10),
    sent_by=RLO,
)
add(
    workplans.AnswerUrge,
    "urge",
    after="WorkUrged",
    before="UrgeAnswered",
    sent_by="unit_head",
)
add(
    workplans.RecordTrackingInspection,
    "work",
    after="WorkPlanAdopted",
    unit=lambda x: x.thing.get("unit"),
    works=lambda x: [x.thing.id],
    faults=["排查未留痕"],
    sent_by=RLO,
)

# Assessment.


def _indicator(code: str, of: str, per: str, weight: str) -> dict[str, object]:
    return {
        "code": code,
        "formula": {"of": [of], "per": [per], "nil": "0.5", "full": "1"},
        "weight": weight,
        "direction": "higher",
        "three_systems": True,
    }


#: The year of the walk, which is assessed when it is over.
ASSESSED = "2026"
INDICATORS = [
    _indicator("publicity", "penalties_published_in_time", "penalties_published", "50"),
    _indicator("notices", "results_notified_in_time", "results_notified", "50"),
]
add(
    assessment.AdoptAssessmentScheme,
    year=ASSESSED,
    indicators=INDICATORS,
    when=lambda x: "AssessmentSchemeAdopted" not in _names(x, "assessment", ASSESSED),
)
add(
    assessment.RunAssessment,
    "assessment",
    after="AssessmentSchemeAdopted",
    before="AssessmentPublished",
    when=lambda x: x.today.year == 2027,
    unit=_unit,
    cutoff_position=lambda x: x.book.records[-1].position,
)
add(
    assessment.AppealScore,
    "score",
    after="AssessmentRunCompleted",
    before="ScoreAppealed AssessmentPublished",
    sent_by="unit_head",
)
add(
    assessment.DecideAppeal,
    "score",
    after="ScoreAppealed",
    before="AppealDecided",
    sent_by=lambda x: actor(RLO, "", "RLO-002"),
)
add(
    assessment.PublishAssessment,
    "assessment",
    after="AssessmentRunCompleted",
    before="AssessmentPublished",
    when=lambda x: {e.unit for e in x.thing.events("AssessmentRunCompleted")} >= set(UNITS),
    weight=RARE,
)

# Complaint channels.
add(channels.PublishComplaintChannel, new="channel", kind=lambda x: x.pick(("mailbox", "phone")))
add(
    channels.ReportChannelTest,
    "channel",
    after="ComplaintChannelPublished",
    before="ComplaintChannelClosed",
)
add(
    channels.CloseComplaintChannel,
    "channel",
    after="ComplaintChannelPublished",
    before="ComplaintChannelClosed",
    weight=RARE,
)
