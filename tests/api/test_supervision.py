"""What supervisors sent out: who reads which document, and what the public reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cast import E_A
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A notice to MRB about a finding, of the day of S7."""
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-10-13")
        raised = await world.send(
            "JB",
            "supervision/raise-finding",
            type="unfiled",
            rule_id="FIL-V1",
            unit="MRB",
            entity=E_A,
        )
        world.finding = raised["events"][0]["body"]["finding_id"]  # type: ignore[attr-defined]
        await world.send(
            "JB",
            "supervision/issue-supervision-doc",
            document="SD-1",
            kind="notice",
            unit="MRB",
            doc_no="兰新司监〔2026〕1号",
            demands=["说明入企依据"],
            findings=[world.finding],  # type: ignore[attr-defined]
        )
        yield world


async def _status(world: World, who: str | None, path: str) -> int:
    headers = {"Authorization": f"Bearer {world.tokens[who]}"} if who else {}
    query = {"at_least": str(world.recorder.head())}
    return (await world.client.get(path, headers=headers, params=query)).status


async def test_a_document_is_read_by_the_unit_and_its_supervisors(world: World) -> None:
    """Neither another unit, nor the business, nor the public reads it; the deadline is S7's."""
    deadline = await world.deadline("supervision.response_wd", about="supdoc:SD-1")
    assert deadline["due_on"] == "2026-11-03"
    path = "/v1/supervision-documents"
    for who in ("JB", "MRB office"):
        [document] = (await world.get(who, path))["items"]
        assert document.pop("unit_name") == "市场监管局"
        assert document == await world.get(who, f"{path}/SD-1")
        assert document["stage"] == "issued"
        assert document["issued_on"] == "2026-10-13"
        assert document["findings"] == [world.finding]  # type: ignore[attr-defined]
    assert (await world.get("EMB head", path))["items"] == []
    assert await _status(world, "EMB head", f"{path}/SD-1") == 404
    for who in ("E-A", None):
        assert await _status(world, who, path) == 403
        assert await _status(world, who, f"{path}/SD-1") == 403


async def test_its_answer_is_the_answer_to_the_finding(world: World) -> None:
    """The finding names the document, is answered with it, and may be rejected."""
    finding = f"/v1/findings/{world.finding}"  # type: ignore[attr-defined]
    assert (await world.get("MRB head", finding))["documents"] == ["SD-1"]
    world.at("2026-11-02")
    await world.send(
        "MRB head",
        "supervision/answer-supervision-doc",
        document="SD-1",
        unit="MRB",
        response="已补办",
    )
    assert (await world.get("JB", "/v1/supervision-documents", stage="answered"))["items"]
    assert (await world.get("JB", "/v1/supervision-documents", stage="issued"))["items"] == []
    shown = await world.get("MRB head", finding)
    assert (shown["state"], shown["response"]) == ("responded", "已补办")
    await world.send(
        "JB",
        "supervision/reject-rectification",
        finding_id=world.finding,  # type: ignore[attr-defined]
        reason="未附材料",
    )
    shown = await world.get("MRB head", finding)
    assert (shown["state"], shown["rejection"]) == ("rejected", "未附材料")
    trail = await world.get("JB", "/v1/supervision-documents/SD-1/trail")
    assert [e["type"] for e in trail["entries"]] == [
        "supervision.supervision-doc-issued",
        "supervision.supervision-doc-answered",
    ]


async def test_a_circular_is_read_by_everybody(world: World) -> None:
    """P: circulars and typical cases, and none of the documents among them."""
    await world.send(
        "JB",
        "supervision/issue-circular",
        document="TB-1",
        kind="typical_case",
        units=["MRB"],
        title="典型案例",
        text="未备案检查",
    )
    for who in (None, "E-A", "EMB head"):
        assert await _status(world, who, "/v1/circulars/TB-1") == 200
        assert await _status(world, who, "/v1/circulars/SD-1") == 404
    [circular] = (await world.get("E-A", "/v1/circulars", kind="typical_case"))["items"]
    assert (circular["title"], circular["units"]) == ("典型案例", ["MRB"])
    assert (await world.get("E-A", "/v1/circulars", kind="circular"))["items"] == []
