"""The manner of supervision by grade (监管方式差异化, FIL-R12), and what it leaves alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, get_args

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.vocabulary import Grade
from ledger.kernel import Malformed, Refusal
from ledger.systems.filing.commands import ApproveTask, RecordOffSiteCheck
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionConcluded,
    InspectionTaskApproved,
    OffSiteCheckRecorded,
    OnSiteInspectionOpened,
    Trigger,
)
from ledger.systems.keylist.events import (
    KeyDesignationEnded,
    KeyDesignationReviewed,
    KeyUnitDesignated,
)
from ledger.systems.policies.commands import AdoptPolicyVersion, SeedLedger
from tests.cast import E_A, E_B, E_C, JB
from tests.gwt import Scenario, like, on
from tests.systems.test_filing import (
    GRADING,
    PRESCRIBED,
    REGION,
    approved,
    campaign,
    filed,
    item,
    plan,
    replace,
    task,
)
from tests.systems.test_filing import matter as listed
from tests.systems.test_filing import published as published_matter

DAY = date(2026, 3, 18)
GRADES: tuple[Grade, ...] = ("A", "B", "C", "D")
INTERVALS = {"A": 180, "B": 90, "C": 30, "D": 0}


@pytest.fixture
def story() -> Scenario:
    """The region in March; a cap that is never used up, so that the manner alone decides."""
    return (
        Scenario(InMemoryDCBRecorder())
        .given(SeedLedger(), *REGION)
        .given(
            AdoptPolicyVersion(
                key="visit_cap",
                unit="table",
                value=dict.fromkeys(GRADES, 9),
                effective_from=date(2026, 1, 5),
                source=PRESCRIBED,
                confidence="U",
            ),
            actor=JB,
        )
        .at("2026-03-02T09:00+08:00")
    )


def undrawn(name: str = "T-1", **changed: Any) -> ApproveTask:
    """A daily task on a key-domain matter that nothing calls for."""
    return task(name, **{"entity": E_A, "prescribed_by": None, **changed})


def graded(grade: str, entity: str = E_A) -> Any:
    return replace(GRADING, entity=entity, grade=grade)


def designated(*matters: str, unit: str = "MRB", until: date = DAY) -> KeyUnitDesignated:
    return KeyUnitDesignated(
        designation="KEY-1",
        entity=E_A,
        unit=unit,
        matters=matters,
        review_on=until,
        listed_as="shared",
    )


def held(name: str, day: date, **changed: Any) -> list[Any]:
    """A visit that was approved for one day and opened on it."""
    return [
        approved(name, **{"entity": E_A, "planned_on": day, **changed}),
        on(
            day.isoformat(),
            OnSiteInspectionOpened(
                task=name,
                entity=E_A,
                unit=changed.get("unit", "MRB"),
                matters=("M-101",),
                officers=("OFF-001",),
                certs_shown=(),
                notice_shown=True,
                rights_informed=True,
                conduct_rules_informed=True,
            ),
        ),
    ]


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("because", ["nothing", "prescribed", "designated"])
def test_FIL_R12_the_grade_says_whether_a_visit_comes_first(
    story: Scenario, grade: Grade, because: str
) -> None:
    """A and B: on site only with a reason. C and D: on site at once."""
    story.given(graded(grade)).amid(graded("D" if grade < "C" else "A", E_B))
    if because == "designated":
        story.given(designated("M-101"))
    wish = undrawn(prescribed_by=PRESCRIBED if because == "prescribed" else None)
    story.when(wish)
    if grade in "AB" and because == "nothing":
        story.refused(
            "FIL-R12",
            manner="off_site_first",
            grade=grade,
            entity=E_A,
            unit="MRB",
            matters="M-101",
        )
        assert isinstance(story.error, Refusal)
        assert story.error.policy_version == 1
    else:
        story.then(like(InspectionTaskApproved, prescribed_by=wish.prescribed_by))


def test_FIL_R12_an_ungraded_business_is_b(story: Scenario) -> None:
    """Nobody has graded it: else B (2.4d)."""
    story.when(undrawn()).refused("FIL-R12", grade="B", manner="off_site_first")


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("trigger", get_args(Trigger))
def test_FIL_R12_is_of_daily_tasks_alone(story: Scenario, grade: Grade, trigger: str) -> None:
    """A clue, whichever it is, leads to a case at a business of any grade; so does a campaign."""
    story.given(graded(grade))
    if trigger == "plan":
        story.given(campaign(), filed(special_plan="SP-1"))
        wish = undrawn(kind="special", trigger="plan", filing="FIL-1")
    else:
        ground = {"complaint": "complaint", "superior": "superior_assignment"}
        story.given(filed(ground=ground.get(trigger, "other"), clue_ref="线索-1"))
        wish = undrawn(kind="case", trigger=trigger, filing="FIL-1")
    story.when(wish).then(InspectionTaskApproved)
    # It is no daily visit, so none has to keep its distance from it.
    story.when(undrawn("T-2", prescribed_by=PRESCRIBED)).then(InspectionTaskApproved)


@pytest.mark.parametrize("grade", GRADES)
@pytest.mark.parametrize("short", [0, 1])
def test_FIL_R12_undrawn_visits_keep_their_distance(
    story: Scenario, grade: Grade, short: int
) -> None:
    """180, 90, 30 or no calendar days before and after each one of the unit's own."""
    interval = INTERVALS[grade]
    before = DAY - timedelta(days=max(0, interval - short))
    story.given(graded(grade), approved("T-0", entity=E_A, planned_on=before))
    story.when(undrawn(prescribed_by=PRESCRIBED))
    if short and interval:
        story.refused("FIL-R12", interval=interval, nearest=before, grade=grade)
        assert isinstance(story.error, Refusal)
        assert (before + timedelta(days=interval)).isoformat() in str(story.error.hint)
    else:
        story.then(InspectionTaskApproved)


