"""The impact graph (影响图, 4.2): everything that used a decision or a credit record.

When a decision is undone, its record ends and the grades based on it are corrected. The visits and
draws that used such a grade while it was in force remain. They are found by reading the events of
the business in order, each with what was known at that time.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec

from ledger.general.findings import FindingRaised
from ledger.kernel import Event, RecordCorrected, Recorded
from ledger.kernel.corrections import as_corrected
from ledger.kernel.folds import Selector, topics_of
from ledger.systems.corrections.events import (
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.credit.events import CreditRecordEntered, PublicityTerminated
from ledger.systems.dishonesty.events import SanctionApplied, SanctionLifted
from ledger.systems.filing.events import (
    InspectionConcluded,
    InspectionTaskApproved,
    OnSiteInspectionOpened,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.grading.folds import CreditGrade
from projections.source import Source

Kind = Literal[
    "decision",
    "nullification",
    "record",
    "end_of_record",
    "grade",
    "sanction",
    "end_of_sanction",
    "task",
    "visit",
    "draw",
    "finding",
]


class Use(msgspec.Struct, frozen=True):
    """How an event type uses the grade of its business: kind, name and day of the use."""

    kind: Kind
    name: Callable[[Any], str]
    on: Callable[[Recorded], date] = lambda record: record.occurred_on


#: The event types that use a grade in force; the walk also follows what rests on them.
USES: dict[type[Event], Use] = {
    InspectionTaskApproved: Use("task", lambda event: str(event.task)),
}

_NULLIFIED = (DecisionAltered, DecisionDeclaredUnlawful, DecisionDeclaredVoid, DecisionRevoked)
_VISITS = (OnSiteInspectionOpened, InspectionConcluded)
_READ: tuple[type[Event], ...] = (
    *USES,
    *_NULLIFIED,
    *_VISITS,
    CreditRecordEntered,
    PublicityTerminated,
    CreditGradeAssigned,
    SanctionApplied,
    SanctionLifted,
    FindingRaised,
    RecordCorrected,
)
_TOPICS = tuple(sorted({event.TOPIC for event in _READ} | set(topics_of(CreditGrade))))


class ImpactItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event that used the decision or record in question, directly or through other events.

    ``rests_on``: the positions of the events that it used. An item of kind ``grade`` held from
    ``assessed_on`` until ``superseded_on``, when the grade at position ``superseded_by`` replaced
    it. For an item that used a grade, ``grade`` is the grade that it used.
    """

    position: int
    kind: Kind
    id: str
    type: str
    done_on: date
    rests_on: tuple[int, ...] = ()
    unit: str | None = None
    grade: str | None = None
    assessed_on: date | None = None
    superseded_on: date | None = None
    superseded_by: int | None = None


class Impact(msgspec.Struct, frozen=True):
    """The events that used a decision or record, in ledger order, beginning with itself."""

    about: str
    items: list[ImpactItem]


def impact(
    source: Source,
    kind: Literal["decision", "record"],
    name: str,
    *,
    since: date | None = None,
    until: date | None = None,
    may_see: Callable[[Recorded], bool] = lambda record: True,
) -> Impact | None:
    """Return what used a decision or a credit record; ``None`` if this reader may see nothing.

    ``since`` and ``until`` leave out earlier or later events. An event that the reader may not see
    is not shown and not named in ``rests_on``; the events that rest on it are shown all the same.
    """
    about = f"{kind}:{name}"
    roots = source.records([Selector((), (about,))])
    entity = next((e for r in roots if (e := getattr(r.event, "entity", None))), None)
    walk = _Walk(kind, name)
    of_entity = [] if entity is None else [Selector(_TOPICS, (f"entity:{entity}",))]
    first = [r for r in roots[:1] if r.envelope.type not in _TOPICS]
    records = {r.position: r for r in (*first, *source.records(of_entity))} if of_entity else {}
    for record in as_corrected([records[position] for position in sorted(records)]):
        walk.take(record)
    touched = walk.found()
    seen = {record.position for record, _ in touched if may_see(record)}
    items = [
        msgspec.structs.replace(
            item, rests_on=tuple(position for position in item.rests_on if position in seen)
        )
        for record, item in touched
        if record.position in seen
        and (since is None or item.done_on >= since)
        and (until is None or item.done_on <= until)
    ]
    return Impact(about, items) if seen else None


