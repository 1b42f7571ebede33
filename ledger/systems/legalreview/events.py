"""Events of the legal review of major decisions (重大执法决定法制审核, 2.8).

The internal discussion of a decision that is not made yet is sealed. These events do not name the
business; otherwise a missed deadline of the review would be shown to it.
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

#: Why a review is required: 行政处罚法 Art. 58, or the unit's own list.
Trigger = Literal[
    "major_public_interest",
    "major_rights_after_hearing",
    "complex",
    "other_by_law",
    "unit_list",
]
Opinion = Literal["approve", "approve_with_changes", "return", "oppose"]


class MajorDecision(Value):
    """One line of a unit's list: the types, the least fine and the violations that it covers.

    A condition that is absent does not restrict the line.
    """

    line: Name
    description: Text
    types: tuple[PenaltyType, ...] = ()
    fine_from_fen: Fen | None = None
    violation_codes: tuple[ViolationCode, ...] = ()


class MajorDecisionListPublished(Event):
    """公布重大执法决定法制审核目录: the decisions that a unit reviews in addition to Art. 58.

    Each version is complete and replaces the one before from ``effective_from`` on.
    """

    TOPIC: ClassVar[str] = "legalreview.major-decision-list-published"
    VISIBILITY = "public"

    unit: UnitId
    version: int
    effective_from: date
    lines: tuple[MajorDecision, ...]
    url: Name | None = None


class ReviewerRegistered(Event):
    """法制审核人员登记: a unit registers an officer as a reviewer of decisions.

    ``qualification_no`` is the number of the national legal professional qualification
    (法律职业资格), which every new reviewer must have (行政处罚法 Art. 58). ``reviewing_since`` is
    for an officer who was a reviewer before, as ``evidence_ref`` shows.
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
    """法制审核人员退出: an officer no longer reviews decisions for this unit."""

    TOPIC: ClassVar[str] = "legalreview.reviewer-retired"
    VISIBILITY = "shared"

    officer: OfficerId
    unit: UnitId
    retired_on: date
    reason: Text


class LegalReviewRequested(Event):
    """提请法制审核: the handling office submits the draft of a decision (行政处罚法 Art. 58).

    ``review`` counts the reviews of the case from 1. ``types`` and ``fine_fen`` are those of the
    draft.
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
    """延长法制审核: the time for a review is extended, once; it counts from ``first_due_on``."""

    TOPIC: ClassVar[str] = "legalreview.legal-review-extended"
    VISIBILITY = "sealed"

    case: CaseId
    unit: UnitId
    review: int
    reason: Text
    first_due_on: date


class LegalReviewConcluded(Event):
    """法制审核意见: the reviewer gives an opinion on the draft.

    ``days_late`` counts calendar days after the last day of ``legal_review_wd``, or of its
    extension.
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
    """未采纳法制审核意见: the heads of the unit do not follow the opinion; the minutes say so.

    This does not replace the approval that Art. 58 requires (LRV-R1).
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
