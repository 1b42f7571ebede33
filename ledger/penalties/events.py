"""Events of penalty cases and decisions (行政处罚, 2.8), in the order in which a case goes."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from ledger.credit.events import Sector, Severity
from ledger.kernel import Event, Value, Visibility
from ledger.vocabulary import (
    CaseId,
    DecisionId,
    EntityId,
    EvidenceId,
    Fen,
    MatterId,
    Name,
    OfficerId,
    Sha256,
    TaskId,
    Text,
    UnitId,
    ViolationCode,
)

#: 行政处罚的种类 (行政处罚法 Art. 9).
PenaltyType = Literal[
    "warning",
    "circular_criticism",
    "fine",
    "confiscation",
    "licence_suspension",
    "qualification_lowered",
    "licence_revocation",
    "activity_restriction",
    "suspension_of_business",
    "closure_order",
    "occupation_ban",
    "detention",
    "other",
]
WithdrawalReason = Literal["altered", "revoked", "unlawful", "void"]

#: 普通程序 or 简易程序 (on the spot, 行政处罚法 Art. 51).
Procedure = Literal["ordinary", "summary"]
#: Whom the case is against: the law sets other amounts for citizens than for organisations.
Party = Literal["citizen", "organisation"]
CaseSource = Literal[
    "inspection",
    "complaint",
    "superior",
    "transfer",
    "data_monitoring",
    "self_report",
    "other",
]
#: 不适用宽缓的情形: conduct that no leniency list may excuse (Notice, task 6; FLX-R3).
ExcludedConduct = Literal[
    "high_latent_risk",
    "costly_correction",
    "hard_to_recover_loss",
    "exploits_disaster",
    "exploits_accident",
    "exploits_public_health_event",
    "exploits_public_security_event",
]
#: 从轻、减轻、免予处罚.
Leniency = Literal["lenient", "mitigated", "exempt"]


class Conduct(Value, omit_defaults=True):
    """违法行为: what the business is said to have done.

    ``act`` tells this act from every other one of the business, whatever law it breaks (the number
    of the on-site record or of the clue): cases about one act name it alike (PEN-R2). ``last_on``
    is the day on which an act that went on came to its end; limitation counts from there (Art. 36).
    ``serious_harm``: it touched life, health or financial safety, with harm done.
    """

    violation_code: ViolationCode
    act: Name
    first_on: date
    last_on: date
    place: Name | None = None
    serious_harm: bool = False
    excluded: tuple[ExcludedConduct, ...] = ()


class CaseFiled(Event):
    """立案: a unit opens a case against a business (行政处罚法 Art. 54).

    ``investigators`` handle it (承办人). ``discovered_on`` is the day on which the act was found;
    ``task``, ``matter`` and ``source_ref`` say from what.
    """

    TOPIC: ClassVar[str] = "penalties.case-filed"
    CORRECTABLE = frozenset({"cause", "source_ref"})

    case: CaseId
    entity: EntityId
    unit: UnitId
    procedure: Procedure
    party: Party
    conduct: Conduct
    cause: Text
    source: CaseSource
    discovered_on: date
    investigators: tuple[OfficerId, ...]
    filed_by: Name
    task: TaskId | None = None
    matter: MatterId | None = None
    source_ref: Name | None = None


class EvidenceAdded(Event):
    """证据: a piece of evidence enters the case file (行政处罚法 Arts. 46, 56; 行政强制法 Art. 25).

    ``digest`` is the SHA-256 of what was stored beside the ledger. ``measure`` says whether the
    piece is held: registered in advance (先行登记保存) or seized (查封、扣押); ``approved_by`` is
    then the head of the unit and ``items`` lists what is held. ``confidential``: the piece would
    betray who gave it.
    """

    TOPIC: ClassVar[str] = "penalties.evidence-added"
    CORRECTABLE = frozenset({"title"})

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    kind: Literal[
        "documentary",
        "physical",
        "audio_visual",
        "electronic_data",
        "testimony",
        "party_statement",
        "expert_opinion",
        "on_site_record",
    ]
    title: Name
    collected_on: date
    digest: Sha256 | None = None
    measure: Literal["none", "advance_registration", "seizure"] = "none"
    items: tuple[Name, ...] = ()
    approved_by: Name | None = None
    confidential: bool = False

    def visibility(self) -> Visibility:
        """Who gave evidence in confidence is not betrayed by it."""
        return "sealed" if self.confidential else "restricted"


class SeizureExtended(Event):
    """延长查封、扣押: once, for a complicated case, by the head of the unit (行政强制法 Art. 25).

    ``first_due_on`` was the last day until then; the further days count from it.
    """

    TOPIC: ClassVar[str] = "penalties.seizure-extended"

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    reason: Text
    first_due_on: date


class EvidenceDisposed(Event):
    """处理登记保存或查封、扣押的物品: what was held is held no more, or differently.

    ``days_late`` counts calendar days after the last day on which it could be held.
    """

    TOPIC: ClassVar[str] = "penalties.evidence-disposed"

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    disposal: Literal["returned", "seized", "examined", "confiscated", "destroyed", "transferred"]
    disposed_on: date
    note: Text | None = None
    days_late: int = 0


class PriorNoticeServed(Event):
    """处罚事先告知: the business is told of the penalty, its facts and its rights (Arts. 44, 63).

    ``notice`` counts the notices of the case from 1; a later one takes the place of the one before.
    ``fine_fen`` is the fine that is intended. ``hearing_right``: a hearing may be asked for.
    ``respond_by`` is the last day to be heard that the unit has set.
    """

    TOPIC: ClassVar[str] = "penalties.prior-notice-served"

    case: CaseId
    entity: EntityId
    unit: UnitId
    notice: int
    notice_no: Name
    facts: Text
    types: tuple[PenaltyType, ...]
    fine_fen: Fen
    hearing_right: bool
    served_on: date
    respond_by: date


class StatementHeard(Event):
    """听取陈述、申辩: the business was heard and its points were examined (Art. 45).

    ``examined`` is what the unit found when it examined them.
    """

    TOPIC: ClassVar[str] = "penalties.statement-heard"

    case: CaseId
    entity: EntityId
    unit: UnitId
    heard_on: date
    statement: Text
    examined: Text
    adopted: bool


class StatementWaived(Event):
    """放弃陈述、申辩: the business said so (``declared``), or let the time pass (``silent``)."""

    TOPIC: ClassVar[str] = "penalties.statement-waived"

    case: CaseId
    entity: EntityId
    unit: UnitId
    waived_on: date
    how: Literal["declared", "silent"]


class HearingRequested(Event):
    """要求听证: the business asks for a hearing (Art. 64).

    ``days_late`` counts calendar days after the last day of ``penalty.hearing``; late, it binds
    nobody.
    """

    TOPIC: ClassVar[str] = "penalties.hearing-requested"

    case: CaseId
    entity: EntityId
    unit: UnitId
    requested_on: date
    days_late: int = 0


class HearingAnnounced(Event):
    """听证通知: when and where the hearing is, and who presides; not an investigator (Art. 64)."""

    TOPIC: ClassVar[str] = "penalties.hearing-announced"

    case: CaseId
    entity: EntityId
    unit: UnitId
    hearing_on: date
    place: Name
    host: Name
    open_to_public: bool


class HearingHeld(Event):
    """举行听证: the hearing took place, or the business stayed away without good reason (Art. 64).

    ``record_digest`` is the SHA-256 of the hearing's record, which the business has read.
    """

    TOPIC: ClassVar[str] = "penalties.hearing-held"

    case: CaseId
    entity: EntityId
    unit: UnitId
    held_on: date
    host: Name
    outcome: Literal["heard", "stayed_away"]
    record_digest: Sha256 | None = None


class CollectiveDiscussionHeld(Event):
    """集体讨论: the heads of the unit discussed a grave penalty together (Art. 57; LRV-R3).

    Internal, as the minutes are; ``minutes_digest`` is their SHA-256.
    """

    TOPIC: ClassVar[str] = "penalties.collective-discussion-held"
    VISIBILITY = "sealed"

    case: CaseId
    entity: EntityId
    unit: UnitId
    held_on: date
    participants: tuple[Name, ...]
    minutes_ref: Name
    conclusion: Text
    minutes_digest: Sha256 | None = None


class PenaltyDecided(Event):
    """行政处罚决定: a unit has decided on a penalty (行政处罚法 Art. 57).

    ``severity`` and ``sector`` classify what a credit record about it would say; the decision is no
    record yet. ``benchmark_ref`` is the discretion benchmark (裁量基准) that it follows.
    """

    TOPIC: ClassVar[str] = "penalties.penalty-decided"
    CORRECTABLE = frozenset({"doc_no", "facts"})

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    case: CaseId
    doc_no: Name
    decided_on: date
    types: tuple[PenaltyType, ...]
    severity: Severity
    facts: Text
    fine_fen: Fen = 0
    benchmark_ref: Name | None = None
    sector: Sector = "general"


class PenaltyServed(Event):
    """送达: the decision is in the hands of the business, and the repair notice with it (两书同达).

    ``days_late`` counts calendar days after ``penalty.serve_wd`` (行政处罚法 Art. 61).
    """

    TOPIC: ClassVar[str] = "penalties.penalty-served"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    served_on: date
    repair_notice: bool
    days_late: int = 0


class DecisionPublished(Event):
    """处罚决定公开: the public can read the decision (行政处罚法 Art. 48).

    ``redactions`` says what kinds of content were left out of ``summary``; ``days_late`` counts
    calendar days after ``publicity.penalty_wd``.
    """

    TOPIC: ClassVar[str] = "penalties.decision-published"
    VISIBILITY = "public"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    summary: Text
    published_on: date
    redactions: tuple[Name, ...] = ()
    url: Name | None = None
    days_late: int = 0


class DecisionWithdrawn(Event):
    """撤回公开的处罚决定: altered, revoked, unlawful or void, with a public reason (Art. 48).

    ``nullified_on`` is the day on which it was; ``days_late`` counts calendar days after
    ``publicity.withdraw_wd``.
    """

    TOPIC: ClassVar[str] = "penalties.decision-withdrawn"
    VISIBILITY = "public"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    reason: WithdrawalReason
    nullified_on: date
    withdrawn_on: date
    explanation: Text
    explanation_url: Name | None = None
    days_late: int = 0


class CaseClosed(Event):
    """结案: nothing is left to be done (行政处罚法 Arts. 57, 73).

    ``executed``: the decision is carried out. ``exempt``: no penalty by leniency (Art. 33).
    ``not_established``: no violation was proven. ``limitation``: it was found too late (Art. 36).
    ``transferred``: another authority takes it. ``revoked``: its decision was undone.
    """

    TOPIC: ClassVar[str] = "penalties.case-closed"

    case: CaseId
    entity: EntityId
    unit: UnitId
    reason: Literal["executed", "exempt", "not_established", "limitation", "transferred", "revoked"]
    conclusion: Text
    closed_on: date
    decision: DecisionId | None = None
    transferred_to: Name | None = None
