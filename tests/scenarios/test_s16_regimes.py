"""S16, the parts of repair under older regimes and of subscriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cast import E_C
from tests.scenarios.test_s15_repair import APPLY, SUBSCRIBE, commitment
from tests.scenarios.world import World


async def test_s16_order_58_keeps_food_for_a_year(tmp_path: Path) -> None:
    """Determined 2025-03-10, applied for 2025-12-22: from 2026-03-11 on."""
    async with World(tmp_path, "2025-03-01") as world:
        await world.given_record("CR-1", E_C, "2025-03-10", sector="food")
        world.at("2025-12-22")
        world.given(commitment())
        problem = await world.refused("REP-R1", "E-C", "repair/apply-repair", **APPLY)
        assert problem["details"]["earliest"] == "2026-03-11"
        # Order 58 is the more favourable one here, and its version is the one that refuses.
        assert (problem["policy_key"], problem["policy_version"]) == ("dishonesty.regime", 2)
        world.at("2026-03-11")
        await world.send("E-C", "repair/apply-repair", **APPLY)


async def test_s16_the_transition_keeps_both_dates(tmp_path: Path) -> None:
    """Determined 2025-09-01: Order 58 from 2026-09-02, the transition from 2026-04-01."""
    async with World(tmp_path, "2025-08-25") as world:
        await world.given_record("CR-1", E_C, "2025-09-01", sector="food")
        world.at("2025-12-22")
        world.given(commitment())
        problem = await world.refused("REP-R1", "E-C", "repair/apply-repair", **APPLY)
        assert problem["details"]["earliest"] == "2026-04-01"
        document = await world.get("MRB head", "/v1/repair/records/CR-1")
        assert document["earliest_on"] == "2026-04-01"
        regimes: list[dict[str, Any]] = document["regimes"]
        assert regimes == problem["details"]["regimes"]
        assert [
            (r["version"], r["law"], r["because"], r["earliest_on"], r["governs"]) for r in regimes
        ] == [
            (2, "国家发展和改革委员会令第58号", "determination", "2026-09-02", False),
            (3, "国家发展和改革委员会令第36号", "transition", "2026-04-01", True),
        ]
        # The profile reckons by the same.
        (shown,) = (await world.get("E-C", f"/v1/entities/{E_C}/profile"))["records"]
        assert (shown["earliest_repair_on"], shown["regimes"]) == ("2026-04-01", regimes)
        world.at("2026-03-31")
        await world.refused("REP-R1", "E-C", "repair/apply-repair", **APPLY)
        world.at("2026-04-01")
        answer = await world.send("E-C", "repair/apply-repair", **APPLY)
        event = await world.get("JB", f"/v1/events/{answer['events'][0]['position']}")
        refs = event["policy_refs"]
        assert (refs["dishonesty.regime"], refs["dishonesty.transition"]) == (3, 1)


async def test_s16_a_subscription_has_a_purpose(world: World) -> None:
    """Without one, or without a law, nothing is read (SHR-R1); nor anything sealed (SHR-R2)."""
    world.at("2026-04-14")
    for missing in ({"purpose": None}, {"legal_basis": []}):
        await world.refused("SHR-R1", "BANK", "sharing/subscribe-feed", **{**SUBSCRIBE, **missing})
    sealed = {**SUBSCRIBE, "filters": {"types": ["filing.inspection-task-approved"]}}
    await world.refused("SHR-R2", "BANK", "sharing/subscribe-feed", **sealed)
    await world.send("BANK", "sharing/subscribe-feed", **SUBSCRIBE)
    [mine] = (await world.get("BANK", "/v1/sharing/subscriptions"))["items"]
    assert (mine["subscription"], mine["purpose"]) == ("SUB-1", SUBSCRIBE["purpose"])
    assert (await world.get("RAIL", "/v1/sharing/subscriptions"))["items"] == []


async def test_s16_the_transition_ends_what_was_shown_long_enough(tmp_path: Path) -> None:
    """Order 58 shows for three years, Order 36 for one: from its first day on that is enough."""
    async with World(tmp_path, "2024-12-02") as world:
        await world.send(
            "EDB", "entities/register-entity", entity=E_C, identity={"name": "丙食品有限公司"}
        )
        # Serious information is shown for three years under both.
        await world.given_record("CR-3", E_C, "2025-01-06", severity="serious")
        await world.given_record("CR-1", E_C, "2025-03-10")
        await world.given_record("CR-2", E_C, "2025-04-01")
        ended = ("PublicityTerminated", "")
        world.at("2026-03-31 20:00")
        assert ended not in world.tick()
        world.at("2026-04-01 01:00")
        assert world.tick().count(ended) == 1
        assert world.tick().count(ended) == 0
        profile = await world.get("E-B", f"/v1/entities/{E_C}/profile")
        assert [one["record"] for one in profile["records"]] == ["CR-2", "CR-3"]
        world.at("2026-04-01 20:00")
        assert ended not in world.tick()
        world.at("2026-04-02 01:00")
        assert world.tick().count(ended) == 1
        profile = await world.get("E-B", f"/v1/entities/{E_C}/profile")
        assert [one["record"] for one in profile["records"]] == ["CR-3"]
