"""Folds about legal reviews, reviewers and lists of major decisions."""

from __future__ import annotations

from datetime import date

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import CaseId, OfficerId, UnitId
from ledger.kernel import Fold, Message, Recorded, message
from ledger.kernel.versions import VersionsFold
from ledger.systems.catalogue.events import OfficerCertificateSuspended, OfficerCertified
from ledger.systems.legalreview.events import (
    LegalReviewConcluded,
    LegalReviewExtended,
    LegalReviewRequested,
    MajorDecision,
    MajorDecisionListPublished,
    ReviewerRegistered,
    ReviewerRetired,
    ReviewOpinionOverridden,
)
from ledger.systems.penalties.events import Penalty


class Review(msgspec.Struct):
    """One review of a case: its request, extension, opinion and overriding."""

    requested: LegalReviewRequested
    requested_at: int
    requested_on: date
    extended: LegalReviewExtended | None = None
    extended_at: int = 0
    concluded: LegalReviewConcluded | None = None
    overridden: ReviewOpinionOverridden | None = None


class Reviews(Fold):
    """Which drafts of this case were submitted for review, and what were the opinions?"""

    case: CaseId
    reviews: dict[int, Review] = msgspec.field(default_factory=dict)

    @property
    def latest(self) -> Review | None:
        """The review requested last."""
        return self.reviews[max(self.reviews)] if self.reviews else None

    def on_requested(self, event: LegalReviewRequested, record: Recorded) -> None:
        self.reviews[event.review] = Review(event, record.position, record.occurred_on)

    def on_extended(self, event: LegalReviewExtended, record: Recorded) -> None:
        review = self.reviews[event.review]
        review.extended, review.extended_at = event, record.position

    def on_concluded(self, event: LegalReviewConcluded) -> None:
        self.reviews[event.review].concluded = event

    def on_overridden(self, event: ReviewOpinionOverridden) -> None:
        self.reviews[event.review].overridden = event


class Reviewer(Fold):
    """May this person review, and for which units?

    ``reviewed`` counts the opinions that the person has given.
    """

    officer: OfficerId
    registered: dict[str, ReviewerRegistered] = msgspec.field(default_factory=dict)
    reviewed: int = 0

    def on_registered(self, event: ReviewerRegistered) -> None:
        self.registered[event.unit] = event

    def on_retired(self, event: ReviewerRetired) -> None:
        self.registered.pop(event.unit, None)

    def on_concluded(self, event: LegalReviewConcluded) -> None:
        self.reviewed += 1

    def barred(self, unit: str, on: date) -> Message | None:
        """Return why this person may not review for a unit, or ``None``."""
        registered = self.registered.get(unit)
        if registered is None:
            return message("legalreview.not-registered-reviewer", unit=unit)
        before = registered.reviewing_since is not None and registered.reviewing_since < on
        if registered.qualification_no is None and not (before or self.reviewed):
            return message("legalreview.reviews-first-time-no-legal-professional")
        return None


class ReviewerStaff(Fold):
    """How many officers has this unit, and who are its reviewers?"""

    unit: UnitId
    certificates: dict[str, OfficerCertified] = msgspec.field(default_factory=dict)
    suspensions: list[OfficerCertificateSuspended] = msgspec.field(default_factory=list)
    reviewers: list[str] = msgspec.field(default_factory=list)
    found_in: list[int] = msgspec.field(default_factory=list)

    def on_certified(self, event: OfficerCertified) -> None:
        known = self.certificates.get(event.officer)
        if known is None or known.valid_to < event.valid_to:
            self.certificates[event.officer] = event

    def on_suspended(self, event: OfficerCertificateSuspended) -> None:
        self.suspensions.append(event)

    def on_registered(self, event: ReviewerRegistered) -> None:
        if event.officer not in self.reviewers:
            self.reviewers.append(event.officer)

    def on_retired(self, event: ReviewerRetired) -> None:
        if event.officer in self.reviewers:
            self.reviewers.remove(event.officer)

    def on_found(self, event: FindingRaised, record: Recorded) -> None:
        if event.rule_id == "LRV-V1":
            self.found_in.append(record.occurred_on.year)

    def officers(self, on: date) -> int:
        """Return how many officers of the unit have a valid certificate on a day."""
        suspended = {
            s.officer
            for s in self.suspensions
            if s.suspended_from <= on and (s.suspended_to is None or on <= s.suspended_to)
        }
        return sum(
            c.valid_from <= on <= c.valid_to and c.officer not in suspended
            for c in self.certificates.values()
        )


class MajorDecisions(VersionsFold[MajorDecisionListPublished]):
    """Which decisions does this unit review in addition to those in the law?"""

    unit: UnitId

    def on_published(self, event: MajorDecisionListPublished) -> None:
        self.versions.append(event)


def fits(line: MajorDecision, penalty: Penalty, violation_code: str | None) -> bool:
    """Return whether a line of the list covers a decision."""
    return (
        (not line.types or not set(line.types).isdisjoint(penalty.types))
        and (line.fine_from_fen is None or penalty.fine_fen >= line.fine_from_fen)
        and (not line.violation_codes or violation_code in line.violation_codes)
    )
