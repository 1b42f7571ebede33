"""S6: two certified officers, and a business that may refuse those who show no certificate."""

from tests.cast import E_B
from tests.scenarios.world import PRESCRIBED, World, rules


async def test_s6_officers(world: World) -> None:
    """Too few or uncertified officers are refused; a lawful refusal hurts the unit alone."""
    await world.given_matter("M-101")
    await world.given_plan([8])
    world.at("2026-07-27")
    problem = await world.refused(
        "FIL-R6",
        "MRB head",
        "filing/approve-task",
        **world.task("T-1", E_B, "2026-08-03", officers=["OFF-001", "OFF-007"]),
    )
    assert "OFF-007" in problem["detail"]
    assert "2026-07-31" in problem["detail"]
    problem = await world.refused(
        "FIL-R6",
        "MRB head",
        "filing/approve-task",
        **world.task("T-1", E_B, "2026-08-03", officers=["OFF-001"]),
    )
    assert problem["policy_key"] == "inspection.min_officers"
    assert problem["policy_version"] == 1

    await world.send(
        "MRB head",
        "filing/approve-task",
        **world.task("T-1", E_B, "2026-08-03", prescribed_by=PRESCRIBED),
    )
    before = await world.get("EDB", f"/v1/entities/{E_B}/profile")
    world.at("2026-08-03 09:00")
    await world.send("MRB officer", "filing/issue-inspection-notice", task="T-1", notice_no="N-1")
    answer = await world.send(
        "MRB officer",
        "filing/conclude-inspection",
        task="T-1",
        result="refused_by_entity",
        refusal_ground="certificates_not_shown",
    )
    assert answer["events"][0]["body"]["lawful_refusal"] is True
    assert rules(answer) == ["FIL-V6"]
    assert [f["unit"] for f in await world.findings(rule_id="FIL-V6")] == ["MRB"]

    after = await world.get("EDB", f"/v1/entities/{E_B}/profile")
    assert after["grade"] == before["grade"] == "B"
    assert after["records"] == before["records"]
