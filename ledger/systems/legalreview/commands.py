"""Commands of legal review: lists, reviewers and the steps of a review (2.8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import OFFICERS, UNIT, roles
from ledger.general.vocabulary import (
    CaseId,
    Fen,
    Name,
    OfficerId,
    Text,
    UnitId,
    is_among,
    same_person,
)
from ledger.kernel import Act, DatedAct, Event, Inquiry, Malformed, OutOfStep, Report, message
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.legalreview import rules
from ledger.systems.legalreview.events import (
    LegalReviewConcluded,
    LegalReviewExtended,
    LegalReviewRequested,
    MajorDecision,
    MajorDecisionListPublished,
    Opinion,
    ReviewerRegistered,
    ReviewerRetired,
    ReviewOpinionOverridden,
    Trigger,
)
from ledger.systems.legalreview.folds import (
    MajorDecisions,
    Review,
    Reviewer,
    ReviewerStaff,
    Reviews,
)
from ledger.systems.penalties.events import PenaltyType
from ledger.systems.penalties.folds import known_case, live_decision
from ledger.systems.penalties.rules import due


class PublishMajorDecisionList(Act):
    """公布重大执法决定法制审核目录: publish the next complete version of a unit's list."""

    ROLES = roles("unit_head")

    unit: UnitId
    lines: Annotated[tuple[MajorDecision, ...], msgspec.Meta(min_length=1, max_length=200)]
    effective_from: date | None = None
    url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        effective_from = self.effective_from or inquiry.on
        if effective_from < inquiry.on:
            raise Malformed(
                "general.effective-from-must-not-lie-before-today",
                pointer="/effective_from",
                on=inquiry.on,
                effective_from=effective_from,
            )
        yield MajorDecisionListPublished(
            unit=self.unit,
            version=inquiry.read(MajorDecisions(self.unit)).latest + 1,
            effective_from=effective_from,
            lines=self.lines,
            url=self.url,
        )


class RegisterReviewer(Report):
    """登记法制审核人员: record that an officer reviews for a unit, with the qualification."""

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    officer: OfficerId
    unit: UnitId
    qualification_no: Name | None = None
    reviewing_since: date | None = None
    evidence_ref: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        if self.reviewing_since is not None:
            if self.evidence_ref is None:
                raise Malformed(
                    "legalreview.evidence-ref-must-be-given-reviewing-since",
                    pointer="/evidence_ref",
                )
            if self.reviewing_since > inquiry.on:
                raise Malformed(
                    "legalreview.reviewing-since-must-not-after",
                    pointer="/reviewing_since",
                    on=inquiry.on,
                    reviewing_since=self.reviewing_since,
                )
        yield ReviewerRegistered(
            officer=self.officer,
            unit=self.unit,
            registered_on=inquiry.on,
            qualification_no=self.qualification_no,
            reviewing_since=self.reviewing_since,
            evidence_ref=self.evidence_ref,
        )


class RetireReviewer(Report):
    """法制审核人员退出: record that an officer no longer reviews for a unit (LRV-V1)."""

    ROLES = roles("jb_supervisor", "unit_head")
    ANY_UNIT = roles("jb_supervisor")

    officer: OfficerId
    unit: UnitId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.unit not in inquiry.read(Reviewer(self.officer)).registered:
            raise OutOfStep(
                "legalreview.must-be-registered-reviewer", officer=self.officer, unit=self.unit
            )
        yield ReviewerRetired(
            officer=self.officer, unit=self.unit, retired_on=inquiry.on, reason=self.reason
        )
        yield from _understaffed(inquiry, self.unit, without=self.officer)


class RequestLegalReview(DatedAct):
    """提请法制审核: submit the draft of a decision to the unit's legal office."""

    ROLES = OFFICERS

    case: CaseId
    triggers: Annotated[tuple[Trigger, ...], msgspec.Meta(min_length=1)]
    draft_ref: Name
    types: Annotated[tuple[PenaltyType, ...], msgspec.Meta(min_length=1)]
    fine_fen: Fen = 0

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = known_case(inquiry, self.case)
        latest = inquiry.read(Reviews(self.case)).latest
        if latest is not None and latest.concluded is None:
            raise OutOfStep(
                "legalreview.review-must-be-concluded-before-new-review",
                review=latest.requested.review,
                case=self.case,
            )
        yield LegalReviewRequested(
            case=self.case,
            unit=filed.unit,
            review=1 if latest is None else latest.requested.review + 1,
            triggers=tuple(dict.fromkeys(self.triggers)),
            draft_ref=self.draft_ref,
            types=self.types,
            fine_fen=self.fine_fen,
            requested_by=inquiry.actor.person_id,
        )
        yield from _understaffed(inquiry, filed.unit)


