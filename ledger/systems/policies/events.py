"""Events of policies and calendars.

The kernel defines the events of policy versions and calendars, because it judges every command by
them.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from ledger.kernel import Event
from ledger.kernel.policies import CalendarYear, PolicyVersionAdopted, WorkingCalendarPublished


class CalendarCalledFor(Event):
    """工作日历待发布: next year's working calendar is missing.

    The Justice Bureau must publish it by ``due_on``. The service records this once for a year, on
    or after the day ``calendar.call_on``. Until the calendar is published, deadlines that reach
    into that year are provisional.
    """

    TOPIC: ClassVar[str] = "policies.calendar-called-for"

    year: CalendarYear
    due_on: date


__all__ = ["CalendarCalledFor", "PolicyVersionAdopted", "WorkingCalendarPublished"]
