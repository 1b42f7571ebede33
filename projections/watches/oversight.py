"""What the clock finds in case-file reviews, monthly reports, calendars, channels and plans."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.kernel.days import add_months
from ledger.systems.casefiles.commands import ReviewUnreviewedUnit
from ledger.systems.channels.commands import ReviewChannels
from ledger.systems.channels.folds import UnitChannels
from ledger.systems.policies.commands import CallForCalendar
from ledger.systems.policies.rules import PUBLISH_CALENDAR
from ledger.systems.progress.commands import OpenReportingMonth
from ledger.systems.progress.folds import ReportingUnit, month_of, next_month
from ledger.systems.workplans.commands import ReviewWorkPlan
from projections.follower import Views
from projections.systems.casefiles import REVIEW_STANDINGS
from projections.systems.channels import UNIT_CHANNELS, ChannelsOfUnits
from projections.systems.deadlines import CALENDARS, DEADLINES
from projections.systems.policies import value_in_force
from projections.systems.progress import REPORTING_UNITS, ReportingUnits
from projections.systems.workplans import PLAN_YEARS, PlanYears, known_since

_REPORTING, _CHANNELS, _YEARS = ReportingUnits(), ChannelsOfUnits(), PlanYears()


def unreviewed(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each unit without a review for ``casefile.review_months`` (CFR-V2)."""
    table = REVIEW_STANDINGS.c
    with views.reading() as connection:
        months = value_in_force(connection, "casefile.review_months", today)
        if months is None:
            return
        rows = connection.execute(
            sa.select(table.key, table.since)
            .where(
                table.since < add_months(today, -int(months)).isoformat(),
                sa.or_(table.until.is_(None), table.until >= today.isoformat()),
            )
            .order_by(table.key)
        ).all()
    for unit, since in rows:
        yield ReviewUnreviewedUnit(unit=unit), f"unreviewed:{unit}:{since}"


def months_to_open(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a command to open each month that has begun and is not open yet, per reporting unit.

    Each month that the clock slept through is opened too, and what was owed in it is missed.
    """
    table, current = REPORTING_UNITS.c, month_of(today)
    with views.reading() as connection:
        rows = connection.execute(
            sa.select(table.key, table.since, table.until, table.last_opened)
            .where(
                table.since <= current,
                sa.or_(table.last_opened.is_(None), table.last_opened < current),
            )
            .order_by(table.key)
        ).all()
    for unit, since, until, last_opened in rows:
        month = since if last_opened is None else max(since, next_month(last_opened))
        while month <= min(current, until or current):
            yield OpenReportingMonth(unit=unit, month=month), f"open:{unit}:{month}"
            month = next_month(month)


def calendars_to_call_for(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a call for next year's missing working calendar, from ``calendar.call_on`` on."""
    year = today.year + 1
    with views.reading() as connection:
        written = value_in_force(connection, "calendar.call_on", today)
        if written is None or today.isoformat() < f"{today.year:04}-{written}":
            return
        published = sa.exists().where(CALENDARS.c.year == str(year))
        called = sa.exists().where(
            DEADLINES.c.rule == PUBLISH_CALENDAR.name, DEADLINES.c.about == f"calendar:{year}"
        )
        known = connection.execute(sa.select(sa.or_(published, called))).scalar_one()
    if not known:
        yield CallForCalendar(year=year), f"calendar:{year}"


def channels_to_review(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each reporting unit without a tested channel (CMP-V4, CMP-V5)."""
    key = "complaint.channel_test_cd"
    with views.reading() as connection:
        days, since = value_in_force(connection, key, today), known_since(connection, key)
        if days is None or since is None or today <= since:
            return
        rows = connection.execute(
            sa.select(REPORTING_UNITS.c.key, REPORTING_UNITS.c.state, UNIT_CHANNELS.c.state)
            .outerjoin(UNIT_CHANNELS, UNIT_CHANNELS.c.key == REPORTING_UNITS.c.key)
            .where(REPORTING_UNITS.c.since.is_not(None))
            .order_by(REPORTING_UNITS.c.key)
        ).all()
    for unit, reporting, state in rows:
        known: ReportingUnit = _REPORTING.decode(reporting)
        channels = UnitChannels(unit) if state is None else _CHANNELS.decode(state)
        short = channels.missing() or any(channels.untested(today, since, int(days)))
        if short and known.groups(month_of(today)) is not None:
            yield ReviewChannels(unit=unit), f"channels:{unit}:{today}"


def plans_missing(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Yield a review of each reporting unit that missed the day for this year's plan (WRK-V4)."""
    year = today.year
    with views.reading() as connection:
        written = value_in_force(connection, "work.plan_due", today)
        since = known_since(connection, "work.plan_due")
        if written is None or since is None or since >= date(year, 1, 1):
            return
        if today.isoformat() <= f"{year:04}-{written}":
            return
        rows = connection.execute(
            sa.select(REPORTING_UNITS.c.key, REPORTING_UNITS.c.state, PLAN_YEARS.c.state)
            .outerjoin(PLAN_YEARS, PLAN_YEARS.c.key == REPORTING_UNITS.c.key)
            .where(REPORTING_UNITS.c.since.is_not(None))
            .order_by(REPORTING_UNITS.c.key)
        ).all()
    for unit, reporting, years in rows:
        known: ReportingUnit = _REPORTING.decode(reporting)
        settled = years is not None and _YEARS.decode(years).settled(year)
        if not settled and known.groups(f"{year:04}-01") is not None:
            yield ReviewWorkPlan(unit=unit, year=year), f"work-plan:{unit}:{year}"
