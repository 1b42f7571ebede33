"""Folds about credit records and their publicity."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
from msgspec.structs import replace

from ledger.general.documents import normal_form
from ledger.general.vocabulary import EntityId, RecordId
from ledger.kernel import Event, Fold, Inquiry, Message, Recorded, SubjectFold, UnknownReference
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    ObjectionFiled,
    ObjectionResolved,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)

#: Kinds of records that are negative even without a severity.
_NEGATIVE = {"penalty", "commitment_breach", "abnormal_list", "serious_list"}


class Pause(msgspec.Struct):
    """A period during which a record is not shown or does not count; both days included."""

    first: date
    last: date | None

    def covers(self, day: date) -> bool:
        """Return whether a day belongs to the period."""
        return self.first <= day and (self.last is None or day <= self.last)


class Record(SubjectFold):
    """What does this record say, is it shown, and does it still count?"""

    BEGUN = "content"

    record: RecordId
    entry: Recorded | None = msgspec.field(default=None, name="entered")
    #: Where it was entered.
    position: int = 0
    content: CreditRecordEntered | None = msgspec.field(default=None, name="says")
    started: PublicityStarted | None = None
    ended: PublicityTerminated | None = None
    pauses: list[Pause] = msgspec.field(default_factory=list)
    #: The periods between an end that was later undone and the reinstatement.
    gaps: list[Pause] = msgspec.field(default_factory=list)
    objection: Recorded | None = None
    #: Whether it ever ended by repair or by its longest publicity.
    was_over: bool = False
    #: The day on which it took the content of its altered decision.
    altered_on: date | None = None

    @property
    def says(self) -> CreditRecordEntered:
        """What it says today. Of a record that exists."""
        return self.since_begun(self.content)

    @property
    def entered(self) -> Recorded:
        """Where it was entered. Of a record that exists."""
        return self.since_begun(self.entry)

    @property
    def owner(self) -> str:
        return self.says.unit

    @property
    def determined_by(self) -> str:
        """The unit that determined it and therefore decides on its repair (谁认定、谁修复)."""
        return self.says.determined_by or self.says.unit

    @property
    def serious(self) -> bool:
        """Whether it counts as serious dishonesty information."""
        return self.says.severity in ("serious", "special_serious")

    @property
    def undone(self) -> bool:
        """Whether it should never have counted: its decision was undone or the record was wrong."""
        return self.ended is not None and self.ended.reason in ("revoked", "correction")

    @property
    def negative(self) -> bool:
        """Whether it counts against the business."""
        return self.says.severity is not None or self.says.kind in _NEGATIVE

    def on_entered(self, event: CreditRecordEntered, record: Recorded) -> None:
        self.entry, self.content = record, event
        self.position = record.position

    def on_altered(self, event: CreditRecordAltered) -> None:
        if not self.exists:
            return
        self.altered_on = event.altered_on
        said = replace(self.says, severity=event.severity, amount_fen=event.amount_fen)
        if event.doc_no is not None:
            said = replace(said, instrument=replace(said.instrument, doc_no=event.doc_no))
        self.content = said

    def on_started(self, event: PublicityStarted) -> None:
        self.started = event

    def on_moved(self, event: PublicityBoundsMoved) -> None:
        if self.started is not None:
            self.started = replace(
                self.started, min_until=event.min_until, max_until=event.max_until
            )

    def on_terminated(self, event: PublicityTerminated) -> None:
        self.ended = event
        self.was_over = self.was_over or event.reason in ("repaired", "max_reached")

    def on_reinstated(self, event: PublicityReinstated) -> None:
        self.ended = None
        self.gaps.append(Pause(event.ended_on, _day_before(event.reinstated_on)))

    def on_suspended(self, event: PublicitySuspended) -> None:
        self.pauses.append(Pause(event.suspended_on, event.until))

    def on_resumed(self, event: PublicityResumed) -> None:
        for pause in self.pauses:
            if pause.covers(event.resumed_on):
                pause.last = _day_before(event.resumed_on)

    def apply(self, event: Event) -> None:
        """Apply an event that is not recorded yet."""
        match event:
            case CreditRecordAltered():
                self.on_altered(event)
            case PublicityBoundsMoved():
                self.on_moved(event)
            case PublicityTerminated():
                self.on_terminated(event)
            case PublicityReinstated():
                self.on_reinstated(event)

    def on_objected(self, event: ObjectionFiled, record: Recorded) -> None:
        self.objection = record

    def on_resolved(self, event: ObjectionResolved) -> None:
        self.objection = None

    def negative_within(self, after: date, on: date) -> bool:
        """Return whether it is negative and was determined after ``after`` and by ``on``."""
        return (
            self.negative
            and not self.undone
            and not self.void(on)
            and after < self.says.determined_on <= on
        )

    def suspended(self, on: date) -> bool:
        """Return whether its publicity is suspended on a day."""
        return any(pause.covers(on) for pause in self.pauses)

    def live(self, on: date) -> bool:
        """Return whether it may be used on a day.

        It must be determined, not ended, and within its longest publicity. After that it may not be
        used even if nobody ended it in time (CRD-V1).
        """
        if on < self.says.determined_on or self._ended(on):
            return False
        return (
            self.started is None or self.started.max_until is None or on <= self.started.max_until
        )

    def counts(self, on: date) -> bool:
        """Return whether it counts for the grade of a day; never if it was undone."""
        return not self.undone and self.live(on)

    def in_publicity(self, on: date) -> bool:
        """Return whether it is in publicity on a day."""
        return (
            self.started is not None
            and self.started.started_on <= on
            and self.live(on)
            and not self.suspended(on)
        )

    def shown(self, on: date) -> bool:
        """Return whether the public sees it on a day; with a severity only during its publicity."""
        if not self.says.public:
            return False
        if self.started is None and self.says.severity is None:
            return self.live(on)
        return self.in_publicity(on)

    def void(self, on: date) -> bool:
        """Return whether it no longer counts at all: repaired, revoked, corrected or delisted."""
        return self.void_because(on) is not None

    def void_because(self, on: date) -> str | None:
        """Return why it no longer counts on a day, or ``None`` if it counts."""
        if any(gap.covers(on) for gap in self.gaps):
            return "repaired"  # only a repair can be undone
        if self.ended is None or self.ended.reason == "max_reached" or not self._ended(on):
            return None
        return self.ended.reason

    def _ended(self, on: date) -> bool:
        if any(gap.covers(on) for gap in self.gaps):
            return True
        return self.ended is not None and self.ended.terminated_on <= on


def record_of(
    inquiry: Inquiry, name: str, entity: str, hint: Message | str | None = None
) -> Record:
    """Return a record of ``entity``.

    Raise ``UnknownReference`` both for an unknown record and for a record of another business, so
    that guessing ids does not reveal which records exist.
    """
    record = inquiry.known(Record(name), hint)
    if record.says.entity != entity:
        raise UnknownReference("record", name, hint)
    return record


class CreditRecords(Fold):
    """Which records does this business have, and what is the state of each?"""

    entity: EntityId
    records: dict[str, Record] = msgspec.field(default_factory=dict)

    def on_entered(self, event: CreditRecordEntered, record: Recorded) -> None:
        self.records[event.record] = Record(event.record)
        self.records[event.record].take(record)

    def on_changed(
        self,
        event: CreditRecordAltered
        | PublicityStarted
        | PublicityBoundsMoved
        | PublicityTerminated
        | PublicityReinstated
        | PublicitySuspended
        | PublicityResumed
        | ObjectionFiled
        | ObjectionResolved,
        record: Recorded,
    ) -> None:
        if event.record in self.records:
            self.records[event.record].take(record)

    def live(self, on: date) -> list[Record]:
        """Return the records that may be used on a day, oldest determination first."""
        return _by_age(r for r in self.records.values() if r.live(on))

    def by_age(self) -> list[Record]:
        """Return all records, oldest determination first."""
        return _by_age(self.records.values())

    def of_document(self, decision: str | None, doc_no: str | None) -> list[Record]:
        """Return the records that name a decision or its document number.

        The oldest determination comes first.
        """
        wanted = None if doc_no is None else normal_form(doc_no)
        return _by_age(
            r
            for r in self.records.values()
            if (decision is not None and r.says.decision == decision)
            or (wanted is not None and normal_form(r.says.instrument.doc_no) == wanted)
        )

    def resting_on(self, decision: str, doc_no: str | None = None) -> list[Record]:
        """Return the records of a decision that were not undone, oldest determination first.

        A record that ended by repair or by its longest publicity is included, because it did count.
        """
        return [r for r in self.of_document(decision, doc_no) if not r.undone]

    def void(self, on: date) -> dict[str, str]:
        """Return the records that no longer count on a day, with the reason for each."""
        reasons = {name: record.void_because(on) for name, record in self.records.items()}
        return {name: reason for name, reason in reasons.items() if reason is not None}


def _by_age(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda r: (r.says.determined_on, r.record))


def _day_before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)
