"""Penalty decisions (2.8): decided, served with the repair notice, published, withdrawn."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import (
    DeadlineMissed,
    DeadlineRecomputed,
    Event,
    Forbidden,
    Malformed,
    OutOfStep,
    UnknownReference,
    WorkingCalendarPublished,
    civil_moment,
)
from ledger.systems.corrections.events import AlteredField, DecisionAltered, DecisionRevoked
from ledger.systems.deadlines.commands import EndDeadline, RecomputeDeadline
from ledger.systems.penalties.commands import (
    DecidePenalty,
    PublishDecision,
    ServePenalty,
    WithdrawDecision,
)
from ledger.systems.penalties.events import (
    DecisionPublished,
    DecisionWithdrawn,
    PenaltyDecided,
    PenaltyServed,
)
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.publicity.commands import ReviewWithdrawal
from ledger.systems.publicity.events import ActDecided
from tests.cast import CLOCK, E_B, E_C, EMB
from tests.gwt import Scenario, like
from tests.pasts import decidable, filed

replace = msgspec.structs.replace

DECIDE = DecidePenalty(
    decision="DEC-1",
    entity=E_C,
    unit="MRB",
    case="CASE-1",
    doc_no="兰新市监罚〔2026〕1号",
    types=("fine", "warning"),
    severity="general",
    facts="经营超过保质期的食品",
    fine_fen=500_000,
)
SERVE = ServePenalty(decision="DEC-1", repair_notice=True)
PUBLISH = PublishDecision(decision="DEC-1", summary="罚款五千元", redactions=("经办人姓名",))
WITHDRAW = WithdrawDecision(decision="DEC-1", explanation="行政复议撤销")
REVOKED = DecisionRevoked(
    decision="DEC-1",
    unit="RECON",
    entity=E_C,
    by="新区行政复议机构",
    instrument="兰新复决〔2026〕3号",
    effective_on=date(2026, 7, 3),
    reason="证据不足",
)
ALTERED = DecisionAltered(
    **{f: getattr(REVOKED, f) for f in REVOKED.__struct_fields__},
    altered=(AlteredField(field="fine_fen", before=500_000, after=300_000),),
)
CALENDAR_2027 = WorkingCalendarPublished(
    year="2027",
    version=1,
    holidays=(date(2027, 1, 1), date(2027, 1, 4)),
    makeup_workdays=(),
    source="国务院办公厅",
)
OTHER = PenaltyDecided(
    decision="DEC-9",
    entity=E_B,
    unit="MRB",
    case="CASE-9",
    doc_no="9号",
    decided_on=date(2026, 9, 28),
    types=("warning",),
    severity="minor",
    facts="-",
)


@pytest.fixture
def story() -> Scenario:
    """The day of S11; another decision of the unit is served and published already."""
    return begun("2026-09-28")


def begun(day: str) -> Scenario:
    """A story that begins on a day, since a clock that goes back is not followed."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger())
        .at(f"{day}T09:00+08:00")
        .given(*decidable(filed("CASE-1", E_C, day)))
        .amid(
            OTHER,
            PenaltyServed(
                decision="DEC-9",
                entity=E_B,
                unit="MRB",
                served_on=date(2026, 9, 28),
                repair_notice=True,
            ),
            DecisionPublished(
                decision="DEC-9",
                entity=E_B,
                unit="MRB",
                summary="警告",
                published_on=date(2026, 9, 28),
            ),
            replace(REVOKED, decision="DEC-9", entity=E_B),
        )
    )


def test_a_penalty_is_decided_once(story: Scenario) -> None:
    """The event says the day of the decision; a decision is no credit record."""
    story.when(DECIDE).then(like(PenaltyDecided, decided_on=date(2026, 9, 28), fine_fen=500_000))
    story.when(DECIDE).raises(OutOfStep, says="DEC-1")
    story.when(replace(DECIDE, decision="DEC-2")).raises(OutOfStep, says="DEC-1 is in effect")


