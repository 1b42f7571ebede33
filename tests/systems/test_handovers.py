"""People change (AB岗, 2.18): what waits for one person waits for another."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import Forbidden, Malformed, OutOfStep
from ledger.systems.catalogue.events import OfficerCertified
from ledger.systems.handovers.commands import HandOverDuty, TakeBackDuty
from ledger.systems.handovers.events import DutyHandedOver, DutyTakenBack
from ledger.systems.handovers.folds import UnitHandovers
from tests.gwt import HEAD, Scenario, actor, like

replace = msgspec.structs.replace

OTHER = actor("EMB", "HEAD-EMB", "unit_head")
HAND = HandOverDuty(
    unit="MRB", from_person="OFF-001", to_person="OFF-002", reason="休假", until=date(2026, 3, 20)
)
DAY = date(2026, 3, 16)


@pytest.fixture
def story() -> Scenario:
    """Three officers of MRB and one of EMB; the certificate of OFF-007 has ended."""
    certified = [
        OfficerCertified(
            officer=officer,
            unit=unit,
            cert_no=f"甘A-{officer}",
            valid_from=date(2024, 8, 1),
            valid_to=date(2026, 2, 28) if officer == "OFF-007" else date(2027, 7, 31),
            domains=("food_drug",),
        )
        for officer, unit in (
            ("OFF-001", "MRB"),
            ("OFF-002", "MRB"),
            ("OFF-003", "MRB"),
            ("OFF-007", "MRB"),
            ("OFF-011", "EMB"),
        )
    ]
    return Scenario(InMemoryDCBRecorder(), by=HEAD).at("2026-03-16T09:00+08:00").given(*certified)


def handed(*events: DutyHandedOver | DutyTakenBack) -> UnitHandovers:
    """What a unit's handovers come to."""
    fold = UnitHandovers("MRB")
    for event in events:
        if isinstance(event, DutyHandedOver):
            fold.on_handed(event)
        else:
            fold.on_taken_back(event)
    return fold


GIVEN = DutyHandedOver(
    unit="MRB", from_person="OFF-001", to_person="OFF-002", since=DAY, reason="休假"
)


def test_the_head_hands_over_for_a_time(story: Scenario) -> None:
    """It begins today and says until when; another unit's head has no say in it."""
    story.when(HAND).then(like(DutyHandedOver, since=DAY, until=date(2026, 3, 20), scope=()))
    story.when(HAND, OTHER).raises(Forbidden)
    story.when(replace(HAND, to_person="off-001")).raises(Malformed, pointer="/to_person")
    story.when(replace(HAND, until=date(2026, 3, 15))).raises(Malformed, pointer="/until")


def test_nobody_is_sent_in_a_circle(story: Scenario) -> None:
    """Who has handed to somebody cannot be handed the same by that person."""
    story.given(HAND)
    back = replace(HAND, from_person="OFF-002", to_person="OFF-001")
    story.when(back).raises(OutOfStep, says="take-back-duty")
    story.given(TakeBackDuty(unit="MRB", from_person="OFF-001"))
    story.when(back).then(like(DutyHandedOver, to_person="OFF-001"))


def test_the_handover_that_is_replaced_sends_nobody_in_a_circle(story: Scenario) -> None:
    """001 has 002, 003 has 001: were 001 to have 003 now, the two would swap their work."""
    story.given(HAND, replace(HAND, from_person="OFF-003", to_person="OFF-001"))
    story.when(replace(HAND, to_person="OFF-003")).raises(OutOfStep, says="take-back-duty")
    # What it replaces is no reason to refuse either.
    story.given(TakeBackDuty(unit="MRB", from_person="OFF-003"))
    story.when(replace(HAND, to_person="OFF-003")).then(like(DutyHandedOver, to_person="OFF-003"))


@pytest.mark.parametrize("nobody", ["OFF-999", "OFF-011", "OFF-007", "LEGAL-MRB", "off-002"])
def test_work_goes_to_those_who_can_do_it(story: Scenario, nobody: str) -> None:
    """A certificate of the unit, in force, under the id that it names; or the head's own hands."""
    story.when(replace(HAND, to_person=nobody)).raises(OutOfStep, says="must hold a certificate")
    story.when(replace(HAND, to_person=nobody, scope=("approvals",))).then(DutyHandedOver)
    story.when(replace(HAND, to_person=HEAD.person_id)).then(DutyHandedOver)


def test_what_was_handed_over_is_taken_back(story: Scenario) -> None:
    """Only what is handed over can be taken back."""
    back = TakeBackDuty(unit="MRB", from_person="OFF-001")
    story.when(back).raises(OutOfStep, says="handed over nothing")
    story.given(HAND).when(back).then(like(DutyTakenBack, taken_back_on=DAY))
    story.when(back).raises(OutOfStep)
    story.given(HAND).at("2026-03-21T09:00+08:00").when(back).raises(OutOfStep)


def test_duties_go_on_to_the_last_in_the_chain() -> None:
    """A stands in for B, who stands in for C: what waits for C waits for A, by system and day."""
    fold = handed(
        GIVEN,
        replace(GIVEN, from_person="OFF-002", to_person="OFF-003", scope=("filing",)),
    )
    assert fold.holder("OFF-001", "filing", DAY) == "OFF-003"
    assert fold.holder("OFF-001", "penalties", DAY) == "OFF-002"
    assert fold.held_by("OFF-003", DAY) == {"off-001": {"filing"}, "off-002": {"filing"}}
    assert fold.holder("OFF-001", "filing", date(2026, 3, 15)) == "OFF-001"


def test_a_later_handover_takes_the_place_of_an_earlier_one() -> None:
    """Of the same person and system there is one at a time; the rest stays."""
    fold = handed(GIVEN, replace(GIVEN, to_person="OFF-003", scope=("penalties",)))
    assert fold.holder("OFF-001", "penalties", DAY) == "OFF-003"
    assert fold.holder("OFF-001", "keylist", DAY) == "OFF-002"
    taken = DutyTakenBack(
        unit="MRB", from_person="OFF-001", scope=("penalties",), taken_back_on=DAY
    )
    fold.on_taken_back(taken)
    assert fold.holder("OFF-001", "penalties", DAY) == "OFF-001"
    assert fold.holder("OFF-001", "keylist", DAY) == "OFF-002"
