"""Experience and outreach as anybody reads and searches them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.world import World

TITLE = "说理式执法“四步工作法”"
LISTS = ("/v1/experiences", "/v1/outreach")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """One experience and one piece of outreach of the market bureau, one of another unit."""
    async with World(tmp_path) as world:
        await world.given_region()
        await world.given_matter("M-101")
        world.at("2026-06-01")
        for name, unit, title in (("EXP-1", "MRB", TITLE), ("EXP-2", "EMB", "Ｃｈｅｃｋ once")):
            await world.send(
                "JB", "experience/publish-experience",
                experience=name, unit=unit, title=title, text="企业满意率100%，“零复议”。",
            )  # fmt: skip
        await world.send(
            "MRB head", "progress/publish-outreach",
            outreach="OUT-1", unit="MRB", title="以案释法进园区", channel="wechat",
            url="https://example.org/1",
        )  # fmt: skip
        yield world


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("工作法", ["EXP-1"]),
        ("理", ["EXP-1"]),
        ("“零复议”", ["EXP-2", "EXP-1"]),
        ("CHECK", ["EXP-2"]),
        ("100%", ["EXP-2", "EXP-1"]),
        ("1_0", []),
        ("满意率 工作法", ["EXP-1"]),
        ("满意率 once", ["EXP-2"]),
        ("满意率 说谎", []),
    ],
)
async def test_anybody_searches_any_part(world: World, q: str, found: list[str]) -> None:
    """Any part of title or text, in whatever width and case; `%` and `_` are only characters."""
    items = (await world.get("public", "/v1/experiences", q=q))["items"]
    assert [one["experience"] for one in items] == found


async def test_outreach_is_read_and_searched(world: World) -> None:
    [told] = (await world.get("public", "/v1/outreach", q="释法", channel="wechat"))["items"]
    assert (told["title"], told["published_on"]) == ("以案释法进园区", "2026-06-01")
    assert (await world.get("public", "/v1/outreach", q="释法", unit="EMB"))["items"] == []
    for bad in ("", "长" * 101):
        await world.hidden("public", f"/v1/outreach?q={bad}", 400)


async def test_what_was_withdrawn_says_so_and_is_found_no_more(world: World) -> None:
    """The entry keeps its place and the reason; title and text are gone from page and search."""
    reason = "事迹不实"
    await world.send("JB", "experience/withdraw-experience", experience="EXP-1", reason=reason)
    await world.send("MRB head", "progress/withdraw-outreach", outreach="OUT-1", reason=reason)
    for path, name in zip(LISTS, ("EXP-1", "OUT-1"), strict=True):
        shown = await world.get("public", f"{path}/{name}")
        assert (shown["stage"], shown["withdrawn_because"]) == ("withdrawn", reason)
        assert not {"title", "text", "url"} & shown.keys()
        assert name in str((await world.get("public", path))["items"])
        trail = (await world.get("public", f"{path}/{name}/trail"))["entries"]
        assert len(trail) == 2
    assert (await world.get("public", "/v1/experiences", q="工作法"))["items"] == []
    assert (await world.get("public", "/v1/outreach", q="释法"))["items"] == []
    assert world.rebuilt() == []


async def test_a_correction_changes_what_is_read_and_found(world: World) -> None:
    """Two people correct the title; the search follows."""
    trail = (await world.get("JB", "/v1/experiences/EXP-1/trail"))["entries"]
    await world.sign(
        "JB", "JB second", "corrections/correct-record",
        target_position=trail[0]["position"],
        field_changes=[{"path": "/body/title", "old": TITLE, "new": "说理式执法五步法"}],
        reason="笔误",
    )  # fmt: skip
    assert (await world.get("public", "/v1/experiences/EXP-1"))["title"] == "说理式执法五步法"
    assert len((await world.get("public", "/v1/experiences", q="五步"))["items"]) == 1
    assert (await world.get("public", "/v1/experiences", q="四步"))["items"] == []
