"""Two tokens sign through HTTP: who learns of a request, who may sign it, and what then follows."""

from __future__ import annotations

from typing import Any

from ledger.systems.approvals.commands import ApproveRequest
from tests.gwt import actor
from tests.scenarios.drawing import DRAW, OPERATOR, ROSTER_HASH, given_roster, given_seed
from tests.scenarios.world import E_B, World, types

OVERRIDE = {
    "entity": E_B,
    "scheme": "local",
    "grade": "D",
    "factors": [{"kind": "other", "says": "重大事故调查中"}],
    "override_reason": "事故调查期间提级监管",
}
PROFILE = f"/v1/entities/{E_B}/profile"
REPLAY = f"/v1/entities/{E_B}/replay"


async def test_a_request_outlives_the_token_of_who_made_it(world: World) -> None:
    """The officer has left the post; the second person signs, and nothing was so before that.

    Until then no profile, replay or what-if differs, whichever day or moment it is asked for.
    """
    world.at("2026-05-11")
    before = [(await world.get("JB", path)) for path in (PROFILE, REPLAY)]
    [request] = (await world.send("EDB", "grading/override-grade", **OVERRIDE))["events"]
    approval = request["body"]["approval"]
    [asked] = (await world.get("EDB second", "/v1/approvals", stage="pending"))["items"]
    assert (asked["approval"], asked["requested_by"]) == (approval, "EDB-001")
    assert world.service.tokens.revoke(world.tokens["EDB"])
    between = [(await world.get("JB", path)) for path in (PROFILE, REPLAY)]
    assert [_grades(one) for one in between] == [_grades(one) for one in before]
    moment = world.now.isoformat()

    world.at("2026-05-14")
    answer = await world.send("EDB second", "approvals/approve-request", approval=approval)
    assert types(answer) == ["approvals.approval-given", "grading.credit-grade-assigned"]
    assert (await world.get("JB", PROFILE))["grade"] == "D"
    for day, grade in (("2026-05-11", "B"), ("2026-05-13", "B"), ("2026-05-14", "D")):
        assert (await world.get("JB", PROFILE, valid_as_of=day))["grade"] == grade
    assert (await world.get("JB", PROFILE, known_as_of=moment))["grade"] == "B"
    signed = answer["events"][1]["position"]
    without = (await world.get("JB", REPLAY, without=signed))["profile"]
    assert without["grade"] == "B"
    # The request is no step of the business's story: leaving it out changes nothing.
    replayed = await world.get("JB", REPLAY, without=request["position"])
    assert replayed["profile"]["grade"] == "D"
    assert world.rebuilt() == []


async def test_the_lead_department_signs_and_no_other_unit_learns_of_it(world: World) -> None:
    """To another unit there is no such request, whatever answer it sends."""
    await world.given_record("CR-1", E_B, "2026-05-11")
    end = {"record": "CR-1", "reason": "correction"}
    approval = await world.request("MRB officer", "credit/terminate-publicity", **end)
    for answer in ({}, {"reason": "证据不足"}):
        command = "refuse-request" if answer else "approve-request"
        for unknown in (approval, "APR.0000000000000000.1"):
            problem = await world.send(
                "EMB head", f"approvals/{command}", expect=422, approval=unknown, **answer
            )
            assert problem["type"].endswith("unknown-reference"), problem
    assert (await world.get("EMB head", "/v1/approvals"))["items"] == []
    answer = await world.send("EDB", "approvals/approve-request", approval=approval)
    assert types(answer)[:3] == [
        "approvals.approval-given",
        "credit.end-approved",
        "credit.publicity-terminated",
    ]


async def test_a_request_of_an_earlier_client_is_told_what_to_do(world: World) -> None:
    """It named the second person; nothing is recorded, and the answer says how two people sign."""
    await world.given_record("CR-1", E_B, "2026-05-11")
    head = world.recorder.head()
    end = {"record": "CR-1", "reason": "correction", "approved_by": "HEAD-MRB"}
    problem = await world.send("MRB office", "credit/terminate-publicity", expect=400, **end)
    assert problem["pointer"] == "/approved_by"
    assert "must be left out" in problem["detail"]
    assert "POST /v1/approvals/approve-request" in problem["detail"]
    assert world.recorder.head() == head


async def test_who_goes_instead_is_sealed_until_and_after_it_is_signed(world: World) -> None:
    """The request tells whom a sealed visit concerns: it is the unit's and the Bureau's."""
    await given_roster(world)
    await given_seed(world)
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    target = (await world.get("JB", f"/v1/draws/{DRAW}/targets"))["items"][0]
    place = {"draw": DRAW, "entity": target["entity"]}
    answer = await world.send(OPERATOR, "draws/assign-officers", **place, planned_on="2026-08-10")
    going = answer["events"][0]["body"]["officers"]
    spare = next(o for o in (f"OFF-00{n}" for n in range(1, 7)) if o not in going)
    approval = await world.request(
        OPERATOR,
        "draws/substitute-officer",
        **place,
        from_officer=going[0],
        to_officer=spare,
        reason="病假",
    )
    for who, seen in (("MRB office", 1), ("JB", 1), ("RLO", 0), ("EDB", 0), ("EMB head", 0)):
        listed = (await world.get(who, "/v1/approvals"))["items"]
        assert [one["approval"] for one in listed] == [approval] * seen, who
    answer = await world.send("MRB head", "approvals/approve-request", approval=approval)
    assert types(answer) == ["approvals.approval-given", "draws.officer-substituted"]


async def test_a_crash_after_the_signature_leaves_nobody_waiting(world: World) -> None:
    """The voiding is recorded and the process is gone; sent again, the targets are released."""
    await given_roster(world)
    await given_seed(world)
    await world.send(OPERATOR, "draws/execute-draw", draw=DRAW, roster_hash=ROSTER_HASH)
    void = {"draw": DRAW, "reason_code": "software_fault", "evidence": "程序缺陷"}
    approval = await world.request(OPERATOR, "draws/void-draw", **void)
    # The signature alone, without what the service does after it.
    world.service.ledger.execute(
        ApproveRequest(approval=approval), actor("MRB", "HEAD-MRB", "unit_head")
    )
    assert await _states(world) == ["waiting"] * 5
    again = await world.send(OPERATOR, "draws/void-draw", expect=200, **void)
    assert types(again) == []
    assert await _states(world) == ["released"] * 5
    assert world.rebuilt() == []


async def _states(world: World) -> list[str]:
    targets = (await world.get("JB", f"/v1/draws/{DRAW}/targets"))["items"]
    return [one["state_of_visit"] for one in targets]


def _grades(answer: dict[str, Any]) -> Any:
    return answer.get("profile", answer)["grade"]
