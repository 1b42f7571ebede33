"""S7: a visit without code, the complaint about it, and what the unit does afterwards."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.cast import E_A
from tests.scenarios.world import PRESCRIBED, World, rules, types

COMPLAINT: dict[str, Any] = {
    "complaint": "CMP-1",
    "channel": "web",
    "subject_unit": "MRB",
    "handled_by": "JB",
    "facts": "两名工作人员以调研名义入企, 未亮码, 留下整改清单",
    "anonymous": False,
    "entity": E_A,
    "visit": {
        "irregular_visit": "IV-1",
        "visited_on": "2026-09-24",
        "label": "research",
        "officers_seen": 2,
        "checklist_or_order_left": True,
    },
}


async def given_complaint(world: World) -> None:
    """E-A complains on Thursday 2026-09-24; MRB has a plan for November."""
    await world.given_matter("M-101")
    await world.given_plan([11])
    world.at("2026-09-24 10:00")
    answer = await world.send("E-A", "complaints/receive-complaint", **COMPLAINT)
    assert rules(answer) == ["FIL-V1", "FIL-V3", "FIL-V5"]
    assert types(answer)[0] == "complaints.complaint-received"


async def withheld(world: World, finding: str) -> None:
    """Until the notice the findings are the handler's: the unit is told nothing of them."""
    shown = await world.get("MRB head", "/v1/findings", unit="MRB")
    assert [one["rule_id"] for one in shown["items"]] == ["CMP-V3"]  # of what was resolved
    for who in ("MRB head", "RLO", "EDB", "RECON"):
        assert await world.status(who, f"/v1/findings/{finding}") == 404
        feed = json.dumps(await world.get(who, "/v1/feed", limit=1000))
        assert not re.search(r"FIL-V\d", feed), who
    answers = []
    for named in (finding, "FIL-V1.0000000000000000.1"):
        answer = await world.send(
            "MRB head",
            "supervision/respond-to-finding",
            expect=422,
            finding_id=named,
            unit="MRB",
            response="没有",
        )
        answers.append(json.dumps({**answer, "request_id": ""}).replace(named, ""))
    assert answers[0] == answers[1]


async def test_s07_complaint(world: World) -> None:
    """Due dates over the holidays, findings by themselves, CMP-R1, and CMP-V1 57 days later."""
    await given_complaint(world)
    for rule, due_on in (
        ("complaint.ack_wd", "2026-09-28"),
        ("complaint.accept_wd", "2026-10-12"),
    ):
        deadline = await world.deadline(rule, about="complaint:CMP-1")
        assert (deadline["due_on"], deadline["unit"]) == (due_on, "JB")
    found = await world.findings(unit="MRB")
    assert [f["rule_id"] for f in found] == ["FIL-V1", "FIL-V3", "FIL-V5"]

    accept = {"complaint": "CMP-1", "allegation": "以调研名义入企检查, 未亮码, 留下整改清单"}
    for who in ("MRB head", "MRB legal"):
        problem = await world.send(who, "complaints/accept-complaint", expect=422, **accept)
        never = await world.send(
            who, "complaints/accept-complaint", expect=422, **{**accept, "complaint": "CMP-2"}
        )
        assert problem["type"].endswith("unknown-reference")
        assert problem["detail"] == never["detail"].replace("CMP-2", "CMP-1")
    await world.send("JB", "complaints/acknowledge-complaint", complaint="CMP-1")
    world.at("2026-10-09")
    await world.send("JB", "complaints/accept-complaint", **accept)
    for who in ("MRB head", "MRB legal"):
        await world.refused("CMP-R1", who, "complaints/accept-complaint", **accept)
    await world.refused(
        "CMP-R3",
        "JB",
        "complaints/resolve-complaint",
        complaint="CMP-1",
        outcome="substantiated",
        remedy="撤回整改清单",
    )
    answer = await world.send(
        "JB",
        "complaints/resolve-complaint",
        complaint="CMP-1",
        outcome="substantiated",
        remedy="撤回整改清单",
        feedback_text="情况属实",
    )
    assert rules(answer) == ["CMP-V3"]

    await withheld(world, found[0]["finding"])
    world.at("2026-10-13")
    told = await world.send(
        "JB",
        "supervision/issue-supervision-doc",
        document="SD-1",
        kind="notice",
        unit="MRB",
        doc_no="兰新监通〔2026〕1号",
        demands=["说明9月24日入企情况", "整改"],
        findings=[f["finding"] for f in found],
    )
    assert types(told)[1:] == ["supervision.finding-told"] * 3
    shown = await world.get("MRB head", "/v1/findings", unit="MRB")
    assert {f["finding"] for f in found} < {f["finding"] for f in shown["items"]}
    for who in ("RLO", "EDB", "RECON"):
        assert await world.status(who, f"/v1/findings/{found[0]['finding']}") == 200
    deadline = await world.deadline("supervision.response_wd", about="supdoc:SD-1")
    assert (deadline["due_on"], deadline["unit"]) == ("2026-11-03", "MRB")
    await world.refused(
        "SUP-R4",
        "MRB head",
        "supervision/close-finding",
        finding_id=found[0]["finding"],
        conclusion="已整改",
    )

    world.at("2026-11-16")
    await world.send(
        "MRB head",
        "filing/approve-task",
        **world.task("T-1", E_A, "2026-11-20", prescribed_by=PRESCRIBED),
    )
    assert ("FindingRaised", "CMP-V1") in world.tick()
    assert ("FindingRaised", "CMP-V1") not in world.tick()
    (found,) = await world.findings(rule_id="CMP-V1")
    assert (found["unit"], found["task"], found["facts"]["days"]) == ("MRB", "T-1", 57)
    for who in ("MRB head", "EDB", "RECON"):
        assert (await world.get(who, "/v1/findings", rule_id="CMP-V1"))["items"] == []