def test_an_id_is_one_decisions_in_all_systems(story: Scenario) -> None:
    """A licence of another unit has it: what undoes the one would undo the other."""
    story.given(
        ActDecided(
            decision="DEC-1",
            unit="EMB",
            kind="licence",
            matter="M-LIC",
            doc_no="许1号",
            decided_on=date(2026, 9, 28),
        )
    )
    story.when(DECIDE).raises(OutOfStep, says="DEC-1 is recorded already")
    story.when(replace(DECIDE, decision="DEC-2")).then(PenaltyDecided)


@pytest.mark.parametrize("changed", [{"fine_fen": 0}, {"types": ("warning",)}])
def test_a_fine_has_an_amount(story: Scenario, changed: dict[str, Any]) -> None:
    """And what is no fine has none."""
    story.when(replace(DECIDE, **changed)).raises(Malformed, pointer="/fine_fen")


def test_a_unit_decides_serves_and_publishes_for_itself(story: Scenario) -> None:
    """Another unit can do nothing about the decision, and nobody about one that is not there."""
    story.when(DECIDE, EMB).raises(Forbidden)
    story.when(SERVE).raises(UnknownReference)
    story.given(DECIDE).when(SERVE, EMB).raises(Forbidden)
    story.given(SERVE).when(PUBLISH, EMB).raises(Forbidden)


def test_PEN_R6_the_repair_notice_is_served_with_the_decision(story: Scenario) -> None:
    """S11: without it nothing is served, and so nothing published."""
    story.given(DECIDE)
    story.when(replace(SERVE, repair_notice=False)).refused("PEN-R6", decision="DEC-1")
    story.when(SERVE).then(like(PenaltyServed, repair_notice=True, days_late=0))
    story.when(SERVE).raises(OutOfStep, says="2026-09-28")


def test_a_decision_is_served_within_seven_working_days(story: Scenario) -> None:
    """Art. 61 with Art. 85: decided on 09-28, due on 10-13, two days late on 10-15."""
    opened = _decided(story)
    miss = EndDeadline(rule_name="penalty.serve_wd", opened_at_position=opened)
    story.at("2026-10-15T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 10, 13))
    )
    story.when(SERVE).then(like(PenaltyServed, days_late=2))


def test_PUB_R1_personal_data_is_redacted(story: Scenario) -> None:
    """Identity and mobile numbers stay out; other long numbers are none."""
    story.given(DECIDE, SERVE)
    for text, what in (
        ("经营者620102198501012345", "a citizen identity number"),
        ("62010219850101234X号", "a citizen identity number"),
        ("电话13909310000", "a mobile number"),
    ):
        story.when(replace(PUBLISH, summary=text)).refused("PUB-R1", what=what)
    fine = f"对{E_C}罚款, 文号20260928123456789012, 银行账号6222020000000000000"
    story.when(replace(PUBLISH, summary=fine)).then(DecisionPublished)


def test_PUB_R2_a_decision_is_served_before_it_is_published(story: Scenario) -> None:
    """The service of another decision is none of this one."""
    story.given(DECIDE).when(PUBLISH).refused("PUB-R2", decision="DEC-1")
    story.given(SERVE).when(PUBLISH).then(
        like(DecisionPublished, published_on=date(2026, 9, 28), redactions=("经办人姓名",))
    )
    story.when(PUBLISH).raises(OutOfStep, says="2026-09-28")


def test_PEN_R6_nothing_is_served_before_it_was_decided(story: Scenario) -> None:
    """A service that is reported late has a day of its own, on or after that of the decision."""
    story.given(DECIDE)
    early = replace(SERVE, occurred_at=civil_moment(date(2026, 9, 25), 9))
    story.when(early).raises(Malformed, pointer="/occurred_at", says="2026-09-28")


