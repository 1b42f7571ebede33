"""Draws through HTTP beyond S4 and S5: interrupted, exempted, over time, withheld, uploaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.kernel import Unavailable
from ledger.stores.blobs import Blobs
from projections.drawing import desk as drawing
from tests.cast import E_C, GRADES, PREFIX
from tests.scenarios.drawing import (
    DRAW,
    OPERATOR,
    ROSTER_HASH,
    announcement,
    freeze,
    given_roster,
    given_seed,
    values,
    visit,
)
from tests.scenarios.world import World, types


async def test_a_crash_between_the_batches_is_repaired_by_the_same_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two targets are recorded, then the process is gone; sent again, the rest follow, once."""
    await given_roster(world)
    await given_seed(world)
    monkeypatch.setattr(drawing, "BATCH", 2)
    whole = drawing._selections

    def broken(draw: str, made: drawing.Drawn) -> Any:
        yield next(whole(draw, made))
        raise Unavailable("general.verbatim", error="the power fails here")

    monkeypatch.setattr(drawing, "_selections", broken)
    execute = {"draw": DRAW, "roster_hash": ROSTER_HASH}
    await world.send(OPERATOR, "draws/execute-draw", expect=503, **execute)
    assert len(await _targets(world)) == 2
    shown = await world.get("JB", f"/v1/draws/{DRAW}")
    assert (shown["stage"], shown["selected"], shown["still_sealed"]) == ("executed", 5, 5)

    monkeypatch.setattr(drawing, "_selections", whole)
    answer = await world.send(OPERATOR, "draws/execute-draw", expect=200, **execute)
    assert types(answer) == []
    assert len(await _targets(world)) == 5
    head = world.recorder.head()
    await world.send(OPERATOR, "draws/execute-draw", expect=200, **execute)
    assert world.recorder.head() == head


async def test_nobodys_word_verifies_a_draw(world: World) -> None:
    """Another unit, or the one that drew, has it made again; neither says how it comes out."""
    await given_roster(world)
    await given_seed(world)
    path = "draws/verify-draw"
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    for who in ("EMB head", "MRB head"):
        said = await world.send(who, path, expect=400, draw=DRAW, ok=False, mismatch="C/1")
        assert "ok" in said["detail"]
    executed = await world.get("JB", f"/v1/draws/{DRAW}")
    names = ("selection_hash", "selection_root", "selection_count")
    strata = [{name: one[name] for name in ("key", "size", "quota")} for one in executed["strata"]]
    outcome = {"strata": strata} | {name: executed[name] for name in names}
    forged = outcome | {"selection_root": "0" * 64}
    await world.refused("DRW-R6", "EMB head", path, draw=DRAW, outcome=forged)
    for body in ({}, {"outcome": outcome}):
        answer = await world.send("EMB head", path, draw=DRAW, **body)
        assert answer["events"][0]["body"] == {
            "draw": DRAW,
            "unit": "MRB",
            "ok": True,
            "recomputed": True,
        }
    (first, _) = (await world.get("public", f"/v1/draws/{DRAW}"))["verifications"]
    assert first == {"unit": "EMB", "ok": True, "mismatch": None}


async def test_an_exempted_business_gives_way_to_the_next_reserve(world: World) -> None:
    await given_roster(world)
    await given_seed(world)
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    custody = {"draw": DRAW, "entity": E_C, "reason": "judicial_custody", "evidence": "查封"}
    await world.send(
        OPERATOR, "draws/request-exemption", **custody, instrument="（2026）甘01执1号裁定"
    )
    await world.refused("DRW-R10", OPERATOR, "draws/exempt-target", **custody)
    answer = await world.send("MRB head", "draws/exempt-target", **custody)
    assert types(answer)[:2] == ["draws.draw-target-exempted", "draws.draw-target-selected"]
    called = answer["events"][1]["body"]
    assert (called["entity"], called["rank"]) == (PREFIX + "0092B", 2)
    assert called["in_place_of"] == f"{DRAW}/C/1"


async def test_DRW_V1_and_DRW_V6_when_the_plans_year_is_over(world: World) -> None:
    """One of five was visited. The clock finds the four, and holds visits against promises: one
    business in a stratum of five proves nothing, none of two that were certain is impossible.
    """
    await given_roster(world)
    await given_seed(world)
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    await visit(world, E_C, "2026-08-10")
    world.at("2026-12-31 23:00")
    ours = ("draw.inspect_by", "DRW-V1", "DRW-V6")
    assert [one for one in world.tick() if one[1] in ours] == []
    world.at("2027-01-01 00:10")
    ticked = world.tick()
    assert ticked.count(("FindingRaised", "DRW-V1")) == 4
    assert ticked.count(("FindingRaised", "DRW-V6")) == 1
    assert ("DrawReviewed", "") in ticked
    (found,) = await world.findings(rule_id="DRW-V6")
    assert (found["facts"]["stratum"], found["facts"]["inspected"]) == ("D", 0)
    assert [one for one in world.tick() if one[1] in ours or one[0] == "DrawReviewed"] == []


