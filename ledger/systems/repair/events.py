"""Events of credit repair and its green channel (信用修复与绿色通道, 2.4e)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    Badge,
    CommitmentId,
    EntityId,
    Fen,
    Name,
    RecordId,
    RepairId,
    Text,
    UnitId,
)
from ledger.kernel import Event, LegalRef, Value
from ledger.kernel.events import Upcaster
from ledger.systems.credit.events import Channel

#: 信用中国, 国家企业信用信息公示系统, 认定单位窗口.
RepairChannel = Literal["credit_china", "necips", "window"]
#: 微型、小型、中型、大型企业.
EnterpriseSize = Literal["micro", "small", "medium", "large"]
#: What papers can show: 行为已纠正, 义务已履行.
Duty = Literal["conduct_corrected", "obligations_performed"]
Records = Annotated[tuple[RecordId, ...], msgspec.Meta(min_length=1, max_length=50)]
Province = Annotated[str, msgspec.Meta(pattern=r"^\d\d$", description="GB/T 2260 province")]
#: Why a repair is undone: 提供虚假材料, 违反修复承诺.
RevocationReason = Literal["false_material", "breach"]


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 of a grant named no other province."""
    return body


class Proof(Value, omit_defaults=True):
    """证明材料: a paper and what it shows; ``ref`` leads to it."""

    shows: Literal["conduct_corrected", "obligations_performed", "other"]
    ref: Name
    says: Text | None = None


class Reason(Value, omit_defaults=True):
    """One reason not to repair: in words, the rule that is not satisfied, what shows that."""

    says: Text
    rule: Literal["REP-R1", "REP-R2", "REP-R3", "REP-R4", "REP-R5", "REP-R7"] | None = None
    evidence: tuple[Name, ...] = ()


class RepairApplied(Event):
    """申请信用修复: a business asks that records of its own be repaired (国家发展改革委令第36号).

    All ``records`` were determined by ``unit`` (谁认定、谁修复). ``commitment`` is the public
    commitment that comes with it. ``enterprise_size`` and ``epidemic_ground`` (what ties the
    penalty to the epidemic) are what the green channel needs. ``market_supervision``: some record
    is under the market-supervision system's own rules (``samr.regime``).
    """

    TOPIC: ClassVar[str] = "repair.repair-applied"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    records: tuple[RecordId, ...]
    proofs: tuple[Proof, ...]
    channel: RepairChannel
    commitment: CommitmentId
    green_channel: bool = False
    enterprise_size: EnterpriseSize | None = None
    epidemic_ground: Text | None = None
    market_supervision: bool = False


class RepairForwarded(Event):
    """转送修复申请: the application is with the unit that determined the records.

    The unit decides on acceptance within ``repair.accept_wd`` from here.
    """

    TOPIC: ClassVar[str] = "repair.repair-forwarded"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    green_channel: bool = False


class RepairSupplementRequested(Event):
    """一次性告知补正: the unit says what is missing before it can accept."""

    TOPIC: ClassVar[str] = "repair.repair-supplement-requested"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    missing: tuple[Text, ...]
    days_late: int = 0


class RepairSupplemented(Event):
    """补正材料: the business hands in what was missing; the time for acceptance begins anew."""

    TOPIC: ClassVar[str] = "repair.repair-supplemented"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    proofs: tuple[Proof, ...]
    green_channel: bool = False


class RepairAccepted(Event):
    """受理修复申请: the unit takes the case up; ``days_late`` counts calendar days."""

    TOPIC: ClassVar[str] = "repair.repair-accepted"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    green_channel: bool = False
    market_supervision: bool = False
    days_late: int = 0


class RepairNotAccepted(Event):
    """不予受理: the unit does not take the case up, and says why (REP-R9)."""

    TOPIC: ClassVar[str] = "repair.repair-not-accepted"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    reasons: tuple[Reason, ...]
    days_late: int = 0


class RepairExtended(Event):
    """延长办理期限: once, for a complex case or one to be verified.

    ``extended_from`` was the last day to decide; ``until`` is it now (``repair.extend_wd`` later).
    """

    TOPIC: ClassVar[str] = "repair.repair-extended"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    reason: Literal["complex", "needs_verification"]
    extended_from: date
    until: date


