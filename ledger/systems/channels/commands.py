"""Commands of complaint channels: publish, test, close, review (2.18)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.findings import finding
from ledger.general.roles import CHANNELLED, roles
from ledger.general.vocabulary import ChannelId, Name, Text, UnitId
from ledger.kernel import Act, Event, Forbidden, Inquiry, OutOfStep, Report, message
from ledger.systems.channels import rules
from ledger.systems.channels.events import (
    ChannelAddress,
    ChannelKind,
    ChannelsFoundMissing,
    ChannelTested,
    ChannelTestFellDue,
    ComplaintChannelClosed,
    ComplaintChannelPublished,
)
from ledger.systems.channels.folds import ComplaintChannel, UnitChannels
from ledger.systems.progress.folds import ReportingUnit, month_of
from ledger.systems.workplans.folds import PolicyKnown

_POLICY = "complaint.channel_test_cd"


class PublishComplaintChannel(Act):
    """公布投诉渠道: publish where and when people can complain about the unit's enforcement.

    A later command with the same ``channel`` replaces its kind, address and hours.
    """

    ROLES = CHANNELLED

    channel: ChannelId
    unit: UnitId
    kind: ChannelKind
    address: ChannelAddress
    hours: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.read(ComplaintChannel(self.channel))
        if known.exists:
            inquiry.act_for(known.unit)
            if known.closed_on is not None:
                raise _closed(known)
            if (known.kind, known.address, known.hours) == (self.kind, self.address, self.hours):
                return
        yield ComplaintChannelPublished(
            channel=self.channel,
            unit=self.unit,
            kind=self.kind,
            address=self.address,
            hours=self.hours,
        )


class ReportChannelTest(Report):
    """测试投诉渠道: report whether a channel answered a test by another office.

    A complaint that arrives does not count as a test, because that would reveal the number of
    complaints. ``occurred_at`` is the time of the test.
    """

    ROLES = roles("jb_supervisor", "rlo_assessor")

    channel: ChannelId
    answered: bool
    says: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = _known(inquiry, self.channel)
        # A test made before the channel closed is a fact and can be reported later.
        if known.closed_on is not None and inquiry.on > known.closed_on:
            raise _closed(known)
        if inquiry.actor.unit_id == known.unit:
            raise Forbidden("channels.channel-must-be-tested-another-office", unit=known.unit)
        inquiry.not_before(known.published_on, message("channels.published", channel=self.channel))
        yield ChannelTested(
            channel=self.channel,
            unit=known.unit,
            tested_on=inquiry.on,
            answered=self.answered,
            says=self.says,
        )


class CloseComplaintChannel(Act):
    """停用投诉渠道: close a complaint channel and say why."""

    ROLES = CHANNELLED

    channel: ChannelId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = _known(inquiry, self.channel)
        inquiry.act_for(known.unit)
        if known.closed_on is not None:
            raise _closed(known)
        yield ComplaintChannelClosed(
            channel=self.channel, unit=known.unit, closed_on=inquiry.on, reason=self.reason
        )


class ReviewChannels(Act):
    """核查投诉渠道: find that a unit has no mailbox or telephone, or that one was not tested.

    Only units that report each month are reviewed, and only for days after the ledger has the
    policy ``complaint.channel_test_cd``. Each fault is found once (CMP-V4, CMP-V5).
    """

    ROLES = roles("ledger_clock")
    ACTS_FOR = ""

    unit: UnitId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        since = inquiry.read(PolicyKnown(_POLICY)).since
        if since is None or inquiry.today <= since:
            raise OutOfStep("channels.channels-reviewed-only-day-after-adopted", policy=_POLICY)
        if inquiry.read(ReportingUnit(self.unit)).groups(month_of(inquiry.today)) is None:
            raise OutOfStep("channels.unit-must-be-one-reports-each-month", unit=self.unit)
        channels = inquiry.read(UnitChannels(self.unit))
        days = int(inquiry.setting(_POLICY))
        missing = channels.missing()
        if missing:
            yield ChannelsFoundMissing(unit=self.unit, kinds=missing)
            yield finding(inquiry, rules.CMP_V5, unit=self.unit, kinds=missing)
        for name, start, last in channels.untested(inquiry.today, since, days):
            yield ChannelTestFellDue(channel=name, unit=self.unit, counted_from=start, due_on=last)
            yield finding(
                inquiry,
                rules.CMP_V4,
                unit=self.unit,
                channel=name,
                counted_from=start.isoformat(),
                due_on=last.isoformat(),
            )


def _known(inquiry: Inquiry, channel: str) -> ComplaintChannel:
    return inquiry.known(
        ComplaintChannel(channel), "channels.publish-first-publish-complaint-channel"
    )


def _closed(known: ComplaintChannel) -> OutOfStep:
    return OutOfStep("channels.channel-closed", channel=known.channel, closed_on=known.closed_on)
