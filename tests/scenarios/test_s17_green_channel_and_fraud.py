"""S17: the green channel shortens the handling and no publicity; a forged receipt undoes all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cast import E_C
from tests.scenarios.test_s15_repair import PROOFS, commitment
from tests.scenarios.world import World, types

APPLY: dict[str, Any] = {
    "repair": "REP-1",
    "entity": E_C,
    "records": ["CR-1"],
    "channel": "window",
    "proofs": PROOFS,
    "commitment": "CMT-1",
    "green_channel": True,
    "enterprise_size": "small",
    "epidemic_ground": "疫情期间口罩标识不规范",
}


async def test_s17_green_channel_and_fraud(tmp_path: Path) -> None:
    """Under the regime of 2019; the record comes back, its business is barred for three years."""
    async with World(tmp_path, "2022-11-01") as world:
        await world.send(
            "EDB", "entities/register-entity", entity=E_C, identity={"name": "丙食品有限公司"}
        )
        await world.given_record("CR-1", E_C, "2022-11-15", who="EMB head", started="2022-11-18")
        world.given(commitment(unit="EMB"))

        world.at("2023-01-10")
        problem = await world.refused("REP-R1", "E-C", "repair/apply-repair", **APPLY)
        assert problem["details"]["earliest"] == "2023-02-16"
        assert (problem["policy_key"], problem["policy_version"]) == ("dishonesty.regime", 1)

        world.at("2023-02-16")
        large = {**APPLY, "enterprise_size": "large"}
        await world.refused("REP-R7", "E-C", "repair/apply-repair", **large)
        await world.send("E-C", "repair/apply-repair", **APPLY)
        deadline = await world.deadline("repair.green_channel_wd", about="repair:REP-1")
        assert deadline["due_on"] == "2023-02-21"
        # One time for everything; the single steps have none beside it.
        for rule in ("repair.accept_wd", "repair.decide_wd", "repair.feedback_wd"):
            assert (await world.get("JB", "/v1/deadlines", rule=rule))["items"] == []

        world.at("2023-02-17")
        await world.send("EMB legal", "repair/accept-repair", repair="REP-1")
        world.at("2023-02-20")
        await world.send(
            "EMB head",
            "repair/grant-repair",
            repair="REP-1",
            verified=["conduct_corrected", "obligations_performed"],
            verification="核对缴款凭证",
        )
        assert (await world.deadline("repair.green_channel_wd"))["state"] == "done"
        profile = await world.get("E-B", f"/v1/entities/{E_C}/profile")
        assert profile["records"] == []

        world.at("2023-05-08")
        answer = await world.send(
            "EMB head",
            "repair/revoke-repair",
            repair="REP-1",
            reason="false_material",
            facts="缴款凭证系伪造",
            evidence=["司法鉴定意见书1号"],
        )
        assert types(answer) == [
            "repair.repair-revoked",
            "credit.publicity-reinstated",
            "grading.credit-grade-assigned",
            "repair.repair-misconduct-recorded",
        ]
        bodies = [event["body"] for event in answer["events"]]
        assert (bodies[1]["reinstated_on"], bodies[1]["max_until"]) == ("2023-05-08", "2023-11-15")
        assert bodies[2]["grade"] == "C"
        assert bodies[3]["bar_until"] == "2026-05-08"
        [shown] = (await world.get("E-B", f"/v1/entities/{E_C}/profile"))["records"]
        assert (shown["record"], shown["publicity"]["max_until"]) == ("CR-1", "2023-11-15")
        deadline = await world.deadline("dishonesty.regime.max.reinstated")
        assert (deadline["due_on"], deadline["state"]) == ("2023-11-15", "open")

        # Its publicity ends with its term; the money was never seen.
        world.at("2023-11-15 23:00")
        assert world.tick() == [("DeadlineMissed", "repair.sync_wd.platforms"),
                                ("FindingRaised", "REP-V2")]  # fmt: skip
        world.at("2023-11-16")
        recorded = world.tick()
        assert ("DeadlineLapsed", "dishonesty.regime.max.reinstated") in recorded
        assert ("FindingRaised", "REP-V3") in recorded
        assert (await world.get("E-B", f"/v1/entities/{E_C}/profile"))["records"] == []

        # The bar holds for anything else, to its last day.
        await world.given_record("CR-2", E_C, "2025-10-20", who="EMB head")
        again = {
            **APPLY,
            "repair": "REP-2",
            "records": ["CR-2"],
            "green_channel": False,
        }
        world.at("2026-05-08")
        problem = await world.refused("REP-R5", "E-C", "repair/apply-repair", **again)
        assert problem["details"]["bar_until"] == "2026-05-08"
        world.at("2026-05-09")
        await world.send("E-C", "repair/apply-repair", **again)
