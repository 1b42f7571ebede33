"""Powers delegated to townships (2.18): given, suspended, ended, and acts without one in force."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import Malformed, OutOfStep, UnknownReference
from ledger.systems.delegations.commands import (
    AssessDelegation,
    DelegatePower,
    EndDelegation,
    ResumeDelegation,
    SuspendDelegation,
)
from ledger.systems.delegations.events import (
    DelegationAssessed,
    DelegationEnded,
    DelegationResumed,
    DelegationSuspended,
    PowerDelegated,
)
from ledger.systems.delegations.folds import Delegation, Suspension
from ledger.systems.policies.commands import SeedLedger
from tests.cast import JB
from tests.gwt import Scenario, like
from tests.systems.test_filing import REGION, REPORT, matter, published

replace = msgspec.structs.replace

GIVE = DelegatePower(
    delegation="DLG-1",
    unit="EMB",
    matters=("M-101",),
    powers=("penalty",),
    decision_ref="甘政发〔2026〕1号",
    valid_from=date(2026, 3, 1),
    valid_to=date(2026, 12, 31),
    division_note="市场监管局保留其余辖区",
)


@pytest.fixture
def story() -> Scenario:
    scenario = Scenario(InMemoryDCBRecorder(), by=JB).given(SeedLedger(), *REGION)
    return scenario.given(matter("M-101"), published("M-101")).at("2026-03-01T09:00+08:00")


def test_a_decision_is_recorded_once(story: Scenario) -> None:
    story.when(GIVE).then(like(PowerDelegated, unit="EMB", powers=("penalty",)))
    story.when(GIVE).raises(OutOfStep)


def test_malformed_decisions(story: Scenario) -> None:
    story.when(replace(GIVE, valid_to=date(2026, 2, 1))).raises(Malformed, pointer="/valid_to")
    story.when(replace(GIVE, unit="MRB")).raises(Malformed, pointer="/matters/0")
    story.when(replace(GIVE, powers=("penalty", "penalty"))).raises(Malformed, pointer="/powers")
    story.when(replace(GIVE, matters=("M-X",))).raises(UnknownReference)
    story.when(replace(GIVE, unit="镇")).raises(UnknownReference)


def test_a_delegation_is_suspended_and_ended(story: Scenario) -> None:
    story.given(GIVE).at("2026-07-01T09:00+08:00")
    suspend = SuspendDelegation(delegation="DLG-1", reason="人员不足", until=date(2026, 7, 31))
    story.when(replace(suspend, until=date(2026, 6, 30))).raises(Malformed, pointer="/until")
    story.when(suspend).then(like(DelegationSuspended, since=date(2026, 7, 1)))
    story.when(suspend).raises(OutOfStep, says="must be in force")
    assess = AssessDelegation(delegation="DLG-1", result="withdraw", says="承接能力不足")
    story.when(assess).then(like(DelegationAssessed, result="withdraw"))
    story.at("2026-09-01T09:00+08:00").when(EndDelegation(delegation="DLG-1", reason="收回")).then(
        like(DelegationEnded, ended_on=date(2026, 9, 1))
    )
    story.when(assess).raises(OutOfStep, says="ended")


def test_a_suspended_delegation_is_resumed(story: Scenario) -> None:
    """Without a last day it would stay suspended; sent twice, it is resumed already."""
    resume = ResumeDelegation(delegation="DLG-1", reason="人员已补足")
    story.given(GIVE).at("2026-07-01T09:00+08:00")
    story.when(resume).raises(OutOfStep, says="not suspended on 2026-07-01")
    story.given(SuspendDelegation(delegation="DLG-1", reason="人员不足"))
    story.amid(replace(GIVE, delegation="DLG-2"))
    story.amid(SuspendDelegation(delegation="DLG-2", reason="整改"))
    story.at("2026-08-03T09:00+08:00")
    story.when(replace(resume, resumed_on=date(2026, 6, 30))).raises(OutOfStep)
    story.when(resume).then(like(DelegationResumed, resumed_on=date(2026, 8, 3), unit="EMB"))
    story.when(resume).raises(OutOfStep, says="not suspended on 2026-08-03")
    story.when(SuspendDelegation(delegation="DLG-1", reason="再次不足")).then(DelegationSuspended)
    story.given(EndDelegation(delegation="DLG-1", reason="收回"))
    story.when(resume).raises(OutOfStep, says="ended")


def test_resuming_ends_each_suspension_in_effect() -> None:
    """The days before stay suspended, and so do those of a suspension that is still to come."""
    given = Delegation("DLG-1")
    given.valid_from, given.valid_to = date(2026, 3, 1), date(2026, 12, 31)
    given.suspensions = [
        Suspension(date(2026, 4, 1), date(2026, 4, 10), "整改"),
        Suspension(date(2026, 7, 1), None, "整改"),
        Suspension(date(2026, 7, 20), date(2026, 8, 31), "整改"),
        Suspension(date(2026, 11, 1), date(2026, 11, 30), "整改"),
    ]
    given.on_resumed(
        DelegationResumed(
            delegation="DLG-1", unit="T", resumed_on=date(2026, 8, 3), reason="人员已补足"
        )
    )
    assert given.spans() == [
        (date(2026, 3, 1), date(2026, 3, 31)),
        (date(2026, 4, 11), date(2026, 6, 30)),
        (date(2026, 8, 3), date(2026, 10, 31)),
        (date(2026, 12, 1), date(2026, 12, 31)),
    ]


@pytest.mark.parametrize(
    ("day", "holds"),
    [
        (date(2026, 2, 28), False),
        (date(2026, 3, 1), True),
        (date(2026, 6, 30), True),
        (date(2026, 7, 1), False),
        (date(2026, 7, 31), False),
        (date(2026, 8, 1), True),
        (date(2026, 8, 31), True),
        (date(2026, 9, 1), False),
    ],
)
def test_the_days_on_which_it_holds(day: date, holds: bool) -> None:
    given = Delegation("DLG-1")
    given.on_delegated(
        PowerDelegated(
            delegation="DLG-1", unit="T", matters=("M-101",), powers=("inspection",),
            decision_ref="x", valid_from=date(2026, 3, 1), valid_to=date(2026, 12, 31),
            division_note="y",
        )
    )  # fmt: skip
    given.on_suspended(
        DelegationSuspended(
            delegation="DLG-1", unit="T", since=date(2026, 7, 1), until=date(2026, 7, 31),
            reason="z",
        )
    )  # fmt: skip
    given.on_ended(
        DelegationEnded(delegation="DLG-1", unit="T", ended_on=date(2026, 9, 1), reason="z")
    )
    assert given.in_force(day) is holds


@pytest.mark.parametrize(
    ("visited_on", "found"), [(date(2026, 3, 1), False), (date(2026, 3, 9), True)]
)
def test_CAT_V4_a_visit_under_a_delegation_not_in_force(
    story: Scenario, visited_on: date, found: bool
) -> None:
    """The fact is recorded in any case; the market bureau's own visit is none of a delegation."""
    story.given(replace(GIVE, powers=("inspection",)))
    story.at("2026-03-02T09:00+08:00").given(SuspendDelegation(delegation="DLG-1", reason="整改"))
    story.at("2026-03-09T12:00+08:00")
    report = replace(REPORT, unit="EMB", matters=("M-101",), task=None, visited_on=visited_on)
    story.when(replace(report, reporter="supervisor"))
    assert story.outcome is not None
    rules = [getattr(r.event, "rule_id", "") for r in story.outcome.events]
    assert ("CAT-V4" in rules) is found
    story.when(replace(report, reporter="supervisor", unit="MRB", irregular_visit="IV-2"))
    assert story.outcome is not None
    assert "CAT-V4" not in [getattr(r.event, "rule_id", "") for r in story.outcome.events]


def test_the_spans_are_the_days_in_force() -> None:
    """Suspensions, one open at its end, and an early end divide the days as day by day."""
    given = Delegation("D-1")
    given.valid_from, given.valid_to = date(2026, 3, 1), date(2026, 12, 31)
    given.suspensions = [
        Suspension(date(2026, 7, 1), date(2026, 7, 31), "整改"),
        Suspension(date(2026, 4, 1), date(2026, 4, 10), "整改"),
        Suspension(date(2026, 7, 20), date(2026, 8, 5), "整改"),
        Suspension(date(2026, 11, 1), None, "整改"),
    ]
    given.ended_on = date(2026, 10, 20)
    assert given.spans() == [
        (date(2026, 3, 1), date(2026, 3, 31)),
        (date(2026, 4, 11), date(2026, 6, 30)),
        (date(2026, 8, 6), date(2026, 10, 19)),
    ]
    given.ended_on = None
    assert given.spans()[-1] == (date(2026, 8, 6), date(2026, 10, 31))
    assert not given.in_force(date(2026, 12, 31))
