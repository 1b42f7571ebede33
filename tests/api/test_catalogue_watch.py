"""The catalogue watches itself: matters whose law is gone, matters that nobody uses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cast import E_C
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """M-101 and M-102, published, resting on one article of one law."""
    async with World(tmp_path) as world:
        await world.given_region()
        await world.given_matter("M-101")
        await world.given_matter("M-102", listed="2026-01-06")
        yield world


async def test_CAT_V1_a_matter_is_orphaned_when_its_law_is_repealed(world: World) -> None:
    """The view says from when; the clock finds it on that day; a withdrawn matter is no orphan."""
    world.at("2026-05-04")
    await world.send(
        "JB",
        "catalogue/report-basis-repealed",
        law="中华人民共和国食品安全法",
        article="110",
        repealed_on="2026-06-01",
    )
    shown = await world.get("JB", "/v1/matters/M-101")
    assert shown["orphaned_on"] == "2026-06-01"
    assert shown["repealed"] == [
        {
            "instrument": "中华人民共和国食品安全法",
            "article": "110",
            "repealed_on": "2026-06-01",
        }
    ]
    assert (await world.get("JB", "/v1/matters", orphaned="true"))["items"] == []
    assert ("FindingRaised", "CAT-V1") not in world.tick()

    await world.send(
        "MRB head", "catalogue/withdraw-matter", matter="M-102", unit="MRB", reason="依据将废止"
    )
    world.at("2026-06-01 00:10")
    assert world.tick().count(("FindingRaised", "CAT-V1")) == 1
    assert ("FindingRaised", "CAT-V1") not in world.tick()
    [orphan] = (await world.get("JB", "/v1/matters", orphaned="true"))["items"]
    assert orphan["matter"] == "M-101"
    kept = (await world.get("JB", "/v1/matters", orphaned="false"))["items"]
    assert [matter["matter"] for matter in kept] == ["M-102"]
    trail = await world.get("JB", "/v1/matters/M-101/trail")
    assert "catalogue.basis-repealed" in [entry["type"] for entry in trail["entries"]]


async def test_CAT_V2_the_clock_finds_a_matter_that_nobody_uses(world: World) -> None:
    """Five years after its publication, or after its last use; once."""
    await world.given_plan([3], matter="M-102")
    world.at("2026-03-16")
    await world.send(
        "MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18", matters=["M-102"])
    )
    world.at("2031-01-06 23:00")
    assert ("FindingRaised", "CAT-V2") not in world.tick()
    world.at("2031-01-07 00:10")
    assert world.tick().count(("FindingRaised", "CAT-V2")) == 1
    assert ("FindingRaised", "CAT-V2") not in world.tick()
    world.at("2031-03-17 00:10")
    assert world.tick().count(("FindingRaised", "CAT-V2")) == 1
    found = await world.findings(rule_id="CAT-V2")
    assert {(f["matter"], f["facts"]["unused_since"]) for f in found} == {
        ("M-101", "2026-01-06"),
        ("M-102", "2026-03-16"),
    }
