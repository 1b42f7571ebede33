"""Folds about complaint channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.general.vocabulary import ChannelId, UnitId
from ledger.kernel import Fold, Recorded
from ledger.systems.channels.events import (
    ChannelKind,
    ChannelsFoundMissing,
    ChannelTested,
    ChannelTestFellDue,
    ComplaintChannelClosed,
    ComplaintChannelPublished,
)

#: What every unit has to publish (CMP-V5): 投诉邮箱, 电话平台.
OWED: tuple[ChannelKind, ...] = ("mailbox", "phone")


class ChannelTest(msgspec.Struct):
    """One test of a channel."""

    tested_on: date
    answered: bool
    says: str | None = None


class ComplaintChannel(Fold):
    """Where can one complain by this channel, when, and does anybody answer?"""

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
    def exists(self) -> bool:
        return self.unit != ""

    @property
    def stage(self) -> Literal["unknown", "open", "closed"]:
        """Whether it was closed."""
        if not self.exists:
            return "unknown"
        return "open" if self.closed_on is None else "closed"

    def in_force(self, on: date) -> bool:
        """Whether it was open that day."""
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
    """An open channel as far as tests are owed for it.

    ``published_on``: the day since which it has this address; a test says nothing of another one.
    """

    kind: str
    address: str
    published_on: date
    answered_on: date | None = None
    found_from: date | None = None


class UnitChannels(Fold):
    """Which channels has this unit open, which are untested, and what was found of that?"""

    unit: UnitId
    open: dict[str, Answering] = msgspec.field(default_factory=dict)
    found_missing: list[str] = msgspec.field(default_factory=list)

    @property
    def exists(self) -> bool:
        return bool(self.open or self.found_missing)

    def missing(self) -> tuple[ChannelKind, ...]:
        """The kinds that it owes, has not, and was not found to lack since it last had them."""
        published = {channel.kind for channel in self.open.values()}
        return tuple(k for k in OWED if k not in published and k not in self.found_missing)

    def untested(self, on: date, since: date, days: int) -> Iterator[tuple[str, date, date]]:
        """The channels without an answered test in so many ``days`` before a day.

        Each with the day from which they count and the last of them, unless that was found.
        ``since``: no day up to this one counts.
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
