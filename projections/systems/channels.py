"""Complaint channels (投诉渠道, 2.18), and the units that lack one or left one untested."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from ledger.systems.channels.folds import ComplaintChannel, UnitChannels
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
    """Return the condition that a channel was open on a day."""
    closed = table.c.closed_on
    return sa.and_(
        table.c.published_on <= day.isoformat(),
        sa.or_(closed.is_(None), closed > day.isoformat()),
    )


UNIT_CHANNELS = subject_table("unit_channels")


class ChannelsOfUnits(FoldView[UnitChannels]):
    """A row for each unit: its open channels, and the findings about them."""

    name = "unit_channels"
    kind = "unit"
    fold = UnitChannels
    table = UNIT_CHANNELS
    tables = (UNIT_CHANNELS,)
