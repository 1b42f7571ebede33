"""Events of administrative reconsideration (行政复议, 2.13; 行政复议法 of 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal

from ledger.general.vocabulary import (
    Badge,
    DecisionId,
    EntityId,
    Fen,
    MatterId,
    Name,
    PersonId,
    PersonToken,
    ReconId,
    Sha256,
    Text,
    UnitId,
)
from ledger.kernel import Event, Value
from ledger.kernel.events import Upcaster
from ledger.systems.corrections.events import AlteredField
from ledger.systems.penalties.events import PenaltyContent

Procedure = Literal["ordinary", "summary"]
#: The grounds for the summary procedure (行政复议法 Art. 53).
SummaryGround = Literal["on_the_spot", "warning", "small_amount", "disclosure", "agreed"]
SuspensionGround = Literal[
    "applicant_died",
    "applicant_incapable",
    "successor_pending",
    "force_majeure",
    "interpretation_needed",
    "related_case",
    "incidental_review",
    "mediation",
    "other",
]
TerminationGround = Literal[
    "withdrawn",
    "not_corrected",
    "no_successor",
    "criminal_case",
    "suspended_too_long",
    "other",
]
Outcome = Literal[
    "maintain",
    "alter",
    "revoke",
    "partly_revoke",
    "declare_unlawful",
    "declare_void",
    "order_perform",
    "dismiss_claim",
]


class Evidence(Value):
    """证据: an item of evidence that the respondent hands in, and the day of its gathering."""

    name: Name
    gathered_on: date
    digest: Sha256 | None = None


class _OfCase(Event):
    """An event of a case: ``organ`` decides it, ``unit`` is the respondent.

    ``decision`` is the disputed act; ``entity`` is the business that it concerns, if any.
    """

    TOPIC: ClassVar[str] = ""

    recon: ReconId
    decision: DecisionId
    unit: UnitId
    organ: UnitId
    entity: EntityId | None = None


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Upcast version 1 unchanged; the fields that it lacks have defaults."""
    return body


class ReconApplied(_OfCase):
    """申请行政复议: an applicant disputes an act within 60 days of knowing it (行政复议法 Art. 20).

    If the applicant is not the business, ``applicant`` is a token for them, or ``person`` the token
    of a person registered here. ``last_day`` is the last day for this application.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-applied"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    known_on: date
    last_day: date
    grounds: Text
    applicant: PersonToken | None = None
    matter: MatterId | None = None
    person: PersonId | None = None


class ReconCorrectionRequested(_OfCase):
    """补正通知: the organ asks for what is missing; the period for acceptance stops (Art. 31)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-correction-requested"

    missing: Text


class ReconCorrected(_OfCase):
    """补正: the applicant supplies what was missing; the period for acceptance starts again."""

    TOPIC: ClassVar[str] = "reconsideration.recon-corrected"


class ReconAccepted(_OfCase):
    """受理: the organ accepts the case, by ordinary or summary procedure (Arts. 30, 53)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-accepted"

    procedure: Procedure
    accepted_on: date
    summary_ground: SummaryGround | None = None


class ReconDeemedAccepted(_OfCase):
    """视为受理: the organ did not decide on acceptance in time, so the case counts as accepted.

    ``deemed_on`` is the last day of that time (Art. 30); the periods of the case count from it. The
    procedure is the ordinary one.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-deemed-accepted"

    deemed_on: date


class ReconRefused(_OfCase):
    """不予受理: the organ refuses the application, and says why (Art. 30)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-refused"

    reason: Text


class ReconCopySent(_OfCase):
    """发送申请书副本: the organ sends the application to the respondent (Arts. 48, 54).

    The respondent must reply to it.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-copy-sent"

    procedure: Procedure
    days_late: int = 0


class ReconReplyReceived(_OfCase):
    """答复: the respondent replies and hands in its evidence; ``days_late`` is in calendar days."""

    TOPIC: ClassVar[str] = "reconsideration.recon-reply-received"

    reply: Text
    evidence: tuple[Evidence, ...] = ()
    days_late: int = 0


class ReconReplyMissing(_OfCase):
    """未答复: the respondent did not reply; the act counts as without evidence (Art. 70)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-reply-missing"

    due_on: date


class ReconSuspended(_OfCase):
    """中止: the organ suspends the case and its period for a decision (Art. 39).

    ``days_left`` are the calendar days that remain of the period.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-suspended"

    ground: SuspensionGround
    reason: Text
    days_left: int


