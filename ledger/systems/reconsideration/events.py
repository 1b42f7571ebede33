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
#: When the summary procedure is open (行政复议法 Art. 53).
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
    """证据: one piece that the respondent hands in, and the day on which it was gathered."""

    name: Name
    gathered_on: date
    digest: Sha256 | None = None


class _OfCase(Event):
    """Which case: ``organ`` decides it, ``unit`` is the respondent, ``decision`` is disputed.

    ``entity`` is the business that the decision concerns, if one is.
    """

    TOPIC: ClassVar[str] = ""

    recon: ReconId
    decision: DecisionId
    unit: UnitId
    organ: UnitId
    entity: EntityId | None = None


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said less; what it did not say has a default."""
    return body


class ReconApplied(_OfCase):
    """申请行政复议: within 60 days of knowing the act (行政复议法 Art. 20).

    ``applicant`` stands for whoever applies when it is not the business, ``person`` for one who is
    registered here. ``last_day`` is the last one on which this could be applied for.
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
    """补正通知: the application lacks something; the period for accepting it stops (Art. 31)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-correction-requested"

    missing: Text


class ReconCorrected(_OfCase):
    """补正: what was missing is there; the period for accepting the application begins anew."""

    TOPIC: ClassVar[str] = "reconsideration.recon-corrected"


class ReconAccepted(_OfCase):
    """受理: the case is taken up, by the ordinary procedure or the summary one (Arts. 30, 53)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-accepted"

    procedure: Procedure
    accepted_on: date
    summary_ground: SummaryGround | None = None


class ReconDeemedAccepted(_OfCase):
    """视为受理: nobody decided on the application in time, and so it is accepted (Art. 30).

    ``deemed_on`` is the last day of that time, from which the periods of the case count; the
    procedure is the ordinary one.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-deemed-accepted"

    deemed_on: date


class ReconRefused(_OfCase):
    """不予受理: the case is not taken up, and why (Art. 30)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-refused"

    reason: Text


class ReconCopySent(_OfCase):
    """发送申请书副本: the respondent has the application, and has to reply (Arts. 48, 54)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-copy-sent"

    procedure: Procedure
    days_late: int = 0


class ReconReplyReceived(_OfCase):
    """答复: the respondent's reply, with its evidence. ``days_late`` counts calendar days."""

    TOPIC: ClassVar[str] = "reconsideration.recon-reply-received"

    reply: Text
    evidence: tuple[Evidence, ...] = ()
    days_late: int = 0


class ReconReplyMissing(_OfCase):
    """未答复: the respondent was silent; the act is deemed to have no evidence (Art. 70)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-reply-missing"

    due_on: date


class ReconSuspended(_OfCase):
    """中止: the case rests, and the period for deciding it with it (Art. 39).

    ``days_left``: the calendar days that were left of it.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-suspended"

    ground: SuspensionGround
    reason: Text
    days_left: int


class ReconResumed(_OfCase):
    """恢复审理: the case goes on and has ``days_left`` calendar days more, until ``due_on``."""

    TOPIC: ClassVar[str] = "reconsideration.recon-resumed"

    days_left: int
    due_on: date


class ReconExtended(_OfCase):
    """延长期限: a complex case takes longer, once, until ``due_on`` (Art. 62).

    ``approved_by`` heads the organ's reconsideration.
    """

    TOPIC: ClassVar[str] = "reconsideration.recon-extended"

    reason: Text
    approved_by: Badge
    due_on: date


class ReconHearingHeld(_OfCase):
    """听证: the case was heard (Arts. 50, 51). ``record_digest`` is that of the record."""

    TOPIC: ClassVar[str] = "reconsideration.recon-hearing-held"

    host: Badge
    record_digest: Sha256
    respondent_attended: bool


class ReconDecided(_OfCase):
    """复议决定: what becomes of the act (Arts. 63–69).

    ``procedural``: it is revoked because of its procedure alone, and may be issued again.
    ``withdraw``: it is before the public and has to be taken back. ``perform_by``: the last day on
    which the respondent may do what the decision orders. ``days_late`` counts calendar days.

    Since version 2 ``content`` says what a penalty that is altered consists of; its text is
    withdrawn and published anew from the service on (``ReconDecisionServed``), so that ``withdraw``
    is said of what was undone alone.
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
    """调解: the parties agree, and the case ends with the organ's document on it (Art. 73)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-mediated"

    instrument: Name
    agreed: Text
    days_late: int = 0


class ReconTerminated(_OfCase):
    """终止: the case ends without a decision (Art. 41); ``not_corrected``: given up (Art. 31)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-terminated"

    ground: TerminationGround
    reason: Text


class ReconDecisionServed(_OfCase):
    """送达复议决定: the parties have it, and it takes effect (Art. 75).

    Since version 2 it says what follows where it ``altered`` a penalty: whether its text has to be
    taken from the public (``withdraw``), and what is to be paid: ``fine_fen`` until ``pay_by``, and
    ``late_fee_daily`` of what is not paid each day after that.
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
    """履行复议决定: the respondent has done what it orders (Art. 77)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-performed"

    done: Text
    days_late: int = 0


class ReconNonPerformance(_OfCase):
    """不履行复议决定: the respondent has not done what it orders by its day (Arts. 77, 83)."""

    TOPIC: ClassVar[str] = "reconsideration.recon-non-performance"

    due_on: date


class OpinionLetterIssued(_OfCase):
    """行政复议意见书: the organ asks the respondent to put a practice right (Art. 76)."""

    TOPIC: ClassVar[str] = "reconsideration.opinion-letter-issued"

    doc_no: Name
    demands: tuple[Text, ...]


class OpinionCorrectionReported(_OfCase):
    """意见书整改报告: what the respondent has put right. ``days_late`` counts calendar days."""

    TOPIC: ClassVar[str] = "reconsideration.opinion-correction-reported"

    report: Text
    days_late: int = 0


class IncidentalReviewRequested(_OfCase):
    """附带审查: the normative document behind the act is disputed too (Arts. 13, 56).

    ``competent``: the organ may decide on it itself; else it passes it on.
    """

    TOPIC: ClassVar[str] = "reconsideration.incidental-review-requested"

    document_no: Name
    competent: bool


class IncidentalReviewTransferred(_OfCase):
    """转送附带审查: the document is with the body that may decide on it (Arts. 56, 60)."""

    TOPIC: ClassVar[str] = "reconsideration.incidental-review-transferred"

    document_no: Name
    to: Name
    days_late: int = 0


class IncidentalReviewConcluded(_OfCase):
    """附带审查结论: whether the document is lawful (Arts. 58–60)."""

    TOPIC: ClassVar[str] = "reconsideration.incidental-review-concluded"

    document_no: Name
    lawful: bool
    opinion: Text
    days_late: int = 0
