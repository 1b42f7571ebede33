"""Rules, findings and deadlines of administrative reconsideration (2.13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from ledger.kernel import DeadlineRule, Event, Inquiry, Recorded, Rule, finding_rule
from ledger.systems.corrections.events import UNDOING
from ledger.systems.penalties.events import DecisionPublished, DecisionWithdrawn
from ledger.systems.reconsideration.events import (
    IncidentalReviewConcluded,
    IncidentalReviewRequested,
    IncidentalReviewTransferred,
    OpinionCorrectionReported,
    OpinionLetterIssued,
    Procedure,
    ReconAccepted,
    ReconApplied,
    ReconCopySent,
    ReconCorrected,
    ReconCorrectionRequested,
    ReconDecided,
    ReconDecisionServed,
    ReconDeemedAccepted,
    ReconExtended,
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
from ledger.systems.reconsideration.folds import ReconCase

_LAW = "行政复议法"

RCN_R1 = Rule(
    "RCN-R1",
    "an application for reconsideration must be filed by {last_day}; it is {filed_on}",
    f"{_LAW} Arts. 20, 21",
    "If the application was filed in time, the organ records it with the true time in occurred_at.",
    policy_key="recon.apply_cd",
)
RCN_R2 = Rule(
    "RCN-R2",
    "this decision cannot be reconsidered: a court has accepted the case {court_case} about it",
    f"{_LAW} Art. 29",
    "The court decides the case; do not open a reconsideration.",
)
RCN_R3 = Rule(
    "RCN-R3",
    "the altered penalty must not be heavier for the applicant than the one before: {reason}",
    f"{_LAW} Art. 63: 不得作出对申请人更为不利的变更决定",
    "Maintain, revoke or lighten the act. If a third party applied for the opposite, send "
    "third_party_opposed as true.",
)
RCN_R4 = Rule(
    "RCN-R4",
    "{evidence} must have been gathered before the case began on {begun_on}; it was gathered on "
    "{gathered_on}",
    f"{_LAW} Art. 46: 复议期间被申请人不得自行收集证据",
    "Leave out evidence that was gathered after the case began.",
)
RCN_R5 = Rule(
    "RCN-R5",
    "decision {decision} was revoked by {instrument} and cannot be issued again on the same facts",
    f"{_LAW} Art. 64: 不得以同一的事实和理由作出相同或者基本相同的行政行为",
    "Decide differently, or on new facts.",
)

RCN_V1 = finding_rule(
    "RCN-V1",
    "inaction",
    "a reconsideration was not decided, or its decision not carried out, in time",
    f"{_LAW} Arts. 62, 77",
)
RCN_V2 = finding_rule(
    "RCN-V2",
    "late_publicity",
    "an act that a reconsideration undid was not withdrawn from the public in time",
    f"行政处罚法 Arts. 48, 85; {_LAW} Art. 77",
    policy_key="publicity.withdraw_wd",
)
RCN_V4 = finding_rule(
    "RCN-V4",
    "late_publicity",
    "a decision was altered in reconsideration, and its old text was not withdrawn or its new text "
    "not published in time",
    "行政处罚法 Arts. 48, 85; 国办发〔2018〕118号",
    policy_key="publicity.withdraw_wd",
)
RCN_V3 = finding_rule(
    "RCN-V3",
    "unlawful_decision",
    "several acts of a unit on one matter were revoked",
    f"{_LAW} Art. 76",
    policy_key="recon.repeated_revocations",
)


def _case(event: Any) -> str:
    return f"recon:{event.recon}"


def _organ(event: Any) -> str | None:
    organ: str = event.organ
    return organ


def _goes_by(procedure: Procedure) -> Any:
    return lambda event: _case(event) if event.procedure == procedure else None


def of_case(case: ReconCase) -> dict[str, Any]:
    """Return the fields that every event of a case has."""
    return {
        "recon": case.recon,
        "decision": case.decision,
        "unit": case.unit,
        "organ": case.organ,
        "entity": case.entity,
    }


def _case_of(inquiry: Inquiry, opening: Recorded) -> ReconCase:
    """Return the case of the record that opened a period."""
    recon: str = opening.event.recon  # type: ignore[attr-defined]  # each opening is of a case
    return inquiry.read(ReconCase(recon))


def _deemed_accepted(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """审查期限届满视为受理: accept an application on which the organ did not decide in time."""
    case = _case_of(inquiry, opening)
    if case.stage == "applied":
        yield ReconDeemedAccepted(**of_case(case), deemed_on=due_on)


def _given_up(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    """逾期不补正视为放弃: end a case if the applicant did not supply what was missing."""
    case = _case_of(inquiry, opening)
    if case.stage == "correcting":
        yield ReconTerminated(
            **of_case(case),
            ground="not_corrected",
            reason=f"{_LAW} Art. 31: 至{due_on}未补正, 视为放弃行政复议申请",
        )


def _silent(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    case = _case_of(inquiry, opening)
    if case.stage in ("open", "suspended"):
        yield ReconReplyMissing(**of_case(case), due_on=due_on)


def _not_performed(inquiry: Inquiry, opening: Recorded, due_on: date) -> Iterator[Event]:
    case = _case_of(inquiry, opening)
    yield ReconNonPerformance(**of_case(case), due_on=due_on)


_ADMITTED = (ReconAccepted, ReconRefused, ReconDeemedAccepted, ReconCorrectionRequested)

ACCEPT = DeadlineRule(
    "recon.accept_wd",
    "recon.accept_wd",
    ReconApplied,
    (*_ADMITTED, ReconTerminated),
    about=_case,
    lapses=True,
    follows=_deemed_accepted,
    whose=_organ,
)
ACCEPT_CORRECTED = DeadlineRule(
    "recon.accept_wd.corrected",
    "recon.accept_wd",
    ReconCorrected,
    (*_ADMITTED, ReconTerminated),
    about=_case,
    lapses=True,
    follows=_deemed_accepted,
    whose=_organ,
)
CORRECT = DeadlineRule(
    "recon.correction_wd",
    "recon.correction_wd",
    ReconCorrectionRequested,
    (ReconCorrected, ReconTerminated),
    about=_case,
    lapses=True,
    follows=_given_up,
    whose=lambda event: None,
)

_BEGINS: tuple[tuple[str, Procedure, type[Event], Any, Any], ...] = (
    ("recon.ordinary", "ordinary", ReconAccepted, _goes_by("ordinary"), "accepted_on"),
    ("recon.summary", "summary", ReconAccepted, _goes_by("summary"), "accepted_on"),
    ("recon.deemed", "ordinary", ReconDeemedAccepted, _case, "deemed_on"),
)
_ENDED = (ReconDecided, ReconMediated, ReconTerminated)


def _from(field: str) -> Any:
    return lambda record: getattr(record.event, field)


COPY = tuple(
    DeadlineRule(
        f"{name}.copy",
        f"recon.{procedure}",
        opened_by,
        (ReconCopySent, *_ENDED),
        about=about,
        start=_from(start),
        part="copy_wd",
        whose=_organ,
    )
    for name, procedure, opened_by, about, start in _BEGINS
)
REPLY = tuple(
    DeadlineRule(
        f"recon.{procedure}.reply",
        f"recon.{procedure}",
        ReconCopySent,
        (ReconReplyReceived, *_ENDED),
        about=_goes_by(procedure),
        part="reply_wd",
        follows=_silent,
    )
    for procedure in ("ordinary", "summary")
)
_STOPPED = (*_ENDED, ReconSuspended, ReconExtended)
DECIDE = (
    *(
        DeadlineRule(
            f"{name}.decide",
            f"recon.{procedure}",
            opened_by,
            _STOPPED,
            about=about,
            start=_from(start),
            part="decide_cd",
            finding=RCN_V1,
            whose=_organ,
        )
        for name, procedure, opened_by, about, start in _BEGINS
    ),
    DeadlineRule(
        "recon.decide.resumed",
        None,
        ReconResumed,
        _STOPPED,
        about=_case,
        ends=lambda event: event.due_on,
        finding=RCN_V1,
        whose=_organ,
    ),
    DeadlineRule(
        "recon.decide.extended",
        None,
        ReconExtended,
        _STOPPED,
        about=_case,
        ends=lambda event: event.due_on,
        finding=RCN_V1,
        whose=_organ,
    ),
)
PERFORM = DeadlineRule(
    "recon.perform",
    None,
    ReconDecisionServed,
    (ReconPerformed,),
    about=lambda event: None if event.perform_by is None else _case(event),
    ends=lambda event: event.perform_by,
    finding=RCN_V1,
    follows=_not_performed,
)
#: The same number of days as for any decision (``publicity.withdraw_wd``), with its own finding.
WITHDRAW = DeadlineRule(
    "recon.withdraw",
    "publicity.withdraw_wd",
    ReconDecided,
    (DecisionWithdrawn,),
    about=lambda event: f"decision:{event.decision}" if event.withdraw else None,
    start=_from("decided_on"),
    finding=RCN_V2,
)
#: After an alteration, the old text must be withdrawn and the altered decision published; both
#: periods count from the service.
WITHDRAW_ALTERED = DeadlineRule(
    "recon.altered.withdraw",
    "publicity.withdraw_wd",
    ReconDecisionServed,
    (DecisionWithdrawn,),
    about=lambda event: f"decision:{event.decision}" if event.withdraw else None,
    start=_from("served_on"),
    finding=RCN_V4,
)
PUBLISH_ALTERED = DeadlineRule(
    "recon.altered.publish",
    "publicity.penalty_wd",
    ReconDecisionServed,
    (DecisionPublished, *UNDOING),
    about=lambda event: f"decision:{event.decision}" if event.altered else None,
    start=_from("served_on"),
    finding=RCN_V4,
)
REPORT = DeadlineRule(
    "recon.opinion_report_cd",
    "recon.opinion_report_cd",
    OpinionLetterIssued,
    (OpinionCorrectionReported,),
    about=_case,
    finding=RCN_V1,
)
PASS_ON = DeadlineRule(
    "recon.incidental_review.transfer",
    "recon.incidental_review",
    IncidentalReviewRequested,
    (IncidentalReviewTransferred, *_ENDED),
    about=lambda event: None if event.competent else _case(event),
    part="transfer_wd",
    finding=RCN_V1,
    whose=_organ,
)
REVIEW = DeadlineRule(
    "recon.incidental_review.decide",
    "recon.incidental_review",
    IncidentalReviewRequested,
    (IncidentalReviewConcluded, *_ENDED),
    about=lambda event: _case(event) if event.competent else None,
    part="decide_cd",
    finding=RCN_V1,
    whose=_organ,
)
#: The body that must answer need not be a unit of this ledger.
ANSWER = DeadlineRule(
    "recon.incidental_review.answer",
    "recon.incidental_review",
    IncidentalReviewTransferred,
    (IncidentalReviewConcluded, *_ENDED),
    about=_case,
    part="answer_cd",
    finding=RCN_V1,
    whose=lambda event: None,
)


def running(rules: tuple[DeadlineRule, ...], opening: Recorded) -> DeadlineRule:
    """Return the rule in ``rules`` whose deadline a record opened."""
    return next(
        rule
        for rule in rules
        if isinstance(opening.event, rule.opened_by) and rule.about(opening.event) is not None
    )
