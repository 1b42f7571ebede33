"""Complaint channels (2.18): published, tested by others, closed, and found missing once."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import Forbidden, OutOfStep, UnknownReference
from ledger.kernel.events import CIVIL_ZONE
from ledger.systems.channels.commands import (
    CloseComplaintChannel,
    PublishComplaintChannel,
    ReportChannelTest,
    ReviewChannels,
)
from ledger.systems.channels.events import (
    ChannelsFoundMissing,
    ChannelTested,
    ChannelTestFellDue,
    ComplaintChannelClosed,
    ComplaintChannelPublished,
)
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.progress.events import ReportingUnitEnrolled
from tests.cast import CLOCK, HEAD, JB, actor
from tests.gwt import Scenario, like

replace = msgspec.structs.replace

EMB = actor("EMB", "HEAD-EMB", "unit_head")

PHONE = PublishComplaintChannel(
    channel="CH-1", unit="MRB", kind="phone", address="0931-8250000", hours="工作日 9:00—17:00"
)
MAILBOX = replace(PHONE, channel="CH-2", kind="mailbox", address="ts@mrb.example.gov.cn")
TEST = ReportChannelTest(channel="CH-1", answered=True)
CLOSE = CloseComplaintChannel(channel="CH-1", reason="号码变更")
ASK = ReviewChannels(unit="MRB")


@pytest.fixture
def story() -> Scenario:
    """Since 4 January the policies are known, and MRB and EMB report each month."""
    return (
        Scenario(InMemoryDCBRecorder(), by=HEAD)
        .at("2026-01-04T09:00+08:00")
        .given(SeedLedger(), actor=CLOCK)
        .given(ReportingUnitEnrolled(unit="MRB", groups=(), since="2026-01"), actor=JB)
        .given(ReportingUnitEnrolled(unit="EMB", groups=(), since="2026-01"), actor=JB)
    )


def test_a_unit_publishes_and_closes_its_own(story: Scenario) -> None:
    """Under the same id it says what holds from then on, once; a closed one stays closed."""
    story.when(PHONE, EMB).raises(Forbidden)
    story.when(PHONE).then(like(ComplaintChannelPublished, unit="MRB", kind="phone"))
    story.when(PHONE).then()
    story.when(replace(PHONE, unit="EMB"), EMB).raises(Forbidden)
    story.when(replace(PHONE, hours="全天")).then(like(ComplaintChannelPublished, hours="全天"))
    story.when(CLOSE, EMB).raises(Forbidden)
    story.when(CLOSE).then(like(ComplaintChannelClosed, closed_on=date(2026, 1, 4)))
    story.when(CLOSE).raises(OutOfStep, says="was closed on")
    story.when(PHONE).raises(OutOfStep, says="publish a new one")


def test_another_office_tests_it(story: Scenario) -> None:
    """Never the unit itself, and nothing that was not published."""
    story.when(TEST, JB).raises(UnknownReference)
    story.given(PHONE)
    story.when(TEST).raises(Forbidden, says="another office")
    story.when(replace(TEST, answered=False), JB).then(like(ChannelTested, answered=False))


def test_a_test_made_before_the_channel_closed_is_recorded_afterwards(story: Scenario) -> None:
    """Facts are always recorded: the day of the test counts, and not the day it is told."""
    story.given(PHONE).at("2026-02-01T09:00+08:00").given(CLOSE)
    story.at("2026-02-03T09:00+08:00").when(TEST, JB).raises(OutOfStep, says="was closed on")
    told = replace(TEST, occurred_at=datetime(2026, 1, 20, 10, tzinfo=CIVIL_ZONE))
    story.when(told, JB).then(like(ChannelTested, tested_on=date(2026, 1, 20)))


def test_CMP_V5_a_unit_without_mailbox_or_telephone(story: Scenario) -> None:
    """Once for each lack; found again if what was published is closed again."""
    story.when(ASK, CLOCK).raises(OutOfStep, says="from the day after")
    story.at("2026-01-05T09:00+08:00").given(MAILBOX)
    story.when(replace(ASK, unit="EEB"), CLOCK).raises(OutOfStep, says="reports each month")
    story.when(ASK, CLOCK).then(
        like(ChannelsFoundMissing, kinds=("phone",)),
        like(FindingRaised, rule_id="CMP-V5", unit="MRB", facts={"kinds": ["phone"]}),
    )
    story.when(ASK, CLOCK).then()
    story.when(replace(ASK, unit="EMB"), CLOCK).then(
        like(ChannelsFoundMissing, kinds=("mailbox", "phone")), FindingRaised
    )
    story.given(PHONE).when(ASK, CLOCK).then()
    story.given(CLOSE).when(ASK, CLOCK).then(
        like(ChannelsFoundMissing, kinds=("phone",)), FindingRaised
    )


def test_CMP_V4_no_answered_test(story: Scenario) -> None:
    """Ninety days from its publication or the last answered test; complaints are none."""
    story.given(MAILBOX, PHONE)
    story.at("2026-04-04T09:00+08:00").when(ASK, CLOCK).then()
    story.given(replace(TEST, channel="CH-2"), actor=JB)
    story.given(replace(TEST, answered=False), actor=JB)
    story.at("2026-04-05T09:00+08:00").when(ASK, CLOCK).then(
        like(ChannelTestFellDue, channel="CH-1", due_on=date(2026, 4, 4)),
        like(
            FindingRaised,
            rule_id="CMP-V4",
            facts={"channel": "CH-1", "counted_from": "2026-01-04", "due_on": "2026-04-04"},
        ),
    )
    story.at("2026-06-01T09:00+08:00").when(ASK, CLOCK).then()
    story.given(TEST, actor=JB).when(ASK, CLOCK).then()
    story.at("2026-09-01T09:00+08:00").when(ASK, CLOCK).then(
        like(ChannelTestFellDue, channel="CH-1", counted_from=date(2026, 6, 1)),
        FindingRaised,
        like(ChannelTestFellDue, channel="CH-2", counted_from=date(2026, 4, 4)),
        FindingRaised,
    )


def test_CMP_V4_a_new_address_was_never_tested(story: Scenario) -> None:
    """A test of the old address, told late too, says nothing of the new one; new hours do not."""
    story.given(MAILBOX, PHONE)
    story.at("2026-03-20T09:00+08:00").given(TEST, actor=JB)
    story.given(replace(TEST, channel="CH-2"), actor=JB)
    story.at("2026-04-01T09:00+08:00").given(replace(PHONE, address="0931-9999999"))
    story.given(replace(MAILBOX, hours="全天"))
    told = replace(TEST, occurred_at=datetime(2026, 3, 31, 9, tzinfo=CIVIL_ZONE))
    story.given(told, actor=JB)
    story.at("2026-06-18T09:00+08:00").when(ASK, CLOCK).then()
    story.at("2026-06-19T09:00+08:00").when(ASK, CLOCK).then(
        like(ChannelTestFellDue, channel="CH-2", counted_from=date(2026, 3, 20)), FindingRaised
    )
    story.at("2026-07-01T09:00+08:00").when(ASK, CLOCK).then(
        like(ChannelTestFellDue, channel="CH-1", counted_from=date(2026, 4, 1)), FindingRaised
    )


def test_CMP_V4_counts_from_the_day_on_which_the_policy_was_recorded() -> None:
    """What was published before, by an older program's ledger, is not late on that day."""
    story = Scenario(InMemoryDCBRecorder(), by=HEAD).at("2025-06-01T09:00+08:00")
    story.given(PHONE, MAILBOX)
    story.at("2026-01-04T09:00+08:00").given(SeedLedger(), actor=CLOCK)
    story.given(ReportingUnitEnrolled(unit="MRB", groups=(), since="2026-01"), actor=JB)
    story.at("2026-04-04T09:00+08:00").when(ASK, CLOCK).then()
    story.at("2026-04-05T09:00+08:00").when(ASK, CLOCK).then(
        like(ChannelTestFellDue, counted_from=date(2026, 1, 4)),
        FindingRaised,
        ChannelTestFellDue,
        FindingRaised,
    )
