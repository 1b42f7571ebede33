"""The working calendars that the package ``chinesecalendar`` knows: a seed, not the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.metadata import version

import chinese_calendar

SATURDAY = 5

#: Make-up working days that the package lacks. 31 December 2005 was worked for 3 January 2006
#: (General Office of the State Council, notice on the holidays of 2006).
_LACKING = {date(2005, 12, 31)}


Years = Mapping[int, tuple[tuple[date, ...], tuple[date, ...]]]


@cache
def seed_years() -> Years:
    """For each year that the package covers: its rest days on weekdays, its make-up working days.

    With what the package lacks.
    """
    years = dict(package_years())
    for day in sorted(_LACKING):
        holidays, makeup = years[day.year]
        years[day.year] = (holidays, tuple(sorted({*makeup, day})))
    return years


@cache
def package_years() -> Years:
    """The years as the package has them, and as ledgers were seeded with them before.

    Read from the package's tables rather than by its functions, which refuse other years.
    """
    holidays: dict[int, list[date]] = defaultdict(list)
    makeup: dict[int, list[date]] = defaultdict(list)
    for day in sorted(chinese_calendar.holidays):
        if day.weekday() < SATURDAY and day not in chinese_calendar.workdays:
            holidays[day.year].append(day)
    for day in sorted(chinese_calendar.workdays):
        if day.weekday() >= SATURDAY:
            makeup[day.year].append(day)
    return {year: (tuple(holidays[year]), tuple(makeup[year])) for year in sorted(holidays)}


def seed_source() -> str:
    """Where the seeded calendars come from."""
    return f"annual notices of the State Council, by chinesecalendar {version('chinesecalendar')}"
