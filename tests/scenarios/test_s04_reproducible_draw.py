"""S4: a draw that anyone can make again, from what is published, and that nobody could foresee."""

from __future__ import annotations

import json
from decimal import ROUND_CEILING, Decimal
from hashlib import sha256
from typing import Any

from tests.cast import E_C, PREFIX
from tests.scenarios.drawing import (
    DRAW,
    OPERATOR,
    ROSTER_HASH,
    SEED,
    announcement,
    given_roster,
    given_seed,
    values,
    visit,
)
from tests.scenarios.world import World, types

SELECTED = {
    "A": [("00338", "624850f74799e7d9", "0.2")],
    "B": [("0076M", "4abd8c1b9c483453", "0.3333")],
    "C": [("01051", "23bc4d9399125301", "0.5")],
    "D": [("0113U", "37330e4e964090f6", "1"), ("0121N", "54a58824d7df03f1", "1")],
}
DRAWN = [PREFIX + code for picked in SELECTED.values() for code, _, _ in picked]


async def test_s4_reproducible_draw(world: World) -> None:
    """Announced before the seed exists, drawn as the vectors say, sealed until each visit opens,
    and then made again by a stranger from the public pages alone.
    """
    await given_roster(world)
    frozen = await world.get(OPERATOR, "/v1/draws/roster", as_of="2026-07-16")
    assert (frozen["roster_hash"], frozen["count"]) == (ROSTER_HASH, 12)
    assert frozen["strata"] == {"A": 5, "B": 3, "C": 2, "D": 2}

    world.at("2026-07-16 10:00")
    late = announcement()
    late["sources"][0]["publication_at"] = "2026-07-15T21:30:00+08:00"
    await world.refused("DRW-R1", OPERATOR, "draws/announce-draw", **late)
    answer = await world.send(OPERATOR, "draws/announce-draw", **announcement())
    announced = answer["events"][0]["body"]
    assert announced["roster_hash"] == ROSTER_HASH
    assert [(s["key"], s["ratio"]) for s in announced["strata"]] == [
        ("A", "0.05"),
        ("B", "0.20"),
        ("C", "0.50"),
        ("D", "1.00"),
    ]
    world.at("2026-07-20 14:59")
    await world.refused("DRW-R1", OPERATOR, "draws/reveal-seed", **values())
    world.at("2026-07-20 16:00")
    answer = await world.send(OPERATOR, "draws/reveal-seed", **values())
    assert answer["events"][0]["body"]["seed"] == SEED

    answer = await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    assert types(answer) == ["draws.draw-executed", "draws.draw-operated"]
    executed = answer["events"][0]["body"]
    assert [(s["key"], s["quota"]) for s in executed["strata"]] == [
        ("A", 1),
        ("B", 1),
        ("C", 1),
        ("D", 2),
    ]
    drawn = (await world.get("MRB head", f"/v1/draws/{DRAW}/targets"))["items"]
    assert {
        stratum: [
            (t["entity"].removeprefix(PREFIX), t["ticket"][:16], t["inclusion_prob"])
            for t in drawn
            if t["stratum"] == stratum
        ]
        for stratum in SELECTED
    } == SELECTED
    head = world.recorder.head()
    await world.send(OPERATOR, "draws/execute-draw", expect=200, draw=DRAW, roster_hash=ROSTER_HASH)
    assert world.recorder.head() == head, "sent again it records nothing more"

    # Sealed: neither the public nor the drawn business nor another unit knows of it.
    assert (await _public(world, f"/v1/draws/{DRAW}/targets"))["items"] == []
    assert (await world.get("E-C", f"/v1/draws/{DRAW}/targets"))["items"] == []
    assert (await world.get("EMB head", "/v1/targets", draw=DRAW))["items"] == []
    assert (await world.get("E-C", "/v1/deadlines", rule="draw.inspect_by"))["items"] == []
    assert await _public(world, f"/v1/draws/{DRAW}/roster", expect=404)
    assert await _public(world, f"/v1/draws/{DRAW}/selection", expect=404)
    trail = await world.get("E-C", f"/v1/entities/{E_C}/trail")
    assert "draw-target" not in json.dumps(trail)
    assert "draw-target" in json.dumps(await world.get("JB", f"/v1/entities/{E_C}/trail"))

    await world.refused(
        "FIL-R11",
        "MRB head",
        "filing/approve-task",
        **world.task("T-X", PREFIX + "0092B", "2026-08-12", matters=["M-201"], draw=DRAW),
    )
    await visit(world, E_C, "2026-08-10")
    assert [t["entity"] for t in (await _public(world, f"/v1/draws/{DRAW}/targets"))["items"]] == [
        E_C
    ]
    for number, entity in enumerate(e for e in DRAWN if e != E_C):
        await visit(world, entity, f"2026-08-1{number + 1}")
    await _made_again(world)

    answer = await world.send("JB", "draws/verify-draw", draw=DRAW)
    assert answer["events"][0]["body"]["ok"] is True
    public = await _public(world, f"/v1/draws/{DRAW}")
    assert [v["ok"] for v in public["verifications"]] == [True]
    assert "COORD-MRB" not in json.dumps(public), "the public is not told who operated it"
    by_key = {s["key"]: s for s in public["strata"]}
    assert (by_key["C"]["inclusion_prob"], by_key["C"]["inspected_share"]) == ("0.5", "0.5")


