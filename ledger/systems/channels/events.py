"""Events of complaint channels (投诉邮箱、电话平台, 2.18)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import ChannelId, Name, Text, UnitId
from ledger.kernel import Event

ChannelKind = Literal["mailbox", "phone", "web", "window", "12345"]

#: An office's address or number, public by law: a telephone there is nobody's own.
ChannelAddress = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=200,
        pattern=r"^\S(?:.*\S)?(?![\s\S])",
        description="a mail address, a number, a page or a place of the unit",
        examples=["0931-8250000"],
    ),
]


class ComplaintChannelPublished(Event):
    """公布投诉渠道: anybody can complain of the unit's enforcement by ``address``, at these hours.

    Published again under the same id it says what holds from then on.
    """

    TOPIC: ClassVar[str] = "channels.complaint-channel-published"
    VISIBILITY = "public"

    channel: ChannelId
    unit: UnitId
    kind: ChannelKind
    address: ChannelAddress
    hours: Name


class ChannelTested(Event):
    """测试投诉渠道: another office tried the channel, and was ``answered`` or not.

    For the unit and the offices that supervise.
    """

    TOPIC: ClassVar[str] = "channels.channel-tested"
    CORRECTABLE = frozenset({"says"})

    channel: ChannelId
    unit: UnitId
    tested_on: date
    answered: bool
    says: Text | None = None


class ComplaintChannelClosed(Event):
    """停用投诉渠道: nobody answers there from ``closed_on`` on, and why."""

    TOPIC: ClassVar[str] = "channels.complaint-channel-closed"
    VISIBILITY = "public"

    channel: ChannelId
    unit: UnitId
    closed_on: date
    reason: Text


class ChannelsFoundMissing(Event):
    """未公布投诉渠道: a unit that reports each month has no channel of these ``kinds`` (CMP-V5)."""

    TOPIC: ClassVar[str] = "channels.channels-found-missing"

    unit: UnitId
    kinds: tuple[ChannelKind, ...]


class ChannelTestFellDue(Event):
    """投诉渠道测试到期: no answered test since ``counted_from`` until ``due_on`` (CMP-V4)."""

    TOPIC: ClassVar[str] = "channels.channel-test-fell-due"

    channel: ChannelId
    unit: UnitId
    counted_from: date
    due_on: date
