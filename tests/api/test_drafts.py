"""Drafts of matters are read by their unit and who supervises it, on every way (2.17, 2.18)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from ledger.systems.catalogue.events import (
    Basis,
    MatterElements,
    MatterListed,
    MatterPublished,
    MatterRevised,
)
from tests.scenarios.world import World

#: Who reads a draft of MRB, and who does not.
INSIDE = ("MRB head", "JB")
OUTSIDE = ("public", "E-C", "EMB head", "PARK head")
ELEMENTS = MatterElements(
    name="旧稿",
    act_kind="inspection",
    office_id="食品科",
    bases=(Basis(level="law", instrument="食品安全法", article="110"),),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-03-02")
        yield world


async def read(world: World, who: str, positions: list[int]) -> dict[str, set[int]]:
    """Which of these events somebody reads, by the way on which they are read."""
    head = world.recorder.head()
    world.service.follower.wait_for(head, 5.0)
    found: dict[str, set[int]] = {"event": set(), "record": set(), "proof": set()}
    for position in positions:
        for part, name in (("", "event"), ("/record", "record"), ("/proof", "proof")):
            response = await world.client.get(
                f"/v1/events/{position}{part}",
                headers={"Authorization": f"Bearer {world.tokens[who]}"},
            )
            if response.status in (200, 403):
                found[name].add(position)
    for subject in ("matters/M-9", "units/MRB"):
        path = f"/v1/{subject}/trail"
        if await world.status(who, path) == 200:
            trail = await world.get(who, path, limit=200)
            found[path] = {one["position"] for one in trail["entries"]} & set(positions)
    feed = await world.get(who, "/v1/feed", limit=500)
    told = {one["position"] for one in feed["events"]}
    found["feed"] = told & set(positions)
    return found


@pytest.mark.parametrize("old", [False, True])
async def test_a_draft_is_read_by_its_unit_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, *, old: bool
) -> None:
    """Also one that an earlier version of the program recorded as public, whose bytes stay."""
    with monkeypatch.context() as earlier:
        if old:
            earlier.setattr(MatterListed, "VISIBILITY", "public")
            earlier.setattr(MatterRevised, "VISIBILITY", "public")
        world.given(MatterListed(matter="M-9", unit="MRB", elements=ELEMENTS))
        listed = world.recorder.head()
        world.given(
            MatterPublished(
                matter="M-9",
                unit="MRB",
                version=1,
                url="https://example.org/m",
                published_on=date(2026, 3, 2),
            )
        )
        world.given(
            MatterRevised(
                matter="M-9", unit="MRB", version=2, elements=ELEMENTS, reason="law_change"
            )
        )
    revised = world.recorder.head()
    for who in (*INSIDE, *OUTSIDE):
        expected = {listed, revised} if who in INSIDE else set()
        seen = await read(world, who, [listed, revised])
        assert {way: positions for way, positions in seen.items() if positions != expected} == {}
    for who in OUTSIDE:
        [shown] = (await world.get(who, "/v1/matters"))["items"]
        assert (shown["name"], shown["version"]) == ("旧稿", 1)
        assert len((await world.get(who, "/v1/matters/M-9"))["versions"]) == 1
    assert world.rebuilt() == []


async def test_what_is_published_is_told_with_its_publication(world: World) -> None:
    """The elements are in the event that everybody reads; a revision waits for its own."""
    await world.given_matter("M-9", published=None)
    body = {"matter": "M-9", "unit": "MRB", "url": "https://example.org/m"}
    published = await world.send("MRB head", "catalogue/publish-matter", **body)
    position = published["events"][0]["position"]
    shown = await world.get("public", f"/v1/events/{position}")
    assert shown["body"]["elements"]["name"] == "检查事项 M-9"
    await world.send(
        "MRB head", "catalogue/withdraw-matter", matter="M-9", unit="MRB", reason="取消"
    )
    await world.get("public", f"/v1/events/{world.recorder.head()}")


async def test_a_draft_that_is_withdrawn_never_was(world: World) -> None:
    """Nobody else is told that there was one."""
    await world.given_matter("M-9", published=None)
    answer = await world.send(
        "MRB head", "catalogue/withdraw-matter", matter="M-9", unit="MRB", reason="取消"
    )
    position = answer["events"][0]["position"]
    for who in (*INSIDE, *OUTSIDE):
        status = 200 if who in INSIDE else 404
        await world.hidden(who, f"/v1/events/{position}", status)
        assert await world.status(who, "/v1/matters/M-9") == status, who


async def test_naming_anothers_draft_is_as_naming_nothing(world: World) -> None:
    """The answer does not tell that it is there."""
    await world.given_matter("M-9", published=None)

    for command, body in (
        ("catalogue/publish-matter", {"unit": "EMB", "url": "https://example.org"}),
        ("catalogue/withdraw-matter", {"unit": "EMB", "reason": "-"}),
    ):
        answers = []
        for matter in ("M-9", "M-0"):
            response = await world.client.post(
                f"/v1/{command}",
                json={"matter": matter, **body},
                headers={
                    "Authorization": f"Bearer {world.tokens['EMB head']}",
                    "Idempotency-Key": f"{command}-{matter}",
                },
            )
            answers.append((response.status, (await response.text()).replace(matter, "M")))
        assert answers[0][0] == answers[1][0], answers
