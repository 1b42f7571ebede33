"""Events of credit recording and publicity (信用信息记录与公示, 2.4a)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import msgspec

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
from ledger.kernel import Event, Value, Visibility
from ledger.kernel.events import Upcaster
from ledger.systems.filing.events import Result

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
#: 轻微、一般、严重失信信息. Information that is no dishonesty has none.
Severity = Literal["minor", "general", "serious"]
#: What a record can be classed as: 特定严重失信信息 is a class of the regime of 2019 alone.
RecordSeverity = Literal["minor", "general", "serious", "special_serious"]
#: Sectors whose dishonesty information stays public longer under some regimes.
Sector = Literal["food", "drugs", "special_equipment", "work_safety", "fire", "general"]
InstrumentKind = Literal[
    "judgment",
    "penalty_decision",
    "ruling",
    "licence_decision",
    "list_decision",
    "inspection_conclusion",
    "other",
]
Channel = Literal["credit_china", "necips", "unit_site"]
#: What ends a record. ``source_delisted``: the list that it was taken from carries it no more.
TerminationReason = Literal["repaired", "max_reached", "revoked", "correction", "source_delisted"]
#: By whom the execution of a decision was stopped (停止执行; 行政复议法 Art 42, 行政诉讼法 Art 56).
StopOfExecution = Literal["stopped_by_reconsideration", "stopped_by_court"]
Channels = Annotated[tuple[Channel, ...], msgspec.Meta(min_length=1)]


class Instrument(Value, omit_defaults=True):
    """法律文书: the document that a record rests on.

    ``allowed_by`` cites the law under which a document of kind ``other`` may carry a record.
    """

    kind: InstrumentKind
    doc_no: Name
    effective_on: date
    allowed_by: Text | None = None


class CreditRecordEntered(Event):
    """信用信息记录: an effective instrument is on the credit record of a business.

    Entered by the unit that determined it (谁认定、谁录入; 国办发〔2020〕49号).
    ``determined_on`` is the date of the instrument's determination, from which publicity periods
    count; ``severity`` stands on dishonesty information alone. ``result`` is that of an
    inspection, ``fulfilled`` says of a commitment that it was kept. ``source_event_id`` names
    the fact in this ledger, ``source_ref`` the row of another register; ``catalogue_item`` the item
    of the catalogue that admits a record of kind ``other``. Public information of some severity is
    shown while its publicity lasts, any other public information from now on.

    Since version 2 ``determined_by`` names the unit that determined it, where another one entered
    it (谁认定、谁修复), and ``severity`` may be ``special_serious`` (特定严重失信信息), a class of
    the regime of 2019.
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
        """What is not to be published is seen by the authorities alone.

        Nothing of a credit record is public as an event: a feed cannot unsay what publicity has
        ended. The public reads what is shown now in the profile.
        """
        return "shared" if self.public else "restricted"


class CreditRecordAltered(Event):
    """变更信用信息: a record says what its decision says since it was altered (行政复议法 Art 63).

    The new content holds on every day from ``valid_from`` on, the day of the original determination
    (rulebook 2.17). ``doc_no`` is the number of the decision as it now reads, where it was
    corrected; ``instrument`` the document that altered the decision.
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
        """As the record that it changes."""
        return "shared" if self.public else "restricted"


class PublicityBoundsMoved(Event):
    """调整公示期: the last days of a record's publicity have moved.

    ``because``: a law that came later takes the record in (``transition``), the day of its
    determination was corrected, or its decision was altered. The bounds hold from ``valid_from``
    on; from here on the clock applies them and everything shows them.
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
        """What was never shared is not announced by its bounds."""
        return "shared" if self.shown else "restricted"


class PublicityStarted(Event):
    """开始公示: a record is shown to the public.

    ``min_until`` and ``max_until`` are the last days of the shortest and the longest publicity
    under the regime of the determination date; absent where the regime sets none. ``days_late``
    counts calendar days after ``publicity.penalty_wd`` or ``publicity.other_wd``.
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

    A record that was never ``shown`` can end too: ``repaired``, ``revoked`` and ``correction`` say
    that it counts no more.
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
        """What was never shared is not announced by its end."""
        return "shared" if self.shown else "restricted"


class EndApproved(Event):
    """终止公示审批: a second person has approved that a record ends by a word of its unit.

    Recorded with its end, for the unit, the business and the supervisors: partners read the end,
    and no person's name. ``approved_by`` is its actor, since two people sign it; who requested it
    is named by the approval that it follows from.
    """

    TOPIC: ClassVar[str] = "credit.end-approved"

    record: RecordId
    entity: EntityId
    unit: UnitId
    reason: Literal["revoked", "correction"]
    approved_by: Badge


class PublicitySuspended(Event):
    """中止公示: a record is not shown for the time being; ``until`` is the last day if known.

    Since version 2 ``ground`` says by whom the execution of its decision was stopped, and ``order``
    by which document; under a court's shield (重整) there is neither, its ruling stands beside it.
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
    """恢复公示: a suspended record is shown again; its last days have not moved."""

    TOPIC: ClassVar[str] = "credit.publicity-resumed"
    VISIBILITY = "shared"

    record: RecordId
    entity: EntityId
    unit: UnitId
    resumed_on: date
    reason: Text


class PublicityReinstated(Event):
    """恢复失信信息: what ended a record is undone, and it counts again for the rest of its term.

    A repair was got by false material, or its commitment was broken (国家发展改革委令第58号).
    ``reinstated_on`` is the first day on which it counts again, ``ended_on`` the day from which it
    did not. The last day of its publicity has not moved; the time without it is not made up for.
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
        """What was never shared is not announced by its return."""
        return "shared" if self.shown else "restricted"


class ShownElsewhereReported(Event):
    """异地公示情况报告: somebody saw a record of this document on another platform.

    ``where`` names the platform or the system that shows it; a claim of that source and no record
    here. Whether it may still be shown there is what CRD-V4 looks at.
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
    """异议申请: the business says that a record is wrong."""

    TOPIC: ClassVar[str] = "credit.objection-filed"

    record: RecordId
    entity: EntityId
    unit: UnitId
    grounds: Text
    evidence_refs: tuple[Name, ...] = ()


class ObjectionResolved(Event):
    """异议处理: the objection is answered; ``days_late`` counts calendar days after it was due."""

    TOPIC: ClassVar[str] = "credit.objection-resolved"

    record: RecordId
    entity: EntityId
    unit: UnitId
    outcome: Literal["upheld", "partly_upheld", "rejected"]
    explanation: Text
    days_late: int = 0
