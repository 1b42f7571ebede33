"""One draw of several units: each with its plan, its matters and its officers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.kernel import UNNAMED, Event, Malformed, UnknownReference
from ledger.systems.catalogue.events import (
    Basis,
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
    MatterPublished,
    OfficerCertified,
)
from ledger.systems.draws.commands import (
    AssignOfficers,
    FreezeOfficerRoster,
    PublishDrawMatterList,
    SubstituteOfficer,
)
from ledger.systems.draws.commands.announcing import OtherPart
from ledger.systems.draws.events import (
    DrawAnnounced,
    DrawMatter,
    DrawOperated,
    OfficersAssigned,
    OfficerSubstituted,
)
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.commands import ApproveTask
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    NonOnsiteConsidered,
    PlanItem,
)
from tests.gwt import Scenario, actor, like, on
from tests.systems.draw_story import (
    ANNOUNCE,
    COORDINATOR,
    DRAW,
    EXECUTE,
    FREEZE,
    FREEZE_OFFICERS,
    HEAD,
    MATTER_LIST,
    REVEAL,
    SELECT,
    chosen,
    given_matters,
    replace,
)

EMB = actor("EMB", "EMB-HEAD", "unit_head")
C = chosen("C").uscc
PART = OtherPart(unit="EMB", plan="PLAN-2", matters=("M-3",), officer_roster="O-2")
JOINT = replace(ANNOUNCE, parts=(PART,))


def plan(year: int = 2026) -> AnnualPlanApproved:
    item = PlanItem(matter="M-3", mode="random", target_class="食品", planned_visits=9, months=(8,))
    return AnnualPlanApproved(plan="PLAN-2", unit="EMB", year=year, items=(item,))


def filed(version: int = 1) -> AnnualPlanFiled:
    return AnnualPlanFiled(plan="PLAN-2", unit="EMB", version=version, filed_on=date(2026, 1, 21))


@pytest.fixture
def story() -> Scenario:
    """MRB and EMB with their matters and officers; the roster is frozen for both."""
    story = given_matters(Scenario(InMemoryDCBRecorder()))
    elements = MatterElements(
        name="事项 M-3",
        act_kind="inspection",
        office_id="科",
        bases=(Basis(level="law", instrument="安全生产法", article="65"),),
    )
    emb: list[Event] = [
        EnforcementUnitQualified(
            unit="EMB", name="应急管理局", kind="organ", valid_from=date(2020, 1, 1)
        ),
        MatterListed(matter="M-3", unit="EMB", elements=elements),
        MatterPublished(
            matter="M-3",
            unit="EMB",
            version=1,
            url="https://example.org",
            published_on=date(2026, 1, 20),
        ),
        *(
            OfficerCertified(
                officer=f"EMB-{number}",
                unit="EMB",
                cert_no=f"甘B-{number}",
                valid_from=date(2024, 1, 1),
                valid_to=date(2027, 12, 31),
                domains=("work_safety",),
            )
            for number in range(1, 5)
        ),
    ]
    story.given(*(on("2026-01-20", event) for event in emb))
    story.given(MATTER_LIST, actor=HEAD)
    item = DrawMatter(
        matter="M-3",
        draw_class="general",
        ratio_cap="1.00",
        target_class="食品",
        method="on_site",
    )
    story.given(PublishDrawMatterList(unit="EMB", items=(item,)), actor=EMB)
    officers = tuple(f"EMB-{number}" for number in range(1, 5))
    story.given(FreezeOfficerRoster(roster="O-2", unit="EMB", officers=officers), actor=EMB)
    roster = replace(FREEZE, units=("EMB", "MRB"), matters=("M-1", "M-3"))
    story.given(roster, FREEZE_OFFICERS, actor=COORDINATOR)
    return story.given(on("2026-01-20", EntityRegistered(entity=C, identity=Identity(name="丙"))))


@pytest.mark.parametrize(
    "past",
    [
        [],
        [plan()],
        [filed()],
        [plan(2025), filed()],
    ],
    ids=["no plan", "not filed", "filed, never approved", "of another year"],
)
def test_FIL_R1_each_unit_draws_by_its_own_filed_plan(story: Scenario, past: list[Event]) -> None:
    """Without one nothing is announced, whoever initiates it."""
    if past[:1] != [filed()]:
        story.given(*(on("2026-01-21", event) for event in past))
    story.when(JOINT, COORDINATOR).refused("FIL-R1", unit="EMB", matters="M-3")


def test_what_is_announced_of_several_units(story: Scenario) -> None:
    """The parts of all, the initiator's first, with the digests of their officer rosters."""
    story.given(on("2026-01-20", plan()), on("2026-01-21", filed()))
    for parts, expected in (
        ((PART, PART), "/parts"),
        ((replace(PART, officer_roster="O-1"),), "/parts/0/officer_roster"),
    ):
        story.when(replace(JOINT, parts=parts), COORDINATOR).raises(Malformed, pointer=expected)
    nowhere = replace(PART, officer_roster="O-9")
    story.when(replace(JOINT, parts=(nowhere,)), COORDINATOR).raises(UnknownReference)
    inside = actor("MRB", "EMB-1", "draw_coordinator")
    story.when(JOINT, inside).refused("GEN-R2", person="EMB-1")
    story.when(JOINT, COORDINATOR).then(
        like(DrawAnnounced, matters=("M-1", "M-3"), unit="MRB"), DrawOperated
    )
    assert story.outcome is not None
    announced: Any = story.outcome.events[0].event
    assert [part.unit for part in announced.parts] == ["MRB", "EMB"]
    # The other unit's plan is drawn under as well: nobody draws for its matters again.
    again = replace(JOINT, draw="D-2")
    story.when(again, COORDINATOR).refused("DRW-R5")