class _Walk:
    """A walk over the events of one business that collects those resting on the root."""

    def __init__(self, kind: str, name: str) -> None:
        self._kind = kind
        self._name = name
        self._items: list[tuple[Recorded, ImpactItem]] = []
        self._grades = CreditGrade("")
        #: The record of each grade, in the order of recording.
        self._given: list[Recorded] = []
        #: The same grades by the day for which they were assessed; the newest of a day comes last.
        self._by_day: list[tuple[date, Recorded]] = []
        self._begun: int | None = None
        #: The positions of the touched items: records, grades, sanctions, tasks, and event ids.
        self._records: dict[str, int] = {}
        self._touched: dict[int, None] = {}
        self._sanctions: dict[str, int] = {}
        self._tasks: dict[str, int] = {}
        self._causes: dict[UUID, int] = {}

    def found(self) -> list[tuple[Recorded, ImpactItem]]:
        """Return the touched items in order; each grade with the grade that replaced it."""
        later = self._later()
        return [
            (
                record,
                msgspec.structs.replace(
                    item, superseded_on=by.occurred_on, superseded_by=by.position
                )
                if item.kind == "grade" and (by := later.get(record.position)) is not None
                else item,
            )
            for record, item in self._items
        ]

    def take(self, record: Recorded) -> None:
        """Take one event, and add it if it rests on the root."""
        event = record.event
        self._grades.take(record)
        use = USES.get(type(event))
        if use is not None:
            self._use(record, use)
        elif isinstance(event, CreditGradeAssigned):
            self._grade(record, event)
        elif isinstance(event, CreditRecordEntered):
            if getattr(event, self._kind) == self._name:
                self._records[event.record] = self._add(record, "record", event.record, ())
        elif isinstance(event, PublicityTerminated):
            self._follow(record, "end_of_record", event.record, self._records.get(event.record))
        elif isinstance(event, SanctionApplied):
            at = self._follow(record, "sanction", event.sanction, self._records.get(event.record))
            if at is not None:
                self._sanctions[event.sanction] = at
        elif isinstance(event, SanctionLifted):
            cause = self._sanctions.get(event.sanction)
            self._follow(record, "end_of_sanction", event.sanction, cause)
        elif isinstance(event, _VISITS):
            self._follow(record, "visit", event.task, self._tasks.get(event.task))
        elif isinstance(event, FindingRaised):
            cause = self._causes.get(record.envelope.causation_id or UUID(int=0))
            self._follow(record, "finding", event.finding_id, cause)
        elif self._kind == "decision" and getattr(event, "decision", None) == self._name:
            kind: Kind = "nullification" if isinstance(event, _NULLIFIED) else "decision"
            at = self._add(record, kind, self._name, ())
            self._begun = self._begun or at

    def _use(self, record: Recorded, use: Use) -> None:
        if not self._records:
            return
        day = use.on(record)
        derived = self._grades.derived(day)
        causes = {self._records[f.record] for f in derived.factors if f.record in self._records}
        if not causes:
            return
        place = bisect_right(self._by_day, day, key=_day)
        assigned = self._by_day[place - 1][1] if place else None
        if assigned is not None and assigned.position in self._touched:
            assert isinstance(assigned.event, CreditGradeAssigned)
            if assigned.event.grade == derived.grade:
                causes = {assigned.position}
        name = use.name(record.event)
        at = self._add(record, use.kind, name, tuple(sorted(causes)), grade=derived.grade)
        if use.kind == "task":
            self._tasks[name] = at

    def _grade(self, record: Recorded, event: CreditGradeAssigned) -> None:
        self._given.append(record)
        insort(self._by_day, (event.assessed_on, record), key=_day)
        causes = {self._records[f.record] for f in event.factors if f.record in self._records}
        if causes:
            at = self._add(
                record,
                "grade",
                event.grade,
                tuple(sorted(causes)),
                grade=event.grade,
                assessed_on=event.assessed_on,
            )
            self._touched[at] = None

    def _follow(self, record: Recorded, kind: Kind, name: str, cause: int | None) -> int | None:
        return None if cause is None else self._add(record, kind, name, (cause,))

    def _add(
        self, record: Recorded, kind: Kind, name: str, rests_on: Iterable[int], **more: Any
    ) -> int:
        if kind in ("record", "nullification") and self._begun is not None:
            rests_on = (self._begun,)
        item = ImpactItem(
            position=record.position,
            kind=kind,
            id=name,
            type=record.envelope.type,
            done_on=record.occurred_on,
            rests_on=tuple(rests_on),
            unit=getattr(record.event, "unit", None),
            **more,
        )
        self._items.append((record, item))
        self._causes[record.envelope.event_id] = record.position
        return record.position

    def _later(self) -> dict[int, Recorded]:
        """Return, for each grade's position, the next recorded grade for the same or a later day.

        It goes backwards and keeps only the grades that can still replace an earlier one.
        """
        successors: dict[int, Recorded] = {}
        waiting: list[tuple[date, Recorded]] = []
        for record in reversed(self._given):
            assert isinstance(record.event, CreditGradeAssigned)
            day = record.event.assessed_on
            while waiting and waiting[-1][0] < day:
                waiting.pop()
            if waiting:
                successors[record.position] = waiting[-1][1]
            waiting.append((day, record))
        return successors


def _day(entry: tuple[date, Recorded]) -> date:
    return entry[0]
