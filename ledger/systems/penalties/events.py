"""Events of penalty cases and decisions (行政处罚, 2.8), in the order of the procedure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.values import Sector, Severity
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
    """数据来源单位: the unit that supplied the data, if it is not the unit that acts."""

    name: Name
    uscc: BodyCode


class PenaltyContent(Value, omit_defaults=True):
    """处罚内容: the content of a penalty: its kinds, its fine in fen, its class, and its law.

    ``severity`` is the class of the credit record about it. ``confiscated_fen`` is the value of the
    confiscated gains and goods (没收违法所得、非法财物), 0 if it is not stated. ``licence`` is the
    licence that is suspended or revoked. ``valid_until`` is the last day of a penalty with a term.
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
#: The kind of party; the law sets different amounts for citizens and for organisations.
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
#: 不适用宽缓的情形: conduct that a leniency list must not excuse (Notice, task 6; FLX-R3).
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
    """违法行为: the violation of which the business is accused.

    ``act`` identifies the act among all acts of the business, for example by the number of the
    on-site record or of the clue; all cases about the same act must give the same ``act``,
    whichever law they apply (PEN-R2). ``last_on`` is the last day of an act that continued for some
    time; limitation counts from it (Art. 36). ``serious_harm``: the act harmed life, health or
    financial safety.
    """

    violation_code: ViolationCode
    act: Name
    first_on: date
    last_on: date
    place: Name | None = None
    serious_harm: bool = False
    excluded: tuple[ExcludedConduct, ...] = ()


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Upcast version 1 unchanged; the fields that it lacks have defaults."""
    return body


#: 经营者、权利义务承受人: who is liable in the place of a business that was deregistered.
Liable = Literal["operator", "successor"]


class CaseFiled(Event):
    """立案: a unit opens a case against a business (行政处罚法 Art. 54).

    ``investigators`` handle the case (承办人). ``discovered_on`` is the day on which the act was
    discovered; ``task``, ``matter`` and ``source_ref`` say where it came to light. ``person`` is
    the token of the citizen whom the case is against. Since version 3 ``liable`` says who is liable
    for a business that was deregistered: its operator or its successor.
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
    """证据: an item of evidence is added to the case (行政处罚法 Arts. 46, 56; 行政强制法 Art. 25).

    ``digest`` is the SHA-256 of its file. ``measure`` says whether the unit holds the objects
    listed in ``items``: registered in advance (先行登记保存) or seized (查封、扣押);
    ``approved_by`` is then the head of the unit. ``confidential``: the evidence would reveal who
    gave it. Since version 2 ``file`` describes the file that this service keeps under the digest;
    without it, ``elsewhere`` says where the file is.
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
        """The digest of the file that this service keeps, or ``None``."""
        return None if self.file is None else self.digest

    def visibility(self) -> Visibility:
        """Return ``sealed`` if the evidence would reveal who gave it in confidence."""
        return "sealed" if self.confidential else "restricted"


class SeizureExtended(Event):
    """延长查封、扣押: the head of the unit extends a seizure, once (行政强制法 Art. 25).

    The case must be complicated. ``first_due_on`` is the last day before the extension; the further
    days count from it.
    """

    TOPIC: ClassVar[str] = "penalties.seizure-extended"

    evidence: EvidenceId
    case: CaseId
    entity: EntityId
    unit: UnitId
    reason: Text
    first_due_on: date


class EvidenceDisposed(Event):
    """处理登记保存或查封、扣押的物品: the unit disposes of objects that it held.

    ``disposal``: what it did with them; ``seized``: objects registered in advance are now seized.
    ``days_late`` counts calendar days after the last day on which the unit could hold them.
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
    """处罚事先告知: the unit notifies the business of the intended penalty (Arts. 44, 63).

    The notice states the facts and the rights of the business. ``notice`` counts the notices of the
    case from 1; a later one replaces the one before. ``fine_fen`` is the intended fine.
    ``hearing_right``: the business may request a hearing. ``respond_by`` is the last day that the
    unit has set for a statement.
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
    """听取陈述、申辩: the unit heard the business and examined its points (Art. 45).

    ``notice`` is the number of the notice that the statement answers, 0 for a statement on the
    spot; ``examined`` is the unit's assessment of the points.
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
    """放弃陈述、申辩或听证: the business waived its right to a statement or to a hearing.

    ``how``: it ``declared`` so, or it stayed ``silent`` until the time had passed. The right to a
    hearing is waived only by declaration; without one, it lapses by itself.
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
    """要求听证: the business requests a hearing (Art. 64).

    ``days_late`` counts calendar days after the last day of ``penalty.hearing``; a late request
    does not oblige the unit to hold a hearing.
    """

    TOPIC: ClassVar[str] = "penalties.hearing-requested"

    case: CaseId
    entity: EntityId
    unit: UnitId
    notice: int
    requested_on: date
    days_late: int = 0


class HearingAnnounced(Event):
    """听证通知: the unit announces the day, place and host of the hearing (Art. 64).

    The host must not be an investigator of the case.
    """

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

    ``record_digest`` is the SHA-256 of the written record of the hearing, which the business read.
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

    The event is sealed because the minutes are internal; ``minutes_digest`` is their SHA-256.
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
    """行政处罚决定: a unit decides on a penalty (行政处罚法 Art. 57).

    ``severity`` and ``sector`` are the class and sector of a credit record about the decision,
    which is entered separately. ``benchmark_ref`` is the discretion benchmark (裁量基准) that it
    follows and ``tier`` the step in it (裁量阶次); ``leniency`` says whether it is 从轻 or 减轻.
    ``days_late`` counts calendar days after ``penalty.decide_cd``. Since version 3
    ``severity_basis`` is the law that allows a lower class than ``severity.map`` gives. Since
    version 4 ``confiscated_fen``, ``licence`` and ``valid_until`` complete its content
    (``PenaltyContent``), and ``data_source`` is the unit that supplied the data, if it is another
    one.
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
    """送达: the unit serves the decision on the business, with the repair notice (两书同达).

    The business must pay ``fine_fen`` by ``pay_by`` (Art. 67). Each later day adds a late fee of
    ``late_fee_daily`` times the unpaid amount, in all at most the fine itself (Art. 72).
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
    """处罚决定公开: the unit publishes the decision (行政处罚法 Art. 48).

    ``redactions`` lists the kinds of content that were left out of ``summary``; ``days_late``
    counts calendar days after ``publicity.penalty_wd``. The public reads the page of the decision
    until it is withdrawn. It does not read this event, because a public feed cannot be taken back.

    Since version 2 ``version`` counts the contents of the decision from 1: an altered decision is
    published as a new version, and its days count from the service of the alteration.
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
    """撤回公开的处罚决定: the unit withdraws a published decision and says why (Art. 48).

    The decision was altered, revoked, or declared unlawful or void on ``nullified_on``;
    ``days_late`` counts calendar days after ``publicity.withdraw_wd``. Since version 2 ``version``
    is the version whose text was withdrawn. The public reads the page and not this event, because a
    public feed cannot be taken back.
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
    """缴纳部分罚款: the business paid a part of the fine; the fields are those of ``FinePaid``."""

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
    """缴清罚款: with this payment the fine is fully paid (行政处罚法 Arts. 67, 72).

    ``amount_fen`` goes to the fine and ``late_fee_fen`` to the late fee (加处罚款);
    ``late_fee_due_fen`` is the whole late fee that had accrued by that day. ``days_late`` counts
    calendar days after the last day of payment.
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
    """暂缓或分期缴纳: the head of the unit allows the business to pay the fine later (Art. 66).

    No late fee accrues from the day of approval to ``until``, the new last day of payment.
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
    """移送涉嫌犯罪案件: the unit refers a case to the judicial organ (行政处罚法 Art. 27).

    ``authority`` receives it, ``doc_no`` is the number of the letter and ``crime`` the suspected
    crime. The case stays open here until the unit closes it.
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
    """结案: the unit closes a case (行政处罚法 Arts. 57, 73).

    ``executed``: the decision was carried out. ``exempt``: no penalty, by leniency (Art. 33).
    ``not_established``: no violation was proven. ``limitation``: the act was discovered too late
    (Art. 36). ``transferred``: another authority takes the case. ``revoked``: its decision was
    undone. Since version 2 ``party_ceased``: the business was deregistered, and no person is liable
    for it (ENT-V1).
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
    """裁量阶次: one step of a benchmark: its circumstances and the range of its fine."""

    tier: Name
    circumstances: Text
    min_fen: Fen
    max_fen: Fen


class BenchmarkItem(Value):
    """One violation in a benchmark: the penalty in the law, and the steps within it.

    ``types`` are the kinds of penalty in the law; the statutory amounts are the limits of its fine.
    """

    violation_code: ViolationCode
    basis: Name
    types: tuple[PenaltyType, ...]
    statutory_min_fen: Fen
    statutory_max_fen: Fen
    tiers: tuple[Tier, ...] = ()


class BenchmarkPublished(Event):
    """裁量基准公布: a unit publishes how it uses its discretion (行政处罚法 Art. 34).

    Each version is complete and replaces the one before from ``effective_from`` on.
    """

    TOPIC: ClassVar[str] = "penalties.benchmark-published"
    VISIBILITY = "public"

    unit: UnitId
    version: int
    title: Name
    effective_from: date
    items: tuple[BenchmarkItem, ...]
    url: Name | None = None


class Penalty(msgspec.Struct, frozen=True):
    """A penalty that is imposed or intended: its kinds, and the fine in fen."""

    types: tuple[PenaltyType, ...]
    fine_fen: int
