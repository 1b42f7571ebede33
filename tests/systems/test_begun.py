"""What is only named by an event of another system is no subject that anybody can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cast import E_C
from tests.scenarios.world import PEOPLE, World

KINDS = ("revoked", "altered", "declared_unlawful", "declared_void")


async def _lists(world: World, path: str, decision: str) -> set[str]:
    """The people whose list or single document shows the decision there."""
    seen: set[str] = set()
    for who in PEOPLE:
        headers = {"Authorization": f"Bearer {world.tokens[who]}"}
        params = {"at_least": str(world.recorder.head())}
        for address in (path, f"{path}/{decision}"):
            response = await world.client.get(address, params=params, headers=headers)
            assert response.status < 500, f"{address} as {who}: {await response.text()}"
            if response.status == 200:
                answer: dict[str, Any] = await response.json()
                items = answer.get("items", [answer])
                seen |= {who for item in items if item.get("decision") == decision}
    return seen


@pytest.mark.parametrize("kind", KINDS)
async def test_a_decision_is_shown_by_its_own_system_alone(tmp_path: Path, kind: str) -> None:
    """What befell a licence makes no penalty of it, and what befell a penalty no licence."""
    change = {"field": "fine_fen", "before": 500_000, "after": 300_000}
    altered = [change] if kind == "altered" else []
    fate = {
        "kind": kind,
        "unit": "MRB",
        "by": "新区人民法院",
        "instrument": "判1号",
        "effective_on": "2026-05-12",
        "reason": "主要事实不清",
        "altered": altered,
    }
    async with World(tmp_path) as world:
        await world.given_region()
        world.at("2026-05-11")
        await world.given_licence("LIC-1", E_C)
        await world.given_case("CASE-1", E_C)
        await world.send(
            "MRB head", "penalties/decide-penalty", **world.decision("DEC-1", "CASE-1", E_C)
        )
        world.at("2026-05-12")
        for decision in ("LIC-1", "DEC-1"):
            await world.send("MRB head", "corrections/nullify-decision", decision=decision, **fate)
        assert await _lists(world, "/v1/decisions", "LIC-1") == set()
        assert await _lists(world, "/v1/acts", "DEC-1") == set()
        # Each is shown where it belongs, to those who are concerned.
        concerned = {"JB", "MRB head", "E-C"}
        assert concerned <= await _lists(world, "/v1/decisions", "DEC-1")
        assert concerned <= await _lists(world, "/v1/acts", "LIC-1")
