"""Events of policies and calendars.

Versions and calendars are the kernel's own: every command is judged by them.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from ledger.kernel import Event
from ledger.kernel.policies import CalendarYear, PolicyVersionAdopted, WorkingCalendarPublished


class CalendarCalledFor(Event):
    """工作日历待发布: next year's working calendar is missing; JB publishes it by ``due_on``.

    Recorded once for a year, from the day of ``calendar.call_on`` on. Until it is published,
    deadlines that reach into that year are provisional.
    """

    TOPIC: ClassVar[str] = "policies.calendar-called-for"

    year: CalendarYear
    due_on: date


__all__ = ["CalendarCalledFor", "PolicyVersionAdopted", "WorkingCalendarPublished"]
