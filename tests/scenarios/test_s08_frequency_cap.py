"""S8: one capped visit a year for a business of grade B; clues are exempt, within reason."""

from tests.cast import E_B
from tests.scenarios.world import PRESCRIBED, World, rules


async def test_s8_frequency_cap(world: World) -> None:
    """The second daily task is refused, complaint visits are not, the third of them is flagged."""
    await world.given_matter("M-101")
    await world.given_matter("M-201", unit="EMB", domain="work_safety")
    await world.given_plan([3, 8])
    await world.given_plan([8], unit="EMB", matter="M-201")

    world.at("2026-03-16")
    await world.send(
        "MRB head",
        "filing/approve-task",
        **world.task("T-1", E_B, "2026-03-18", prescribed_by=PRESCRIBED),
    )
    await world.visit("T-1", "2026-03-18")

    world.at("2026-07-27")
    problem = await world.refused(
        "SUP-R1",
        "MRB head",
        "filing/approve-task",
        **world.task("T-2", E_B, "2026-08-03", prescribed_by=PRESCRIBED),
    )
    assert (problem["details"]["cap"], problem["details"]["used"]) == (1, 1)
    assert (problem["policy_key"], problem["policy_version"]) == ("visit_cap", 1)

    # Another unit has its own counter.
    await world.send(
        "EMB head",
        "filing/approve-task",
        **world.task(
            "T-EMB",
            E_B,
            "2026-08-04",
            unit="EMB",
            matters=["M-201"],
            prescribed_by=PRESCRIBED,
            officers=["OFF-011", "OFF-012"],
        ),
    )

    for number, (approved, planned) in enumerate(
        (("2026-08-07", "2026-08-10"), ("2026-09-04", "2026-09-07"), ("2026-10-16", "2026-10-19")),
        start=1,
    ):
        world.at(approved)
        await world.send(
            "MRB legal", "filing/file-special-inspection", **world.filing(f"F-{number}", entity=E_B)
        )
        answer = await world.send(
            "MRB head",
            "filing/approve-task",
            **world.task(
                f"T-C{number}",
                E_B,
                planned,
                kind="case",
                trigger="complaint",
                filing=f"F-{number}",
            ),
        )
        assert rules(answer) == (["SUP-V1"] if number == 3 else [])
    [over] = await world.findings(rule_id="SUP-V1")
    assert over["facts"] == {"exempt_visits": 3, "reasonable": 2}
