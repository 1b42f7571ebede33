"""Publicity as it is read: the public sees what was published; the clock finds what was not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import E_C
from tests.scenarios.world import World

FIGURES = {
    "licences": 1,
    "penalties": 0,
    "compulsions": 0,
    "inspections": 0,
    "other_acts": 0,
    "fines_fen": 0,
    "reconsidered": 0,
    "litigated": 0,
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """MRB has a licence matter and has decided on one licence for E-C."""
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-06-01")
        await world.given_licence("LIC-1", E_C)
        yield world


async def _ask(world: World, who: str | None, path: str) -> Any:
    """What somebody reads at a path, or the status where it is no success."""
    headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
    query = {"at_least": str(world.recorder.head())}
    answer = await world.client.get(path, headers=headers, params=query)
    return await answer.json() if answer.status == 200 else answer.status


async def test_an_act_is_read_by_everybody_once_published(world: World) -> None:
    """Before, by the unit, the business and supervisors; withdrawn, without what it said."""
    for who, shown in (("MRB head", 1), ("JB", 1), ("E-C", 1), ("E-A", 0), ("EMB head", 0)):
        assert len((await _ask(world, who, "/v1/acts"))["items"]) == shown, who
    assert (await _ask(world, None, "/v1/acts"))["items"] == []
    assert await _ask(world, None, "/v1/acts/LIC-1") == 404
    await world.send("MRB head", "publicity/publish-act", decision="LIC-1", summary="准予许可")
    act = await _ask(world, None, "/v1/acts/LIC-1")
    assert (act["summary"], act["stage"], act["kind"]) == ("准予许可", "published", "licence")

    await world.send(
        "MRB head",
        "corrections/nullify-decision",
        decision="LIC-1",
        unit="MRB",
        entity=E_C,
        kind="revoked",
        by="新区行政复议机构",
        instrument="复决3号",
        effective_on="2026-06-01",
        reason="越权",
    )
    world.at("2026-06-04 23:00")
    assert ("FindingRaised", "PUB-V2") not in world.tick()
    world.at("2026-06-05 00:10")
    assert ("FindingRaised", "PUB-V2") in world.tick()
    assert ("FindingRaised", "PUB-V2") not in world.tick(), "found once"
    await world.send(
        "MRB head", "publicity/withdraw-act", decision="LIC-1", explanation="许可被撤销"
    )
    act = await _ask(world, None, "/v1/acts/LIC-1")
    assert (act["stage"], act["explanation"]) == ("withdrawn", "许可被撤销")
    assert "summary" not in act


async def test_ex_ante_publicity_says_what_is_missing(world: World) -> None:
    """For everybody, by unit."""
    await world.send(
        "MRB head",
        "publicity/publish-ex-ante",
        unit="MRB",
        item="powers",
        title="权力清单",
        url="https://example.org/powers",
        digest="ab" * 32,
    )
    shown = await _ask(world, None, "/v1/ex-ante-publicity/MRB")
    assert shown["items"]["powers"]["title"] == "权力清单"
    assert "powers" not in shown["missing"]
    assert len(shown["missing"]) == 6


async def test_the_clock_calls_for_the_figures_of_a_year(world: World) -> None:
    """Of each unit, once; the unit publishes them, and only then the public reads them."""
    world.at("2026-12-31 23:00")
    assert "AnnualStatsFellDue" not in [kind for kind, _ in world.tick()]
    world.at("2027-01-01 00:10")
    assert [kind for kind, _ in world.tick()].count("AnnualStatsFellDue") == 3
    assert "AnnualStatsFellDue" not in [kind for kind, _ in world.tick()]
    deadline = await world.deadline("publicity.annual_stats", about="annual-stats:MRB:2026")
    assert (deadline["due_on"], deadline["state"]) == ("2027-01-31", "open")
    path = "/v1/annual-statistics"
    assert len((await _ask(world, "JB", path))["items"]) == 3
    assert len((await _ask(world, "MRB head", path))["items"]) == 1
    assert (await _ask(world, None, path))["items"] == []
    await world.send(
        "MRB head",
        "publicity/publish-annual-stats",
        unit="MRB",
        year=2026,
        figures=FIGURES,
        url="https://example.org/2026",
    )
    shown = await _ask(world, None, f"{path}/MRB:2026")
    assert (shown["year"], shown["figures"]["licences"]) == (2026, 1)
    deadline = await world.deadline("publicity.annual_stats", about="annual-stats:MRB:2026")
    assert deadline["state"] == "done"


async def test_the_clock_finds_a_pattern_of_redactions(world: World) -> None:
    """Two of two decisions of a year."""
    await world.send(
        "MRB head", "publicity/publish-act", decision="LIC-1", summary="-", redactions=["姓名"]
    )
    assert ("FindingRaised", "PUB-V3") not in world.tick()
    await world.send(
        "MRB head",
        "publicity/decide-act",
        decision="LIC-2",
        unit="MRB",
        matter="M-LIC",
        doc_no="许2号",
    )
    await world.send("MRB officer", "publicity/serve-act", decision="LIC-2")
    await world.send(
        "MRB head", "publicity/publish-act", decision="LIC-2", summary="-", redactions=["姓名"]
    )
    assert ("FindingRaised", "PUB-V3") in world.tick()
    assert ("FindingRaised", "PUB-V3") not in world.tick()