def test_FIL_R12_a_visit_booked_later_counts_too(story: Scenario) -> None:
    """Approved out of order, two visits are as near; the next free day lies after both."""
    story.given(
        graded("C"),
        approved("T-0", entity=E_A, planned_on=date(2026, 4, 1)),
        approved("T-9", entity=E_A, planned_on=date(2026, 5, 10)),
    )
    story.when(undrawn()).refused("FIL-R12", interval=30, nearest=date(2026, 4, 1))
    assert isinstance(story.error, Refusal)
    assert "2026-06-09" in str(story.error.hint)


def test_FIL_R12_the_day_of_the_visit_counts(story: Scenario) -> None:
    """Planned for February, it took place in January: forty-five days before."""
    planned = approved("T-0", entity=E_A, planned_on=date(2026, 2, 20))
    _, opened = held("T-0", date(2026, 2, 1))
    story.given(graded("C"), planned)
    story.when(undrawn()).refused("FIL-R12", nearest=date(2026, 2, 20))
    story.given(opened).when(undrawn()).then(InspectionTaskApproved)


@pytest.mark.parametrize("other", ["unit", "drawn", "case", "cancelled", "closed_door", "entity"])
def test_FIL_R12_other_visits_keep_no_distance(story: Scenario, other: str) -> None:
    """Those of other units, drawn ones, cases, and visits that never took place."""
    day = DAY - timedelta(days=3)
    changed: dict[str, Any] = {
        "unit": {"unit": "EMB"},
        "drawn": {"draw": "D-1"},
        "case": {"kind": "case", "trigger": "complaint"},
        "entity": {"entity": E_C},
    }.get(other, {})
    before = approved("T-0", **{"entity": E_A, "planned_on": day, **changed})
    story.given(graded("C"), before)
    if other == "cancelled":
        story.given(
            InspectionCancelled(
                task="T-0", entity=E_A, unit="MRB", planned_on=day, counter="capped", reason="-"
            )
        )
    if other == "closed_door":
        story.given(
            InspectionConcluded(
                task="T-0", entity=E_A, unit="MRB", matters=("M-101",), result="entity_not_found"
            )
        )
    story.when(undrawn()).then(InspectionTaskApproved)


def test_FIL_R12_a_visit_held_and_concluded_counts(story: Scenario) -> None:
    """Its conclusion does not take it back."""
    story.given(
        graded("C"),
        *held("T-0", date(2026, 3, 2)),
        InspectionConcluded(
            task="T-0", entity=E_A, unit="MRB", matters=("M-101",), result="no_issue"
        ),
    )
    story.when(undrawn()).refused("FIL-R12", interval=30, nearest=date(2026, 3, 2))


