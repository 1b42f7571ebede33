"""Folds about credit records and their publicity."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
from msgspec.structs import replace

from ledger.general.documents import normal_form
from ledger.general.vocabulary import EntityId, RecordId
from ledger.kernel import Event, Fold, Reading, Recorded, UnknownReference
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

#: Kinds of records that speak against a business even without a severity.
_NEGATIVE = {"penalty", "commitment_breach", "abnormal_list", "serious_list"}


class Pause(msgspec.Struct):
    """One time during which a record is not shown, or does not count; both days belong to it."""

    first: date
    last: date | None

    def covers(self, day: date) -> bool:
        """Whether the record is not shown that day."""
        return self.first <= day and (self.last is None or day <= self.last)


class Record(Fold):
    """What does this record say, is it shown, and does it still count?"""

    record: RecordId
    entered: Recorded | None = None
    #: Where it was entered.
    position: int = 0
    says: CreditRecordEntered | None = None
    started: PublicityStarted | None = None
    ended: PublicityTerminated | None = None
    pauses: list[Pause] = msgspec.field(default_factory=list)
    #: Between an end that was undone and the return.
    gaps: list[Pause] = msgspec.field(default_factory=list)
    objection: Recorded | None = None
    #: Whether it ever ended by repair or by its longest publicity.
    was_over: bool = False
    #: Since when it says what its altered decision says.
    altered_on: date | None = None

    @property
    def exists(self) -> bool:
        return self.says is not None

    @property
    def determined_by(self) -> str:
        """The unit that determined it, and so decides on its repair (谁认定、谁修复)."""
        assert self.says is not None
        return self.says.determined_by or self.says.unit

    @property
    def serious(self) -> bool:
        """Whether it counts as serious dishonesty information."""
        assert self.says is not None
        return self.says.severity in ("serious", "special_serious")

    @property
    def undone(self) -> bool:
        """Whether it never ought to have counted: its decision was undone, or it was wrong."""
        return self.ended is not None and self.ended.reason in ("revoked", "correction")

    @property
    def negative(self) -> bool:
        """Whether it speaks against the business."""
        assert self.says is not None
        return self.says.severity is not None or self.says.kind in _NEGATIVE

    def on_entered(self, event: CreditRecordEntered, record: Recorded) -> None:
        self.entered, self.says = record, event
        self.position = record.position

    def on_altered(self, event: CreditRecordAltered) -> None:
        if self.says is None:
            return
        self.altered_on = event.altered_on
        self.says = replace(self.says, severity=event.severity, amount_fen=event.amount_fen)
        if event.doc_no is not None:
            instrument = replace(self.says.instrument, doc_no=event.doc_no)
            self.says = replace(self.says, instrument=instrument)

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
        """Let one event change it that is not recorded yet."""
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
        """Whether it speaks against the business, determined after one day and until another."""
        return (
            self.negative
            and not self.undone
            and not self.void(on)
            and after < _says(self).determined_on <= on
        )

    def suspended(self, on: date) -> bool:
        """Whether its publicity is suspended on a day."""
        return any(pause.covers(on) for pause in self.pauses)

    def live(self, on: date) -> bool:
        """Whether it may be used that day: determined, not ended, its longest publicity not over.

        A record that nobody ended in time is over all the same (CRD-V1).
        """
        assert self.says is not None
        if on < self.says.determined_on or self._ended(on):
            return False
        return (
            self.started is None or self.started.max_until is None or on <= self.started.max_until
        )

    def counts(self, on: date) -> bool:
        """Whether it counts for grades that day: until its end, and never if it was undone."""
        return not self.undone and self.live(on)

    def in_publicity(self, on: date) -> bool:
        """Whether its publicity runs that day."""
        return (
            self.started is not None
            and self.started.started_on <= on
            and self.live(on)
            and not self.suspended(on)
        )

    def shown(self, on: date) -> bool:
        """Whether the public sees it that day: what has a severity only during its publicity."""
        assert self.says is not None
        if not self.says.public:
            return False
        if self.started is None and self.says.severity is None:
            return self.live(on)
        return self.in_publicity(on)

    def void(self, on: date) -> bool:
        """Whether it counts no more, not even as past: repaired, revoked, corrected, delisted."""
        return self.void_because(on) is not None

    def void_because(self, on: date) -> str | None:
        """Why it counts no more on a day, if it does not."""
        if any(gap.covers(on) for gap in self.gaps):
            return "repaired"  # no other end is undone
        if self.ended is None or self.ended.reason == "max_reached" or not self._ended(on):
            return None
        return self.ended.reason

    def _ended(self, on: date) -> bool:
        if any(gap.covers(on) for gap in self.gaps):
            return True
        return self.ended is not None and self.ended.terminated_on <= on


def record_of(ledger: Reading, name: str, entity: str, hint: str = "") -> Record:
    """The record of one business. Raises ``UnknownReference`` for another's as for none.

    Whoever tries ids learns neither that there is such a record nor whose it is.
    """
    record = ledger.known(Record(name), hint)
    if _says(record).entity != entity:
        raise UnknownReference("record", name, hint)
    return record


class CreditRecords(Fold):
    """Which records has this business, and what became of each?"""

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
        """The records that may be used on a day, oldest determination first."""
        return _by_age(r for r in self.records.values() if r.live(on))

    def by_age(self) -> list[Record]:
        """All records, oldest determination first."""
        return _by_age(self.records.values())

    def of_document(self, decision: str | None, doc_no: str | None) -> list[Record]:
        """The records of one decision, oldest determination first: those that name it, and those
        of its document number.
        """
        wanted = None if doc_no is None else normal_form(doc_no)
        return _by_age(
            r
            for r in self.records.values()
            if (decision is not None and _says(r).decision == decision)
            or (wanted is not None and normal_form(_says(r).instrument.doc_no) == wanted)
        )

    def resting_on(self, decision: str, doc_no: str | None = None) -> list[Record]:
        """The records of a decision that were not undone before, oldest determination first.

        One that was repaired or shown for its longest time is among them: it counted once.
        """
        return [r for r in self.of_document(decision, doc_no) if not r.undone]

    def void(self, on: date) -> dict[str, str]:
        """The records that count no more on a day, and why."""
        why = {name: record.void_because(on) for name, record in self.records.items()}
        return {name: reason for name, reason in why.items() if reason is not None}


def _by_age(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda r: (_says(r).determined_on, r.record))


def _day_before(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _says(record: Record) -> CreditRecordEntered:
    assert record.says is not None
    return record.says
