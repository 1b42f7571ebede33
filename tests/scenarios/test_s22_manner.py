"""S22: the grade says whether a unit checks without a visit first (监管方式差异化)."""

from __future__ import annotations

from typing import Any

from tests.cast import E_A, E_C, E_D
from tests.scenarios.world import PRESCRIBED, World, types

APPROVE = "filing/approve-task"
DRAW = "DRAW-2026-0022"
OPERATOR = "MRB coordinator"


async def _given_plan(world: World) -> None:
    """M-101 is a key-domain matter, planned from May to July."""
    await world.given_matter("M-101")
    await world.given_plan([5, 6, 7])


async def _given_drawn(world: World) -> None:
    """E-A is the only business of its stratum, drawn on 2026-06-08; its officers are assigned."""
    world.at("2026-06-04 09:00")
    item = {
        "matter": "M-101",
        "draw_class": "key",
        "target_class": "食品生产",
        "method": "on_site",
    }
    await world.send("MRB head", "draws/publish-draw-matter-list", unit="MRB", items=[item])
    rosters: dict[str, Any] = {"roster": "R-22", "unit": "MRB", "target_class": "食品生产"}
    frozen = await world.send(OPERATOR, "draws/freeze-entity-roster", **rosters, as_of="2026-06-04")
    await world.send(
        OPERATOR, "draws/freeze-officer-roster",
        roster="O-22", unit="MRB", officers=["OFF-001", "OFF-002", "OFF-003"],
    )  # fmt: skip
    world.at("2026-06-05 09:00")
    source = {
        "name": "上证综指2026-06-08收盘",
        "kind": "public",
        "publication_at": "2026-06-08T15:00:00+08:00",
    }
    await world.send(
        OPERATOR, "draws/announce-draw",
        draw=DRAW, unit="MRB", plan="PLAN-MRB-2026", matters=["M-101"], roster="R-22",
        officer_roster="O-22", reserves=0, sources=[source],
    )  # fmt: skip
    world.at("2026-06-08 16:00")
    value = {"source": source["name"], "value": "3500.07"}
    await world.send(OPERATOR, "draws/reveal-seed", draw=DRAW, values=[value])
    digest = frozen["events"][0]["body"]["roster_hash"]
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=digest)


async def test_s22_manner(world: World) -> None:
    """Undrawn at A: FIL-R12, and a check from afar is no visit; drawn: approved. C waits, D not."""
    await _given_plan(world)
    world.at("2026-05-11")
    task = world.task("T-1", E_A, "2026-05-12")
    problem = await world.refused("FIL-R12", "MRB head", APPROVE, **task)
    assert problem["details"]["manner"] == "off_site_first"
    assert (problem["policy_key"], problem["policy_version"]) == ("supervision.manner", 1)
    world.at("2026-05-12")
    answer = await world.send(
        "MRB officer", "filing/record-off-site-check",
        unit="MRB", entity=E_A, matters=["M-101"], means=["written"], result="no_issue",
    )  # fmt: skip
    assert types(answer) == ["filing.off-site-check-recorded"]
    assert (await world.get("E-A", f"/v1/entities/{E_A}/burden"))["visits"] == 0
    assert (await world.get("JB", "/v1/supervision/visits", entity=E_A))["items"] == []
    trail = (await world.get("JB", f"/v1/entities/{E_A}/trail"))["entries"]
    assert "filing.off-site-check-recorded" in [one["type"] for one in trail]

    # D at once, and again; C after thirty days.
    for number, day in enumerate(("2026-05-12", "2026-05-13"), 1):
        await world.send("MRB head", APPROVE, **world.task(f"T-D{number}", E_D, day))
    await world.send("MRB head", APPROVE, **world.task("T-C1", E_C, "2026-05-12"))
    second = world.task("T-C2", E_C, "2026-06-01")
    problem = await world.refused("FIL-R12", "MRB head", APPROVE, **second)
    assert (problem["details"]["interval"], problem["details"]["manner"]) == (30, "on_site")
    assert "2026-06-11" in problem["fix_hint"]
    await world.send("MRB head", APPROVE, **{**second, "planned_on": "2026-06-11"})

    await _given_drawn(world)
    world.at("2026-06-09 09:00")
    answer = await world.send(
        OPERATOR, "draws/assign-officers", draw=DRAW, entity=E_A, planned_on="2026-06-15"
    )
    officers = answer["events"][0]["body"]["officers"]
    drawn = world.task("T-2", E_A, "2026-06-15", draw=DRAW, officers=officers)
    await world.send("MRB head", APPROVE, **drawn)


async def test_s22_designated_or_prescribed(world: World) -> None:
    """A designation for the matter calls for the visit too, and so does a provision."""
    await _given_plan(world)
    world.at("2026-05-04")
    await world.send(
        "MRB head", "keylist/list-key-matter",
        domain="food_drug", matter="M-101", unit="MRB", procedure_ref="兰新市监规〔2026〕1号",
        risk_assessment="RA-M-101", expires_on="2027-03-01",
    )  # fmt: skip
    await world.refused("FIL-R12", "MRB head", APPROVE, **world.task("T-1", E_A, "2026-05-12"))
    await world.send(
        "MRB head", "keylist/designate-key-unit",
        designation="KEY-22", entity=E_A, unit="MRB", matters=["M-101"], reason="高风险品种",
        tracking_officer="OFF-001", guidance_plan="GP-1", review_on="2026-12-31",
        notice_no="兰新市监告〔2026〕22号", notified_on="2026-04-30",
    )  # fmt: skip
    await world.send("MRB head", APPROVE, **world.task("T-1", E_A, "2026-05-12"))
    await world.send("MRB head", "filing/cancel-inspection", task="T-1", reason="停业")
    await world.send(
        "MRB head", "keylist/end-key-designation", designation="KEY-22", reason="risk_gone"
    )
    await world.refused("FIL-R12", "MRB head", APPROVE, **world.task("T-2", E_A, "2026-05-12"))
    answer = await world.send(
        "MRB head", APPROVE, **world.task("T-2", E_A, "2026-05-12", prescribed_by=PRESCRIBED)
    )
    assert answer["events"][0]["body"]["prescribed_by"]["article"] == PRESCRIBED["article"]


async def test_s22_a_worse_grade_opens_the_door(world: World) -> None:
    """E-A is graded C from 2026-07-01: approved; the public profile shows the manner alone."""
    await _given_plan(world)
    world.at("2026-06-30")
    before = await world.get("public", f"/v1/entities/{E_A}/profile")
    assert (before["manner"], "grade" in before) == ("off_site_first", False)
    task = world.task("T-1", E_A, "2026-07-06")
    await world.refused("FIL-R12", "MRB head", APPROVE, **task)
    world.at("2026-07-01")
    await world.send(
        "EDB", "grading/assign-grade",
        entity=E_A, grade="C", source="samr", scheme="国市监信发〔2022〕6号",
        assessed_on="2026-07-01",
        factors=[{"kind": "external_assessment", "says": "通用型企业信用风险分类"}],
    )  # fmt: skip
    await world.send("MRB head", APPROVE, **task)
    profile = f"/v1/entities/{E_A}/profile"
    assert (await world.get("public", profile))["manner"] == "on_site"
    assert (await world.get("public", profile, valid_as_of="2026-06-30"))["manner"] == (
        "off_site_first"
    )
    assert (await world.get("EDB", profile))["manner"] == "on_site"
    assert world.rebuilt() == []
