"""Leaving the register, through HTTP: what presupposes a listed business, and what does not."""

from __future__ import annotations

from typing import Any

from tests.cast import E_B, E_C
from tests.scenarios.world import World, rules

_DESIGNATION = {
    "designation": "KEY-1",
    "unit": "MRB",
    "matters": ["M-101"],
    "reason": "多次整改不到位",
    "tracking_officer": "OFF-001",
    "guidance_plan": "GP-1",
    "review_on": "2027-01-04",
    "notice_no": "N-1",
    "notified_on": "2026-05-11",
}
_COMMITMENT = {
    "commitment": "CMT-1",
    "unit": "MRB",
    "type": "voluntary",
    "text_hash": "ab" * 32,
    "obligations": [{"obligation": "1", "says": "按期整改", "due_on": "2026-12-01"}],
    "public": False,
}
_OBSERVATION = {
    "observation": "OBS-1",
    "unit": "MRB",
    "four_new_kind": "business_form",
    "activity": "无人零售",
    "policy_basis": {"level": "national", "instrument": "国办发〔2021〕24号"},
    "domain": "food_drug",
    "bottom_lines": ["safety"],
}
_OVERRIDE = {
    "scheme": "local",
    "grade": "A",
    "factors": [{"kind": "other", "says": "复核"}],
    "override_reason": "复核",
}
_JOINT = {
    "joint": "JNT-1",
    "unit": "MRB",
    "participants": [{"unit": "MRB", "matters": ["M-101"]}],
    "modes": ["by_list"],
    "window_from": "2026-05-12",
    "window_to": "2026-05-20",
}


async def test_ENT_R1_what_presupposes_a_listed_business(world: World) -> None:
    """Each is refused for the one that left, before anything of its own, and not for another."""
    await world.given_matter("M-101")
    task = {k: v for k, v in World.task("T-1", E_C, "2026-05-12").items() if k != "entity"}
    special = {**task, "kind": "special", "trigger": "superior"}
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("MRB head", "filing/approve-task", task),
        ("MRB head", "filing/approve-task", special),
        ("MRB head", "keylist/designate-key-unit", _DESIGNATION),
        ("MRB head", "commitments/make-commitment", _COMMITMENT),
        ("MRB head", "observation/grant-observation", _OBSERVATION),
        ("EDB", "grading/override-grade", _OVERRIDE),
        ("MRB head", "joint/plan-joint", _JOINT),
    ]
    world.at("2026-05-10")
    await world.send("EDB", "entities/delist-entity", entity=E_C, kind="moved_out", reason="迁出")
    world.at("2026-05-11")
    for who, command, body in asked:
        problem = await world.refused("ENT-R1", who, command, entity=E_C, **body)
        assert "moved out on 2026-05-10" in problem["detail"]
        response = await world.client.post(
            f"/v1/{command}",
            json={"entity": E_B, **body},
            headers={"Authorization": f"Bearer {world.tokens[who]}"},
        )
        assert (await response.json()).get("rule_id") != "ENT-R1", command
    # On a clue one goes there all the same: what it still does can be looked at.
    case = {**task, "kind": "case", "trigger": "complaint"}
    await world.refused("FIL-R2", "MRB head", "filing/approve-task", entity=E_C, **case)


async def test_ENT_V1_a_case_against_a_business_that_is_gone(world: World) -> None:
    """Filed and decided, each is recorded with its finding; the operator answers for it."""
    world.at("2026-05-11")
    await world.given_case("CASE-1", E_C)
    world.at("2026-05-12")
    await world.send("EDB", "entities/delist-entity", entity=E_C, reason="注销登记")
    answer = await world.send("MRB head", "penalties/file-case", **world.case("CASE-2", E_C))
    assert rules(answer) == ["ENT-V1"]
    answer = await world.send(
        "MRB head", "penalties/file-case", **world.case("CASE-3", E_C, liable="operator")
    )
    assert rules(answer) == []
    answer = await world.send(
        "MRB head", "penalties/decide-penalty", **world.decision("DEC-1", "CASE-1", E_C)
    )
    assert "ENT-V1" in rules(answer)


async def test_ENT_V2_a_report_about_a_business_that_is_gone(world: World) -> None:
    """By the day that it states, not by the day on which it comes."""
    world.at("2026-05-11")
    await world.send("EDB", "entities/delist-entity", entity=E_C, reason="注销登记")
    world.at("2026-05-13")
    revise: dict[str, Any] = {"entity": E_C, "reason": "年报"}
    answer = await world.send(
        "EDB", "entities/revise-entity", **revise, identity={"name": "丙", "line": "食品"}
    )
    assert rules(answer) == ["ENT-V2"]
    answer = await world.send(
        "EDB",
        "entities/revise-entity",
        **revise,
        identity={"name": "丙", "address": "一路"},
        occurred_at="2026-05-10T09:00:00+08:00",
    )
    assert "ENT-V2" not in rules(answer)
    profile = await world.get("public", f"/v1/entities/{E_C}/profile")
    assert profile["listed"] is False
    # The later fact stays; what it did not change follows the one of before.
    assert profile["identity"] == {"name": "丙", "line": "食品", "address": "一路"}


async def test_a_late_fact_never_replaces_a_newer_one(world: World) -> None:
    """One of February that comes in April shows in February, and not before April."""
    say = "entities/revise-entity"
    world.at("2026-03-10")
    march = {"name": "三月食品有限公司"}
    await world.send("EDB", say, entity=E_C, reason="名称变更", identity=march)
    world.at("2026-04-10")
    february = {"name": "二月食品有限公司"}
    answer = await world.send(
        "EDB",
        say,
        entity=E_C,
        reason="名称变更",
        identity=february,
        occurred_at="2026-02-10T09:00:00+08:00",
    )
    assert rules(answer) == ["GEN-V1"]
    path = f"/v1/entities/{E_C}/profile"
    assert (await world.get("public", path))["identity"] == march
    asked = {"valid_as_of": "2026-02-20"}
    assert (await world.get("public", path, **asked))["identity"] == february
    before = await world.get("public", path, **asked, known_as_of="2026-04-01T00:00:00+08:00")
    assert before["identity"]["name"] == "兰州新区丙食品有限公司"
    assert (await world.get("public", path))["former_names"] == [
        "兰州新区丙食品有限公司",
        "二月食品有限公司",
    ]
    assert world.rebuilt() == []
