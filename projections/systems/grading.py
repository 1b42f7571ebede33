"""Grades by the local rule (信用分级, 2.4d), and when they must be recomputed."""

from __future__ import annotations

from datetime import date, timedelta

from ledger.kernel.days import add_months
from projections.systems.graded import Graded
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


class LocalGrades(FoldView[LocalGrading]):
    """A row for each business that has a credit record or a grade."""

    name = "local_grades"
    version = 2
    kind = "entity"
    fold = LocalGrading
    table = LOCAL_GRADES
    tables = (LOCAL_GRADES,)
