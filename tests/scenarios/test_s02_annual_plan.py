"""S2: a daily task needs its matter and month in a filed plan version."""

from tests.cast import E_B
from tests.scenarios.world import PRESCRIBED, World


async def test_s2_annual_plan(world: World) -> None:
    """A task outside the planned months waits for the amended plan; it names version 2."""
    await world.given_matter("M-101")
    plan = await world.given_plan([3, 6, 9])
    deadline = await world.deadline("filing.plan_wd")
    assert deadline["due_on"] == "2026-01-22"
    assert deadline["state"] == "done"

    task = world.task("T-1", E_B, "2026-05-11", prescribed_by=PRESCRIBED)
    world.at("2026-05-04")
    problem = await world.refused("FIL-R1", "MRB head", "filing/approve-task", **task)
    assert problem["details"]["planned_months"] == {"M-101": [3, 6, 9]}

    await world.send(
        "MRB head",
        "filing/amend-plan",
        plan=plan,
        unit="MRB",
        reason="五月增加检查",
        diff={"set_items": [world.item("M-101", [3, 5, 6, 9])]},
    )
    # Amended but not filed: nothing has changed for the task.
    await world.refused("FIL-R1", "MRB head", "filing/approve-task", **task)
    world.at("2026-05-06")
    await world.send("MRB head", "filing/file-annual-plan", plan=plan, unit="MRB")
    await world.send("JB", "filing/accept-filing", plan=plan)
    answer = await world.send("MRB head", "filing/approve-task", **task)
    assert answer["events"][0]["body"]["plan_version"] == 2
    assert answer["events"][0]["body"]["plan"] == plan
