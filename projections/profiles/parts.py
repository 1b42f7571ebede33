"""The parts of a credit profile's state: one record, one visit, one inspection, one violation."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import msgspec

from ledger.general.values import Sector
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
)

#: The events about a credit record; each names it in its field ``record``.
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
    """A part of the state, stored without field names because there are so many of them."""


class When(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The order in which facts about the same thing count: by time, then by position."""

    at: float
    position: int


class Said(NamedTuple):
    """The part of a credit record that ``ledger.systems.credit.regimes.reckon`` uses."""

    unit: str
    determined_on: date
    severity: RecordSeverity | None
    sector: Sector


class CreditEntry(Part):
    """One credit record and its publicity. Each date is that of the newest such fact.

    ``kind`` is empty if an event about the publicity came before the record itself.
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
        """Apply one event about this record."""
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
        """Whether the publicity ended and was neither started again nor reinstated later."""
        return self.ended is not None and not any(
            again is not None and again >= self.ended for again in (self.started, self.reinstated)
        )

    @property
    def repaired(self) -> bool:
        """Whether it ever ended by repair; a reinstated record had been repaired, too."""
        return self.end_reason == "repaired" or self.reinstated is not None

    @property
    def said(self) -> Said | None:
        """What the regimes calculate from; ``None`` if there is nothing to repair."""
        if self.severity is None or self.determined_on is None or self.over:
            return None
        return Said(self.unit, self.determined_on, self.severity, self.sector)

    @property
    def status(self) -> str:
        """``active`` if the record counts, and is shown if public; otherwise why it does not."""
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
        """Return the status on a day, by the newest facts: a suspension may have a last day."""
        until = self.suspended_until
        if self.status == "suspended" and until is not None and until < day:
            return "active"
        return self.status

    def shown_on(self, day: date) -> bool:
        """Return whether the public may see it on a day.

        Publicity has a last day for dishonesty records only.
        """
        return (
            bool(self.kind)
            and self.public
            and self.status_on(day) == "active"
            and (self.max_until is None or day <= self.max_until)
        )

    def turns(self, before: date, after: date) -> bool:
        """Return whether it is shown differently on two days, or has another status."""
        return any(
            last is not None and min(before, after) <= last < max(before, after)
            for last in (self.suspended_until, self.max_until)
        )


class Visit(Part):
    """A visit under one task: booked, held, concluded, published.

    Possibly part of a joint visit.
    """

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
        """Whether the business knows of the visit.

        Until then it is a plan, and plans are sealed.
        """
        return self.noticed or self.came_about

    @property
    def came_about(self) -> bool:
        """Whether officers came, even to a closed door, so that it is not a plan any more."""
        return bool(self.opened_on or self.concluded_on or self.published_on)


class Inspection(Part):
    """An inspection reported by a register: when it was last reported, and when withdrawn."""

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
    """A violation reported by a register: when it was found, and when corrected, if it was."""

    code: str = ""
    severity: str | None = None
    found_on: date | None = None
    inspection: str | None = None
    corrected_on: date | None = None
    seen: When | None = None
    gone: When | None = None


def happened(record: Recorded) -> When:
    """Return when a fact happened, by its own date, for the order of facts."""
    return When(record.envelope.occurred_at.timestamp(), record.position)


def known(record: Recorded) -> When:
    """Return when a register reported a fact, for facts that a register may report differently."""
    return When(record.envelope.known_at.timestamp(), record.position)


def later(first: When | None, other: When) -> When:
    """Return the later of two."""
    return other if first is None or first < other else first
