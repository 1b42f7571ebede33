"""S23: 中川镇 acts under M-101 of the market bureau, until its delegation is suspended."""

from __future__ import annotations

from typing import Any

from tests.cast import E_A, E_C
from tests.scenarios.world import World

TOWN = "ZCZ"


async def _given_delegation(world: World) -> None:
    """A township with officers of its own, and the provincial decision."""
    await world.given_matter("M-101")
    world.at("2026-02-01")
    await world.send(
        "JB", "catalogue/qualify-unit",
        unit=TOWN, name="中川镇人民政府", kind="organ", valid_from="2020-01-01",
    )  # fmt: skip
    for officer in ("OFF-091", "OFF-092"):
        await world.send(
            "JB", "catalogue/certify-officer",
            officer=officer, unit=TOWN, cert_no=f"甘Z-{officer}", domains=["food_drug"],
            valid_from="2024-08-01", valid_to="2027-07-31",
        )  # fmt: skip
    world.at("2026-02-20")
    await world.send(
        "JB", "delegations/delegate-power",
        delegation="DLG-1", unit=TOWN, matters=["M-101"], powers=["penalty", "inspection"],
        decision_ref="甘政发〔2026〕1号", valid_from="2026-03-01", valid_to="2026-12-31",
        division_note="中川镇辖区内由镇实施，其余由市场监管局实施",
    )  # fmt: skip


def _task(world: World, task: str, day: str) -> dict[str, Any]:
    return world.task(
        task, E_C, day, unit=TOWN, matters=["M-101"], officers=["OFF-091", "OFF-092"],
        kind="case", trigger="complaint", filing=f"F-{task}",
    )  # fmt: skip


async def test_s23_township(world: World) -> None:
    """Allowed while in force; CAT-R7 after; what happened all the same is recorded, CAT-V4."""
    for who, role in (("town head", "unit_head"), ("town legal", "unit_legal_office")):
        world.tokens[who] = world.service.tokens.create(TOWN, role.upper(), role)
    await _given_delegation(world)

    world.at("2026-06-09")
    for task in ("T-1", "T-2"):
        await world.send(
            "town legal", "filing/file-special-inspection",
            **world.filing(f"F-{task}", unit=TOWN, matters=["M-101"], entity=E_C),
        )  # fmt: skip
    await world.send("town head", "filing/approve-task", **_task(world, "T-1", "2026-06-10"))
    # The market bureau keeps its own power.
    [listed] = (await world.get("public", "/v1/delegations", valid_as_of="2026-06-30"))["items"]
    assert (listed["unit"], listed["matters"]) == (TOWN, ["M-101"])
    assert "assessments" not in listed

    world.at("2026-07-01")
    await world.send("JB", "delegations/suspend-delegation", delegation="DLG-1", reason="人员不足")
    world.at("2026-07-02")
    problem = await world.refused(
        "CAT-R7", "town head", "filing/approve-task", **_task(world, "T-2", "2026-07-02")
    )
    assert problem["details"]["delegated_to"] == TOWN
    world.at("2026-07-03")
    answer = await world.send(
        "JB", "filing/report-irregular-visit",
        irregular_visit="IV-1", entity=E_A, reporter="supervisor", visited_on="2026-07-03",
        facts="镇执法人员入企检查", unit=TOWN, matters=["M-101"], scanned=True, officers_seen=2,
    )  # fmt: skip
    assert "CAT-V4" in [e["body"].get("rule_id") for e in answer["events"]]
    assert (await world.get("public", "/v1/delegations", valid_as_of="2026-07-02"))["items"] == []
    # What it says of June stays.
    assert len((await world.get("public", "/v1/delegations", valid_as_of="2026-06-30"))["items"])

    world.at("2026-07-06")
    await world.send("JB", "delegations/resume-delegation", delegation="DLG-1", reason="人员已补足")
    await world.send("town head", "filing/approve-task", **_task(world, "T-2", "2026-07-07"))
    listed = (await world.get("public", "/v1/delegations", valid_as_of="2026-07-07"))["items"]
    assert [given["unit"] for given in listed] == [TOWN]
    assert (await world.get("public", "/v1/delegations", valid_as_of="2026-07-05"))["items"] == []


async def test_s23_a_penalty_takes_the_power_to_penalise(world: World) -> None:
    """A case filed while it held is not decided once it is suspended; inspection alone is less."""
    world.tokens["town head"] = world.service.tokens.create(TOWN, "TOWN-HEAD", "unit_head")
    await _given_delegation(world)
    world.at("2026-02-21")
    await world.send("JB", "delegations/end-delegation", delegation="DLG-1", reason="重新下达")
    await world.send(
        "JB", "delegations/delegate-power",
        delegation="DLG-2", unit=TOWN, matters=["M-101"], powers=["inspection"],
        decision_ref="甘政发〔2026〕2号", valid_from="2026-03-01", valid_to="2026-12-31",
        division_note="仅检查",
    )  # fmt: skip
    world.at("2026-06-10")
    case = world.case(
        "CASE-1", E_C, unit=TOWN, matter="M-101", investigators=["OFF-091", "OFF-092"]
    )
    await world.refused("CAT-R7", "town head", "penalties/file-case", **case)
