"""S3: special and case inspections are filed first, emergencies afterwards and in time."""

from tests.cast import E_B, E_C
from tests.scenarios.world import World, types


async def test_s3_special_and_emergency(world: World) -> None:
    """An emergency opens at once and is filed by Monday; a late filing is a miss and a finding."""
    await world.given_matter("M-101")
    await world.given_plan([3, 6, 9])

    world.at("2026-08-22 10:30")  # a Saturday
    answer = await world.send(
        "MRB officer",
        "filing/open-inspection",
        **world.opening(
            "T-E1",
            notice_shown=False,
            emergency={
                "unit": "MRB",
                "entity": E_C,
                "matters": ["M-101"],
                "ground": "food_drug",
            },
        ),
    )
    assert types(answer) == ["filing.on-site-inspection-opened"]
    deadline = await world.deadline("filing.emergency_wd")
    assert (deadline["due_on"], deadline["provisional"]) == ("2026-08-24", False)

    world.at("2026-08-24 23:59")
    assert world.tick() == []
    world.at("2026-08-25 00:05")
    assert world.tick() == [
        ("DeadlineMissed", "filing.emergency_wd.approval"),  # nor was it approved by then
        ("DeadlineMissed", "filing.emergency_wd"),
        ("FindingRaised", "FIL-V7"),
    ]
    assert world.tick() == [], "a miss is recorded exactly once"
    assert [f["task"] for f in await world.findings(rule_id="FIL-V7")] == ["T-E1"]

    world.at("2026-08-25 14:00")
    answer = await world.send(
        "MRB legal",
        "filing/file-special-inspection",
        **world.filing("F-E1", ground="food_drug", entity=E_C, task="T-E1"),
    )
    assert answer["events"][0]["body"]["days_late"] == 1
    deadline = await world.deadline("filing.emergency_wd")
    assert (deadline["state"], deadline["days_late"]) == ("done_late", 1)
    assert deadline["missed_position"] is not None, "done late, and the miss stays"

    case = world.task("T-C1", E_B, "2026-08-28", kind="case", trigger="complaint")
    await world.refused("FIL-R2", "MRB head", "filing/approve-task", **case)
    await world.send("MRB legal", "filing/file-special-inspection", **world.filing("F-C1"))
    case["filing"] = "F-C1"
    problem = await world.refused("FIL-R4", "MRB office", "filing/approve-task", **case)
    assert "unit head" in problem["fix_hint"]
    await world.send("MRB head", "filing/approve-task", **case)

    await world.refused(
        "FIL-R3",
        "MRB head",
        "filing/approve-special-plan",
        plan="SP-1",
        unit="MRB",
        matters=["M-101"],
        necessity_assessment_ref="NA-1",
        scope="全区餐饮",
        period_from="2026-09-01",
        period_to="2026-10-31",
        deployed_by="own",
        quota_no="1",
    )