async def _made_again(world: World) -> None:
    """A stranger has the public pages, SHA-256 and paper, and no code of ours."""
    draw = await _public(world, f"/v1/draws/{DRAW}")
    assert (draw["algorithm"], draw["still_sealed"]) == ("UVDRAW-1", 0)
    roster: list[dict[str, str]] = await _public(world, f"/v1/draws/{DRAW}/roster")
    canonical = json.dumps(
        sorted(roster, key=lambda entry: entry["uscc"]), sort_keys=True, separators=(",", ":")
    )
    assert sha256(canonical.encode()).hexdigest() == draw["roster_hash"] == ROSTER_HASH
    seed = "|".join(one["value"] for one in draw["values"])
    assert seed == draw["seed"] == SEED
    again = set()
    for stratum in draw["strata"]:
        tickets = sorted(
            (
                sha256(f"{seed}|{DRAW}|{stratum['key']}|{e['uscc']}".encode()).hexdigest(),
                e["uscc"],
            )
            for e in roster
            if e["grade"] == stratum["key"]
        )
        quota = int((len(tickets) * Decimal(stratum["ratio"])).to_integral_value(ROUND_CEILING))
        again |= {
            (uscc, stratum["key"], ticket, rank)
            for rank, (ticket, uscc) in enumerate(tickets[:quota], 1)
        }
    published = (await _public(world, f"/v1/draws/{DRAW}/targets"))["items"]
    assert {(t["entity"], t["stratum"], t["ticket"], t["rank"]) for t in published} == again
    assert {entity for entity, _, _, _ in again} == set(DRAWN)


async def test_s4_an_outcome_of_ones_own_is_refused_unless_it_is_the_draws(world: World) -> None:
    """DRW-R6: whoever sends an outcome along is held to every digit of it."""
    await given_roster(world)
    await given_seed(world)
    outcome = {
        "strata": [
            {"key": "A", "size": 5, "quota": 1},
            {"key": "B", "size": 3, "quota": 1},
            {"key": "C", "size": 2, "quota": 1},
            {"key": "D", "size": 2, "quota": 2},
        ],
        "selection_hash": "0" * 64,
        "selection_root": "0" * 64,
        "selection_count": 8,
    }
    problem = await world.refused(
        "DRW-R6",
        OPERATOR,
        "draws/execute-draw",
        draw=DRAW,
        roster_hash=ROSTER_HASH,
        outcome=outcome,
    )
    assert "hash" in problem["message"]
    answer = await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    body = answer["events"][0]["body"]
    true = {name: body[name] for name in outcome}
    await world.send(
        OPERATOR,
        "draws/execute-draw",
        expect=200,
        draw=DRAW,
        roster_hash=ROSTER_HASH,
        outcome=true,
    )


async def _public(world: World, path: str, expect: int = 200) -> Any:
    """Ask without a token, as anybody."""
    response = await world.client.get(path, params={"at_least": str(world.recorder.head())})
    assert response.status == expect, await response.text()
    return await response.json()
