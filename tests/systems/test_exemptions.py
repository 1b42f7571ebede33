"""Letting a drawn business off: asked by one, approved by another, borne out by the ledger."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from ledger.general.findings import FindingRaised
from ledger.kernel import Event, LegalRef, Malformed
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.draws.commands import (
    AnnounceDraw,
    AssignOfficers,
    CalledReserves,
    ExemptTarget,
    FreezeEntityRoster,
    RequestExemption,
)
from ledger.systems.draws.commands.rosters import CappedOut
from ledger.systems.draws.events import (
    DrawAnnounced,
    DrawExemptionRequested,
    DrawOperated,
    DrawResultPublished,
    DrawTargetExempted,
    DrawTargetSelected,
    ExemptGround,
    OfficersAssigned,
)
from ledger.systems.entities.events import EntityRegistered, Identity
from ledger.systems.filing.commands import ApproveTask
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionTaskApproved,
    NonOnsiteConsidered,
    OnSiteInspectionOpened,
)
from ledger.systems.policies.commands import AdoptPolicyVersion
from tests.cast import HEAD, actor
from tests.gwt import Scenario, like, on
from tests.systems.draw_story import (
    ANNOUNCE,
    COORDINATOR,
    DRAW,
    FREEZE,
    FREEZE_OFFICERS,
    MATTER_LIST,
    SPARE,
    chosen,
    frozen,
    given_drawn,
    given_matters,
    ratios,
    replace,
)

A, B, C, D = (chosen(key).uscc for key in "ABCD")
CONSIDERED = NonOnsiteConsidered(
    written=True, shared_data=True, remote=True, conclusion="insufficient"
)


def visit(
    name: str, entity: str, *, unit: str = "MRB", kind: str = "daily", **changed: Any
) -> list[Event]:
    """A visit on M-1, from its approval to its published result."""
    officers = ("OFF-1", "OFF-2")
    approved = InspectionTaskApproved(
        task=name,
        entity=entity,
        unit=unit,
        kind=kind,  # type: ignore[arg-type]
        trigger="plan" if kind == "daily" else "complaint",
        matters=("M-1",),
        officers=officers,
        planned_on=date(2026, 3, 2),
        approver="HEAD",
        counter="capped" if kind == "daily" else "exempt",
        non_onsite_considered=CONSIDERED,
    )
    opened = OnSiteInspectionOpened(
        task=name,
        entity=entity,
        unit=unit,
        officers=officers,
        matters=("M-1",),
        certs_shown=("甘A-1",),
        notice_shown=True,
        rights_informed=True,
        conduct_rules_informed=True,
    )
    published = DrawResultPublished(
        **{
            "task": name,
            "entity": entity,
            "unit": unit,
            "matters": ("M-1",),
            "result": "no_issue",
            "published_on": date(2026, 3, 3),
            **changed,
        }
    )
    return [approved, opened, published]


def moving_up(stratum: str) -> CalledReserves:
    """The reserve of a stratum, as the service finds it."""
    line = next(one for one in SPARE if one.stratum == stratum)
    return CalledReserves(target=f"{DRAW}/{stratum}/1", lines=(line,))


def ask(entity: str, reason: ExemptGround, **changed: Any) -> RequestExemption:
    return RequestExemption(draw=DRAW, entity=entity, reason=reason, evidence="依据", **changed)


@pytest.fixture
def story() -> Scenario:
    """A draw that is made; MRB acts in one area, C and D are registered there."""
    story = given_drawn(Scenario(InMemoryDCBRecorder()))
    story.given(
        EnforcementUnitQualified(
            unit="MRB", name="市场监管局", kind="organ", valid_from=date(2020, 1, 1), area="中川"
        )
    )
    for entity in (A, B, C, D):
        story.given(EntityRegistered(entity=entity, identity=Identity(name="丙", area="中川")))
    return story


def test_DRW_R10_two_people_and_no_inspector(story: Scenario) -> None:
    """Nobody is let off by one person, by an inspector, or on another ground than was asked for."""
    custody = ask(C, "judicial_custody", instrument="裁定")
    approve = ExemptTarget(draw=DRAW, entity=C, reason="judicial_custody", reserves=moving_up("C"))
    story.when(approve, HEAD).refused("DRW-R10", target=f"{DRAW}/C/1")
    story.when(custody, COORDINATOR).then(
        like(DrawExemptionRequested, target=f"{DRAW}/C/1", instrument="裁定")
    )
    for person in ("COORD", "coord", "OFF-3", "off-3"):
        story.when(approve, actor("MRB", person, "office_head")).refused("DRW-R10")
    story.given(*on_all("2026-03-02", visit("T-OLD", C)))
    other = replace(approve, reason="already_inspected_same_matter")
    story.when(other, HEAD).refused("DRW-R10")
    story.when(approve, HEAD).then(
        like(DrawTargetExempted, requested_by="COORD", instrument="裁定", of_itself=False),
        DrawTargetSelected,
        like(FindingRaised, rule_id="DRW-V7"),
    )


def on_all(day: str, events: list[Event]) -> list[Any]:
    return [on(day, event) for event in events]


def test_a_judicial_custody_names_its_instrument(story: Scenario) -> None:
    story.when(ask(C, "judicial_custody"), COORDINATOR).raises(Malformed, pointer="/instrument")
    story.when(ask(C, "closed", instrument="x"), COORDINATOR).raises(Malformed)


@pytest.mark.parametrize(
    ("why", "past"),
    [
        ("a case", visit("T-1", C, kind="case")),
        ("another unit's", visit("T-1", C, unit="EMB")),
        ("another matter", visit("T-1", C, matters=("M-2",))),
        ("not published", visit("T-1", C)[:2]),
        ("withheld", visit("T-1", C, withhold_reason="涉密")),
        ("nobody was there", visit("T-1", C, result="entity_not_found")),
        ("a neighbour's", visit("T-1", A)),
    ],
)
def test_DRW_R10_what_is_no_inspection_of_the_year(
    story: Scenario, why: str, past: list[Event]
) -> None:
    """Of the same unit, on the matter, in the plan's year, no case, with its result published."""
    story.given(*on_all("2026-03-02", past))
    story.when(ask(C, "already_inspected_same_matter"), COORDINATOR).refused("DRW-R10")


