"""The parts of a credit profile's state: one record, one visit, one inspection, one violation."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import msgspec

from ledger.kernel import Recorded
from ledger.systems.credit.events import (
    Channel,
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
    RecordSeverity,
    Sector,
)

#: What happens to a credit record; each names it as ``record``.
CreditEvent = (
    CreditRecordEntered
    | CreditRecordAltered
    | PublicityStarted
    | PublicityBoundsMoved
    | PublicityTerminated
    | PublicityReinstated
    | PublicitySuspended
    | PublicityResumed
    | ObjectionFiled
    | ObjectionResolved
)


class Part(msgspec.Struct, array_like=True, gc=False):
    """A part of the state, stored without field names: there are hundreds of thousands of them."""


class When(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The order in which facts about one thing count: when they happened, then their place."""

    at: float
    position: int


class Said(NamedTuple):
    """What a record says as far as ``ledger.systems.credit.regimes.reckon`` goes by it."""

    unit: str
    determined_on: date
    severity: RecordSeverity | None
    sector: Sector


class CreditEntry(Part):
    """One credit record and its publicity. Each date is of the newest such fact, by its own date.

    A record whose publicity was heard of before the record itself has no ``kind`` yet.
    """

    kind: str = ""
    unit: str = ""
    title: str = ""
    public: bool = False
    determined_on: date | None = None
    severity: RecordSeverity | None = None
    sector: Sector = "general"
    doc_no: str = ""
    amount_fen: int | None = None
    result: str | None = None
    fulfilled: bool = False
    started_on: date | None = None
    min_until: date | None = None
    max_until: date | None = None
    channels: tuple[Channel, ...] = ()
    started: When | None = None
    ended: When | None = None
    ended_on: date | None = None
    end_reason: str | None = None
    suspended: When | None = None
    suspended_until: date | None = None
    resumed: When | None = None
    objected: When | None = None
    answered: When | None = None
    reinstated: When | None = None
    reinstated_on: date | None = None

    def take(self, record: Recorded) -> None:
        """Let one event about this record change it."""
        event, when = record.event, happened(record)
        match event:
            case CreditRecordEntered():
                self.kind, self.unit, self.title = event.kind, event.unit, event.title
                self.public, self.determined_on = event.public, event.determined_on
                self.severity, self.sector = event.severity, event.sector
                self.doc_no = event.instrument.doc_no
                self.amount_fen, self.result = event.amount_fen, event.result
                self.fulfilled = event.fulfilled
            case CreditRecordAltered():
                self.severity, self.amount_fen = event.severity, event.amount_fen
                self.doc_no = event.doc_no or self.doc_no
            case PublicityBoundsMoved():
                self.min_until, self.max_until = event.min_until, event.max_until
            case PublicityStarted() if self.started is None or self.started < when:
                self.started, self.started_on = when, event.started_on
                self.min_until, self.max_until = event.min_until, event.max_until
                self.channels = event.channels
            case PublicityTerminated() if self.ended is None or self.ended < when:
                self.ended, self.ended_on = when, event.terminated_on
                self.end_reason = event.reason
            case PublicityReinstated() if self.reinstated is None or self.reinstated < when:
                self.reinstated, self.reinstated_on = when, event.reinstated_on
            case PublicitySuspended() if self.suspended is None or self.suspended < when:
                self.suspended, self.suspended_until = when, event.until
            case PublicityResumed():
                self.resumed = later(self.resumed, when)
            case ObjectionFiled():
                self.objected = later(self.objected, when)
            case ObjectionResolved():
                self.answered = later(self.answered, when)

    @property
    def over(self) -> bool:
        """Whether it ended, and was neither started again later nor reinstated."""
        return self.ended is not None and not any(
            again is not None and again >= self.ended for again in (self.started, self.reinstated)
        )

    @property
    def repaired(self) -> bool:
        """Whether it ever ended by repair; nothing but a repair is undone."""
        return self.end_reason == "repaired" or self.reinstated is not None

    @property
    def said(self) -> Said | None:
        """What regimes reckon by, while there is something to repair."""
        if self.severity is None or self.determined_on is None or self.over:
            return None
        return Said(self.unit, self.determined_on, self.severity, self.sector)

    @property
    def status(self) -> str:
        """``active``: counts, and is shown if it is public. Otherwise why it is not."""
        if self.over:
            return self.end_reason or "ended"
        paused = self.suspended is not None and (
            (self.resumed is None or self.resumed < self.suspended)
            and (self.started is None or self.started < self.suspended)
        )
        if paused:
            return "suspended"
        return "active" if self.started is not None or self.severity is None else "unpublished"

    def status_on(self, day: date) -> str:
        """The status on a day, by the newest facts: a suspension may have a last day."""
        until = self.suspended_until
        if self.status == "suspended" and until is not None and until < day:
            return "active"
        return self.status

    def shown_on(self, day: date) -> bool:
        """Whether the public may see it: while its publicity lasts; undated if it is no breach."""
        return (
            bool(self.kind)
            and self.public
            and self.status_on(day) == "active"
            and (self.max_until is None or day <= self.max_until)
        )

    def turns(self, before: date, after: date) -> bool:
        """Whether it is shown, or stands, on one day otherwise than on another."""
        return any(
            last is not None and min(before, after) <= last < max(before, after)
            for last in (self.suspended_until, self.max_until)
        )


class Visit(Part):
    """A task of the ledger: booked, held, concluded, published; perhaps part of a joint visit."""

    unit: str = ""
    joint: str | None = None
    kind: str = ""
    counter: str = ""
    planned_on: date | None = None
    noticed: bool = False
    cancelled: bool = False
    opened_on: date | None = None
    minutes: int | None = None
    result: str | None = None
    lawful_refusal: bool = False
    concluded_on: date | None = None
    notified_on: date | None = None
    published_on: date | None = None
    published_result: str | None = None

    @property
    def announced(self) -> bool:
        """Whether the business knows of it: until then it is planned, and plans are sealed."""
        return self.noticed or self.came_about

    @property
    def came_about(self) -> bool:
        """Whether it was made, or ended at a closed door: it is no plan any more."""
        return bool(self.opened_on or self.concluded_on or self.published_on)


class Inspection(Part):
    """An inspection that a register tells of; when it last said so, and when it unsaid it."""

    held_on: date | None = None
    unit: str = ""
    type: str = ""
    result: str | None = None
    action: str | None = None
    score: int | None = None
    penalty_points: bool = False
    grade: str | None = None
    seen: When | None = None
    gone: When | None = None


class Violation(Part):
    """A violation that a register tells of, found on a day and perhaps put right on another."""

    code: str = ""
    severity: str | None = None
    found_on: date | None = None
    inspection: str | None = None
    corrected_on: date | None = None
    seen: When | None = None
    gone: When | None = None


def happened(record: Recorded) -> When:
    """When a fact counts from: its own date."""
    return When(record.envelope.occurred_at.timestamp(), record.position)


def known(record: Recorded) -> When:
    """For what a register says and later says otherwise: when it said so, not when it happened."""
    return When(record.envelope.known_at.timestamp(), record.position)


def later(one: When | None, other: When) -> When:
    """The later of two."""
    return other if one is None or one < other else one
