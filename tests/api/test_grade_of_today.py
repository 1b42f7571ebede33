"""The grade of a business today, wherever it is asked for, and what would be without something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import E_A, E_B
from tests.scenarios.world import PRESCRIBED, World

PROFILE = f"/v1/entities/{E_B}/profile"
REPLAY = f"/v1/entities/{E_B}/replay"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The region; nobody has graded E-B, which has one visit booked and one penalty on record."""
    async with World(tmp_path) as world:
        await world.given_region(ungraded=(E_B,))
        await world.given_matter("M-101")
        await world.given_plan([3, 6])
        world.at("2026-03-10")
        task = world.task("T-1", E_B, "2026-03-18", prescribed_by=PRESCRIBED)
        await world.send("MRB head", "filing/approve-task", **task)
        await world.visit("T-1", "2026-03-18")
        await world.given_record("CR-1", E_B, "2026-05-11")
        yield world


async def grades(world: World) -> set[str]:
    """The grade that each resource tells the authorities of."""
    profile = await world.get("JB", PROFILE)
    own = await world.get("E-B", PROFILE)
    found = (await world.get("JB", "/v1/entities"))["items"]
    roster = await world.get("MRB coordinator", "/v1/draws/roster")
    replay = (await world.get("JB", REPLAY))["profile"]
    return {
        profile["grade"],
        own["grade"],
        *(caps["grade"] for caps in profile["caps"] if caps["year"] == world.now.year),
        next(one["grade"] for one in found if one["entity"] == E_B),
        # Beside E-A, E-C and E-D, each in its own stratum.
        next(one for one, n in roster["strata"].items() if n > (one in "ACD")),
        replay["grade"],
    }


async def test_a_grade_changes_by_time_alone(world: World) -> None:
    """On the day on which it does, whatever was written down before and whoever is asked first."""
    assert await grades(world) == {"C"}
    world.at("2027-05-11 23:00")
    assert await grades(world) == {"C"}
    # Its longest publicity is over, though the clock has not looked yet.
    world.at("2027-05-12 00:30")
    assert await grades(world) == {"B"}
    assert world.rebuilt() == []


async def test_what_if_nothing_is_what_is_now(world: World) -> None:
    """And what is left out takes its consequences with it: grade and caps."""
    for who in ("JB", "MRB head", "E-B"):
        assert (await world.get(who, REPLAY))["profile"] == await world.get(who, PROFILE), who
    whole, left = [await world.get("JB", REPLAY, **given) for given in ({}, {"without": "CR-1"})]
    assert (whole["draw_ratio"], left["draw_ratio"]) == ("0.50", "0.20")
    without = left["profile"]
    assert without["grade"] == "B"
    assert [(c["grade"], c["cap"]) for c in without["caps"]] == [("B", 1)]
    now = (await world.get("JB", PROFILE))["caps"]
    assert [(c["grade"], c["cap"]) for c in now] == [("C", 2)]
    # Without the version of the policy that sets it there is no cap.
    [version] = (await world.get("JB", "/v1/policies/visit_cap"))["versions"]
    lawless = (await world.get("JB", REPLAY, without=version["position"]))["profile"]
    assert [c["cap"] for c in lawless["caps"]] == [None]


async def test_a_business_without_its_only_record_is_one_without_records(world: World) -> None:
    """An assessment that rests on it goes with it; one that does not stays."""
    for entity, factor, expected in (
        (E_B, {"kind": "general_record", "record": "CR-1"}, "B"),
        (E_B, {"kind": "external_assessment", "says": "-"}, "D"),
    ):
        body: dict[str, Any] = {
            "entity": entity,
            "grade": "D",
            "source": "edb",
            "scheme": "区域评价",
            "assessed_on": "2026-05-11",
            "factors": [factor],
        }
        await world.send("EDB", "grading/assign-grade", **body)
        assert await grades(world) == {"D"}
        without = (await world.get("JB", REPLAY, without="CR-1"))["profile"]
        assert without["grade"] == expected
    assert (await world.get("JB", f"/v1/entities/{E_A}/profile"))["grade"] == "A"


async def test_the_manner_follows_grade_and_policy_by_time_alone(world: World) -> None:
    """Everybody reads the manner of the grade of the day that they read it on, and no grade."""

    async def manner() -> set[str]:
        path = f"/v1/entities/{E_B}/profile"
        told = [await world.get(who, path) for who in ("public", "JB", "E-B")]
        assert "grade" not in told[0]
        return {one["manner"] for one in told}

    assert await manner() == {"on_site"}
    world.at("2027-05-12")
    assert await manner() == {"off_site_first"}
    body = {grade: {"manner": "on_site", "interval_cd": 0} for grade in "ABCD"}
    await world.send(
        "JB",
        "policies/adopt-policy-version",
        key="supervision.manner",
        unit="table",
        value=body,
        effective_from="2027-06-01",
        source={"instrument": "新区管委会文件"},
        confidence="U",
    )
    assert await manner() == {"off_site_first"}
    world.at("2027-06-02")
    assert await manner() == {"on_site"}
