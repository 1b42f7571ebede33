"""The working calendars that the package ``chinesecalendar`` knows: a seed, not the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.metadata import version

import chinese_calendar

SATURDAY = 5


@cache
def seed_years() -> Mapping[int, tuple[tuple[date, ...], tuple[date, ...]]]:
    """For each year that the package covers: its rest days on weekdays, its make-up working days.

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
