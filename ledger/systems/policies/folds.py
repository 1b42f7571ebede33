"""Folds about calendars."""

from __future__ import annotations

from ledger.kernel import Fold
from ledger.kernel.policies import CalendarYear, WorkingCalendarPublished
from ledger.systems.policies.events import CalendarCalledFor


class CalendarCall(Fold):
    """Was this year's working calendar called for or published?"""

    year: CalendarYear
    called: bool = False
    published: bool = False

    def on_called(self, event: CalendarCalledFor) -> None:
        self.called = True

    def on_published(self, event: WorkingCalendarPublished) -> None:
        self.published = True
