"""S18: reconsideration undoes a penalty, and with it what the penalty brought about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import E_D
from tests.scenarios.world import World, rules, types

APPLY: dict[str, Any] = {
    "recon": "RCN-1",
    "decision": "DEC-1",
    "organ": "RECON",
    "known_on": "2026-03-02",
    "grounds": "主要事实不清, 证据不足",
    "entity": E_D,
}


#: What E-D was graded before the penalty, by an assessment that names no record.
BEFORE: dict[str, Any] = {
    "entity": E_D,
    "grade": "B",
    "source": "edb",
    "scheme": "区域企业信用评价",
    "assessed_on": "2026-01-05",
    "factors": [{"kind": "external_assessment", "says": "一般风险"}],
}

DECISION = World.decision("DEC-1", "CASE-1", E_D, severity="serious")


@pytest.fixture
async def punished(world: World) -> World:
    """A penalty of 2026-03-02 that made E-D a D; a visit in April was approved by that grade."""
    await world.given_matter("M-101")
    await world.given_plan([4, 7])
    world.at("2026-01-05")
    await world.send("EDB", "grading/assign-grade", **BEFORE)
    world.at("2026-03-02")
    await world.given_case("CASE-1", E_D)
    await world.send("MRB head", "penalties/decide-penalty", **DECISION)
    await world.send("MRB officer", "penalties/serve-penalty", decision="DEC-1", repair_notice=True)
    world.at("2026-03-05")
    await world.send(
        "MRB head", "penalties/publish-decision", decision="DEC-1", summary="罚款五千元"
    )
    await world.send(
        "MRB head",
        "credit/enter-credit-record",
        record="CR-1",
        entity=E_D,
        unit="MRB",
        kind="penalty",
        determined_on="2026-03-02",
        title="行政处罚",
        public=True,
        severity="serious",
        decision="DEC-1",
        instrument={
            "kind": "penalty_decision",
            "doc_no": DECISION["doc_no"],
            "effective_on": "2026-03-02",
        },
    )
    await world.send("MRB head", "credit/start-publicity", record="CR-1", channels=["credit_china"])
    await world.send("EDB", "grading/recompute-grade", entity=E_D)
    world.at("2026-04-07")
    await world.send("MRB head", "filing/approve-task", **world.task("T-D", E_D, "2026-04-09"))
    await world.visit("T-D", "2026-04-09")
    return world


async def test_s18_last_day(punished: World) -> None:
    """Day 60 is 05-01, a holiday: 05-06 is the last day and 05-07 too late."""
    world = punished.at("2026-05-07")
    problem = await world.refused(
        "RCN-R1", "E-D", "reconsideration/apply-for-reconsideration", **APPLY
    )
    assert problem["details"]["last_day"] == "2026-05-06"


async def test_s18_reconsideration(punished: World) -> None:
    """Deemed accepted, silence, revoked; grade D → B in valid time, and what used the D."""
    world = punished.at("2026-05-06")
    await world.send("E-D", "reconsideration/apply-for-reconsideration", **APPLY)
    deadline = await world.deadline("recon.accept_wd", about="recon:RCN-1")
    assert (deadline["due_on"], deadline["unit"]) == ("2026-05-12", "RECON")

    world.at("2026-05-13")
    assert ("ReconDeemedAccepted", "") in world.tick()
    case = await world.get("E-D", "/v1/reconsiderations/RCN-1")
    assert (case["stage"], case["accepted_on"], case["deemed"]) == ("open", "2026-05-12", True)
    for part, due_on in (("copy", "2026-05-21"), ("decide", "2026-07-13")):
        deadline = await world.deadline(f"recon.deemed.{part}", about="recon:RCN-1")
        assert deadline["due_on"] == due_on

    world.at("2026-05-20")
    await world.send("RECON", "reconsideration/send-copy", recon="RCN-1")
    world.at("2026-06-04")
    assert ("ReconReplyMissing", "") in world.tick()
    heavier = {
        "recon": "RCN-1",
        "outcome": "alter",
        "instrument": "兰新复决〔2026〕3号",
        "reasons": "违法情节较重",
        "altered": [{"field": "fine_fen", "before": 500_000, "after": 800_000}],
        "third_party_evidence": True,
    }
    await world.refused("RCN-R3", "RECON", "reconsideration/decide-case", **heavier)

    world.at("2026-07-03")
    answer = await world.send(
        "RECON",
        "reconsideration/decide-case",
        recon="RCN-1",
        outcome="revoke",
        instrument="兰新复决〔2026〕3号",
        reasons="被申请人未提交证据",
    )
    assert types(answer) == [
        "reconsideration.recon-decided",
        "corrections.decision-revoked",
        "credit.publicity-terminated",
        "grading.credit-grade-assigned",
    ]
    deadline = await world.deadline("recon.withdraw", about="decision:DEC-1")
    assert (deadline["due_on"], deadline["unit"]) == ("2026-07-08", "MRB")

    async def grade(valid: str, known: str) -> str:
        profile = await world.get(
            "JB",
            f"/v1/entities/{E_D}/profile",
            valid_as_of=valid,
            known_as_of=f"{known}T09:00:00+08:00",
        )
        return str(profile["grade"])

    assert await grade("2026-06-01", "2026-06-01") == "D"
    assert await grade("2026-06-01", "2026-07-04") == "B"
    assert await grade("2026-07-04", "2026-07-04") == "B"

    # What used the D while it was in force, and when another grade took its place.
    graph = await world.get("JB", "/v1/decisions/DEC-1/impact", until="2026-07-02")
    assert [(item["kind"], item["id"]) for item in graph["items"]] == [
        ("decision", "DEC-1"),
        ("record", "CR-1"),
        ("grade", "D"),
        ("task", "T-D"),
        ("visit", "T-D"),
        ("visit", "T-D"),
    ]
    items = {item["kind"]: item for item in graph["items"]}
    assert items["grade"]["grade"] == "D"
    assert (items["grade"]["assessed_on"], items["grade"]["superseded_on"]) == (
        "2026-03-05",
        "2026-07-03",
    )
    assert (items["task"]["id"], items["task"]["grade"]) == ("T-D", "D")
    assert items["task"]["rests_on"] == [items["grade"]["position"]]
    assert items["visit"]["rests_on"] == [items["task"]["position"]]
    assert items["record"]["rests_on"] == [items["decision"]["position"]]

    world.at("2026-07-09")
    assert ("FindingRaised", "RCN-V2") in world.tick()
    answer = await world.send(
        "MRB head", "penalties/withdraw-decision", decision="DEC-1", explanation="行政复议撤销"
    )
    assert (answer["events"][0]["body"]["days_late"], rules(answer)) == (1, [])
    # A visit approved from here on is held to the cap of a B.
    problem = await world.refused(
        "SUP-R1", "MRB head", "filing/approve-task", **world.task("T-E", E_D, "2026-07-20")
    )
    assert (problem["details"]["grade"], problem["details"]["cap"]) == ("B", 1)
    # And the penalty is not issued again on the same facts.
    await world.given_case("CASE-2", E_D)
    again = {**DECISION, "decision": "DEC-2", "case": "CASE-2", "doc_no": "兰新市监罚〔2026〕D-2"}
    problem = await world.refused("RCN-R5", "MRB head", "penalties/decide-penalty", **again)
    assert problem["details"]["decision"] == "DEC-1"