@pytest.mark.parametrize(
    "given",
    [
        [designated("M-103")],  # for another matter
        [designated("M-101", unit="EMB")],  # by another unit
        [designated("M-101", until=DAY - timedelta(days=1))],  # lapsed by the day of the visit
        [
            designated("M-101", until=date(2026, 9, 1)),
            KeyDesignationEnded(
                designation="KEY-1",
                entity=E_A,
                unit="MRB",
                reason="risk_gone",
                ended_on=date(2026, 3, 2),
                listed_as="shared",
            ),
        ],
    ],
)
def test_FIL_R12_a_designation_holds_on_the_day_for_the_matter(
    story: Scenario, given: list[Any]
) -> None:
    """One that lapsed, ended, or is of another matter or unit calls for no visit."""
    story.given(graded("A"), *given)
    story.when(undrawn()).refused("FIL-R12", matters="M-101")


def test_FIL_R12_a_review_that_keeps_it_goes_on(story: Scenario) -> None:
    """What was reviewed and kept holds until its next review."""
    story.given(
        graded("A"),
        designated("M-101", until=DAY - timedelta(days=1)),
        KeyDesignationReviewed(
            designation="KEY-1",
            entity=E_A,
            unit="MRB",
            outcome="keep",
            review_on=DAY,
            listed_as="shared",
        ),
    )
    story.when(undrawn()).then(InspectionTaskApproved)


def test_FIL_R12_each_matter_of_the_visit_is_designated(story: Scenario) -> None:
    """A designation for one matter opens the door to no other."""
    story.given(
        listed("M-109"), published_matter("M-109"), *plan("MRB", item("M-101", 3), item("M-109", 3))
    )
    story.given(graded("A"), designated("M-101"))
    both = undrawn(matters=("M-101", "M-109"))
    story.when(both).refused("FIL-R12", matters="M-109")
    story.when(replace(both, prescribed_by=PRESCRIBED)).then(InspectionTaskApproved)


def test_FIL_R12_comes_after_the_cap(story: Scenario) -> None:
    """SUP-R1 is asked first; an approval that stands is not judged again by a new grade."""
    story = Scenario(InMemoryDCBRecorder()).given(SeedLedger(), *REGION)
    story.at("2026-03-02T09:00+08:00").given(graded("C"))
    story.when(undrawn()).then(InspectionTaskApproved)
    story.at("2026-03-03T09:00+08:00").given(replace(graded("A"), assessed_on=date(2026, 3, 3)))
    story.when(undrawn("T-2")).refused("SUP-R1", grade="A", cap=1, used=1)


def test_FIL_R12_the_version_in_force_that_day_judges(story: Scenario) -> None:
    """A later version changes what is approved from its first day on, and nothing before."""
    table = {
        "A": {"manner": "on_site", "interval_cd": 0},
        "B": {"manner": "off_site_first", "interval_cd": 90},
        "C": {"manner": "on_site", "interval_cd": 30},
        "D": {"manner": "on_site", "interval_cd": 0},
    }
    story.given(graded("A"))
    story.given(
        AdoptPolicyVersion(
            key="supervision.manner",
            unit="table",
            value=table,
            effective_from=date(2026, 3, 9),
            source=PRESCRIBED,
            confidence="U",
        ),
        actor=JB,
    )
    story.when(undrawn()).refused("FIL-R12", manner="off_site_first")
    story.at("2026-03-09T09:00+08:00").when(undrawn()).then(InspectionTaskApproved)
    assert story.outcome is not None
    assert story.outcome.events[0].envelope.policy_refs["supervision.manner"] == 2


def test_a_provision_is_named(story: Scenario) -> None:
    wish = undrawn(prescribed_by=replace(PRESCRIBED, instrument=" "))
    story.when(wish).raises(Malformed, pointer="/prescribed_by")


def test_an_off_site_check_is_no_visit(story: Scenario) -> None:
    """It needs no filing and no plan, fills no cap and keeps no distance."""
    story.given(graded("A"))
    check = RecordOffSiteCheck(
        unit="MRB", entity=E_A, matters=("M-101",), means=("written",), result="no_issue"
    )
    story.when(check).then(OffSiteCheckRecorded)
    story.when(undrawn(prescribed_by=PRESCRIBED)).then(InspectionTaskApproved)
