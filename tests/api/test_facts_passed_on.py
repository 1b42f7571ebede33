"""Facts of a complaint that are passed on: who learns of it when, and who does not (2.12, 2.17)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import E_A
from tests.scenarios.world import World

FACTS = "两名工作人员入企未亮码"
#: The body accused, its handler, and somebody of each who asks.
ACCUSED = {"MRB": "MRB head", "JB": "JB"}
OTHERS = ("EMB head", "PARK head", "RLO", "RECON", "EDB", "E-B")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-09-24 10:00")
        yield world


async def complain(world: World, accused: str = "MRB") -> str:
    """E-A complains; returns who handles it."""
    await world.send(
        "E-A",
        "complaints/receive-complaint",
        complaint="CMP-1",
        channel="web",
        subject_unit=accused,
        facts=f"{FACTS}, 投诉人为甲",
        anonymous=False,
        entity=E_A,
    )
    return "RECON" if accused == "JB" else "JB"


async def pass_on(world: World, handler: str, to: str) -> dict[str, Any]:
    body = {"complaint": "CMP-1", "to": to, "facts": FACTS}
    return await world.send(handler, "complaints/pass-on-facts", **body)


async def knows(world: World, who: str) -> set[str]:
    """On which ways somebody learns of the complaint; a refusal of the roles is none."""
    world.service.follower.wait_for(world.recorder.head(), 30.0)
    found: set[str] = set()
    for path in ("/v1/complaints/CMP-1", "/v1/complaints/CMP-1/trail"):
        if await world.status(who, path) == 200:
            answer = await world.get(who, path)
            if answer.get("entries", True):
                found.add(path)
    for query in ("", "?stage=accepted", "?stage=resolved", "?outcome=no"):
        path = f"/v1/complaints{query}"
        response = await world.client.get(
            path, headers={"Authorization": f"Bearer {world.tokens[who]}"}
        )
        if response.status == 200 and (await response.json())["items"]:
            found.add(path)
    feed = await world.get(who, "/v1/feed", limit=500)
    if any("complaint:CMP-1" in str(one) or "CMP-1" in str(one["data"]) for one in feed["events"]):
        found.add("feed")
    return found


@pytest.mark.parametrize("accused", ["MRB", "JB"])
async def test_the_accused_is_told_by_facts_and_by_nothing_before(
    world: World, accused: str
) -> None:
    """Neither a silent acceptance nor facts told to somebody else reach it; CMP-R1 comes after."""
    handler = await complain(world, accused)
    who = ACCUSED[accused]
    act = {"complaint": "CMP-1"}

    async def answered() -> tuple[int, str]:
        response = await world.client.post(
            "/v1/complaints/acknowledge-complaint",
            json=act,
            headers={"Authorization": f"Bearer {world.tokens[who]}"},
        )
        problem = await response.json()
        return response.status, str(problem.get("rule_id") or problem["type"])

    unknown = (422, "/problems/unknown-reference")
    assert (await knows(world, who), await answered()) == (set(), unknown)
    await world.send(handler, "complaints/accept-complaint", complaint="CMP-1")
    assert (await knows(world, who), await answered()) == (set(), unknown)
    await pass_on(world, handler, "PARK")
    assert (await knows(world, who), await answered()) == (set(), unknown)
    told = await world.get("PARK head", "/v1/complaints/CMP-1")
    assert (told["allegation"], told["stage"]) == (FACTS, "received")
    assert "甲" not in str(told)
    await pass_on(world, handler, accused)
    assert await knows(world, who) == {
        "/v1/complaints/CMP-1",
        "/v1/complaints/CMP-1/trail",
        "/v1/complaints",
        "feed",
    }
    shown = await world.get(who, "/v1/complaints/CMP-1")
    assert (shown["allegation"], shown["stage"]) == (FACTS, "received")
    assert not {"facts", "entity", "accepted_on"} & shown.keys()
    assert await answered() == (422, "CMP-R1")


async def test_a_complaint_that_comes_to_nothing_is_never_told(world: World) -> None:
    """Accepted, looked into and closed without a word to the unit accused: it stays that way."""
    handler = await complain(world)
    before = {who: await knows(world, who) for who in ("MRB head", *OTHERS)}
    await world.send(handler, "complaints/accept-complaint", complaint="CMP-1")
    await world.send(
        handler,
        "complaints/resolve-complaint",
        complaint="CMP-1",
        outcome="no",
        feedback_text="不成立",
    )
    assert {who: await knows(world, who) for who in ("MRB head", *OTHERS)} == before
    assert before["MRB head"] == set()
    whole = await world.get("JB", "/v1/complaints", stage="resolved", outcome="no")
    assert [one["complaint"] for one in whole["items"]] == ["CMP-1"]


async def test_CMP_R2_nobody_is_passed_on_a_name(world: World) -> None:
    """Neither to the unit accused nor to another body."""
    handler = await complain(world)
    for to in ("MRB", "PARK"):
        await world.refused(
            "CMP-R2",
            handler,
            "complaints/pass-on-facts",
            complaint="CMP-1",
            to=to,
            facts=f"{FACTS} {E_A}",
        )
    for wrong in ("JB", "NOBODY"):
        body = {"complaint": "CMP-1", "to": wrong, "facts": FACTS}
        await world.send(handler, "complaints/pass-on-facts", expect=400 if wrong == "JB" else 422,
                         **body)  # fmt: skip
    await pass_on(world, handler, "MRB")
    await world.send(
        handler, "complaints/pass-on-facts", expect=409, complaint="CMP-1", to="MRB", facts=FACTS
    )
    await world.refused(
        "CMP-R1", "MRB head", "complaints/pass-on-facts", complaint="CMP-1", to="EMB", facts=FACTS
    )


async def test_what_was_accepted_openly_is_told_as_before(world: World) -> None:
    """With its allegation an acceptance tells the unit accused by itself."""
    handler = await complain(world)
    accept = {"complaint": "CMP-1", "allegation": FACTS}
    await world.send(handler, "complaints/accept-complaint", **accept)
    shown = await world.get("MRB head", "/v1/complaints/CMP-1")
    assert (shown["stage"], shown["allegation"]) == ("accepted", FACTS)
    assert world.rebuilt() == []
