"""Day counting against the rulebook's own vectors and what must hold of any count."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.kernel.days import (
    DayCount,
    Due,
    Unit,
    YearCalendar,
    add_months,
    earliest_after_minimum,
)
from ledger.systems.policies.calendars import seed_years

DAYS = DayCount(
    {
        year: YearCalendar(year, 1, frozenset(holidays), frozenset(makeup))
        for year, (holidays, makeup) in seed_years().items()
    }
)
ONE_DAY = timedelta(days=1)


def day(text: str) -> date:
    return date.fromisoformat(text)


VECTORS = [
    ("S2 filing of the plan", "2026-01-15", 5, "wd", "2026-01-22"),
    ("S3 emergency from a Saturday", "2026-08-22", 1, "wd", "2026-08-24"),
    ("S7 acknowledgement over Mid-Autumn", "2026-09-24", 1, "wd", "2026-09-28"),
    ("S7 acceptance over National Day", "2026-09-24", 7, "wd", "2026-10-12"),
    ("S7 response to a notice", "2026-10-13", 15, "wd", "2026-11-03"),
    ("S10 draw result", "2026-09-18", 20, "wd", "2026-10-22"),
    ("S11 penalty publicity", "2026-09-28", 7, "wd", "2026-10-13"),
    ("S14 guidance, ten working days", "2026-04-08", 10, "wd", "2026-04-22"),
    ("S15 publicity", "2026-04-15", 7, "wd", "2026-04-24"),
    ("S15 acceptance", "2026-07-16", 3, "wd", "2026-07-21"),
    ("S15 decision", "2026-07-20", 7, "wd", "2026-07-29"),
    ("S15 Credit China", "2026-07-16", 10, "wd", "2026-07-30"),
    ("S15 synchronisation", "2026-07-27", 3, "wd", "2026-07-30"),
    ("S17 green channel", "2023-02-16", 3, "wd", "2023-02-21"),
    ("S18 application, rolled over May Day", "2026-03-02", 60, "cd", "2026-05-06"),
    ("S18 acceptance over a make-up Saturday", "2026-05-06", 5, "wd", "2026-05-12"),
    ("S18 copy", "2026-05-12", 7, "wd", "2026-05-21"),
    ("S18 decision, rolled from a Saturday", "2026-05-12", 60, "cd", "2026-07-13"),
    ("S18 withdrawal", "2026-07-03", 3, "wd", "2026-07-08"),
]


@pytest.mark.parametrize(
    ("start", "n", "unit", "on"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS]
)
def test_vectors_of_the_rulebook(start: str, n: int, unit: Unit, on: str) -> None:
    """Every due date that the acceptance scenarios state comes out, and is final."""
    due = DAYS.due(day(start), n, unit)
    assert (due.on, due.provisional) == (day(on), False)


def test_s11_an_unpublished_year_is_provisional() -> None:
    """Decided 2026-12-28 without a calendar of 2027: 2027-01-07 for now, New Year's Day not."""
    assert DAYS.due(day("2026-12-28"), 7, "wd") == Due(day("2027-01-07"), True, "2026.1 2027.0")


def test_s11_a_published_year_moves_it() -> None:
    """With 2027 published, its holidays and make-up days count and the date is final."""
    year = YearCalendar(2027, 1, frozenset({day("2027-01-01"), day("2027-01-04")}), frozenset())
    later = DayCount({**DAYS.years, 2027: year})
    assert later.due(day("2026-12-28"), 7, "wd") == Due(day("2027-01-08"), False, "2026.1 2027.1")


@pytest.mark.parametrize(
    ("start", "months", "ends", "earliest"),
    [
        ("2026-04-15", 3, "2026-07-15", "2026-07-16"),  # S15
        ("2026-04-15", 12, "2027-04-15", "2027-04-16"),  # S15
        ("2025-03-10", 12, "2026-03-10", "2026-03-11"),  # S16
        ("2025-09-01", 12, "2026-09-01", "2026-09-02"),  # S16
        ("2022-11-15", 3, "2023-02-15", "2023-02-16"),  # S17
        ("2023-05-08", 36, "2026-05-08", "2026-05-09"),  # S17
        ("2026-01-05", 12, "2027-01-05", "2027-01-06"),  # S14
        ("2025-11-30", 3, "2026-02-28", "2026-03-01"),
        ("2024-02-29", 12, "2025-02-28", "2025-03-01"),
        ("2023-12-31", 2, "2024-02-29", "2024-03-01"),
    ],
)
def test_months_end_on_the_corresponding_day(
    start: str, months: int, ends: str, earliest: str
) -> None:
    """A month period ends on the same day of the month, or its last; a minimum ends before."""
    assert add_months(day(start), months) == day(ends)
    assert earliest_after_minimum(day(start), months) == day(earliest)
    assert DAYS.due(day(start), months, "month", roll=False).on == day(ends)


