"""Counting days: working days, calendar days and months (rulebook 0.7, Annex B).

The rules are those of the Civil Procedure Law Art. 85 and the Civil Code Arts. 201–203: the day on
which a period starts is not counted; a month ends on the corresponding day, or the month's last;
a legal deadline that ends on a statutory rest day moves to the first working day after.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

import msgspec

#: How a period is counted: working days, calendar days, months.
Unit = Literal["wd", "cd", "month"]

#: Fixed statutory holidays, used for a year whose calendar is not published yet (Annex B).
_FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})

_ONE_DAY = timedelta(days=1)


class YearCalendar(msgspec.Struct, frozen=True):
    """The published calendar of a year: rest days on weekdays and working days on weekends."""

    year: int
    version: int
    holidays: frozenset[date]
    makeup_workdays: frozenset[date]


class Due(msgspec.Struct, frozen=True):
    """The last day of a period.

    ``calendar_version`` lists the calendars used, e.g. ``"2026.1"``; it is empty if no calendar can
    move the day. ``provisional`` is true if the calendar of a year that matters was not published.
    ``judged`` is false if the day had passed before this ledger took over, so that nobody counts
    as late.
    """

    on: date
    provisional: bool
    calendar_version: str
    judged: bool = True


class DayCount(msgspec.Struct, frozen=True):
    """Counts days by the published years; in other years by weekends and fixed holidays."""

    years: Mapping[int, YearCalendar]

    def is_working(self, day: date) -> bool:
        """Whether ``day`` is a working day."""
        year = self.years.get(day.year)
        if year is None:
            return day.weekday() < 5 and (day.month, day.day) not in _FIXED_HOLIDAYS
        if day in year.makeup_workdays:
            return True
        return day.weekday() < 5 and day not in year.holidays

    def next_working(self, day: date) -> date:
        """Return ``day`` if it is a working day, else the first working day after it."""
        while not self.is_working(day):
            day += _ONE_DAY
        return day

    def due(self, start: date, n: int, unit: Unit, *, roll: bool = True) -> Due:
        """Return the last day of a period of ``n`` ``unit`` that starts on ``start``.

        With ``roll=False`` the end does not move to a working day, as for publicity periods (0.7).
        """
        touched = range(0)  # the years whose calendars were used
        if unit == "wd" and n > 0:
            end, left = start, n
            while left > 0:
                end += _ONE_DAY
                left -= self.is_working(end)
            touched = range((start + _ONE_DAY).year, end.year + 1)
        else:
            end = last = add_months(start, n) if unit == "month" else start + timedelta(days=n)
            if roll or unit == "wd":
                end = self.next_working(last)
                touched = range(last.year, end.year + 1)
        provisional = any(year not in self.years for year in touched)
        versions = [
            f"{y}.{self.years[y].version}" if y in self.years else f"{y}.0" for y in touched
        ]
        return Due(end, provisional, " ".join(versions))

    def working_days_between(self, start: date, end: date) -> int:
        """Return how many working days lie after ``start``, up to and including ``end``."""
        count, day = 0, start
        while day < end:
            day += _ONE_DAY
            count += self.is_working(day)
        return count


def add_months(day: date, months: int) -> date:
    """Return the corresponding day ``months`` later, or that month's last day if it has none."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def earliest_after_minimum(start: date, months: int) -> date:
    """Return the first day after a minimum period of ``months`` (0.7)."""
    return add_months(start, months) + _ONE_DAY
