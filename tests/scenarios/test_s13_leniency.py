"""S13: the list exempts who fits it, once taught; it excuses neither hoarding nor a repetition."""

from typing import Any

from tests.cast import E_A, E_B, E_C
from tests.scenarios.world import World, types

LABEL = {
    "item": "EX-012",
    "outcome": "exempt",
    "violation_code": "FL-012",
    "basis": "行政处罚法 Art. 33",
    "conditions": [
        {"condition": "minor", "kind": "minor", "text": "违法行为轻微"},
        {"condition": "same-day", "kind": "timely_corrected", "text": "当日改正"},
        {"condition": "no-harm", "kind": "no_harm", "text": "没有造成危害后果"},
    ],
}
FIRST = {
    "item": "EX-020",
    "outcome": "exempt",
    "violation_code": "FL-020",
    "basis": "行政处罚法 Art. 33",
    "conditions": [{"condition": "first", "kind": "first_violation", "text": "初次违法"}],
}


async def given_lists(world: World) -> None:
    """Three versions, of which the third has both items."""
    world.at("2026-01-05")
    for items in ([{**LABEL, "outcome": "lenient"}], [LABEL], [LABEL, FIRST]):
        await world.send("MRB head", "leniency/publish-leniency-list", unit="MRB", items=items)


async def open_case(world: World, case: str, entity: str, code: str, **conduct: Any) -> str:
    """A case about an act of today, and a piece of evidence in its file."""
    body = world.case(case, entity)
    body["conduct"] |= {"violation_code": code, **conduct}
    await world.send("MRB head", "penalties/file-case", **body)
    await world.send(
        "MRB officer",
        "penalties/add-evidence",
        evidence=f"EV-{case}",
        case=case,
        kind="on_site_record",
        title="现场笔录与改正照片",
    )
    return f"EV-{case}"


def item(case: str, listed: dict[str, Any], evidence: str) -> dict[str, Any]:
    """The body that applies an item of version 3, with one piece of evidence for everything."""
    met = [{"condition": c["condition"], "evidence": evidence} for c in listed["conditions"]]
    return {"case": case, "item": listed["item"], "list_version": 3, "conditions": met}


async def test_s13_exempt_after_education(world: World) -> None:
    """Without education FLX-R4; with it the case ends, and credit and grade are as before."""
    await given_lists(world)
    world.at("2026-03-10")
    before = await world.get("JB", f"/v1/entities/{E_B}/profile")
    evidence = await open_case(world, "CASE-1", E_B, "FL-012")
    apply = item("CASE-1", LABEL, evidence)
    await world.refused("FLX-R4", "MRB head", "leniency/apply-leniency", **apply)
    await world.refused(
        "FLX-R4",
        "MRB officer",
        "penalties/close-case",
        case="CASE-1",
        reason="exempt",
        conclusion="不予处罚",
    )
    await world.send(
        "MRB officer",
        "leniency/record-education",
        case="CASE-1",
        method="on_site",
        content="讲解食品标签规定",
    )
    await world.send(
        "MRB officer",
        "leniency/take-correction-commitment",
        case="CASE-1",
        commitment="更换标签",
        correct_by="2026-03-11",
    )
    await world.send("MRB head", "leniency/apply-leniency", **apply)
    await world.given_steps("CASE-1", "initiate", "investigate", "review", "decide", "serve")
    answer = await world.send(
        "MRB officer",
        "penalties/close-case",
        case="CASE-1",
        reason="exempt",
        conclusion="违法行为轻微, 当日改正, 没有造成危害后果, 不予处罚",
    )
    assert types(answer) == ["penalties.case-closed"], "an item of the list stands behind it"
    after = await world.get("JB", f"/v1/entities/{E_B}/profile")
    assert after["records"] == before["records"]
    assert after["grade"] == before["grade"] == "B"
    # The list and how often it was used are public, the case is not.
    listed = (await world.get("public", "/v1/leniency-lists/MRB"))["versions"]
    assert [v["version"] for v in listed] == [1, 2, 3]
    used = (await world.get("public", "/v1/leniency-statistics/MRB"))["years"]["2026"]
    assert used["outcomes"] == {"exempt": 1}
    assert used["items"] == [{"item": "EX-012", "list_version": 3, "cases": 1}]
    shown = await world.get("E-B", "/v1/leniency-applications/CASE-1")
    assert shown["applied"]["outcome"] == "exempt"
    for who, path in (("public", "/v1/cases/CASE-1"), ("E-C", "/v1/leniency-applications/CASE-1")):
        found = await world.client.get(
            path, headers={"Authorization": f"Bearer {world.tokens[who]}"}
        )
        assert found.status in (403, 404), path


async def test_s13_hoarding_in_an_emergency(world: World) -> None:
    """FLX-R3, even where every condition of an item would be met."""
    await given_lists(world)
    world.at("2026-03-10")
    evidence = await open_case(
        world, "CASE-1", E_C, "FL-012", excluded=["exploits_public_health_event"]
    )
    problem = await world.refused(
        "FLX-R3", "MRB head", "leniency/apply-leniency", **item("CASE-1", LABEL, evidence)
    )
    assert "exploits_public_health_event" in problem["detail"]


async def test_s13_no_first_violation(world: World) -> None:
    """FLX-R5: one of the same type of 2025-02-10, fifteen months before 2026-05-20."""
    await given_lists(world)
    world.at("2026-01-06")
    earlier = world.case("CASE-0", E_A, discovered_on="2025-02-10")
    earlier["conduct"] |= {
        "violation_code": "FL-020",
        "first_on": "2025-02-10",
        "last_on": "2025-02-10",
    }
    await world.send("MRB head", "penalties/file-case", **earlier)
    await world.send(
        "MRB officer", "penalties/serve-prior-notice", **world.notice("CASE-0", 500_000)
    )
    await world.send(
        "MRB officer", "penalties/waive-rights", case="CASE-0", rights=["statement"], how="declared"
    )
    world.at("2026-05-20")
    evidence = await open_case(world, "CASE-1", E_A, "FL-020")
    apply = item("CASE-1", FIRST, evidence)
    # That one is not proven yet: only the education is missing.
    await world.refused("FLX-R4", "MRB head", "leniency/apply-leniency", **apply)
    await world.send("MRB head", "penalties/decide-penalty", **world.decision("D-0", "CASE-0", E_A))
    problem = await world.refused("FLX-R5", "MRB head", "leniency/apply-leniency", **apply)
    assert "2025-02-10" in problem["detail"]
    assert problem["policy_key"] == "first_violation_months"