class ReconResumed(_OfCase):
    """恢复审理: the organ resumes the case; ``days_left`` calendar days remain, to ``due_on``."""

    TOPIC: ClassVar[str] = "reconsideration.recon-resumed"

    days_left: int
    due_on: date


class ReconExtended(_OfCase):
    """延长期限: the organ extends the period of a complex case, once, to ``due_on`` (Art. 62).

    ``approved_by`` is the head of the organ's reconsideration office.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-extended"

    reason: Text
    approved_by: Badge
    due_on: date


class ReconHearingHeld(_OfCase):
    """听证: the organ held a hearing (Arts. 50, 51); ``record_digest`` is that of its record."""

    TOPIC: ClassVar[str] = "reconsideration.recon-hearing-held"

    host: Badge
    record_digest: Sha256
    respondent_attended: bool


class ReconDecided(_OfCase):
    """复议决定: the organ decides on the disputed act (Arts. 63–69).

    ``procedural``: the act is revoked only because of its procedure, and may be issued again.
    ``withdraw``: the act is published and must be withdrawn. ``perform_by`` is the last day on
    which the respondent may do what the decision orders. ``days_late`` counts calendar days.

    Since version 2 ``content`` is the content of an altered penalty. Its text is withdrawn and
    published again after the service (``ReconDecisionServed``), so ``withdraw`` is only for acts
    that were undone.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-decided"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was, 2: dict}

    outcome: Outcome
    instrument: Name
    decided_on: date
    reasons: Text
    altered: tuple[AlteredField, ...] = ()
    procedural: bool = False
    withdraw: bool = False
    perform_by: date | None = None
    matter: MatterId | None = None
    days_late: int = 0
    content: PenaltyContent | None = None


class ReconMediated(_OfCase):
    """调解: the parties agree, and the organ's mediation document ends the case (Art. 73)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-mediated"

    instrument: Name
    agreed: Text
    days_late: int = 0


class ReconTerminated(_OfCase):
    """终止: the organ ends the case without a decision (Art. 41).

    ``not_corrected``: the applicant did not supply what was missing (Art. 31).
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-terminated"

    ground: TerminationGround
    reason: Text


class ReconDecisionServed(_OfCase):
    """送达复议决定: the organ serves the decision on the parties, and it takes effect (Art. 75).

    Since version 2 the event states the consequences of an ``altered`` penalty: ``withdraw`` says
    whether its published text must be withdrawn; the business must pay ``fine_fen`` by ``pay_by``,
    and each later day adds ``late_fee_daily`` times the unpaid amount.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-decision-served"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    served_on: date
    perform_by: date | None = None
    altered: bool = False
    withdraw: bool = False
    fine_fen: Fen = 0
    pay_by: date | None = None
    late_fee_daily: str | None = None


class ReconPerformed(_OfCase):
    """履行复议决定: the respondent carried out the decision (Art. 77)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-performed"

    done: Text
    days_late: int = 0


class ReconNonPerformance(_OfCase):
    """不履行复议决定: the respondent did not carry out the decision in time (Arts. 77, 83)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-non-performance"

    due_on: date


class OpinionLetterIssued(_OfCase):
    """行政复议意见书: the organ asks the respondent to correct a practice (Art. 76)."""

    TOPIC: ClassVar[str] = "reconsideration.opinion-letter-issued"

    doc_no: Name
    demands: tuple[Text, ...]


class OpinionCorrectionReported(_OfCase):
    """意见书整改报告: the respondent reports its correction; ``days_late`` is in calendar days."""

    TOPIC: ClassVar[str] = "reconsideration.opinion-correction-reported"

    report: Text
    days_late: int = 0


class IncidentalReviewRequested(_OfCase):
    """附带审查: the applicant also disputes the normative document behind the act (Arts. 13, 56).

    ``competent``: the organ may decide on the document itself; otherwise it transfers the review.
    """

    TOPIC: ClassVar[str] = "reconsideration.incidental-review-requested"

    document_no: Name
    competent: bool


class IncidentalReviewTransferred(_OfCase):
    """转送附带审查: the organ transfers the review to the competent body (Arts. 56, 60)."""

    TOPIC: ClassVar[str] = "reconsideration.incidental-review-transferred"

    document_no: Name
    to: Name
    days_late: int = 0


class IncidentalReviewConcluded(_OfCase):
    """附带审查结论: the review concludes whether the document is lawful (Arts. 58–60)."""

    TOPIC: ClassVar[str] = "reconsideration.incidental-review-concluded"

    document_no: Name
    lawful: bool
    opinion: Text
    days_late: int = 0
