"""Counts, files and typed searches say what the pages of a search say, to each reader."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from api.feed.exports import COLUMNS
from ledger.kernel.messages import title
from ledger.transparency.notes import parse_vkey
from ledger.transparency.proofs import parse_receipt
from tests.scenarios.world import PRESCRIBED, World
from tests.test_questions import tell

SEARCH = "/v1/events/search"
FACETS = ("unit", "actor", "entity", "matter", "rule_id", "type", "month")
READERS = ("public", "E-A", "E-B", "MRB officer", "EMB head", "EDB", "RLO", "JB")


async def hits(world: World, who: str, **query: Any) -> list[int]:
    """The positions of all pages of a search."""
    found: list[int] = []
    while True:
        page = await world.get(who, SEARCH, limit=100, **query)
        found += [item["position"] for item in page["items"]]
        if page["next_before"] is None:
            return found
        query["before"] = page["next_before"]


async def file(world: World, who: str, ending: str, **query: str) -> tuple[int, str, Any]:
    """A search as a file: its status, its text, its headers."""
    world.service.follower.wait_for(world.recorder.head(), 10)
    response = await world.client.get(
        f"{SEARCH}{ending}",
        params=query,
        headers={"Authorization": f"Bearer {world.tokens[who]}", "Accept-Language": "zh"},
    )
    return response.status, (await response.read()).decode("utf-8-sig"), response.headers


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with World(tmp_path) as world:
        await tell(world)
        world.at("2026-10-20")
        again = world.task("T-9", "91620100MA7LX0076M", "2026-10-22", prescribed_by=PRESCRIBED)
        await world.send("MRB head", "filing/approve-task", expect=422, **again)
        yield world


async def test_counts_are_of_what_the_reader_finds(world: World) -> None:
    """Each value counts the hits of a search for it, and leaves the others to its exclusion."""
    counted = 0
    for who in READERS:
        everything = await hits(world, who)
        body = await world.get(who, SEARCH, total="true", facets=",".join(FACETS), limit=1)
        assert body["total"] == len(everything), who
        assert not body["facets_cut"]
        for name, values in body["facets"].items():
            for value in values[:3] if who != "JB" else values[:12]:
                if name == "month":
                    chosen = await hits(world, who, query=value["value"])
                    assert len(chosen) == value["count"], (who, value)
                    continue
                chosen = await hits(world, who, **{name: value["value"]})
                assert len(chosen) == value["count"], (who, name, value)
                others = await hits(world, who, **{f"not_{name}": value["value"]})
                assert sorted(chosen + others) == sorted(everything), (who, name, value)
                counted += 1
    assert counted > 60


async def test_refusals_are_counted_and_left_out_too(world: World) -> None:
    """Of the access ledger, for those who may read it."""
    for who in ("JB", "RLO"):
        asked = {"outcome": "refused", "total": "true", "facets": "rule_id,actor,unit,month"}
        body = await world.get(who, SEARCH, **asked)
        assert body["total"] == len(body["items"])
        assert sum(value["count"] for value in body["facets"]["rule_id"]) == body["total"]
        for value in body["facets"]["rule_id"]:
            some = await world.get(who, SEARCH, outcome="refused", rule_id=value["value"])
            rest = await world.get(who, SEARCH, query=f"结果:被拒 -规则:{value['value']}")
            assert len(some["items"]) == value["count"]
            assert len(some["items"]) + len(rest["items"]) == body["total"]
        assert all(item["body"]["message"] for item in body["items"])
    everything = await world.get("JB", SEARCH, outcome="refused")
    last, *_ = everything["items"]
    newer = await world.get("JB", SEARCH, outcome="refused", after=last["position"] - 1)
    assert newer["items"] == [last]
    await world.hidden("MRB head", f"{SEARCH}?query=结果:被拒", 403)


async def test_a_typed_search_is_that_of_its_parameters(world: World) -> None:
    """Also in the access ledger, which keeps no words and no 上月."""
    typed = await world.get("JB", SEARCH, query='单位:MRB 上月 -类型:deadlines.* "整改"')
    plain = await world.get(
        "JB",
        SEARCH,
        unit="MRB",
        since="2026-09-01",
        until="2026-09-30",
        not_type="deadlines.*",
        phrase="整改",
    )
    assert typed == plain
    entries = await world.get("JB", "/v1/access", kind="consultation", newest="true", limit=3)
    asked = [entry["body"]["asked"] for entry in entries["items"]]
    assert "unit=MRB&since=2026-09-01&until=2026-09-30&not_type=" in asked[2]
    assert "phrase=withheld" in asked[2]
    await world.hidden("JB", f"{SEARCH}?query=单位:MRB&unit=EMB", 400)


async def test_files_hold_the_hits(world: World) -> None:
    """Every form has every hit; with proofs each can be checked, where the reader may."""
    (vkey,) = [key.vkey for key in world.service.keeper.log.keys()]  # noqa: SIM118 - no mapping
    for who in ("public", "MRB officer", "JB"):
        everything = await hits(world, who)
        status, text, headers = await file(world, who, ".csv")
        assert status == 200
        heading, *rows = csv.reader(io.StringIO(text))
        assert heading == [title(name, "zh", "fields") for name in COLUMNS]
        assert [int(row[0]) for row in rows] == everything
        assert "X-Rows-Cut" not in headers
        status, text, _ = await file(world, who, ".ndjson", proofs="true")
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["position"] for line in lines] == everything
        proven = 0
        for line in lines:
            receipt = parse_receipt(line["proof"].encode())
            assert receipt.index == line["position"] - 1
            if "record" in line:
                proven += 1
                receipt.verify(b64decode(line["record"]), [parse_vkey(vkey)])
            else:
                assert "withheld" in line["actor"]["person_id"]
        # Records name who acted, of whom the public knows nobody.
        if who == "public":
            assert proven < len(lines)
        else:
            assert proven > 10
    status, text, _ = await file(world, "JB", ".csv", query="结果:被拒")
    assert status == 200
    assert len(text.splitlines()) > 1
