"""Steps of penalty cases, of what is checked and kept about them, and of reconsideration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ledger.systems.legalreview import commands as legalreview
from ledger.systems.leniency import commands as leniency
from ledger.systems.penalties import commands as penalties
from ledger.systems.process import commands as process
from ledger.systems.reconsideration import commands as recon
from tests.sequences.drafts import Draft
from tests.sequences.prelude import VIOLATIONS, benchmark_item
from tests.sequences.steps import OFTEN, RARE, Table
from tests.sequences.town import OFFICERS, UNITS, actor

TABLE = Table()
add = TABLE.add

DECIDED = "PenaltyDecided CaseClosed"
#: What a notice and a decision may order, mostly a fine.
TYPES = (["fine"], ["fine"], ["fine"], ["warning"], ["fine", "licence_revocation"])


def _conduct(x: Draft) -> dict[str, Any]:
    first = x.day(-x.dice.randint(3, 40))
    return {
        "violation_code": x.pick(VIOLATIONS),
        "act": x.name("act"),
        "first_on": first,
        "last_on": first,
        "place": x.name("地点"),
    }


add(
    penalties.FileCase,
    new="case",
    weight=OFTEN,
    unit=lambda x: x.pick(UNITS),
    entity=lambda x: x.business(),
    conduct=_conduct,
    cause="涉嫌经营超过保质期的食品",
    source="inspection",
    investigators=lambda x: OFFICERS[x.unit][:2],
    discovered_on=lambda x: x.today,
)
add(
    penalties.FileCase,
    new="case",
    label="against a person",
    unit=lambda x: x.pick(UNITS),
    entity=lambda x: x.business(),
    conduct=_conduct,
    cause="涉嫌经营超过保质期的食品",
    source="inspection",
    investigators=lambda x: OFFICERS[x.unit][:2],
    party="citizen",
    person=lambda x: (
        x.some(
            "person",
            "PersonRegistered",
            "PersonErased",
            when=lambda p: p.record("PersonRegistered").envelope.actor.unit_id == x.unit,
        ).id
    ),
)
add(
    penalties.AddEvidence,
    "case",
    after="CaseFiled",
    before="CaseClosed",
    new="evidence",
    title="现场笔录",
    digest=lambda x: x.digest(),
)
add(
    penalties.RegisterInAdvance,
    "case",
    after="CaseFiled",
    before=DECIDED,
    new="evidence",
    title="账簿",
    items=["账簿 3 册"],
)
add(
    penalties.SeizeProperty,
    "case",
    after="CaseFiled",
    before=DECIDED,
    new="evidence",
    when=lambda x: any(
        e.covers == "seizure" and r.occurred_on == x.today
        for r in x.thing.records
        if type(e := r.event).__name__ == "AvRecordSealed"
    ),
    title="过期食品",
    items=["奶粉 20 罐"],
)


def _held(x: Draft, measure: str) -> bool:
    return bool(x.thing.get("measure") == measure)


add(
    penalties.ExtendSeizure,
    "evidence",
    after="EvidenceAdded",
    before="EvidenceDisposed SeizureExtended",
    when=lambda x: _held(x, "seizure"),
)
add(
    penalties.DisposeOfEvidence,
    "evidence",
    after="EvidenceAdded",
    before="EvidenceDisposed",
    when=lambda x: x.thing.get("measure") not in (None, "none"),
    weight=OFTEN,
    disposal="returned",
)
add(
    penalties.ServePriorNotice,
    "case",
    after="CaseFiled",
    before=f"PriorNoticeServed LeniencyApplied {DECIDED}",
    weight=OFTEN,
    types=lambda x: x.pick(TYPES),
    fine_fen=lambda x: x.dice.randint(1, 9) * 100_000 if "fine" in x.body["types"] else 0,
    respond_by=lambda x: x.day(7),
    hearing_right=True,
)
NOTICED = f"StatementHeard RightsWaived {DECIDED}"
add(
    penalties.HearStatement,
    "case",
    weight=OFTEN,
    after="PriorNoticeServed",
    before=NOTICED,
    statement="初犯",
    examined="属实",
)
add(
    penalties.WaiveRights,
    "case",
    after="PriorNoticeServed",
    before=NOTICED,
    weight=2.0,
    rights=["statement", "hearing"],
    how="declared",
)
add(
    penalties.RequestHearing,
    "case",
    after="PriorNoticeServed StatementHeard",
    before=f"HearingRequested RightsWaived {DECIDED}",
    weight=OFTEN,
    when=lambda x: x.thing.record("PriorNoticeServed").occurred_on >= x.day(-6),
    entity=lambda x: x.thing.get("entity"),
    sent_by="entity_rep",
)
add(
    penalties.AnnounceHearing,
    "case",
    after="HearingRequested",
    before=f"HearingAnnounced {DECIDED}",
    hearing_on=lambda x: x.day(16),
    place="二楼",
    host=lambda x: f"{x.unit}-LEGAL",
    open_to_public=True,
)
add(
    penalties.HoldHearing,
    "case",
    after="HearingAnnounced",
    before=f"HearingHeld {DECIDED}",
    when=lambda x: x.thing.last("HearingAnnounced").hearing_on <= x.today,
    host=lambda x: x.thing.last("HearingAnnounced").host,
    record_digest=lambda x: x.digest(),
)


def _heard(x: Draft) -> bool:
    """Whether the business had its say, or need not be waited for any more."""
    names = x.thing.names
    if "HearingRequested" in names:
        return "HearingHeld" in names
    told = x.thing.record("PriorNoticeServed").occurred_on
    return "RightsWaived" in names or ("StatementHeard" in names and told < x.day(-12))


add(
    penalties.HoldCollectiveDiscussion,
    "case",
    after="PriorNoticeServed",
    before=DECIDED,
    participants=lambda x: [f"{x.unit}-HEAD", f"{x.unit}-OFFICE"],
    minutes_ref="纪要",
    conclusion="同意",
)
add(
    legalreview.PublishMajorDecisionList,
    unit=lambda x: x.pick(UNITS),
    lines=[{"line": "1", "description": "大额罚款", "fine_from_fen": 5_000_000}],
)
add(
    legalreview.RegisterReviewer,
    officer=lambda x: x.name("LEGAL"),
    unit=lambda x: x.pick(UNITS),
    qualification_no=lambda x: x.name("A"),
)
add(
    legalreview.RetireReviewer,
    "officer",
    after="ReviewerRegistered",
    before="ReviewerRetired",
    when=lambda x: x.thing.id.startswith("LEGAL-"),
    sent_by="jb_supervisor",
)
add(
    legalreview.RequestLegalReview,
    "case",
    after="PriorNoticeServed",
    before=f"LegalReviewRequested {DECIDED}",
    when=_heard,
    triggers=["complex"],
    types=lambda x: x.thing.last("PriorNoticeServed").types,
    fine_fen=lambda x: x.thing.last("PriorNoticeServed").fine_fen,
)
add(
    legalreview.RequestLegalReview,
    "case",
    after="LegalReviewConcluded",
    before=DECIDED,
    label="once more",
    when=lambda x: (
        x.thing.last("LegalReviewConcluded").opinion in ("return", "oppose")
        and len(x.thing.events("LegalReviewRequested"))
        == len(x.thing.events("LegalReviewConcluded"))
    ),
    triggers=["complex"],
    types=lambda x: x.thing.last("PriorNoticeServed").types,
    fine_fen=lambda x: x.thing.last("PriorNoticeServed").fine_fen,
)


def _under_review(x: Draft) -> bool:
    asked, done = (len(x.thing.events(f"LegalReview{n}")) for n in ("Requested", "Concluded"))
    return asked > done


add(
    legalreview.ExtendLegalReview,
    "case",
    after="LegalReviewRequested",
    before=f"LegalReviewExtended {DECIDED}",
    when=lambda x: (
        _under_review(x) and x.thing.record("LegalReviewRequested").occurred_on >= x.day(-3)
    ),
    sent_by="unit_legal_office",
)
add(
    legalreview.ConcludeLegalReview,
    "case",
    after="LegalReviewRequested",
    before=DECIDED,
    when=_under_review,
    opinion=lambda x: x.pick(("approve", "approve", "approve", "return", "oppose")),
    issues=["证据不足"],
    sent_by="unit_legal_office",
)
add(
    legalreview.OverrideReviewOpinion,
    "case",
    after="LegalReviewConcluded",
    before=DECIDED,
    when=lambda x: (
        not _under_review(x)
        and x.thing.last("LegalReviewConcluded").opinion == "oppose"
        and "ReviewOpinionOverridden" not in x.thing.names
    ),
    minutes_ref="纪要 1",
)


def _reviewed(x: Draft) -> bool:
    """Whether nothing stands against a decision: no review, or one that approves."""
    if "LegalReviewRequested" not in x.thing.names:
        major = "licence_revocation" in x.thing.last("PriorNoticeServed").types
        return not major and "HearingHeld" not in x.thing.names
    return not _under_review(x) and (x.thing.last("LegalReviewConcluded").opinion == "approve")


def _lenient(x: Draft) -> bool:
    """Whether the case ends without a penalty, or with a gentler one than was told before."""
    return "LeniencyApplied" in x.thing.names and _lenience(x) != "mitigated"


def _lenience(x: Draft) -> str:
    return dict(zip(VIOLATIONS, ("lenient", "mitigated", "exempt"), strict=True))[
        x.thing.last("CaseFiled").conduct.violation_code
    ]


add(
    leniency.ApplyLeniency,
    "case",
    weight=0.5,
    after="CaseFiled EvidenceAdded",
    before=f"LeniencyApplied {DECIDED}",
    when=lambda x: _lenience(x) != "exempt" or "EducationRecorded" in x.thing.names,
    item=lambda x: f"L-{_lenience(x)}",
    list_version=lambda x: max(
        e.version for e in x.book.thing("unit", x.unit).events("LeniencyListPublished")
    ),
    conditions=lambda x: [
        {"condition": "minor", "evidence": x.thing.last("EvidenceAdded").evidence}
    ],
)
add(
    leniency.RecordEducation,
    "case",
    after="CaseFiled",
    before=f"EducationRecorded {DECIDED}",
)
add(
    leniency.TakeCorrectionCommitment,
    "case",
    after="LeniencyApplied",
    before=f"CorrectionCommitmentTaken {DECIDED}",
    correct_by=lambda x: x.day(x.dice.randint(1, 6)),
)
add(
    leniency.VerifyPromisedCorrection,
    "case",
    after="CorrectionCommitmentTaken",
    before="PromisedCorrectionVerified",
)
add(
    leniency.PublishLeniencyList,
    unit=lambda x: x.pick(UNITS),
    items=lambda x: [
        {
            "item": f"L-{outcome}",
            "outcome": outcome,
            "violation_code": code,
            "basis": "行政处罚法 Art. 33",
            "conditions": [{"condition": "minor", "kind": "minor", "text": "轻微"}],
        }
        for outcome, code in zip(("lenient", "mitigated", "exempt"), VIOLATIONS, strict=True)
    ],
)
add(
    penalties.PublishBenchmark,
    unit=lambda x: x.pick(UNITS),
    title="裁量基准",
    items=[benchmark_item(code) for code in VIOLATIONS],
)
add(
    penalties.DecidePenalty,
    "case",
    after="PriorNoticeServed",
    before=DECIDED,
    new="decision",
    weight=OFTEN,
    when=lambda x: _heard(x) and _reviewed(x) and not _lenient(x),
    doc_no=lambda x: x.name("罚"),
    types=lambda x: x.thing.last("PriorNoticeServed").types,
    fine_fen=lambda x: x.thing.last("PriorNoticeServed").fine_fen,
    severity=lambda x: (
        "serious"
        if "licence_revocation" in x.thing.last("PriorNoticeServed").types
        else x.pick(("minor", "general"))
    ),
    licence=lambda x: (
        {"name": "食品经营许可证", "number": "JY16201000012345"}
        if "licence_revocation" in x.thing.last("PriorNoticeServed").types
        else None
    ),
    facts="经营超过保质期的食品",
    tier="一般",
    sector="food",
)
add(
    penalties.ReferCriminally,
    "case",
    after="CaseFiled",
    before="CriminalReferralMade CaseClosed",
    weight=RARE,
    authority="兰州新区公安局",
    doc_no=lambda x: x.name("移"),
    crime="涉嫌犯罪",
)
UNDONE = "DecisionRevoked DecisionDeclaredVoid DecisionDeclaredUnlawful"
add(
    penalties.ServePenalty,
    "decision",
    after="PenaltyDecided",
    before=f"PenaltyServed {UNDONE}",
    weight=OFTEN,
    repair_notice=True,
)


def _unpaid(x: Draft) -> int:
    """What of the fine is still to be paid, in fen."""
    fine: int = x.thing.get("fine_fen") or 0
    for change in x.thing.events("DecisionAltered"):
        fine = next((c.after for c in change.altered if c.field == "fine_fen"), fine)
    paid = [e.amount_fen for n in ("InstalmentPaid", "FinePaid") for e in x.thing.events(n)]
    return fine - sum(paid)


add(
    penalties.RecordPayment,
    "decision",
    after="PenaltyServed",
    before=f"FinePaid {UNDONE}",
    when=lambda x: x.thing.get("fine_fen") and _unpaid(x) >= 10_000,
    label="in part",
    receipt_no=lambda x: x.name("票"),
    amount_fen=10_000,
)
add(
    penalties.RecordPayment,
    "decision",
    after="PenaltyServed",
    before=f"FinePaid InstalmentPaid DecisionAltered {UNDONE}",
    when=lambda x: x.thing.get("fine_fen"),
    label="whole",
    receipt_no=lambda x: x.name("票"),
    amount_fen=lambda x: x.thing.get("fine_fen"),
)
add(
    penalties.DeferPayment,
    "decision",
    after="PenaltyServed",
    before=f"FinePaid {UNDONE}",
    when=lambda x: _unpaid(x) > 0,
    until=lambda x: x.day(60),
    in_instalments=True,
)
add(
    penalties.ApplyEnforcement,
    "decision",
    after="PenaltyServed",
    before=f"FinePaid EnforcementApplied {UNDONE}",
    when=lambda x: (
        _unpaid(x) > 0
        and "PaymentDeferred" not in x.thing.names
        and x.thing.record("PenaltyServed").occurred_on + timedelta(days=60) < x.today
    ),
)
add(
    penalties.PublishDecision,
    "decision",
    after="PenaltyDecided PenaltyServed",
    before=f"DecisionPublished {UNDONE}",
    summary="罚款",
    redactions=lambda x: x.pick(([], ["经办人姓名"])),
)
add(
    penalties.WithdrawDecision,
    "decision",
    after="DecisionPublished",
    before="DecisionWithdrawn",
    when=lambda x: (
        not x.thing.names.isdisjoint(
            (
                "DecisionRevoked",
                "DecisionAltered",
                "DecisionDeclaredVoid",
                "DecisionDeclaredUnlawful",
            )
        )
    ),
    explanation="行政复议撤销",
)
add(
    penalties.CloseCase,
    "case",
    after="PenaltyDecided",
    before="CaseClosed",
    label="executed",
    when=lambda x: (
        _free(x)
        and _recorded(x, 6)
        and "FinePaid" in x.book.thing("decision", x.thing.last("PenaltyDecided").decision).names
    ),
    reason="executed",
    conclusion="执行完毕",
)
add(
    penalties.CloseCase,
    "case",
    after="CaseFiled",
    before=DECIDED,
    label="not established",
    when=lambda x: _free(x) and _recorded(x, 3),
    reason="not_established",
    conclusion="违法事实不成立",
    weight=RARE,
)
add(
    penalties.CloseCase,
    "case",
    after="LeniencyApplied",
    before=DECIDED,
    label="exempt",
    when=lambda x: _free(x) and _recorded(x, 3) and _lenience(x) == "exempt",
    reason="exempt",
    conclusion="不予处罚",
)
add(
    penalties.CloseCase,
    "case",
    after="PenaltyDecided",
    before="CaseClosed",
    label="revoked",
    when=lambda x: (
        _free(x)
        and _recorded(x, 6)
        and "DecisionRevoked"
        in x.book.thing("decision", x.thing.last("PenaltyDecided").decision).names
    ),
    reason="revoked",
    conclusion="处罚决定被撤销",
)

# Whole-process records.
STEPS = ("initiate", "investigate", "review", "decide", "serve", "execute", "archive")
add(
    process.RecordProcessStep,
    "case",
    weight=2 * OFTEN,
    after="CaseFiled",
    before="CaseArchived",
    new="evidence",
    step=lambda x: x.pick(_unrecorded(x)[:2] or STEPS),
    medium="text",
    evidence_hash=lambda x: x.digest(),
    taken_at=lambda x: x.now,
)
add(
    process.SealAvRecord,
    "case",
    after="CaseFiled",
    before="CaseArchived",
    new="evidence",
    medium="video",
    sha256=lambda x: x.digest(),
    start=lambda x: x.now - timedelta(minutes=30),
    end=lambda x: x.now,
    covers=lambda x: x.pick((None, "seizure", "seizure")),
)
add(
    process.SupersedeEvidence,
    "evidence",
    after="ProcessStepRecorded",
    before="EvidenceSuperseded",
    when=lambda x: "CaseArchived" not in x.book.thing("case", x.thing.get("case")).names,
    evidence_hash=lambda x: x.digest(),
    sent_by=lambda x: actor("unit_head", x.book.thing("case", x.thing.get("case")).get("unit")),
)
add(
    process.CheckEvidence,
    "evidence",
    after="ProcessStepRecorded",
    found_hash=lambda x: x.pick((x.digest(), x.thing.get("evidence_hash"))),
    sent_by="jb_supervisor",
)


def _unrecorded(x: Draft) -> list[str]:
    """The steps of the case of which no document is kept, in their order."""
    known = {e.step for e in x.thing.events("ProcessStepRecorded")}
    return [step for step in STEPS if step not in known]


def _free(x: Draft) -> bool:
    """Whether nothing is held any more for the case."""
    return all(
        "EvidenceDisposed" in x.book.thing("evidence", e.evidence).names
        for e in x.thing.events("EvidenceAdded")
        if e.measure != "none"
    )


def _recorded(x: Draft, first: int) -> bool:
    """Whether documents of so many first steps are kept."""
    return not set(STEPS[:first]).intersection(_unrecorded(x))


add(
    process.EraseCaseFiles,
    "case",
    after="CaseFiled",
    before="CaseFilesErased",
    weight=RARE,
    sent_by=lambda x: actor("unit_head", x.unit),
    reason="other_by_law",
    legal_basis=({"instrument": "个人信息保护法", "article": "47"},),
)
add(
    process.ArchiveCase,
    "case",
    after="CaseClosed",
    before="CaseArchived",
    archive_no=lambda x: x.name("档"),
    digest=lambda x: x.digest(),
)

# Reconsideration.
add(
    recon.ApplyForReconsideration,
    "decision",
    after="PenaltyServed",
    before="ReconApplied",
    new="recon",
    when=lambda x: x.thing.record("PenaltyServed").occurred_on > x.day(-50),
    organ="RECON",
    entity=lambda x: x.thing.get("entity"),
    known_on=lambda x: x.thing.record("PenaltyServed").occurred_on,
    grounds="主要事实不清",
    informed=True,
)
add(
    recon.ApplyForReconsideration,
    "decision",
    after="ActServed",
    before="ReconApplied",
    new="recon",
    label="against an act",
    when=lambda x: (
        x.thing.get("entity") is not None and x.thing.record("ActServed").occurred_on > x.day(-50)
    ),
    organ="RECON",
    entity=lambda x: x.thing.get("entity"),
    known_on=lambda x: x.thing.record("ActServed").occurred_on,
    grounds="主要事实不清",
    informed=True,
)
ENDED = "ReconRefused ReconDecided ReconMediated ReconTerminated"
add(
    recon.RequestApplicationCorrection,
    "recon",
    after="ReconApplied",
    before=f"ReconAccepted ReconCorrectionRequested ReconDeemedAccepted {ENDED}",
    missing="身份证明",
    when=lambda x: x.thing.record("ReconApplied").occurred_on >= x.day(-4),
)
add(
    recon.CorrectApplication,
    "recon",
    after="ReconCorrectionRequested",
    before=f"ReconCorrected ReconAccepted ReconDeemedAccepted {ENDED}",
    entity=lambda x: x.thing.get("entity"),
    sent_by="entity_rep",
)
NOT_ACCEPTED = f"ReconAccepted ReconDeemedAccepted {ENDED}"
add(
    recon.AcceptApplication,
    "recon",
    after="ReconApplied",
    before=NOT_ACCEPTED,
    when=lambda x: (
        x.thing.names.isdisjoint({"ReconCorrectionRequested"}) or "ReconCorrected" in x.thing.names
    ),
)
add(
    recon.RefuseApplication,
    "recon",
    after="ReconApplied",
    before=f"ReconCorrectionRequested {NOT_ACCEPTED}",
    weight=RARE,
)
add(recon.SendCopy, "recon", after="ReconAccepted", before=f"ReconCopySent {ENDED}")


def _suspended(x: Draft) -> bool:
    return len(x.thing.events("ReconSuspended")) > len(x.thing.events("ReconResumed"))


add(
    recon.SubmitReply,
    "recon",
    after="ReconCopySent",
    before=f"ReconReplyReceived {ENDED}",
    reply="事实清楚",
    evidence=lambda x: [{"name": "现场检查笔录", "gathered_on": x.day(-60)}],
    sent_by=lambda x: actor("unit_head", _respondent(x)),
)


def _respondent(x: Draft) -> str:
    """The unit whose decision is being reconsidered."""
    decision = x.book.thing("decision", x.thing.get("decision"))
    return str(decision.get("unit"))


ACCEPTED = "ReconAccepted"
add(
    recon.SuspendCase,
    "recon",
    after=ACCEPTED,
    before=ENDED,
    when=lambda x: not _suspended(x),
    ground="related_case",
    weight=RARE,
)
add(recon.ResumeCase, "recon", after="ReconSuspended", before=ENDED, when=_suspended)
RUNNING = {"when": lambda x: not _suspended(x)}
add(
    recon.ExtendCase,
    "recon",
    after=ACCEPTED,
    before=f"ReconExtended {ENDED}",
    **RUNNING,
)
add(
    recon.RecordReconHearing,
    "recon",
    after=ACCEPTED,
    before=f"ReconHearingHeld {ENDED}",
    host="RECON-CHIEF",
    record_digest=lambda x: x.digest(),
    **RUNNING,
)
add(
    recon.RequestIncidentalReview,
    "recon",
    after=ACCEPTED,
    before=f"IncidentalReviewRequested {ENDED}",
    document_no="新政发〔2024〕9号",
    competent=lambda x: x.chance(0.5),
    **RUNNING,
)
add(
    recon.TransferIncidentalReview,
    "recon",
    after="IncidentalReviewRequested",
    before=f"IncidentalReviewTransferred IncidentalReviewConcluded {ENDED}",
    when=lambda x: not x.thing.last("IncidentalReviewRequested").competent,
    to="兰州市人民政府",
)
add(
    recon.ConcludeIncidentalReview,
    "recon",
    after="IncidentalReviewRequested",
    before=f"IncidentalReviewConcluded {ENDED}",
    when=lambda x: (
        x.thing.last("IncidentalReviewRequested").competent
        or "IncidentalReviewTransferred" in x.thing.names
    ),
    opinion="与上位法抵触",
)


def _replied(x: Draft) -> bool:
    if _suspended(x) or "ReconReplyReceived" not in x.thing.names:
        return False
    return ("IncidentalReviewRequested" not in x.thing.names) or (
        "IncidentalReviewConcluded" in x.thing.names
    )


def _altered(x: Draft) -> list[dict[str, Any]]:
    if x.body.get("outcome") not in ("alter", "partly_revoke"):
        return []
    decision = x.book.thing("decision", x.thing.get("decision"))
    fine = decision.get("fine_fen")
    if not fine:
        return [{"field": "doc_no", "before": "1", "after": "2"}]
    return [{"field": "fine_fen", "before": fine, "after": 100_000}]


add(
    recon.DecideCase,
    "recon",
    after=ACCEPTED,
    before=ENDED,
    when=_replied,
    outcome=lambda x: x.pick(
        (
            "maintain",
            "alter",
            "revoke",
            "partly_revoke",
            "declare_unlawful",
            "declare_void",
            "order_perform",
            "dismiss_claim",
        )
    ),
    instrument=lambda x: x.name("新复决"),
    reasons="证据不足",
    altered=_altered,
    perform_by=lambda x: x.day(20) if x.body.get("outcome") == "order_perform" else None,
)
add(
    recon.MediateCase,
    "recon",
    after=ACCEPTED,
    before=ENDED,
    instrument=lambda x: x.name("调解书"),
    agreed="减轻",
    weight=RARE,
    **RUNNING,
)
add(
    recon.TerminateCase,
    "recon",
    after=ACCEPTED,
    before=ENDED,
    ground="withdrawn",
    weight=RARE,
)
add(
    recon.ServeReconDecision,
    "recon",
    after="ReconDecided",
    before="ReconDecisionServed",
)
add(
    recon.ReportPerformance,
    "recon",
    after="ReconDecisionServed",
    before="ReconPerformed",
    sent_by=lambda x: actor("unit_head", _respondent(x)),
)
add(
    recon.ReportNonPerformance,
    "recon",
    after="ReconDecisionServed",
    before="ReconPerformed ReconNonPerformance",
    when=lambda x: (due := x.thing.last("ReconDecided").perform_by) is not None and due < x.today,
)
add(
    recon.IssueOpinionLetter,
    "recon",
    after=ACCEPTED,
    before="OpinionLetterIssued ReconTerminated ReconRefused",
    when=lambda x: not _suspended(x),
    doc_no=lambda x: x.name("意见书"),
    demands=["规范取证"],
)
add(
    recon.ReportOpinionCorrection,
    "recon",
    after="OpinionLetterIssued",
    before="OpinionCorrectionReported",
    sent_by=lambda x: actor("unit_head", _respondent(x)),
)