def test_PUB_R2_what_was_undone_is_neither_served_nor_published(story: Scenario) -> None:
    """And nobody misses it; another decision that was undone says nothing of this one."""
    opened = _decided(story)
    story.amid(replace(REVOKED, decision="DEC-7")).given(SERVE, REVOKED)
    story.when(PUBLISH).raises(OutOfStep, says="undone by 兰新复决〔2026〕3号")
    story.at("2026-11-02T09:00+08:00")
    for rule in ("publicity.penalty_wd", "penalty.serve_wd"):
        story.when(EndDeadline(rule_name=rule, opened_at_position=opened)).raises(
            OutOfStep, says="in time"
        )


def test_PEN_R6_what_was_undone_is_not_served(story: Scenario) -> None:
    """An altered decision has effect, and is."""
    story.given(DECIDE, ALTERED).when(SERVE).then(like(PenaltyServed, fine_fen=300_000))
    other = begun("2026-09-28").given(DECIDE, REVOKED)
    other.when(SERVE).raises(OutOfStep, says="undone by 兰新复决〔2026〕3号")


def test_PUB_V1_a_decision_is_published_within_seven_working_days(story: Scenario) -> None:
    """S11: due on 10-13, since Saturday 10-10 is a working day; the finding comes with the miss."""
    opened = _decided(story)
    miss = EndDeadline(rule_name="publicity.penalty_wd", opened_at_position=opened)
    story.at("2026-10-13T23:00+08:00").when(miss).raises(OutOfStep)
    story.at("2026-10-14T09:00+08:00").when(miss).then(
        like(DeadlineMissed, due_on=date(2026, 10, 13)),
        like(FindingRaised, rule_id="PUB-V1", unit="MRB", entity=E_C),
    )
    story.given(SERVE).when(PUBLISH).then(like(DecisionPublished, days_late=1))
    story.when(miss).then()


def test_PUB_V1_is_not_raised_of_what_was_published_in_time(story: Scenario) -> None:
    """Published on the last day, nothing is missed."""
    opened = _decided(story)
    story.at("2026-10-13T16:00+08:00").given(SERVE, PUBLISH)
    story.at("2026-11-02T09:00+08:00").when(
        EndDeadline(rule_name="publicity.penalty_wd", opened_at_position=opened)
    ).raises(OutOfStep, says="in time")


def test_a_deadline_into_an_unpublished_year_is_provisional(story: Scenario) -> None:
    """S11: due on 2027-01-07 for now, never missed before the calendar of 2027 says so."""
    story.at("2026-12-28T09:00+08:00")
    opened = _decided(story)
    miss = EndDeadline(rule_name="publicity.penalty_wd", opened_at_position=opened)
    story.at("2027-01-15T09:00+08:00").when(miss).raises(
        OutOfStep, says="2027-01-07, which is provisional"
    )
    story.given(CALENDAR_2027)
    story.when(RecomputeDeadline(rule_name="publicity.penalty_wd", opened_at_position=opened)).then(
        like(DeadlineRecomputed, previous_due_on=date(2027, 1, 7), due_on=date(2027, 1, 8))
    )
    story.when(miss).then(DeadlineMissed, like(FindingRaised, rule_id="PUB-V1"))


def test_PUB_V1_a_publication_or_withdrawal_is_not_dated_back() -> None:
    """Neither is done before it is recorded, so neither is in time that was not."""
    story = begun("2026-06-01").given(DECIDE, SERVE).at("2026-06-22T09:00+08:00")
    then = civil_moment(date(2026, 6, 5), 9)
    story.when(replace(PUBLISH, occurred_at=then)).raises(Malformed, pointer="/occurred_at")
    story.when(PUBLISH).then(like(DecisionPublished, days_late=12))
    story.given(replace(REVOKED, effective_on=date(2026, 6, 5)))
    story.when(replace(WITHDRAW, occurred_at=then)).raises(Malformed, pointer="/occurred_at")


