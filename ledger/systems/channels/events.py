"""Events of complaint channels (投诉邮箱、电话平台, 2.18)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import ChannelId, Name, Text, UnitId
from ledger.kernel import Event

ChannelKind = Literal["mailbox", "phone", "web", "window", "12345"]

#: The address or telephone number of an office. It is public by law, not personal data.
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
    """公布投诉渠道: the public can complain about the unit's enforcement at ``address``.

    ``hours`` are the hours of service. A publication under the same id replaces the earlier one.
    """

    TOPIC: ClassVar[str] = "channels.complaint-channel-published"
    VISIBILITY = "public"

    channel: ChannelId
    unit: UnitId
    kind: ChannelKind
    address: ChannelAddress
    hours: Name


class ChannelTested(Event):
    """测试投诉渠道: another office tried the channel and recorded whether anyone ``answered``.

    Only the unit and the supervising offices may read it.
    """

    TOPIC: ClassVar[str] = "channels.channel-tested"
    CORRECTABLE = frozenset({"says"})

    channel: ChannelId
    unit: UnitId
    tested_on: date
    answered: bool
    says: Text | None = None


class ComplaintChannelClosed(Event):
    """停用投诉渠道: the channel takes no complaints from ``closed_on``, for a stated reason."""

    TOPIC: ClassVar[str] = "channels.complaint-channel-closed"
    VISIBILITY = "public"

    channel: ChannelId
    unit: UnitId
    closed_on: date
    reason: Text


class ChannelsFoundMissing(Event):
    """未公布投诉渠道: a unit that must report each month has no channel of ``kinds`` (CMP-V5)."""

    TOPIC: ClassVar[str] = "channels.channels-found-missing"

    unit: UnitId
    kinds: tuple[ChannelKind, ...]


class ChannelTestFellDue(Event):
    """投诉渠道测试到期: no test was answered from ``counted_from`` to ``due_on`` (CMP-V4)."""

    TOPIC: ClassVar[str] = "channels.channel-test-fell-due"

    channel: ChannelId
    unit: UnitId
    counted_from: date
    due_on: date
