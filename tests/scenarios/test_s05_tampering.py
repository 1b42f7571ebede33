"""S5: what is tried against a draw, and what the ledger answers."""

from __future__ import annotations

from tests.cast import E_C
from tests.scenarios.drawing import (
    DRAW,
    OPERATOR,
    ROSTER_HASH,
    announcement,
    freeze,
    given_roster,
    given_seed,
)
from tests.scenarios.world import World, rules, types


async def test_s5_tampering(world: World) -> None:
    """A roster that lost a business, a void of convenience, officers of choice, unfair ratios."""
    await given_roster(world)

    world.at("2026-07-16 09:00")
    unfair = [
        {"key": key, "ratio": ratio}
        for key, ratio in (("A", "0.30"), ("B", "0.20"), ("C", "0.50"), ("D", "1.00"))
    ]
    problem = await world.refused(
        "DRW-R3", OPERATOR, "draws/announce-draw", **announcement(strata=unfair)
    )
    assert problem["details"] == {
        "lower": "A",
        "lower_ratio": "0.30",
        "higher": "B",
        "higher_ratio": "0.20",
    }
    await given_seed(world)

    # …01051 is dropped from the roster after the seed.
    left_out = [{"entity": E_C, "reason": "司法查封"}]
    answer = await freeze(world, "ROSTER-2026-07-B", left_out=left_out)
    assert types(answer) == ["draws.entity-roster-frozen", "draws.entity-left-out"]
    dropped = answer["events"][0]["body"]
    assert (dropped["count"], dropped["strata"]["C"]) == (11, 1)
    problem = await world.refused(
        "DRW-R2",
        OPERATOR,
        "draws/execute-draw",
        draw=DRAW,
        roster_hash=dropped["roster_hash"],
    )
    assert problem["details"]["frozen"] == ROSTER_HASH
    await world.refused(
        "DRW-R7",
        OPERATOR,
        "draws/freeze-entity-roster",
        roster="ROSTER-2026-07-C",
        unit="MRB",
        as_of="2026-07-20",
        target_class="食品生产",
        left_out=[{"entity": E_C}],
    )

    # A new draw instead of this one, and voids of convenience.
    world.at("2026-07-20 17:00")
    again = announcement(draw="DRAW-2026-0008")
    for source in again["sources"]:
        source["publication_at"] = "2026-07-26T21:30:00+08:00"
    await world.refused("DRW-R5", OPERATOR, "draws/announce-draw", **again)
    void = {"draw": DRAW, "evidence": "检查对象停业装修"}
    problem = await world.refused(
        "DRW-R5", OPERATOR, "draws/void-draw", **void, reason_code="target_busy"
    )
    assert problem["details"]["grounds"] == [
        "roster_error",
        "source_unpublished",
        "software_fault",
        "legal_change",
    ]
    # Somebody else's request cannot be approved by the one who operated the draw.
    approval = await world.request(
        "MRB head", "draws/void-draw", **void, reason_code="roster_error"
    )
    await world.refused("DRW-R5", OPERATOR, "approvals/approve-request", approval=approval)

    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    await world.send(
        "JB",
        "catalogue/declare-conflict",
        officer="OFF-003",
        entity=E_C,
        basis="upheld",
        reason="近亲属任该企业法定代表人",
    )
    answer = await world.send(
        OPERATOR, "draws/assign-officers", draw=DRAW, entity=E_C, planned_on="2026-08-10"
    )
    assigned = answer["events"][0]["body"]
    assert assigned["officers"] == ["OFF-001", "OFF-002"]
    assert assigned["skipped"] == [{"officer": "OFF-003", "reason": "conflict"}]
    substitution = {
        "draw": DRAW,
        "entity": E_C,
        "from_officer": "OFF-002",
    }
    await world.refused(
        "DRW-R8", OPERATOR, "draws/substitute-officer", **substitution, to_officer="OFF-006"
    )
    await world.refused(
        "DRW-R8",
        OPERATOR,
        "draws/substitute-officer",
        **substitution,
        to_officer="OFF-003",
        reason="病假",
    )
    world.at("2026-08-03")
    task = world.task("T-C", E_C, "2026-08-10", matters=["M-201"], draw=DRAW)
    await world.refused(
        "DRW-R8", "MRB head", "filing/approve-task", **{**task, "officers": ["OFF-001", "OFF-004"]}
    )

    # A ground that counts, and somebody else who says so: everybody drawn is released.
    void["reason_code"] = "software_fault"
    approval = await world.request(OPERATOR, "draws/void-draw", **void)
    targets = (await world.get("JB", f"/v1/draws/{DRAW}/targets"))["items"]
    assert [t["state_of_visit"] for t in targets] == ["waiting"] * 5
    answer = await world.send("MRB head", "approvals/approve-request", approval=approval)
    assert types(answer) == [
        "approvals.approval-given",
        "draws.draw-voided",
        "draws.draw-operated",
    ]
    targets = (await world.get("JB", f"/v1/draws/{DRAW}/targets"))["items"]
    assert [t["state_of_visit"] for t in targets] == ["released"] * 5
    await world.refused("FIL-R11", "MRB head", "filing/approve-task", **task)
    assert (await world.get("JB", "/v1/draws", stage="voided"))["items"][0]["draw"] == DRAW

    # The next one may follow; voiding that too is once too often for one plan.
    world.at("2026-08-04")
    again = announcement(draw="DRAW-2026-0008", replaces=DRAW)
    for source in again["sources"]:
        source["publication_at"] = "2026-08-09T21:30:00+08:00"
    await world.send(OPERATOR, "draws/announce-draw", **again)
    void |= {"draw": "DRAW-2026-0008", "reason_code": "legal_change"}
    answer = await world.sign(OPERATOR, "MRB head", "draws/void-draw", **void)
    assert rules(answer) == ["DRW-V3"]
