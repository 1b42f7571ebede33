"""Grades by the local rule (信用分级, 2.4d), and when they must be recomputed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import sqlalchemy as sa

from ledger.kernel import budget
from ledger.kernel.days import add_months
from projections.systems.graded import Graded
from projections.tables import Code, Connection, Row, Store
from projections.views import FoldView, subject_table

_ONE_DAY = timedelta(days=1)


class LocalGrading(Graded):
    """When will the monthly recomputation give another grade than the one announced?

    Grades are recomputed on the first day of each month. It is known in advance how long a record
    counts, so only businesses whose grade changes are recomputed.
    """

    @property
    def review_on(self) -> date | None:
        """The first day of the month in which a grade other than the announced one is due."""
        for day in self._months():
            if self.due(day):
                return day
        return None

    def due(self, on: date) -> bool:
        """Return whether the recomputation on a day would record a grade."""
        return self.announcement(on, by_clock=True) is not None

    def _months(self) -> list[date]:
        """Return the first days of months on which the grade may differ from the announced one."""
        months = {_month_from(day) for day in self.changes()}
        announced = self.announced(date.max)
        if announced is None:
            return sorted(months)
        # Facts recorded after the announcement may be of any earlier day.
        after = announced.assessed_on
        return sorted({m for m in months if m > after} | {_month_from(after + _ONE_DAY)})


def _month_from(day: date) -> date:
    """Return the first day of a month on or after a day."""
    first = day.replace(day=1)
    return first if first == day else add_months(first, 1)


LOCAL_GRADES = subject_table("local_grades", "review_on")

#: One row for each assessment or announcement of a grade: the month, the grade and the one before.
GRADE_STEPS = sa.Table(
    "grade_steps",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("month", Code, nullable=False),
    sa.Column("grade", Code, nullable=False),
    #: Empty for the first grade of a business.
    sa.Column("before", Code, nullable=False),
    #: For counting the steps of all months without reading the rows.
    sa.Index("grade_steps_by_month", "month", "before", "grade"),
)


class LocalGrades(FoldView[LocalGrading]):
    """A row for each business that has a credit record or a grade, and its steps of grades."""

    name = "local_grades"
    version = 3
    kind = "entity"
    fold = LocalGrading
    table = LOCAL_GRADES
    tables = (LOCAL_GRADES, GRADE_STEPS)

    def write(self, folds: Mapping[str, tuple[LocalGrading, int]], store: Store) -> None:
        super().write(folds, store)
        store.put(GRADE_STEPS, [row for fold, _ in folds.values() for row in _steps(fold)])


def _steps(fold: LocalGrading) -> Iterable[Row]:
    before = ""
    for number, assigned in enumerate(fold.assigned):
        event = assigned.event
        yield {
            "key": f"{fold.entity}|{number:06}",
            "month": event.assessed_on.isoformat()[:7],
            "grade": event.grade,
            "before": before,
        }
        before = event.grade


def grades_by_month(connection: Connection) -> dict[str, dict[str, int]]:
    """Return how many businesses had each announced grade at the end of each month with a step."""
    steps = GRADE_STEPS.c
    counts: Counter[str] = Counter()
    months: dict[str, dict[str, int]] = {}
    for month, before, grade, n in connection.execute(
        sa.select(steps.month, steps.before, steps.grade, sa.func.count())
        .group_by(steps.month, steps.before, steps.grade)
        .order_by(steps.month)
    ):
        budget.check()
        counts[grade] += n
        if before:
            counts[before] -= n
        months[month] = {name: count for name, count in sorted(counts.items()) if count}
    return months
