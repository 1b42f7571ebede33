"""Complaint channels (投诉渠道, 2.18), as their folds have them, and which units fall short."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.systems.channels.commands import ReviewChannels
from ledger.systems.channels.folds import ComplaintChannel, UnitChannels
from ledger.systems.progress.folds import ReportingUnit, month_of
from projections.follower import Views
from projections.systems.policies import value_in_force
from projections.systems.progress import REPORTING_UNITS, ReportingUnits
from projections.systems.workplans import known_since
from projections.views import FoldView, subject_table

CHANNELS = subject_table("complaint_channels", "unit", "kind", "stage", "published_on", "closed_on")


class ComplaintChannels(FoldView[ComplaintChannel]):
    """A row for each channel."""

    name = "complaint_channels"
    kind = "channel"
    fold = ComplaintChannel
    table = CHANNELS
    tables = (CHANNELS,)


def open_on(table: sa.Table, day: date) -> sa.ColumnElement[bool]:
    """The rows of channels that were open on a day."""
    closed = table.c.closed_on
    return sa.and_(
        table.c.published_on <= day.isoformat(),
        sa.or_(closed.is_(None), closed > day.isoformat()),
    )


UNIT_CHANNELS = subject_table("unit_channels")


class ChannelsOfUnits(FoldView[UnitChannels]):
    """A row for each unit: its open channels, and what was found of them."""

    name = "unit_channels"
    kind = "unit"
    fold = UnitChannels
    table = UNIT_CHANNELS
    tables = (UNIT_CHANNELS,)


_REPORTING, _CHANNELS = ReportingUnits(), ChannelsOfUnits()


def channels_to_review(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """The reporting units that lack a channel, or left one untested (CMP-V4, CMP-V5)."""
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
