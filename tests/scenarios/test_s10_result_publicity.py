"""S10, the part of publicity: results are published within 20 working days of the visit."""

from tests.cast import E_C
from tests.scenarios.world import World, types


async def test_s10_result_publicity(world: World) -> None:
    """Two long breaks lie in between: due 10-22; a day late is recorded as that, and a finding."""
    await world.given_matter("M-101")
    await world.given_plan([9])
    world.at("2026-09-14")
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-09-18"))
    world.at("2026-09-15")
    await world.refused("DRW-R9", "MRB officer", "draws/publish-draw-result", task="T-1")
    await world.visit("T-1", "2026-09-18", result="issue_corrected_on_spot")
    deadline = await world.deadline("draw.result_publish_wd")
    assert (deadline["due_on"], deadline["provisional"]) == ("2026-10-22", False)
    before = await world.get("E-C", f"/v1/entities/{E_C}/profile")

    world.at("2026-10-22 23:00")
    assert ("DeadlineMissed", "draw.result_publish_wd") not in world.tick()
    world.at("2026-10-23 00:05")
    assert world.tick() == [
        ("DeadlineMissed", "draw.result_publish_wd"),
        ("FindingRaised", "DRW-V5"),
    ]
    assert len(await world.findings(rule_id="DRW-V5")) == 1

    world.at("2026-10-23 10:00")
    answer = await world.send("MRB officer", "draws/publish-draw-result", task="T-1")
    assert answer["events"][0]["body"]["days_late"] == 1
    assert "credit.credit-record-entered" in types(answer)
    assert len(await world.findings(rule_id="DRW-V5")) == 1, "one finding, not two"

    after = await world.get("E-C", f"/v1/entities/{E_C}/profile")
    kinds = [r["kind"] for r in after["records"]]
    assert kinds == [*[r["kind"] for r in before["records"]], "inspection_result"]
    assert after["records"][-1]["title"] == "issue_corrected_on_spot"
