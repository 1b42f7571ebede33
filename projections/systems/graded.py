"""What views keep to ask for a grade on any day: the fold that commands ask, without its records'
envelopes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from datetime import date

from ledger.general.vocabulary import Grade
from ledger.kernel import Recorded
from ledger.systems.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.grading.folds import UNGRADED, Assigned, CreditGrade, Weight, weigh

#: What a grade may follow from. That a business objects to its record is never among it.
GradingEvent = (
    CreditGradeAssigned
    | CreditRecordEntered
    | CreditRecordAltered
    | PublicityStarted
    | PublicityBoundsMoved
    | PublicityTerminated
    | PublicityReinstated
    | PublicitySuspended
    | PublicityResumed
)


class Graded(CreditGrade):
    """Which grade has this business on a day? Kept by views, and so without whole records."""

    def take(self, record: Recorded) -> None:
        super().take(record)
        changed = self.records.get(getattr(record.event, "record", ""))
        if changed is not None:
            # A view keeps what was said and not the records that said it.
            changed.entered = changed.objection = None


class GradeOfDay:
    """The grade of one day, as ``CreditGrade.on`` gives it, kept while more becomes known.

    A fact costs what it changes: one record is weighed, whatever the business has.
    """

    def __init__(self, known: CreditGrade, day: date) -> None:
        self._known = known
        self._day = day
        self._newest = known.assessment(day)
        self._weights: dict[str, Weight] = {}
        self._sums: Counter[str] = Counter()
        #: Serious records that count: when they were determined, and where they stand.
        self._serious: list[tuple[date, int, str]] = []
        self._places: dict[str, tuple[date, int, str]] = {}
        for name in known.records:
            self._weigh(name)

    def take(self, record: Recorded) -> None:
        """Look at what a fact, which ``known`` has taken, changed of the grade."""
        if isinstance(record.event, CreditGradeAssigned):
            one = Assigned(record.event, record.position)
            if one.announces or record.event.assessed_on > self._day:
                return
            if self._newest is None or self._newest.order <= one.order:
                self._newest = one
        elif (name := getattr(record.event, "record", "")) in self._known.records:
            self._weigh(name)

    @property
    def grade(self) -> Grade:
        """The grade of the day."""
        if self._newest is None:
            return self._local()
        named = {one.record for one in self._newest.event.factors if one.record is not None}
        if not all(name in self._weights and self._weights[name].counts for name in named):
            return self._local()
        given = self._newest.event.grade
        for *order, name in reversed(self._serious):
            if tuple(order) <= self._newest.order:
                break
            if name not in named:
                return max(given, self._local())
        return given

    def _local(self) -> Grade:
        sums = self._sums
        if sums["severe"]:
            return "D"
        if sums["elevated"] or sums["breached"]:
            return "C"
        return "A" if sums["good"] and not sums["negative"] else UNGRADED

    def _weigh(self, name: str) -> None:
        if (before := self._weights.get(name)) is not None:
            self._sums.subtract(_given(before))
        if (place := self._places.pop(name, None)) is not None:
            del self._serious[bisect_left(self._serious, place)]
        record = self._known.records[name]
        weight = self._weights[name] = weigh(record, self._day)
        self._sums.update(_given(weight))
        if weight.severe is not None:
            assert record.says is not None
            place = self._places[name] = record.says.determined_on, record.position, name
            insort(self._serious, place)


def _given(weight: Weight) -> list[str]:
    """Of what a record says something."""
    return [
        name
        for name in ("severe", "elevated", "breached", "good", "negative")
        if getattr(weight, name)
    ]