def test_s19_the_warning_of_may_2026() -> None:
    """May 2026 ends on a Sunday; its last working day is Friday 05-29."""
    may = [date(2026, 5, n) for n in range(1, 32)]
    assert max(filter(DAYS.is_working, may)) == day("2026-05-29")


def test_annex_b() -> None:
    """The make-up days of 2026 are working days; its long breaks are not."""
    for makeup in ("01-04", "02-14", "02-28", "05-09", "09-20", "10-10"):
        assert DAYS.is_working(day(f"2026-{makeup}"))
    breaks = [("02-15", 9), ("05-01", 5), ("09-25", 3), ("10-01", 7)]
    for first, length in breaks:
        for n in range(length):
            assert not DAYS.is_working(day(f"2026-{first}") + n * ONE_DAY)


@pytest.mark.parametrize(
    ("start", "n", "unit", "roll", "versions"),
    [
        ("2026-12-01", 60, "cd", False, ""),
        ("2026-04-15", 12, "month", False, ""),
        ("2003-12-20", 20, "cd", True, "2004.1"),
        ("2003-12-31", 1, "wd", True, "2004.1"),
        ("2025-12-30", 60, "cd", True, "2026.1"),
    ],
)
def test_only_calendars_that_are_looked_up_make_it_provisional(
    start: str, n: int, unit: Unit, roll: bool, versions: str
) -> None:
    """An end that no unpublished day could move is final, whatever the period runs through."""
    due = DAYS.due(day(start), n, unit, roll=roll)
    assert (due.provisional, due.calendar_version) == (False, versions)


def test_a_rolled_end_may_reach_the_next_year() -> None:
    """An end on New Year's Eve that is rolled depends on the year that it is rolled into."""
    unpublished = DayCount({2026: DAYS.years[2026]})
    assert unpublished.due(day("2026-11-02"), 60, "cd") == Due(day("2027-01-04"), True, "2027.0")


DATES = st.dates(day("2004-01-01"), day("2024-12-31"))
UNITS = st.sampled_from(["wd", "cd", "month"])


@given(DATES, st.integers(0, 40))
def test_working_days_are_counted_one_by_one(start: date, n: int) -> None:
    """n working days later there lie n working days between, and the end is one of them."""
    due = DAYS.due(start, n, "wd")
    assert DAYS.is_working(due.on)
    if n:
        assert DAYS.working_days_between(start, due.on) == n
    assert DAYS.working_days_between(start, due.on - ONE_DAY) <= max(n - 1, 0)


@given(DATES, DATES, st.integers(0, 40), UNITS)
def test_who_starts_later_ends_no_earlier(one: date, other: date, n: int, unit: Unit) -> None:
    """Periods of one length keep their order."""
    first, last = sorted((one, other))
    assert DAYS.due(first, n, unit).on <= DAYS.due(last, n, unit).on


@given(DATES, st.integers(0, 40), UNITS)
def test_a_longer_period_ends_no_earlier(start: date, n: int, unit: Unit) -> None:
    """One more never ends before, and a rolled end is never before the one that is not."""
    assert DAYS.due(start, n, unit).on <= DAYS.due(start, n + 1, unit).on
    assert start <= DAYS.due(start, n, unit, roll=False).on <= DAYS.due(start, n, unit).on


@given(DATES, st.integers(0, 600), st.sampled_from(["cd", "month"]))
def test_a_rolled_end_is_the_first_working_day(start: date, n: int, unit: Unit) -> None:
    """Between the end that is not rolled and the one that is, nobody works."""
    end = DAYS.due(start, n, unit, roll=False).on
    if end.year > 2026:
        return
    rolled = DAYS.due(start, n, unit).on
    while end < rolled:
        assert not DAYS.is_working(end)
        end += ONE_DAY
    assert DAYS.is_working(rolled)


@given(DATES, st.integers(0, 600))
def test_adding_months_lands_in_that_month(start: date, months: int) -> None:
    """Twelve months a year, the same day or the month's last."""
    end = add_months(start, months)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == min(start.day, calendar.monthrange(end.year, end.month)[1])
