"""Grades that the local rule gives (信用分级, 2.4d), and when they have to be looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.kernel.days import add_months
from ledger.systems.grading.commands import RecomputeGrade
from projections.follower import Views
from projections.systems.graded import Graded
from projections.views import FoldView, subject_table

_ONE_DAY = timedelta(days=1)


class LocalGrading(Graded):
    """When will the monthly look find another grade than the one that was announced?

    Grades are recomputed by the month, on its first day. How long a record counts can be foretold,
    so only businesses whose grade changes are looked at.
    """

    @property
    def review_on(self) -> date | None:
        """The first day of a month from which another grade than the announced one is due."""
        for day in self._months():
            if self.due(day):
                return day
        return None

    def due(self, on: date) -> bool:
        """Whether the look of a day would record a grade."""
        return self.announcement(on, by_clock=True) is not None

    def _months(self) -> list[date]:
        """The firsts of months, after what was last announced, before which something changes."""
        months = {_month_from(day) for day in self.changes()}
        said = self.announced(date.max)
        if said is None:
            return sorted(months)
        # What came to be known since may be of any day before.
        after = said.assessed_on
        return sorted({m for m in months if m > after} | {_month_from(after + _ONE_DAY)})


def _month_from(day: date) -> date:
    """The first first of a month that is not before a day."""
    first = day.replace(day=1)
    return first if first == day else add_months(first, 1)


LOCAL_GRADES = subject_table("local_grades", "review_on")


class LocalGrades(FoldView[LocalGrading]):
    """A row for each business that has a credit record or a grade."""

    name = "local_grades"
    version = 2
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