def test_what_was_inspected_in_the_year_is_let_off(story: Scenario) -> None:
    """And not by a visit of the year before."""
    story.given(*on_all("2025-12-30", visit("T-0", C)))
    request = ask(C, "already_inspected_same_matter")
    story.when(request, COORDINATOR).refused("DRW-R10")
    story.given(*on_all("2026-03-02", visit("T-1", C)))
    story.when(request, COORDINATOR).then(DrawExemptionRequested)


def test_DRW_R10_whoever_is_listed_or_at_home_stays(story: Scenario) -> None:
    """`closed` is what the register says, `moved` what lies outside the unit's area."""
    story.when(ask(C, "closed"), COORDINATOR).refused("DRW-R10")
    story.when(ask(C, "moved"), COORDINATOR).refused("DRW-R10")
    elsewhere = EntityRegistered(entity=C, identity=Identity(name="丙", area="西岔"))
    story.given(elsewhere).when(ask(C, "moved"), COORDINATOR).then(DrawExemptionRequested)


def test_DRW_R10_a_cap_is_used_or_it_is_not(story: Scenario) -> None:
    """Whatever is booked counts when the task comes; where all are drawn no cap holds."""
    story.when(ask(B, "cap_used"), COORDINATOR).refused("DRW-R10")
    story.given(*on_all("2026-03-02", visit("T-1", B)[:1]))
    story.when(ask(B, "cap_used"), COORDINATOR).then(DrawExemptionRequested)
    for number in range(5):
        story.given(*on_all("2026-03-02", visit(f"T-D{number}", D)[:1]))
    story.when(ask(D, "cap_used"), COORDINATOR).refused("DRW-R10")


def test_the_task_goes_with_the_exemption(story: Scenario) -> None:
    """In the same append; its own task counts for no cap."""
    booked = replace(visit("T-C", C)[0], draw=DRAW)  # type: ignore[type-var]
    story.given(booked, ask(C, "judicial_custody", instrument="裁定"), actor=COORDINATOR)
    approve = ExemptTarget(draw=DRAW, entity=C, reason="judicial_custody", reserves=moving_up("C"))
    story.when(approve, HEAD).then(
        DrawTargetExempted,
        DrawTargetSelected,
        like(InspectionCancelled, task="T-C", counter="capped"),
        FindingRaised,
    )
    story.when(ask(B, "cap_used"), COORDINATOR).refused("DRW-R10")
    story.given(replace(visit("T-B", B)[0], draw=DRAW))  # type: ignore[type-var]
    story.when(ask(B, "cap_used"), COORDINATOR).refused("DRW-R10")