async def test_a_withheld_roster_stays_with_the_authorities(world: World) -> None:
    """Nobody waits for a visit any more, and still the public does not see whom it held."""
    await given_roster(world)
    world.at("2026-07-16 10:00")
    await world.send(OPERATOR, "draws/announce-draw", **announcement(withhold_reason="涉密单位"))
    world.at("2026-07-20 16:00")
    await world.send(OPERATOR, "draws/reveal-seed", **values())
    void = {"draw": DRAW, "reason_code": "legal_change", "evidence": "法规修订"}
    await world.sign(OPERATOR, "MRB head", "draws/void-draw", **void)
    public = await world.client.get(
        f"/v1/draws/{DRAW}/roster", params={"at_least": str(world.recorder.head())}
    )
    assert public.status == 404
    assert len(await world.get("JB", f"/v1/draws/{DRAW}/roster")) == 12
    assert (await world.get("EMB head", "/v1/draws"))["items"][0]["withhold_reason"] == "涉密单位"


async def test_a_roster_that_is_given_is_held_against_the_register(world: World) -> None:
    """DRW-R7: who is missing is named; grades and risks are the ledger's, weights are added."""
    await given_roster(world)
    entries = [
        {"uscc": PREFIX + code, "grade": grade, "risk": risk, "weight": 2}
        for (grade, codes), risk in zip(GRADES.items(), ("low", "low", "mid", "mid"), strict=True)
        for code in codes
    ]
    body = {
        "roster": "ROSTER-RISK",
        "unit": "MRB",
        "as_of": "2026-07-16",
        "target_class": "食品生产",
        "by": "risk",
    }
    path = "draws/freeze-entity-roster"
    problem = await world.refused("DRW-R7", OPERATOR, path, **body, entries=entries[1:])
    assert problem["details"]["entity"] == PREFIX + "0017J"
    assert problem["details"]["missing"] == 1
    for index, wrong in (
        (0, {**entries[0], "grade": "D"}),
        (1, {**entries[1], "uscc": "legacy:404"}),
        (2, {**entries[2], "risk": "high"}),
        (3, {**entries[3], "risk": "high", "risk_reason": "举报人电话13900000000"}),
        (4, {**entries[4], "domain": "13900000000"}),
    ):
        problem = await world.send(
            OPERATOR,
            path,
            expect=400,
            **body,
            entries=[*entries[:index], wrong, *entries[index + 1 :]],
        )
        assert problem["pointer"].startswith(f"/entries/{index}/")
    entries[0] |= {"risk": "high", "risk_reason": "上年发生事故"}
    answer = await world.send(OPERATOR, path, **body, entries=entries)
    assert answer["events"][0]["body"]["strata"] == {"high": 1, "low": 7, "mid": 4}
    lines = json.loads(world.service.blobs.get(answer["events"][0]["body"]["roster_hash"]))
    assert lines[0] == {
        "risk": "high",
        "risk_reason": "上年发生事故",
        "uscc": PREFIX + "0017J",
        "weight": 2,
    }
    assert lines[1] == {"risk": "low", "uscc": PREFIX + "0025D", "weight": 2}
    answer = await world.send(OPERATOR, path, **{**body, "roster": "ROSTER-RISK-2"})
    assert answer["events"][0]["body"]["strata"] == {"low": 8, "mid": 4}


async def test_a_roster_that_is_gone_is_said_to_be_gone(world: World, tmp_path: Path) -> None:
    """The ledger goes on, and whoever restores the folder may send the command again.

    Where the folder lies is said to operators, in the log, and to nobody else.
    """
    await given_roster(world)
    await given_seed(world)
    (blob,) = (p for p in world.service.blobs.folder.rglob(ROSTER_HASH))
    away = tmp_path / "away"
    blob.rename(away)
    execute = {"draw": DRAW, "roster_hash": ROSTER_HASH}
    problem = await world.send(OPERATOR, "draws/execute-draw", expect=503, **execute)
    assert "cannot be read" in problem["detail"]
    assert str(tmp_path) not in str(problem)
    away.rename(blob)
    assert Blobs(world.service.blobs.folder).has(ROSTER_HASH)
    await world.send(OPERATOR, "draws/execute-draw", **execute)


async def test_a_grade_set_by_hand_before_the_freeze_is_found_by_the_service(world: World) -> None:
    """GRD-V1: the roster is composed from the register, and so is the suspicion."""
    await given_roster(world)
    world.at("2026-07-16 09:00")
    await world.sign(
        "EDB",
        "EDB second",
        "grading/override-grade",
        entity=E_C,
        scheme="local",
        grade="A",
        factors=[{"kind": "other", "says": "复核"}],
        override_reason="复核",
    )
    answer = await freeze(world, "ROSTER-2")
    assert answer["events"][0]["body"]["strata"] == {"A": 6, "B": 3, "C": 1, "D": 2}
    assert [f["entity"] for f in await world.findings(rule_id="GRD-V1")] == [E_C]


async def _targets(world: World) -> list[dict[str, Any]]:
    return list((await world.get("JB", f"/v1/draws/{DRAW}/targets"))["items"])
