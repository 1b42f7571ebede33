"""Events of penalty cases and decisions (行政处罚, 2.8), in the order in which a case goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    BodyCode,
    CaseId,
    DecisionId,
    EntityId,
    EvidenceId,
    Fen,
    LicenceNo,
    MatterId,
    Name,
    OfficerId,
    PersonId,
    Sha256,
    StoredFile,
    TaskId,
    Text,
    UnitId,
    ViolationCode,
)
from ledger.kernel import Event, LegalRef, Value, Visibility
from ledger.kernel.events import Upcaster
from ledger.systems.credit.events import Sector, Severity

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


class Licence(Value):
    """许可证件: the licence that a penalty suspends or revokes, by name and number."""

    name: Name
    number: LicenceNo


class DataSource(Value):
    """数据来源单位: the unit whose data a fact is, where that is another than the one that acts."""

    name: Name
    uscc: BodyCode


class PenaltyContent(Value, omit_defaults=True):
    """处罚内容: what a penalty consists of: its kinds, its fine in fen, its class, and its law.

    ``severity`` classifies what a credit record about it says. ``confiscated_fen`` is the value of
    what is confiscated (没收违法所得、非法财物), 0 where it is not stated. ``licence`` is the one
    that is suspended or revoked. ``valid_until`` is the last day of a penalty that has a term.
    """

    types: Annotated[tuple[PenaltyType, ...], msgspec.Meta(min_length=1)]
    severity: Severity
    fine_fen: Fen = 0
    basis: tuple[LegalRef, ...] = ()
    confiscated_fen: Fen = 0
    licence: Licence | None = None
    valid_until: date | None = None


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
#: 证据的种类 (行政处罚法 Art. 46).
EvidenceKind = Literal[
    "documentary",
    "physical",
    "audio_visual",
    "electronic_data",
    "testimony",
    "party_statement",
    "expert_opinion",
    "on_site_record",
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


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 said less; what it did not say has a default."""
    return body


#: 经营者、权利义务承受人: who answers in the place of a business that was deregistered.
Liable = Literal["operator", "successor"]


class CaseFiled(Event):
    """立案: a unit opens a case against a business (行政处罚法 Art. 54).

    ``investigators`` handle it (承办人). ``discovered_on`` is the day on which the act was found;
    ``task``, ``matter`` and ``source_ref`` say from what. ``person`` stands for the citizen whom
    it is against, who is registered here. Since version 3 ``liable`` says who answers for a
    business that was deregistered: its operator, or its successor.
    """

    TOPIC: ClassVar[str] = "penalties.case-filed"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was, 2: dict}
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
    filed_on: date
    investigators: tuple[OfficerId, ...]
    filed_by: Badge
    task: TaskId | None = None
    matter: MatterId | None = None
    source_ref: Name | None = None
    person: PersonId | None = None
    liable: Liable | None = None