def test_each_unit_sends_the_first_two_of_its_own(story: Scenario) -> None:
    """In ticket order; each unit's officers are its own affair, and so are their substitutes."""
    story.given(on("2026-01-20", plan()), on("2026-01-21", filed()), JOINT, actor=COORDINATOR)
    story.at("2026-07-20T16:00+08:00").given(REVEAL, EXECUTE, SELECT, actor=COORDINATOR)
    assign = AssignOfficers(draw=DRAW, entity=C, planned_on=date(2026, 8, 10))
    story.when(assign, COORDINATOR).then(
        like(OfficersAssigned, unit="MRB"), like(OfficersAssigned, unit="EMB")
    )
    assert story.outcome is not None
    mine, theirs = story.outcome.events
    assert (mine.envelope.actor.unit_id, theirs.envelope.actor.unit_id) == ("MRB", "EMB")
    assert theirs.envelope.actor.person_id == UNNAMED
    going: tuple[str, ...] = theirs.event.officers  # type: ignore[attr-defined]
    assert len(going) == 2
    assert all(officer.startswith("EMB-") for officer in going)
    spare = next(o for o in ("EMB-1", "EMB-2", "EMB-3", "EMB-4") if o not in going)
    change = SubstituteOfficer(
        draw=DRAW,
        entity=C,
        from_officer=going[0],
        to_officer="OFF-6",
        reason="病假",
    )
    story.when(change, COORDINATOR).refused("DRW-R8")
    story.signed(replace(change, to_officer=spare), COORDINATOR, HEAD).then(
        like(OfficerSubstituted, unit="EMB", to_officer=spare),
        like(DrawOperated, unit="MRB", step="substituted"),
    )
    recorded = [one.envelope.actor for one in story.outcome.events]
    assert [(one.unit_id, one.person_id) for one in recorded] == [
        ("EMB", UNNAMED),
        ("MRB", HEAD.person_id),
    ], "the substitution is the affair of the unit whose officer goes"
    alone = ApproveTask(
        task="T-1",
        unit="EMB",
        entity=C,
        kind="daily",
        trigger="plan",
        matters=("M-3",),
        officers=(spare, going[1]),
        planned_on=date(2026, 8, 10),
        non_onsite_considered=NonOnsiteConsidered(
            written=True, shared_data=True, remote=True, conclusion="insufficient"
        ),
        draw=DRAW,
    )
    story.when(alone, EMB).refused("FIL-R11")
