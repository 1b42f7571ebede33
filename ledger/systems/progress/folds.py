"""Folds about monthly reports, and the one that counts everything in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import ClassVar, Literal, Self

import msgspec

from ledger.general.audiences import FIGURES_READ_BY
from ledger.general.vocabulary import OutreachId, UnitId
from ledger.kernel import Fold, RecordCorrected, Recorded
from ledger.kernel.folds import Selector
from ledger.kernel.subjects import make_tag
from ledger.systems.progress.events import (
    LedgerAccepted,
    LedgerReturned,
    MetricDisputed,
    OutreachPublished,
    OutreachWithdrawn,
    Part,
    ProgressLedgerSubmitted,
    ReportId,
    ReportingMonthOpened,
    ReportingUnitEnrolled,
    ReportingUnitWithdrawn,
)
from ledger.systems.progress.metrics import METRICS, Metric, metrics_of

__all__ = [
    "COUNTING",
    "METRICS",
    "ActedTally",
    "Figures",
    "Metric",
    "Outreach",
    "SubmittedReport",
    "ReportingUnit",
    "ReportingUnits",
    "Span",
    "Tally",
    "TaskReports",
    "counted",
    "UnknownMetric",
    "figures",
    "known_metrics",
    "metrics_of",
    "month_of",
    "next_month",
    "part_in",
    "report_id",
]


def month_of(day: date) -> str:
    """The month of a day, as ``2026-05``."""
    return f"{day.year:04}-{day.month:02}"


def report_id(unit: str, month: str, task_no: int) -> str:
    """The id of what a unit reports of a task in a month."""
    return f"{month}.{task_no}.{unit}"


class Span(msgspec.Struct):
    """One time of reporting: both months belong to it; ``until`` may lie open."""

    since: str
    groups: tuple[str, ...]
    until: str | None = None


class ReportingUnit(Fold):
    """From when to when does this unit report, in which groups, and which months were opened?"""

    unit: UnitId
    spans: list[Span] = msgspec.field(default_factory=list)
    last_opened: str | None = None

    @property
    def exists(self) -> bool:
        return bool(self.spans)

    @property
    def since(self) -> str | None:
        """The first month for which it reports at all."""
        return min((span.since for span in self.spans), default=None)

    @property
    def until(self) -> str | None:
        """The last month for which it reports; ``None`` while it goes on."""
        return self.spans[-1].until if self.spans else None

    def groups(self, month: str) -> tuple[str, ...] | None:
        """The groups that it belongs to in a month; ``None`` if it does not report for it."""
        begun = [span for span in self.spans if span.since <= month]
        if not begun or (begun[-1].until is not None and month > begun[-1].until):
            return None
        return begun[-1].groups

    def on_enrolled(self, event: ReportingUnitEnrolled) -> None:
        self.spans.append(Span(event.since, event.groups))

    def on_withdrawn(self, event: ReportingUnitWithdrawn) -> None:
        if self.spans:
            self.spans[-1].until = event.until

    def on_opened(self, event: ReportingMonthOpened) -> None:
        self.last_opened = max(self.last_opened or event.month, event.month)


class ReportingUnits(Fold):
    """Which units report for this month?"""

    month: str
    known: dict[str, ReportingUnit] = msgspec.field(default_factory=dict)

    @property
    def units(self) -> list[str]:
        """Their ids, sorted."""
        return sorted(u for u, unit in self.known.items() if unit.groups(self.month) is not None)

    def on_changed(
        self, event: ReportingUnitEnrolled | ReportingUnitWithdrawn, record: Recorded
    ) -> None:
        self.known.setdefault(event.unit, ReportingUnit(event.unit)).take(record)


class SubmittedReport(Fold):
    """Is this report owed, was it submitted, what is disputed in it, and does it stand?"""

    report: ReportId
    opened: ReportingMonthOpened | None = None
    disputes: dict[str, MetricDisputed] = msgspec.field(default_factory=dict)
    submitted: ProgressLedgerSubmitted | None = None
    submitted_on: date | None = None
    #: Calendar days by which the first submission came late; a later one makes it no later.
    days_late: int = 0
    returned: LedgerReturned | None = None
    accepted: LedgerAccepted | None = None

    @property
    def exists(self) -> bool:
        return self.opened is not None

    @property
    def stage(self) -> Literal["unknown", "open", "submitted", "returned", "accepted"]:
        """How far it has come."""
        if self.accepted is not None:
            return "accepted"
        if self.returned is not None:
            return "returned"
        if self.submitted is not None:
            return "submitted"
        return "unknown" if self.opened is None else "open"

    def on_opened(self, event: ReportingMonthOpened) -> None:
        self.opened = event

    def on_disputed(self, event: MetricDisputed) -> None:
        self.disputes[event.metric] = event

    def on_submitted(self, event: ProgressLedgerSubmitted, record: Recorded) -> None:
        if self.submitted is None:
            self.days_late = event.days_late
        self.submitted, self.submitted_on = event, record.occurred_on
        self.returned = None

    def on_returned(self, event: LedgerReturned) -> None:
        self.returned = event

    def on_accepted(self, event: LedgerAccepted) -> None:
        self.accepted = event


class Outreach(Fold):
    """What did a unit tell the public, through which channel, and is it withdrawn?"""

    outreach: OutreachId
    unit: str = ""
    title: str = ""
    channel: str = ""
    url: str | None = None
    task_no: int | None = None
    published_on: date | None = None
    #: The id of the event that published it.
    said_in: str | None = None
    withdrawn_on: date | None = None
    withdrawn_because: str = ""

    @property
    def exists(self) -> bool:
        return self.published_on is not None

    @property
    def stage(self) -> Literal["unknown", "published", "withdrawn"]:
        """How far it has come."""
        if not self.exists:
            return "unknown"
        return "published" if self.withdrawn_on is None else "withdrawn"

    def on_published(self, event: OutreachPublished, record: Recorded) -> None:
        self.said_in = str(record.envelope.event_id)
        self.unit, self.title, self.channel = event.unit, event.title, event.channel
        self.url, self.task_no, self.published_on = event.url, event.task_no, event.published_on

    def on_withdrawn(self, event: OutreachWithdrawn, record: Recorded) -> None:
        self.withdrawn_on, self.withdrawn_because = record.occurred_on, event.reason


class TaskReports(Fold):
    """In which months did this unit report on this task, and in which of them nothing?"""

    unit: UnitId
    task_no: int
    nil: dict[str, bool] = msgspec.field(default_factory=dict)

    def on_submitted(self, event: ProgressLedgerSubmitted) -> None:
        if event.task_no == self.task_no:
            self.nil[event.month] = event.nil

    def running(self, month: str, step: int) -> int:
        """How many nil reports run on from a month, itself left out; ``step`` 1 or -1."""
        count, month = 0, _moved(month, step)
        while self.nil.get(month):
            count, month = count + 1, _moved(month, step)
        return count


def _moved(month: str, by: int) -> str:
    index = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{index // 12:04}-{index % 12 + 1:02}"


def next_month(month: str) -> str:
    """The month after one."""
    return _moved(month, 1)


#: How figures are counted now. Since 2 nothing counts that is kept from somebody who reads the
#: figure: neither by the unit that it is of, nor where reports and scores go.
COUNTING = 2


class UnknownMetric(ValueError):
    """A figure is asked for that this program does not count."""


def counted(
    record: Recorded, names: Iterable[str] = METRICS, counting: int = COUNTING
) -> Iterator[tuple[str, str, int]]:
    """For which unit an event counts, by which of these metrics, and how much.

    What is kept from a reader of a figure does not count: the figure would tell that it is there.
    """
    actor = record.envelope.actor.unit_id
    for name in names:
        metric = METRICS[name]
        if not isinstance(record.event, metric.events):
            continue
        # An event may name several units; it is about the one that its field ``unit`` says.
        unit = actor if metric.whose == "actor" else getattr(record.event, "unit", None)
        if unit is None or _is_kept(record, unit, counting):
            continue
        if n := metric.counts(record.event):
            yield unit, name, n


def _is_kept(record: Recorded, unit: str, counting: int) -> bool:
    """Whether an event is kept from the unit, or (since 2) from another reader of its figures."""
    envelope = record.envelope
    if envelope.visibility == "sealed" and envelope.actor.unit_id != unit:
        return True
    readers = FIGURES_READ_BY | {unit}
    return counting > 1 and not readers.isdisjoint(record.event.kept_from())


class Tally(Fold):
    """How much did these metrics count about this unit, day by day, up to a position?

    The position is part of the question: what is recorded above it, corrections too, never changes
    the answer. It reads the unit's events of the types that the metrics count, and no others.
    """

    #: How it counts.
    COUNTING: ClassVar[int] = COUNTING

    unit: UnitId
    names: tuple[str, ...]
    cutoff: int
    days: dict[str, dict[date, int]] = msgspec.field(default_factory=dict)

    def selector(self) -> Selector:
        topics = {event.TOPIC for name in self.names for event in METRICS[name].events}
        return Selector((*sorted(topics), RecordCorrected.TOPIC), self._tags())

    def over(self, records: Sequence[Recorded]) -> Self:
        return super().over([record for record in records if record.position <= self.cutoff])

    def take(self, record: Recorded) -> None:
        if record.position > self.cutoff:
            return
        for unit, name, n in counted(record, self.names, self.COUNTING):
            if unit == self.unit:
                days = self.days.setdefault(name, {})
                days[record.occurred_on] = days.get(record.occurred_on, 0) + n

    def _tags(self) -> tuple[str, ...]:
        return (make_tag("unit", self.unit),)


class ActedTally(Tally):
    """How much did these metrics count of what this unit recorded about others, up to a position?

    Who recorded an event is no subject of it, so this reads the events of those types of all units:
    the metrics that ask so are about supervision, which is little against what is supervised.
    """

    def _tags(self) -> tuple[str, ...]:
        return ()


class FirstTally(Tally):
    """As ``Tally``, for reports and scores that were counted the first way."""

    COUNTING = 1


class FirstActedTally(ActedTally):
    """As ``ActedTally``, for reports and scores that were counted the first way."""

    COUNTING = 1


#: What figures are read from: what is about the unit, and what it recorded about others.
_TALLIES: dict[int, tuple[type[Tally], type[Tally]]] = {
    1: (FirstTally, FirstActedTally),
    COUNTING: (Tally, ActedTally),
}


class Figures(msgspec.Struct, frozen=True):
    """What the metrics of one unit came to, up to one position."""

    days: dict[str, dict[date, int]]

    def month(self, name: str, month: str) -> int:
        """The figure of a month; of a level, how it stood at the end of it."""
        level = METRICS[name].level
        return sum(
            n
            for day, n in self.days.get(name, {}).items()
            if (month_of(day) <= month if level else month_of(day) == month)
        )

    def year(self, name: str, year: int) -> int:
        """The figure of a year; of a level, how it stood at the end of it."""
        if METRICS[name].level:
            return self.month(name, f"{year:04}-12")
        return sum(n for day, n in self.days.get(name, {}).items() if day.year == year)

    def between(self, name: str, first: date, last: date) -> int:
        """How much was counted from one day to another, both of them in."""
        return sum(n for day, n in self.days.get(name, {}).items() if first <= day <= last)


def known_metrics(names: Iterable[str]) -> list[str]:
    """Metrics in order, each once. Raises ``UnknownMetric`` for one that nobody counts."""
    for name in names:
        if name not in METRICS:
            raise UnknownMetric(f"this version of the program does not count the metric {name!r}")
    return sorted(set(names))


def figures(
    answer: Callable[[Tally], Tally],
    unit: str,
    names: Iterable[str],
    cutoff: int,
    counting: int = COUNTING,
) -> Figures:
    """The figures of a unit up to a position; ``answer`` reads a fold, from wherever it is read.

    ``counting``: how they are counted. Raises ``UnknownMetric``.
    """
    days: dict[str, dict[date, int]] = {}
    wanted = known_metrics(names)
    for kind, whose in zip(_TALLIES[counting], ("unit", "actor"), strict=True):
        some = tuple(name for name in wanted if METRICS[name].whose == whose)
        if some:
            days.update(answer(kind(unit, some, cutoff)).days)
    return Figures(days)


def part_in(
    responsibilities: dict[str, dict[str, list[str]]], task_no: int, names: set[str]
) -> Part | None:
    """The part that somebody of these names (a unit's id and its groups) has in a task."""
    row = responsibilities.get(str(task_no), {})
    if names & set(row.get("lead", ())):
        return "lead"
    return "responsible" if names & set(row.get("responsible", ())) else None