def test_DRW_V7_too_many_are_let_off(story: Scenario) -> None:
    """Above the share of those drawn in the year; what follows of itself does not count."""
    share = AdoptPolicyVersion(
        key="draw.exempt_share",
        value="0.40",
        unit="ratio",
        effective_from=date(2026, 7, 20),
        source=LegalRef(instrument="本地文件"),
        confidence="U",
    )
    story.given(share, actor=actor("JB", "JB-1", "jb_supervisor"))
    of_itself = DrawTargetExempted(
        target="D-9/A/1", draw=DRAW, entity=A, unit="MRB", reason="closed", evidence="x",
        of_itself=True,
    )  # fmt: skip
    story.amid(of_itself, replace(of_itself, unit="EMB", of_itself=False))
    # Five are drawn, a reserve is called: 1 of 6, then 2 of 7, then 3 of 7.
    for entity, stratum, found in ((C, "C", []), (B, "B", []), (D, "D", [FindingRaised])):
        story.given(ask(entity, "judicial_custody", instrument="裁定"), actor=COORDINATOR)
        called = None if stratum == "D" else moving_up(stratum)
        approve = ExemptTarget(draw=DRAW, entity=entity, reason="judicial_custody", reserves=called)
        selected = [] if called is None else [DrawTargetSelected]
        story.when(approve, HEAD).then(DrawTargetExempted, *selected, *found)


# --- rosters and announcements


def test_DRW_R7_a_roster_is_drawn_for_what_it_was_frozen_for(story: Scenario) -> None:
    """Its units and matters; one that named no matters serves what its unit draws for."""
    story = given_matters(Scenario(InMemoryDCBRecorder()))
    story.given(MATTER_LIST, actor=HEAD)
    bound: FreezeEntityRoster = replace(FREEZE, units=("MRB",), matters=("M-2",))
    story.given(bound, FREEZE_OFFICERS, actor=COORDINATOR)
    story.when(ANNOUNCE, COORDINATOR).refused("DRW-R7", roster="R-1")
    both = replace(ANNOUNCE, matters=("M-1", "M-2"))
    story.when(both, COORDINATOR).refused("DRW-R7")
    story.when(replace(ANNOUNCE, matters=("M-2",)), COORDINATOR).then(DrawAnnounced, DrawOperated)


def test_DRW_R7_where_all_are_drawn_nobody_was_excluded(story: Scenario) -> None:
    """The ratios follow from what the roster was frozen for; others need another roster."""
    story = given_matters(Scenario(InMemoryDCBRecorder()))
    story.given(MATTER_LIST, actor=HEAD)
    capped = frozen([{"uscc": A, "grade": "A"}])
    capped = replace(capped, capped=(CappedOut(entity=B, stratum="B"),))
    story.given(replace(FREEZE, frozen=capped), FREEZE_OFFICERS, actor=COORDINATOR)
    whole = replace(ANNOUNCE, strata=ratios(A="0.05", B="1.00"))
    story.when(whole, COORDINATOR).refused("DRW-R7")
    story.when(replace(whole, strata=ratios(A="0.05", B="0.20")), COORDINATOR).then(
        like(DrawAnnounced, excluded={"B": 1}), DrawOperated
    )


def test_the_ratios_stay_below_the_caps_of_general_matters(story: Scenario) -> None:
    """Key matters are uncapped; of several caps the smallest holds."""
    story = given_matters(Scenario(InMemoryDCBRecorder()))
    capped = replace(MATTER_LIST.items[0], ratio_cap="0.10")
    story.given(replace(MATTER_LIST, items=(capped, MATTER_LIST.items[1])), actor=HEAD)
    story.given(FREEZE, FREEZE_OFFICERS, actor=COORDINATOR)
    announce: AnnounceDraw = replace(ANNOUNCE, matters=("M-1", "M-2"))
    story.when(announce, COORDINATOR).then(
        like(DrawAnnounced, strata=ratios(A="0.05", B="0.10", C="0.10", D="0.10")), DrawOperated
    )


def test_SUP_R1_does_not_refuse_whoever_is_drawn_for_certain(story: Scenario) -> None:
    """At ratio 1.00 the visit counts beyond the cap; at any other it is refused."""
    for entity, refused in ((D, False), (C, True)):
        story.given(*on_all("2026-03-02", visit(f"T-OLD-{entity[-2:]}", entity)[:1]))
        assign = AssignOfficers(draw=DRAW, entity=entity, planned_on=date(2026, 8, 10))
        story.when(assign, COORDINATOR).then(OfficersAssigned)
        assert story.outcome is not None
        (assigned,) = [r.event for r in story.outcome.events]
        assert isinstance(assigned, OfficersAssigned)
        task = ApproveTask(
            task=f"T-{entity[-2:]}",
            unit="MRB",
            entity=entity,
            kind="daily",
            trigger="plan",
            matters=("M-1",),
            officers=assigned.officers,
            planned_on=date(2026, 8, 10),
            non_onsite_considered=CONSIDERED,
            draw=DRAW,
        )
        if refused:
            story.when(task, HEAD).refused("SUP-R1", entity=entity, used=1)
        else:
            story.when(task, HEAD).then(like(InspectionTaskApproved, counter="capped"))
