"""Rules, findings and deadlines of the legal review of major decisions (2.8)."""

from __future__ import annotations

from datetime import date

from ledger.kernel import DeadlineRule, Inquiry, Message, Recorded, Rule, finding_rule, message
from ledger.systems.legalreview.events import (
    LegalReviewConcluded,
    LegalReviewExtended,
    LegalReviewRequested,
    Trigger,
)
from ledger.systems.legalreview.folds import MajorDecisions, Reviews, fits
from ledger.systems.penalties.events import CaseFiled, Penalty
from ledger.systems.penalties.folds import Case
from ledger.systems.penalties.rules import heavier

_PENALTY = "行政处罚法"
_THREE_SYSTEMS = "国办发〔2018〕118号《关于全面推行行政执法公示制度…的指导意见》"

#: The opinions after which a unit may make the decision.
APPROVING = {"approve", "approve_with_changes"}

LRV_R1 = Rule(
    "LRV-R1",
    "case {case} must pass the legal review before it is decided ({triggers}): {reason}",
    f"{_PENALTY} Art. 58 未经法制审核或者审核未通过的,不得作出决定",
    "Submit the draft to the unit's legal office with request-legal-review, and decide as it "
    "approves.",
)
LRV_R2 = Rule(
    "LRV-R2",
    "{reviewer} cannot review case {case}: {reviewer} {reason}",
    f"{_PENALTY} Art. 58",
    "Let a registered reviewer review the case who has the legal professional qualification and "
    "has no part in the case.",
)
LRV_R3 = Rule(
    "LRV-R3",
    "a fine above {threshold_fen} fen must be discussed collectively first; it is {fine_fen} fen",
    f"{_PENALTY} Art. 57 集体讨论决定",
    "First record the collective discussion of the unit's heads, with its minutes.",
    policy_key="major_penalty_threshold",
)
LRV_V1 = finding_rule(
    "LRV-V1",
    "understaffed_review",
    "a unit has too few reviewers for the number of its officers",
    f"{_THREE_SYSTEMS}: 原则上不少于本单位执法人员总数的5%",
    policy_key="legal_reviewer_share",
)
LRV_V2 = finding_rule(
    "LRV-V2",
    "review_overridden",
    "the opinion of the legal review was not followed",
    f"{_PENALTY} Art. 58; {_THREE_SYSTEMS}",
)
LRV_V3 = finding_rule(
    "LRV-V3",
    "unlawful_decision",
    "a decision was reviewed after it had been made",
    f"{_PENALTY} Art. 58",
)


def _first_due_on(record: Recorded) -> date:
    assert isinstance(record.event, LegalReviewExtended)
    return record.event.first_due_on


CONCLUDE_REVIEW = DeadlineRule(
    "legal_review_wd",
    "legal_review_wd",
    LegalReviewRequested,
    (LegalReviewConcluded, LegalReviewExtended),
    about=lambda event: f"case:{event.case}",
)
CONCLUDE_EXTENDED_REVIEW = DeadlineRule(
    "legal_review_extend_wd",
    "legal_review_extend_wd",
    LegalReviewExtended,
    (LegalReviewConcluded,),
    about=lambda event: f"case:{event.case}",
    start=_first_due_on,
)


def require_review(inquiry: Inquiry, case: Case, penalty: Penalty) -> None:
    """Refuse a decision without the review and the discussion that it needs (LRV-R1, LRV-R3)."""
    filed = case.filed
    assert filed is not None
    reviews = inquiry.read(Reviews(case.case))
    triggers = _triggers(inquiry, case, filed, penalty)
    triggers.update(t for review in reviews.reviews.values() for t in review.requested.triggers)
    if triggers:
        reason = _unapproved(reviews, penalty, inquiry.on)
        inquiry.require(
            reason is None,
            LRV_R1,
            case=case.case,
            triggers=sorted(triggers),
            reason=reason,
        )
    threshold = int(inquiry.setting("major_penalty_threshold")[f"{filed.party}_fen"])
    inquiry.require(
        penalty.fine_fen <= threshold or any(d.held_on <= inquiry.on for d in case.discussions),
        LRV_R3,
        case=case.case,
        fine_fen=penalty.fine_fen,
        threshold_fen=threshold,
    )


def _triggers(inquiry: Inquiry, case: Case, filed: CaseFiled, penalty: Penalty) -> set[Trigger]:
    """Return the reasons that require a review, whether or not one was requested."""
    triggers: set[Trigger] = set()
    if case.hearings:
        triggers.add("major_rights_after_hearing")
    listed = inquiry.read(MajorDecisions(filed.unit)).in_force(inquiry.on)
    code = filed.conduct.violation_code
    if listed is not None and any(fits(line, penalty, code) for line in listed.lines):
        triggers.add("unit_list")
    return triggers


def _unapproved(reviews: Reviews, penalty: Penalty, on: date) -> Message | None:
    """Return why this decision is not the approved one, or ``None``."""
    latest = reviews.latest
    if latest is None:
        return message("legalreview.no-review-requested")
    concluded = latest.concluded
    if concluded is None:
        return message("legalreview.review-not-concluded", review=latest.requested.review)
    if concluded.concluded_on > on:
        return message(
            "legalreview.review-concluded-only",
            review=concluded.review,
            concluded_on=concluded.concluded_on,
        )
    if concluded.opinion not in APPROVING:
        return message(
            "legalreview.opinion-review", review=concluded.review, opinion=concluded.opinion
        )
    draft = latest.requested
    more = heavier(Penalty(draft.types, draft.fine_fen), penalty)
    return (
        None
        if more is None
        else message("legalreview.decision-goes-beyond-approved-draft", more=more)
    )
