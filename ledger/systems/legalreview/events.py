"""Events of the legal review of major decisions (重大执法决定法制审核, 2.8).

What is said inside a unit about a decision that is not made yet is sealed. These events name no
business: what follows from them, a deadline missed, would let it know.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from ledger.general.vocabulary import (
    Badge,
    CaseId,
    Fen,
    Name,
    OfficerId,
    Text,
    UnitId,
    ViolationCode,
)
from ledger.kernel import Event, Value
from ledger.systems.penalties.events import PenaltyType

#: What makes a review due: 行政处罚法 Art. 58, and the unit's own list.
Trigger = Literal[
    "major_public_interest",
    "major_rights_after_hearing",
    "complex",
    "other_by_law",
    "unit_list",
]
Opinion = Literal["approve", "approve_with_changes", "return", "oppose"]


class MajorDecision(Value):
    """One line of a unit's list: decisions of these types, from this fine on, on these violations.

    An absent part fits every decision.
    """

    line: Name
    description: Text
    types: tuple[PenaltyType, ...] = ()
    fine_from_fen: Fen | None = None
    violation_codes: tuple[ViolationCode, ...] = ()


class MajorDecisionListPublished(Event):
    """公布重大执法决定法制审核目录: which decisions a unit has reviewed beside those of Art. 58.

    Each version is complete and takes the place of the one before from ``effective_from`` on.
    """

    TOPIC: ClassVar[str] = "legalreview.major-decision-list-published"
    VISIBILITY = "public"

    unit: UnitId
    version: int
    effective_from: date
    lines: tuple[MajorDecision, ...]
    url: Name | None = None


class ReviewerRegistered(Event):
    """法制审核人员登记: somebody reviews decisions for a unit.

    ``qualification_no``: of the national legal professional qualification (法律职业资格), without
    which nobody takes up reviewing (行政处罚法 Art. 58). ``reviewing_since``: for somebody who was
    a reviewer already, as ``evidence_ref`` shows.
    """

    TOPIC: ClassVar[str] = "legalreview.reviewer-registered"
    VISIBILITY = "shared"

    officer: OfficerId
    unit: UnitId
    registered_on: date
    qualification_no: Name | None = None
    reviewing_since: date | None = None
    evidence_ref: Name | None = None


class ReviewerRetired(Event):
    """法制审核人员退出: somebody reviews for this unit no more."""

    TOPIC: ClassVar[str] = "legalreview.reviewer-retired"
    VISIBILITY = "shared"

    officer: OfficerId
    unit: UnitId
    retired_on: date
    reason: Text


class LegalReviewRequested(Event):
    """提请法制审核: the handling office submits the draft of a decision (行政处罚法 Art. 58).

    ``review`` counts the reviews of the case from 1. ``types`` and ``fine_fen`` are the draft's.
    """

    TOPIC: ClassVar[str] = "legalreview.legal-review-requested"
    VISIBILITY = "sealed"

    case: CaseId
    unit: UnitId
    review: int
    triggers: tuple[Trigger, ...]
    draft_ref: Name
    types: tuple[PenaltyType, ...]
    fine_fen: Fen
    requested_by: Badge


class LegalReviewExtended(Event):
    """延长法制审核: once for each review; the further days count from ``first_due_on``."""

    TOPIC: ClassVar[str] = "legalreview.legal-review-extended"
    VISIBILITY = "sealed"

    case: CaseId
    unit: UnitId
    review: int
    reason: Text
    first_due_on: date


class LegalReviewConcluded(Event):
    """法制审核意见: what the reviewer says of the draft.

    ``days_late`` counts calendar days after ``legal_review_wd``, extended or not.
    """

    TOPIC: ClassVar[str] = "legalreview.legal-review-concluded"
    VISIBILITY = "sealed"

    case: CaseId
    unit: UnitId
    review: int
    opinion: Opinion
    issues: tuple[Text, ...]
    reviewer: OfficerId
    concluded_on: date
    days_late: int = 0


class ReviewOpinionOverridden(Event):
    """未采纳法制审核意见: the heads of the unit do not follow the opinion, and say so in minutes.

    It is no approval: what Art. 58 wants approved stays unapproved (LRV-R1).
    """

    TOPIC: ClassVar[str] = "legalreview.review-opinion-overridden"
    VISIBILITY = "sealed"

    case: CaseId
    unit: UnitId
    review: int
    opinion: Opinion
    minutes_ref: Name
    reason: Text
    overridden_on: date