class EvidenceAdded(Event):
    """证据: a piece of evidence enters the case file (行政处罚法 Arts. 46, 56; 行政强制法 Art. 25).

    ``digest`` is the SHA-256 of what was stored beside the ledger. ``measure`` says whether the
    piece is held: registered in advance (先行登记保存) or seized (查封、扣押); ``approved_by`` is
    then the head of the unit and ``items`` lists what is held. ``confidential``: the piece would
    betray who gave it. Since version 2 ``file`` is what is kept here under the digest; without it
    the file is ``elsewhere``.
    """

    TOPIC: ClassVar[str] = "penalties.evidence-added"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    CORRECTABLE = frozenset({"title"})

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    kind: EvidenceKind
    title: Name
    collected_on: date
    digest: Sha256 | None = None
    measure: Literal["none", "advance_registration", "seizure"] = "none"
    items: tuple[Name, ...] = ()
    approved_by: Badge | None = None
    confidential: bool = False
    file: StoredFile | None = None
    elsewhere: Name | None = None

    @property
    def kept_digest(self) -> str | None:
        """The digest of the file that is kept here, if one is."""
        return None if self.file is None else self.digest

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

    ``notice`` is the one that it answers, 0 for what was said on the spot; ``examined`` what the
    unit found when it examined the points.
    """

    TOPIC: ClassVar[str] = "penalties.statement-heard"

    case: CaseId
    entity: EntityId
    unit: UnitId
    notice: int
    heard_on: date
    statement: Text
    examined: Text
    adopted: bool


class RightsWaived(Event):
    """放弃陈述、申辩或听证: the business said so (``declared``), or let the time pass (``silent``).

    A hearing is waived by saying so; the time to ask for it ends by itself.
    """

    TOPIC: ClassVar[str] = "penalties.rights-waived"

    case: CaseId
    entity: EntityId
    unit: UnitId
    notice: int
    waived_on: date
    rights: tuple[Literal["statement", "hearing"], ...]
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
    notice: int
    requested_on: date
    days_late: int = 0


class HearingAnnounced(Event):
    """听证通知: when and where the hearing is, and who presides; not an investigator (Art. 64)."""

    TOPIC: ClassVar[str] = "penalties.hearing-announced"

    case: CaseId
    entity: EntityId
    unit: UnitId
    notice: int
    hearing_on: date
    place: Name
    host: Badge
    open_to_public: bool


class HearingHeld(Event):
    """举行听证: the hearing took place, or the business stayed away without good reason (Art. 64).

    ``record_digest`` is the SHA-256 of the hearing's record, which the business has read.
    """

    TOPIC: ClassVar[str] = "penalties.hearing-held"

    case: CaseId
    entity: EntityId
    unit: UnitId
    notice: int
    held_on: date
    host: Badge
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
    participants: tuple[Badge, ...]
    minutes_ref: Name
    conclusion: Text
    minutes_digest: Sha256 | None = None


class PenaltyDecided(Event):
    """行政处罚决定: a unit has decided on a penalty (行政处罚法 Art. 57).

    ``severity`` and ``sector`` classify what a credit record about it would say; the decision is no
    record yet. ``benchmark_ref`` is the discretion benchmark (裁量基准) that it follows, ``tier``
    the step of it (裁量阶次); ``leniency`` says if it is 从轻 or 减轻. ``days_late`` counts
    calendar days after ``penalty.decide_cd``. Since version 3 ``severity_basis`` is the law under
    which it is classed lower than ``severity.map`` has it. Since version 4 ``confiscated_fen``,
    ``licence`` and ``valid_until`` say the rest of its content (``PenaltyContent``), and
    ``data_source`` whose data it is, if not the unit's own.
    """

    TOPIC: ClassVar[str] = "penalties.penalty-decided"
    VERSION = 4
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was, 2: _as_it_was, 3: dict}
    CORRECTABLE = frozenset({"doc_no", "decided_on", "facts"})

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
    procedure: Procedure = "ordinary"
    violation_code: ViolationCode | None = None
    tier: Name | None = None
    leniency: Literal["lenient", "mitigated"] | None = None
    days_late: int = 0
    severity_basis: LegalRef | None = None
    confiscated_fen: Fen = 0
    licence: Licence | None = None
    valid_until: date | None = None
    data_source: DataSource | None = None


class PenaltyServed(Event):
    """送达: the decision is in the hands of the business, and the repair notice with it (两书同达).

    It tells what is to be paid: ``fine_fen`` until ``pay_by`` (Art. 67), and each day after that
    ``late_fee_daily`` of what is not paid, together at most the fine itself (Art. 72).
    ``days_late`` counts calendar days after ``penalty.serve_wd`` (Art. 61).
    """

    TOPIC: ClassVar[str] = "penalties.penalty-served"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    served_on: date
    repair_notice: bool
    days_late: int = 0
    fine_fen: Fen = 0
    pay_by: date | None = None
    late_fee_daily: str | None = None


class DecisionPublished(Event):
    """处罚决定公开: the public can read the decision (行政处罚法 Art. 48).

    ``redactions`` says what kinds of content were left out of ``summary``; ``days_late`` counts
    calendar days after ``publicity.penalty_wd``. The public reads the decision, not this event,
    while it is not withdrawn: a feed cannot unsay.

    Since version 2 ``version`` counts the contents of the decision from 1: a decision that was
    altered is published as a version of its own, and its days count from the alteration's service.
    """

    TOPIC: ClassVar[str] = "penalties.decision-published"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "shared"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    summary: Text
    published_on: date
    redactions: tuple[Name, ...] = ()
    url: Name | None = None
    days_late: int = 0
    version: int = 1


class DecisionWithdrawn(Event):
    """撤回公开的处罚决定: altered, revoked, unlawful or void, with a public reason (Art. 48).

    ``nullified_on`` is the day on which it was; ``days_late`` counts calendar days after
    ``publicity.withdraw_wd``. Since version 2 ``version`` says the text of which content was
    withdrawn, and the public reads the page and not this event: a feed cannot unsay.
    """

    TOPIC: ClassVar[str] = "penalties.decision-withdrawn"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "shared"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    reason: WithdrawalReason
    nullified_on: date
    withdrawn_on: date
    explanation: Text
    explanation_url: Name | None = None
    days_late: int = 0
    version: int = 1


class InstalmentPaid(Event):
    """缴纳部分罚款: a part of the fine was paid; the fields are those of ``FinePaid``."""

    TOPIC: ClassVar[str] = "penalties.instalment-paid"
    CORRECTABLE = frozenset({"receipt_no"})

    decision: DecisionId
    case: CaseId
    entity: EntityId
    unit: UnitId
    paid_on: date
    amount_fen: Fen
    late_fee_fen: Fen
    outstanding_fen: Fen
    late_fee_due_fen: Fen
    receipt_no: Name
    days_late: int = 0


class FinePaid(Event):
    """缴清罚款: nothing of the fine is outstanding any more (行政处罚法 Arts. 67, 72).

    ``amount_fen`` goes to the fine and ``late_fee_fen`` to the late fee (加处罚款), of which
    ``late_fee_due_fen`` had accrued by that day in all. ``days_late`` counts calendar days after
    the last day of payment.
    """

    TOPIC: ClassVar[str] = "penalties.fine-paid"
    CORRECTABLE = frozenset({"receipt_no"})

    decision: DecisionId
    case: CaseId
    entity: EntityId
    unit: UnitId
    paid_on: date
    amount_fen: Fen
    late_fee_fen: Fen
    outstanding_fen: Fen
    late_fee_due_fen: Fen
    receipt_no: Name
    days_late: int = 0


class PaymentDeferred(Event):
    """暂缓或分期缴纳: the head of the unit allows the fine to be paid later (Art. 66).

    No late fee accrues from the day of the approval to ``until``, the last day of payment then.
    """

    TOPIC: ClassVar[str] = "penalties.payment-deferred"

    decision: DecisionId
    case: CaseId
    entity: EntityId
    unit: UnitId
    approved_on: date
    until: date
    in_instalments: bool
    reason: Text
    approved_by: Badge


class EnforcementApplied(Event):
    """强制执行: the unit enforces the decision itself or has the court do it (Art. 72)."""

    TOPIC: ClassVar[str] = "penalties.enforcement-applied"

    decision: DecisionId
    case: CaseId
    entity: EntityId
    unit: UnitId
    applied_on: date
    by: Literal["court", "auction", "deduction", "own_power"]
    request_no: Name


class CriminalReferralMade(Event):
    """移送涉嫌犯罪案件: a case is sent to the organ that prosecutes crimes (行政处罚法 Art. 27).

    ``authority`` receives it, ``doc_no`` is the number of the letter and ``crime`` what is
    suspected. The case stays open here until it is closed.
    """

    TOPIC: ClassVar[str] = "penalties.criminal-referral-made"
    CORRECTABLE = frozenset({"doc_no"})

    case: CaseId
    entity: EntityId
    unit: UnitId
    authority: Name
    doc_no: Name
    crime: Text
    referred_on: date


CloseReason = Literal[
    "executed",
    "exempt",
    "not_established",
    "limitation",
    "transferred",
    "revoked",
    "party_ceased",
]


class CaseClosed(Event):
    """结案: nothing is left to be done (行政处罚法 Arts. 57, 73).

    ``executed``: the decision is carried out. ``exempt``: no penalty by leniency (Art. 33).
    ``not_established``: no violation was proven. ``limitation``: it was found too late (Art. 36).
    ``transferred``: another authority takes it. ``revoked``: its decision was undone. Since version
    2 ``party_ceased``: the business was deregistered, and nobody answers for it (ENT-V1).
    """

    TOPIC: ClassVar[str] = "penalties.case-closed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    case: CaseId
    entity: EntityId
    unit: UnitId
    reason: CloseReason
    conclusion: Text
    closed_on: date
    decision: DecisionId | None = None
    transferred_to: Name | None = None


class Tier(Value):
    """裁量阶次: one step of a benchmark: its circumstances and the fine that goes with them."""

    tier: Name
    circumstances: Text
    min_fen: Fen
    max_fen: Fen


class BenchmarkItem(Value):
    """One violation in a benchmark: what the law prescribes, and the steps within it.

    ``types`` are the kinds of penalty that the law imposes; the statutory amounts bound its fine.
    """

    violation_code: ViolationCode
    basis: Name
    types: tuple[PenaltyType, ...]
    statutory_min_fen: Fen
    statutory_max_fen: Fen
    tiers: tuple[Tier, ...] = ()


class BenchmarkPublished(Event):
    """裁量基准公布: a unit says in public how it uses its discretion (行政处罚法 Art. 34).

    Each version is complete and takes the place of the one before from ``effective_from`` on.
    """

    TOPIC: ClassVar[str] = "penalties.benchmark-published"
    VISIBILITY = "public"

    unit: UnitId
    version: int
    title: Name
    effective_from: date
    items: tuple[BenchmarkItem, ...]
    url: Name | None = None
