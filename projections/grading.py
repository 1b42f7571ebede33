"""Grades that the local rule gives (信用分级, 2.4d), and when they have to be looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import msgspec
import sqlalchemy as sa

from ledger.credit.folds import CreditRecords, Record
from ledger.grading.commands import RecomputeGrade
from ledger.grading.events import CreditGradeAssigned
from ledger.grading.folds import due_by_month, local_grade
from ledger.kernel import Command, Fold, Recorded
from ledger.kernel.days import add_months
from ledger.vocabulary import EntityId
from projections.follower import Views
from projections.profiles import CreditEvent
from projections.views import FoldView, subject_table

_ONE_DAY = timedelta(days=1)

#: After how many months a negative record weighs less in ``local_grade``: then its grade may change
#: though nothing happens.
_FADES = (12, 24)


class LocalGrading(Fold):
    """When will the monthly look find another grade than the one in force?

    Grades are recomputed by the month, on its first day. How long a record counts can be foretold,
    so only businesses whose grade changes are looked at.
    """

    entity: EntityId
    records: dict[str, Record] = msgspec.field(default_factory=dict)
    newest: CreditGradeAssigned | None = None

    def on_credit(self, event: CreditEvent, record: Recorded) -> None:
        known = CreditRecords(self.entity, self.records)
        known.take(record)
        if (changed := known.records.get(event.record)) is not None:
            # The view keeps what was said and not the records that said it.
            changed.entered = changed.objection = None

    def on_assigned(self, event: CreditGradeAssigned) -> None:
        if self.newest is None or event.assessed_on >= self.newest.assessed_on:
            self.newest = event

    @property
    def review_on(self) -> date | None:
        """The first day of a month from which another grade than the one in force is due."""
        for day in self._months():
            if self.due(day):
                return day
        return None

    def due(self, on: date) -> bool:
        """Whether the look of a day would record a grade."""
        grade, factors = local_grade(CreditRecords(self.entity, self.records), on)
        return due_by_month(self.newest, grade, factors)

    def _months(self) -> list[date]:
        """The firsts of months, after the newest grade, before which something changes."""
        if self.newest is not None and self.newest.source != "local_rule":
            return []
        months = {_month_from(day) for day in self._changes()}
        if self.newest is None:
            return sorted(months)
        # What came to be known since may be of any day before.
        after = self.newest.assessed_on
        return sorted({m for m in months if m > after} | {_month_from(after + _ONE_DAY)})

    def _changes(self) -> Iterator[date]:
        """The days on which what the records say may change."""
        for record in self.records.values():
            if (says := record.says) is None:
                continue
            yield says.determined_on
            if record.negative:
                yield from (add_months(says.determined_on, months) for months in _FADES)
            if record.started is not None:
                yield record.started.started_on
                if record.started.max_until is not None:
                    yield record.started.max_until + _ONE_DAY
            if record.ended is not None:
                yield record.ended.terminated_on
            for pause in record.pauses:
                yield pause.first
                if pause.last is not None:
                    yield pause.last + _ONE_DAY


def _month_from(day: date) -> date:
    """The first first of a month that is not before a day."""
    first = day.replace(day=1)
    return first if first == day else add_months(first, 1)


LOCAL_GRADES = subject_table("local_grades", "review_on")


class LocalGrades(FoldView[LocalGrading]):
    """A row for each business that has a credit record or a grade."""

    name = "local_grades"
    kind = "entity"
    fold = LocalGrading
    table = LOCAL_GRADES
    tables = (LOCAL_GRADES,)


#: Businesses read at a time; the number bounds memory.
_PAGE = 1_000


def grades_due(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Businesses whose grade by the local rule has to be recomputed this month."""
    view = LocalGrades()
    after: str | None = ""
    while after is not None:
        with views.reading() as connection:
            rows = connection.execute(
                sa.select(LOCAL_GRADES)
                .where(LOCAL_GRADES.c.review_on <= today.isoformat(), LOCAL_GRADES.c.key > after)
                .order_by(LOCAL_GRADES.c.key)
                .limit(_PAGE)
            ).all()
        after = rows[-1].key if len(rows) == _PAGE else None
        for row in rows:
            # The clock may come late, and find that the grade has changed back.
            if view.decode(row.state).due(today):
                yield RecomputeGrade(entity=row.key), f"grade:{row.key}:{row.review_on}"