def test_a_decision_is_withdrawn_when_something_undid_it() -> None:
    """S18: revoked on Friday 07-03 and withdrawn by Wednesday 07-08, with the reason in public."""
    story = begun("2026-06-01").given(DECIDE, SERVE)
    story.when(WITHDRAW).raises(OutOfStep, says="must be public")
    story.given(PUBLISH).when(WITHDRAW).raises(OutOfStep, says="must be undone before")
    story.at("2026-07-08T17:00+08:00").given(REVOKED)
    private = replace(WITHDRAW, explanation="致电13909310000")
    story.when(private).refused("PUB-R1")
    story.when(WITHDRAW).then(
        like(
            DecisionWithdrawn,
            reason="revoked",
            nullified_on=date(2026, 7, 3),
            withdrawn_on=date(2026, 7, 8),
            days_late=0,
        )
    )
    story.when(WITHDRAW).raises(OutOfStep, says="2026-07-08")


def test_PUB_V2_a_late_withdrawal_is_noticed() -> None:
    """An altered decision has to be withdrawn too; a day after the third working day is late."""
    story = begun("2026-06-01").given(DECIDE, SERVE, PUBLISH)
    story.at("2026-07-09T09:00+08:00").given(ALTERED)
    story.when(WITHDRAW).then(
        like(DecisionWithdrawn, reason="altered", days_late=1),
        like(
            FindingRaised,
            rule_id="PUB-V2",
            unit="MRB",
            entity=E_C,
            facts={"decision": "DEC-1", "due_on": "2026-07-08", "days_late": 1},
        ),
    )


def test_PUB_V2_nothing_is_late_while_its_last_day_is_provisional() -> None:
    """Annex B: three working days from 12-30 reach 2027, whose calendar is not published yet."""
    late = replace(REVOKED, effective_on=date(2026, 12, 30))
    story = begun("2026-12-28").given(DECIDE, SERVE)
    story.at("2027-01-15T09:00+08:00").when(PUBLISH).then(like(DecisionPublished, days_late=0))
    story.given(late).when(WITHDRAW).then(like(DecisionWithdrawn, days_late=0))
    sure = begun("2026-12-28").given(CALENDAR_2027, DECIDE, SERVE)
    sure.at("2027-01-15T09:00+08:00").when(PUBLISH).then(like(DecisionPublished, days_late=7))
    sure.given(late).when(WITHDRAW).then(
        like(DecisionWithdrawn, days_late=9),
        like(FindingRaised, rule_id="PUB-V2"),
    )


@pytest.mark.parametrize("undone", [REVOKED, ALTERED], ids=["revoked", "altered"])
def test_PUB_V2_what_was_undone_and_never_withdrawn_is_found_once(undone: Event) -> None:
    """By the clock the day after the third working day; a withdrawal after that is no second one.

    What a reconsideration undid has a deadline with a finding of its own (RCN-V2).
    """
    review = ReviewWithdrawal(decision="DEC-1")
    story = begun("2026-06-01").given(DECIDE, SERVE)
    story.when(review, CLOCK).raises(OutOfStep, says="not public")
    story.given(PUBLISH).when(review, CLOCK).raises(OutOfStep, says="was not undone")
    story.at("2026-07-08T17:00+08:00").given(undone)
    story.when(review, CLOCK).raises(OutOfStep, says="until 2026-07-08")
    story.at("2026-07-10T09:00+08:00").when(review, CLOCK).then(
        like(
            FindingRaised,
            rule_id="PUB-V2",
            unit="MRB",
            entity=E_C,
            facts={"decision": "DEC-1", "due_on": "2026-07-08", "days_late": 2},
        )
    )
    story.when(review, CLOCK).raises(OutOfStep, says="already")
    story.when(WITHDRAW).then(like(DecisionWithdrawn, days_late=2))
    story.when(review, CLOCK).raises(OutOfStep, says="not public")


def _decided(story: Scenario) -> int:
    """Decide, and say where the decision stands."""
    story.when(DECIDE)
    assert story.outcome is not None
    return story.outcome.position