class ExtendLegalReview(Act):
    """延长法制审核: extend the time for a review, once, before the time is over."""

    ROLES = roles("unit_legal_office", "unit_head")

    case: CaseId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known_case(inquiry, self.case)
        review = _pending(inquiry, self.case)
        if review.extended is not None:
            raise OutOfStep("legalreview.review-already-extended", review=review.requested.review)
        last = due(inquiry, rules.CONCLUDE_REVIEW, review.requested_at).on
        if inquiry.on > last:
            raise OutOfStep("legalreview.review-due", review=review.requested.review, last=last)
        yield LegalReviewExtended(
            case=self.case,
            unit=review.requested.unit,
            review=review.requested.review,
            reason=self.reason,
            first_due_on=last,
        )


class ConcludeLegalReview(DatedAct):
    """出具法制审核意见: the sender, who must have no part in the case, is the reviewer (LRV-R2)."""

    # LRV-R2, not ROLES, refuses a person who handles the case, so that the refusal cites the law.
    ROLES = UNIT

    case: CaseId
    opinion: Opinion
    issues: tuple[Text, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = known_case(inquiry, self.case)
        review = _pending(inquiry, self.case)
        if inquiry.on < review.requested_on:
            raise Malformed(
                "legalreview.occurred-at-must-not-lie-before-when",
                pointer="/occurred_at",
                requested_on=review.requested_on,
                on=inquiry.on,
            )
        if self.opinion != "approve" and not self.issues:
            raise Malformed(
                "legalreview.issues-must-be-named-opinion", pointer="/issues", opinion=self.opinion
            )
        reviewer = inquiry.actor.person_id
        reason = None
        if is_among(reviewer, filed.investigators):
            reason = message("legalreview.handles-case")
        elif same_person(reviewer, review.requested.requested_by):
            reason = message("legalreview.submitted-draft")
        else:
            reason = inquiry.read(Reviewer(reviewer)).barred(filed.unit, inquiry.on)
        inquiry.require(
            reason is None, rules.LRV_R2, reviewer=reviewer, case=self.case, reason=reason
        )
        rule, at = rules.CONCLUDE_REVIEW, review.requested_at
        if review.extended is not None:
            rule, at = rules.CONCLUDE_EXTENDED_REVIEW, review.extended_at
        yield LegalReviewConcluded(
            case=self.case,
            unit=filed.unit,
            review=review.requested.review,
            opinion=self.opinion,
            issues=self.issues,
            reviewer=reviewer,
            concluded_on=inquiry.on,
            days_late=inquiry.days_after(due(inquiry, rule, at)),
        )
        live = live_decision(inquiry, case)
        if live is not None and live.decided.decided_on < inquiry.on:
            yield finding(
                inquiry,
                rules.LRV_V3,
                unit=filed.unit,
                entity=filed.entity,
                case=self.case,
                decision=live.decision,
                decided_on=live.decided.decided_on.isoformat(),
                concluded_on=inquiry.on.isoformat(),
            )


class OverrideReviewOpinion(Report):
    """不采纳审核意见: record that the heads of the unit do not follow it; raises LRV-V2."""

    ROLES = roles("unit_head")

    case: CaseId
    minutes_ref: Name
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _, filed = known_case(inquiry, self.case)
        latest = inquiry.read(Reviews(self.case)).latest
        if latest is None or latest.concluded is None:
            raise OutOfStep("legalreview.case-must-review-opinion-before-can", case=self.case)
        if latest.concluded.opinion == "approve":
            raise OutOfStep("legalreview.review-approves-draft", review=latest.concluded.review)
        if latest.overridden is not None:
            raise OutOfStep(
                "legalreview.opinion-review-already-overridden",
                review=latest.concluded.review,
                overridden_on=latest.overridden.overridden_on,
            )
        yield ReviewOpinionOverridden(
            case=self.case,
            unit=filed.unit,
            review=latest.concluded.review,
            opinion=latest.concluded.opinion,
            minutes_ref=self.minutes_ref,
            reason=self.reason,
            overridden_on=inquiry.on,
        )
        yield finding(
            inquiry,
            rules.LRV_V2,
            unit=filed.unit,
            entity=filed.entity,
            case=self.case,
            opinion=latest.concluded.opinion,
            reviewer=latest.concluded.reviewer,
        )


def _pending(inquiry: Inquiry, case: str) -> Review:
    latest = inquiry.read(Reviews(case)).latest
    if latest is None or latest.concluded is not None:
        raise OutOfStep("legalreview.case-does-not-pending-review", case=case)
    return latest


def _understaffed(inquiry: Inquiry, unit: str, without: str | None = None) -> Iterator[Event]:
    """Raise LRV-V1 if a unit has too few reviewers, at most once a year for each unit."""
    staff = inquiry.read(ReviewerStaff(unit))
    share = inquiry.policy("legal_reviewer_share")
    if share is None or inquiry.on.year in staff.found_in:
        return
    officers = staff.officers(inquiry.on)
    reviewers = len(set(staff.reviewers) - {without})
    if reviewers < Decimal(share.value) * officers:
        yield finding(
            inquiry,
            rules.LRV_V1,
            unit=unit,
            officers=officers,
            reviewers=reviewers,
            share=str(share.value),
        )
