"""Folds about deadlines."""

from __future__ import annotations

import msgspec

from ledger.kernel import Fold, Recorded, WorkingCalendarPublished
from ledger.kernel.days import YearCalendar
from ledger.kernel.deadlines import DeadlineOutcome, Performance
from ledger.kernel.policies import CalendarYear

__all__ = ["CalendarHistory", "DeadlineOutcome", "Performance"]


class CalendarHistory(Fold):
    """Which versions of a year's calendar were published, and at which position?"""

    year: CalendarYear
    versions: list[tuple[int, YearCalendar]] = msgspec.field(default_factory=list)

    def on_published(self, event: WorkingCalendarPublished, record: Recorded) -> None:
        year = YearCalendar(
            int(event.year),
            event.version,
            frozenset(event.holidays),
            frozenset(event.makeup_workdays),
        )
        self.versions.append((record.position, year))

    def known_at(self, position: int) -> YearCalendar | None:
        """The newest version published up to a position."""
        known = [year for published, year in self.versions if published <= position]
        return max(known, key=lambda year: year.version, default=None)
