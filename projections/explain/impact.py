"""The impact graph (影响图, 4.2): everything that used a decision or a credit record.

When a decision is undone, its record ends and the grades that it gave are put right. What happened
meanwhile stays: the visits and draws that looked at such a grade while it was in force. They are
found by walking the ledger of the business in order, each step as it was known then.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec

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
from ledger.systems.supervision.events import FindingRaised
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
    """An event that looked at the grade of its business: what it is, and on which day it looked."""

    kind: Kind
    name: Callable[[Any], str]
    on: Callable[[Recorded], date] = lambda record: record.occurred_on


#: Whatever looks at a grade in force stands here, and is followed from there on.
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
    """One event that used what is asked about, or something that did.

    ``rests_on``: the positions of what it used. A ``grade`` held from ``assessed_on``; it was
    ``superseded_on`` the day on which another one took its place, at ``superseded_by``. Whatever
    looked at a grade says which ``grade`` it saw.
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
    """What used a decision or record, in the order of the ledger, itself first."""

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
    """What used a decision or a credit record; ``None`` if there is nothing for this reader.

    ``since`` and ``until`` leave out what was done before or after. What the reader may not see is
    neither shown nor named among what something rests on; what rests on it is shown all the same.
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
    found = walk.found()
    seen = {record.position for record, _ in found if may_see(record)}
    items = [
        msgspec.structs.replace(
            item, rests_on=tuple(position for position in item.rests_on if position in seen)
        )
        for record, item in found
        if record.position in seen
        and (since is None or item.done_on >= since)
        and (until is None or item.done_on <= until)
    ]
    return Impact(about, items) if seen else None


class _Walk:
    """The events of one business in order, and what of them rests on what is asked about."""

    def __init__(self, kind: str, name: str) -> None:
        self._kind = kind
        self._name = name
        self._items: list[tuple[Recorded, ImpactItem]] = []
        self._grades = CreditGrade("")
        #: The record of each grade, in the order in which they became known.
        self._given: list[Recorded] = []
        #: The same by the day for which they were assessed; of one day the newest last.
        self._by_day: list[tuple[date, Recorded]] = []
        self._begun: int | None = None
        #: Where each thing that is touched stands: records, grades by position, sanctions, tasks.
        self._records: dict[str, int] = {}
        self._touched: dict[int, None] = {}
        self._sanctions: dict[str, int] = {}
        self._tasks: dict[str, int] = {}
        self._causes: dict[UUID, int] = {}

    def found(self) -> list[tuple[Recorded, ImpactItem]]:
        """What was touched, in order; of each grade with what took its place."""
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
        """Look at one event."""
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
        said = self._by_day[place - 1][1] if place else None
        if said is not None and said.position in self._touched:
            assert isinstance(said.event, CreditGradeAssigned)
            if said.event.grade == derived.grade:
                causes = {said.position}
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
        """By the position of each grade: the first one after it that is for the same day or later.

        Backwards, keeping those only that can still take the place of an earlier one.
        """
        found: dict[int, Recorded] = {}
        waiting: list[tuple[date, Recorded]] = []
        for record in reversed(self._given):
            assert isinstance(record.event, CreditGradeAssigned)
            day = record.event.assessed_on
            while waiting and waiting[-1][0] < day:
                waiting.pop()
            if waiting:
                found[record.position] = waiting[-1][1]
            waiting.append((day, record))
        return found


def _day(entry: tuple[date, Recorded]) -> date:
    return entry[0]
