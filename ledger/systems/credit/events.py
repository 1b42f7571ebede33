"""Events of credit recording and publicity (信用信息记录与公示, 2.4a)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec

from ledger.general.values import Instrument, Result, Sector
from ledger.general.vocabulary import (
    Badge,
    DecisionId,
    EntityId,
    Fen,
    Name,
    RecordId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Event, Visibility
from ledger.kernel.events import Upcaster

RecordKind = Literal[
    "licence",
    "penalty",
    "inspection_result",
    "commitment",
    "commitment_breach",
    "abnormal_list",
    "serious_list",
    "honour",
    "judgment",
    "tax",
    "other",
]
#: The classes of a record; ``special_serious`` (特定严重失信信息) exists only in the 2019 regime.
RecordSeverity = Literal["minor", "general", "serious", "special_serious"]
Channel = Literal["credit_china", "necips", "unit_site"]
#: Why a record ended. ``source_delisted``: it was removed from the list that it came from.
TerminationReason = Literal["repaired", "max_reached", "revoked", "correction", "source_delisted"]
#: Who stopped the execution of a decision (停止执行; 行政复议法 Art 42, 行政诉讼法 Art 56).
StopOfExecution = Literal["stopped_by_reconsideration", "stopped_by_court"]
Channels = Annotated[tuple[Channel, ...], msgspec.Meta(min_length=1)]


class CreditRecordEntered(Event):
    """信用信息记录: a legal instrument in effect was entered on the credit record of a business.

    The unit that determined it enters it (谁认定、谁录入; 国办发〔2020〕49号). ``determined_on``
    is the date of the instrument, from which publicity periods count. Only dishonesty information
    has a ``severity``. ``result`` is the result of an inspection; ``fulfilled`` says that a
    commitment was kept. ``source_event_id`` names the event in this ledger that the record comes
    from, ``source_ref`` the row of another register. ``catalogue_item`` names the catalogue item
    that allows a record of kind ``other``. Public information with a severity is shown during its
    publicity, other public information from now on.

    Since version 2 ``determined_by`` names the determining unit if another unit entered the record
    (谁认定、谁修复), and ``severity`` may be ``special_serious`` (特定严重失信信息), a class of the
    2019 regime.
    """

    TOPIC: ClassVar[str] = "credit.credit-record-entered"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    CORRECTABLE = frozenset({"instrument", "determined_on", "title", "summary", "amount_fen"})

    record: RecordId
    entity: EntityId
    unit: UnitId
    kind: RecordKind
    instrument: Instrument
    determined_on: date
    title: Name
    public: bool
    summary: Text | None = None
    severity: RecordSeverity | None = None
    sector: Sector = "general"
    amount_fen: Fen | None = None
    result: Result | None = None
    fulfilled: bool = False
    necessity_reason: Text | None = None
    catalogue_item: Name | None = None
    decision: DecisionId | None = None
    task: TaskId | None = None
    source_event_id: UUID | None = None
    source_ref: Name | None = None
    determined_by: UnitId | None = None

    def visibility(self) -> Visibility:
        """Return restricted for a record that may not be published: only authorities see it.

        No credit event is ``public``, because a feed could not take a record back when its
        publicity ends. The public reads the profile, which has only what is shown now.
        """
        return "shared" if self.public else "restricted"


class CreditRecordAltered(Event):
    """变更信用信息: a record took the new content of its altered decision (行政复议法 Art 63).

    The new content counts for every day from ``valid_from``, the day of the original determination
    (rulebook 2.17). ``instrument`` is the document that altered the decision; ``doc_no`` is the
    corrected number of the decision, if it was corrected.
    """

    TOPIC: ClassVar[str] = "credit.credit-record-altered"

    record: RecordId
    entity: EntityId
    unit: UnitId
    decision: DecisionId
    instrument: Name
    altered_on: date
    valid_from: date
    severity: RecordSeverity | None
    amount_fen: Fen | None
    doc_no: Name | None = None
    public: bool = True

    def visibility(self) -> Visibility:
        """Return the same visibility as the record that it changes."""
        return "shared" if self.public else "restricted"


class PublicityBoundsMoved(Event):
    """调整公示期: the last days of a record's publicity have moved.

    ``because`` is ``transition`` if a later law applies to the record, ``correction`` if the day of
    its determination was corrected, and ``alteration`` if its decision was altered. The new last
    days count from ``valid_from``; the deadlines of the record use them from now on.
    """

    TOPIC: ClassVar[str] = "credit.publicity-bounds-moved"

    record: RecordId
    entity: EntityId
    unit: UnitId
    because: Literal["transition", "correction", "alteration"]
    valid_from: date
    min_until: date | None = None
    max_until: date | None = None
    shown: bool = True

    def visibility(self) -> Visibility:
        """Return restricted for a record that was never shared, so that this does not reveal it."""
        return "shared" if self.shown else "restricted"


class PublicityStarted(Event):
    """开始公示: a record is shown to the public.

    ``min_until`` and ``max_until`` are the last days of the shortest and the longest publicity
    under the regime of the determination date; they are absent if the regime sets none.
    ``days_late`` counts calendar days after ``publicity.penalty_wd`` or ``publicity.other_wd``.
    """

    TOPIC: ClassVar[str] = "credit.publicity-started"
    VISIBILITY = "shared"

    record: RecordId
    entity: EntityId
    unit: UnitId
    started_on: date
    channels: Channels
    min_until: date | None = None
    max_until: date | None = None
    days_late: int = 0


class PublicityTerminated(Event):
    """终止公示: a record is no longer shown, shared or used.

    A record that was never ``shown`` can end too. After ``repaired``, ``revoked`` and
    ``correction`` it no longer counts.
    """

    TOPIC: ClassVar[str] = "credit.publicity-terminated"

    record: RecordId
    entity: EntityId
    unit: UnitId
    reason: TerminationReason
    terminated_on: date
    shown: bool = True
    note: Text | None = None

    def visibility(self) -> Visibility:
        """Return restricted for a record that was never shared, so that this does not reveal it."""
        return "shared" if self.shown else "restricted"


class EndApproved(Event):
    """终止公示审批: a second person approved the unit's own decision to end a record.

    It is recorded together with the end of the record. The unit, the business and the supervisors
    read it; partner units read only the end of the record, which names no person. ``approved_by``
    is the actor of this event; the approval request names the person who asked for it.
    """

    TOPIC: ClassVar[str] = "credit.end-approved"

    record: RecordId
    entity: EntityId
    unit: UnitId
    reason: Literal["revoked", "correction"]
    approved_by: Badge


class PublicitySuspended(Event):
    """中止公示: a record is temporarily not shown; ``until`` is the last such day, if known.

    Since version 2 ``ground`` says who stopped the execution of its decision, and ``order`` by
    which document. Both are absent if a court protects the business in a reorganisation (重整);
    the ruling is then a separate event.
    """

    TOPIC: ClassVar[str] = "credit.publicity-suspended"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "shared"

    record: RecordId
    entity: EntityId
    unit: UnitId
    suspended_on: date
    reason: Text
    until: date | None = None
    ground: StopOfExecution | None = None
    order: Name | None = None


class PublicityResumed(Event):
    """恢复公示: a suspended record is shown again; its last days of publicity stay the same."""

    TOPIC: ClassVar[str] = "credit.publicity-resumed"
    VISIBILITY = "shared"

    record: RecordId
    entity: EntityId
    unit: UnitId
    resumed_on: date
    reason: Text


class PublicityReinstated(Event):
    """恢复失信信息: a repair was undone, and its record counts again for the rest of its term.

    The repair was obtained with false material, or its commitment was broken (国家发展改革委令第58
    号). The record did not count from ``ended_on`` and counts again from ``reinstated_on``. The
    last day of its publicity stays the same; the time in between is not added.
    """

    TOPIC: ClassVar[str] = "credit.publicity-reinstated"

    record: RecordId
    entity: EntityId
    unit: UnitId
    reason: Literal["false_material", "breach"]
    ended_on: date
    reinstated_on: date
    max_until: date | None = None
    shown: bool = True

    def visibility(self) -> Visibility:
        """Return restricted for a record that was never shared, so that this does not reveal it."""
        return "shared" if self.shown else "restricted"


class ShownElsewhereReported(Event):
    """异地公示情况报告: a record of this document was seen on another platform.

    ``where`` names that platform. The report is a claim, not a record in this ledger. Finding
    CRD-V4 says that the platform should no longer show it.
    """

    TOPIC: ClassVar[str] = "credit.shown-elsewhere-reported"
    CORRECTABLE = frozenset({"where", "says", "seen_on"})

    record: RecordId
    entity: EntityId
    unit: UnitId
    where: Name
    seen_on: date
    says: Text | None = None


class ObjectionFiled(Event):
    """异议申请: the business objects to a record."""

    TOPIC: ClassVar[str] = "credit.objection-filed"

    record: RecordId
    entity: EntityId
    unit: UnitId
    grounds: Text
    evidence_refs: tuple[Name, ...] = ()


class ObjectionResolved(Event):
    """异议处理: the objection was answered, ``days_late`` calendar days late."""

    TOPIC: ClassVar[str] = "credit.objection-resolved"

    record: RecordId
    entity: EntityId
    unit: UnitId
    outcome: Literal["upheld", "partly_upheld", "rejected"]
    explanation: Text
    days_late: int = 0
