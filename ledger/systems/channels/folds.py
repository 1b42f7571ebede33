"""Folds about complaint channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.general.vocabulary import ChannelId, UnitId
from ledger.kernel import Recorded, SubjectFold
from ledger.systems.channels.events import (
    ChannelKind,
    ChannelsFoundMissing,
    ChannelTested,
    ChannelTestFellDue,
    ComplaintChannelClosed,
    ComplaintChannelPublished,
)

#: The kinds of channel that every unit must publish (CMP-V5): 投诉邮箱, 电话平台.
OWED: tuple[ChannelKind, ...] = ("mailbox", "phone")


class ChannelTest(msgspec.Struct):
    """One test of a channel."""

    tested_on: date
    answered: bool
    says: str | None = None


class ComplaintChannel(SubjectFold):
    """What are the address and hours of this channel, and were its tests answered?"""

    BEGUN = "unit"

    channel: ChannelId
    unit: str = ""
    kind: str = ""
    address: str = ""
    hours: str = ""
    published_on: date | None = None
    changed_on: date | None = None
    closed_on: date | None = None
    closed_because: str | None = None
    tests: list[ChannelTest] = msgspec.field(default_factory=list)

    @property
    def stage(self) -> Literal["unknown", "open", "closed"]:
        """Whether the channel is open or closed."""
        if not self.exists:
            return "unknown"
        return "open" if self.closed_on is None else "closed"

    def in_force(self, on: date) -> bool:
        """Return whether the channel was open on a day."""
        return (
            self.published_on is not None
            and self.published_on <= on
            and (self.closed_on is None or on < self.closed_on)
        )

    def on_published(self, event: ComplaintChannelPublished, record: Recorded) -> None:
        if self.published_on is None:
            self.published_on = record.occurred_on
        else:
            self.changed_on = record.occurred_on
        self.unit, self.kind = event.unit, event.kind
        self.address, self.hours = event.address, event.hours

    def on_tested(self, event: ChannelTested) -> None:
        self.tests.append(ChannelTest(event.tested_on, event.answered, event.says))

    def on_closed(self, event: ComplaintChannelClosed) -> None:
        self.closed_on, self.closed_because = event.closed_on, event.reason


class Answering(msgspec.Struct):
    """An open channel and its newest answered test.

    ``published_on`` is the first day of its present address; a test of an earlier address does not
    count.
    """

    kind: str
    address: str
    published_on: date
    answered_on: date | None = None
    found_from: date | None = None


class UnitChannels(SubjectFold):
    """Which open channels does this unit have, and which faults of them were already reported?"""

    unit: UnitId
    open: dict[str, Answering] = msgspec.field(default_factory=dict)
    found_missing: list[str] = msgspec.field(default_factory=list)

    @property
    def exists(self) -> bool:
        return bool(self.open or self.found_missing)

    def missing(self) -> tuple[ChannelKind, ...]:
        """Return the required kinds that the unit lacks and that were not reported missing yet."""
        published = {channel.kind for channel in self.open.values()}
        return tuple(k for k in OWED if k not in published and k not in self.found_missing)

    def untested(self, on: date, since: date, days: int) -> Iterator[tuple[str, date, date]]:
        """Yield the channels that had no answered test for more than ``days`` days.

        Each channel comes with the first and last day of that period. A period that was already
        reported is left out. No period begins before ``since``.
        """
        for name, channel in sorted(self.open.items()):
            start = max(channel.answered_on or channel.published_on, since)
            last = start + timedelta(days=days)
            if on > last and channel.found_from != start:
                yield name, start, last

    def on_published(self, event: ComplaintChannelPublished, record: Recorded) -> None:
        known = self.open.get(event.channel)
        if known is None or known.address != event.address:
            self.open[event.channel] = Answering(event.kind, event.address, record.occurred_on)
        else:
            known.kind = event.kind
        if event.kind in self.found_missing:
            self.found_missing.remove(event.kind)

    def on_tested(self, event: ChannelTested) -> None:
        channel = self.open.get(event.channel)
        if channel is not None and event.answered and event.tested_on >= channel.published_on:
            channel.answered_on = max(event.tested_on, channel.answered_on or event.tested_on)

    def on_closed(self, event: ComplaintChannelClosed) -> None:
        self.open.pop(event.channel, None)

    def on_missing(self, event: ChannelsFoundMissing) -> None:
        self.found_missing.extend(event.kinds)

    def on_fell_due(self, event: ChannelTestFellDue) -> None:
        channel = self.open.get(event.channel)
        if channel is not None:
            channel.found_from = event.counted_from