class RepairGranted(Event):
    """准予信用修复: the determining unit has verified that all conditions are met.

    With it, in one append: publicity and sharing end, sanctions are lifted, the grade is computed
    anew. ``verified`` says what the unit has verified itself, ``verification`` how. ``targets`` are
    the platforms that have to follow within ``repair.sync_wd``; ``push_to`` is the other province
    (two digits) to whose market supervision the result is passed on, within ``samr.regime``.
    ``days_late`` counts calendar days. Since version 3 ``verified_by`` is who verified the papers
    and the duties.
    """

    TOPIC: ClassVar[str] = "repair.repair-granted"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was, 2: _as_it_was}

    repair: RepairId
    entity: EntityId
    unit: UnitId
    records: tuple[RecordId, ...]
    verified: tuple[Duty, ...]
    verification: Text
    targets: tuple[Channel, ...]
    granted_on: date
    days_late: int = 0
    push_to: Province | None = None
    verified_by: Badge | None = None


class RepairRefused(Event):
    """不予信用修复: with reasons and the remedy open to the business (REP-R9)."""

    TOPIC: ClassVar[str] = "repair.repair-refused"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    reasons: tuple[Reason, ...]
    remedy: Text
    days_late: int = 0


class RepairResultSynchronised(Event):
    """修复结果同步: a platform shows the records no more.

    ``outstanding`` are the platforms that have not confirmed yet.
    """

    TOPIC: ClassVar[str] = "repair.repair-result-synchronised"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    target: Channel
    acked_on: date
    outstanding: tuple[Channel, ...] = ()


class RepairSynchronised(Event):
    """修复结果全部同步: the last of the platforms has confirmed."""

    TOPIC: ClassVar[str] = "repair.repair-synchronised"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    days_late: int = 0


class RepairPushed(Event):
    """跨省推送: the result went to the market supervision of the business's own province.

    ``days_late`` counts calendar days after ``samr.regime``'s ``push_wd``.
    """

    TOPIC: ClassVar[str] = "repair.repair-pushed"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    province: Province
    pushed_on: date
    days_late: int = 0


class TemporaryShieldGranted(Event):
    """重整期间临时屏蔽: while a court reorganises the business, its records are not shown.

    ``court_ruling`` is the number of the ruling that approves the plan; ``until`` the last day, if
    the ruling sets one. The publicity of each record is suspended in the same append.
    """

    TOPIC: ClassVar[str] = "repair.temporary-shield-granted"

    entity: EntityId
    unit: UnitId
    records: tuple[RecordId, ...]
    court_ruling: Name
    ruled_on: date
    until: date | None = None


class RepairRevoked(Event):
    """撤销信用修复: it was got by false material, or the commitment was broken.

    The records come back with it, in one append.
    """

    TOPIC: ClassVar[str] = "repair.repair-revoked"

    repair: RepairId
    entity: EntityId
    unit: UnitId
    records: tuple[RecordId, ...]
    reason: RevocationReason
    facts: Text
    evidence: tuple[Name, ...]
    revoked_on: date


class RepairMisconductRecorded(Event):
    """修复失信行为记录: a business cheated in a repair, or broke what it promised for it.

    Until ``bar_until``, that day included, no application of the business is taken
    (``repair.false_bar_years``; REP-R5).
    """

    TOPIC: ClassVar[str] = "repair.repair-misconduct-recorded"

    entity: EntityId
    unit: UnitId
    reason: RevocationReason
    facts: Text
    evidence: tuple[Name, ...]
    bar_until: date
    repair: RepairId | None = None


class RepairExcluded(Event):
    """不予修复情形: a law or a policy of the central authorities shuts a record out of repair."""

    TOPIC: ClassVar[str] = "repair.repair-excluded"

    record: RecordId
    entity: EntityId
    unit: UnitId
    law: LegalRef


class RepairReadmitted(Event):
    """撤回不可修复认定: a record was shut out in error, or by a law that holds no more."""

    TOPIC: ClassVar[str] = "repair.repair-readmitted"

    record: RecordId
    entity: EntityId
    unit: UnitId
    reason: Text


class DutiesPerformed(Event):
    """履行义务: the unit has seen that what a record asked of a business is done.

    ``duty`` is which of the two conditions it shows; ``evidence`` by what.
    """

    TOPIC: ClassVar[str] = "repair.duties-performed"

    record: RecordId
    entity: EntityId
    unit: UnitId
    duty: Duty
    performed_on: date
    evidence: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]


class RepairFeeReported(Event):
    """修复收费情况报告: somebody took, or asked for, money for a repair, which is free (REP-V4)."""

    TOPIC: ClassVar[str] = "repair.repair-fee-reported"
    CORRECTABLE = frozenset({"collected_by", "amount_fen", "facts"})

    entity: EntityId
    collected_by: Name
    amount_fen: Fen
    facts: Text
    unit: UnitId | None = None
    repair: RepairId | None = None
