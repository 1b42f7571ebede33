"""S20, the part of case-file review: drawn in public view, read by others, failed by a veto."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.cast import E_C
from tests.scenarios.world import World

CASES = [f"CASE-2026-{n:02}" for n in range(1, 9)]
VALUES = ["08 14 17 22 29 31 05", "3518.76"]


async def _given_drawn(world: World) -> list[str]:
    """Eight penalties of MRB, and three of their files drawn for EMB to read."""
    for number, case in enumerate(CASES):
        world.at(f"2026-03-{2 + number:02}")
        await world.given_case(case, E_C)
        decision = world.decision(f"D-{case}", case, E_C)
        await world.send("MRB head", "penalties/decide-penalty", **decision)
    world.at("2026-06-15")
    announce: dict[str, Any] = {
        "batch": "CFR-2026-01",
        "unit": "MRB",
        "year": 2026,
        "mode": "mutual",
        "reviewing_unit": "EMB",
        "cases": CASES,
        "sources": [
            {"name": "双色球", "publication_at": "2026-06-21T21:15:00+08:00"},
            {"name": "上证指数收盘", "publication_at": "2026-06-22T15:00:00+08:00"},
        ],
    }
    command = "casefiles/announce-review"
    await world.refused("CFR-R1", "JB", command, **{**announce, "reviewing_unit": "MRB"})
    await world.refused("CFR-R2", "JB", command, **{**announce, "cases": CASES[1:]})
    await world.refused("CFR-R2", "JB", command, **announce, size=2)
    await world.send("JB", command, **announce)
    world.at("2026-06-22 14:00")
    draw = {"batch": "CFR-2026-01", "values": VALUES}
    await world.refused("CFR-R2", "JB", "casefiles/draw-review-batch", **draw)

    world.at("2026-06-22 16:00")
    start = f"{'|'.join(VALUES)}|CFR-2026-01|MRB|"
    expected = sorted(CASES, key=lambda case: sha256(f"{start}{case}".encode()).hexdigest())[:3]
    await world.refused("CFR-R2", "JB", "casefiles/draw-review-batch", **draw, cases=CASES[:3])
    answer = await world.send("JB", "casefiles/draw-review-batch", **draw, cases=expected)
    assert answer["events"][0]["body"]["cases"] == expected
    return expected


def _score(case: str, score: int, outcome: str, **changed: Any) -> dict[str, Any]:
    return {
        "batch": "CFR-2026-01",
        "case": case,
        "score": score,
        "outcome": outcome,
        **changed,
    }


async def test_s20_case_files(world: World) -> None:
    """The own unit may not review, and a veto lets nothing pass; what is late is found."""
    one, two, three = await _given_drawn(world)
    command = "casefiles/score-case-file"
    await world.refused("CFR-R1", "MRB legal", command, **_score(one, 92, "excellent"))
    problem = await world.refused(
        "CFR-R3", "EMB legal", command, **_score(one, 92, "pass", veto="procedure")
    )
    assert (problem["details"]["score"], problem["details"]["veto"]) == (92, "procedure")
    await world.send("EMB legal", command, **_score(one, 92, "fail", veto="procedure"))
    await world.send("EMB legal", command, **_score(two, 91, "excellent"))
    await world.send("EMB legal", command, **_score(three, 75, "pass"))
    file = f"CFR-2026-01:{one}"
    await world.send("EMB legal", "casefiles/raise-issue", casefile=file, issue="未告知陈述权")
    world.at("2026-06-23")
    await world.send(
        "JB",
        "casefiles/order-rectification",
        casefile=file,
        demands="重新告知",
        due_on="2026-07-10",
    )
    deadline = await world.deadline("casefile.rectification", about=f"casefile:{file}")
    assert (deadline["due_on"], deadline["unit"]) == ("2026-07-10", "MRB")

    for who in ("JB", "RLO", "MRB head", "EMB legal"):
        shown = await world.get(who, f"/v1/case-files/{file}")
        assert (shown["scored"]["outcome"], shown["stage"]) == ("fail", "rectifying")
        batch = await world.get(who, "/v1/review-batches/CFR-2026-01")
        assert (batch["stage"], batch["scores"][two]["score"]) == ("scored", 91)
        items = (await world.get(who, "/v1/case-files", outcome="fail"))["items"]
        assert [item["casefile"] for item in items] == [file]
    assert (await world.get("EEB head", "/v1/case-files"))["items"] == []
    await world.hidden("EEB head", f"/v1/case-files/{file}", 404)
    await world.hidden("EEB head", "/v1/review-batches/CFR-2026-01", 404)
    for path in ("case-files", f"case-files/{file}", "review-batches"):
        await world.hidden("E-C", f"/v1/{path}", 403)
        await world.hidden("", f"/v1/{path}", 401)
    await world.hidden("", "/v1/review-reports/CFR-2026-01", 404)

    await world.send("JB", "casefiles/publish-review-report", batch="CFR-2026-01")
    report = await world.get("E-C", "/v1/review-reports/CFR-2026-01")
    assert (report["files"], report["excellent"], report["passed"], report["failed"]) == (
        3,
        1,
        1,
        1,
    )
    assert (report["average"], report["vetoed"]) == ("86.00", [{"veto": "procedure", "files": 1}])
    assert not any(case in str(report) for case in CASES), "figures and no files"
    assert [r["batch"] for r in (await world.get("E-A", "/v1/review-reports"))["items"]] == [
        "CFR-2026-01"
    ]

    world.at("2026-07-10 23:30")
    assert ("DeadlineMissed", "casefile.rectification") not in world.tick()
    world.at("2026-07-11 00:05")
    assert ("FindingRaised", "CFR-V1") in world.tick()
    world.at("2026-07-13")
    answer = await world.send(
        "JB", "casefiles/verify-rectification", casefile=file, note="已重新告知"
    )
    assert answer["events"][0]["body"]["days_late"] == 3
    world.tick()
    assert len(await world.findings(rule_id="CFR-V1")) == 1


async def test_s20_a_unit_that_nobody_reviews(world: World) -> None:
    """CFR-V2: found a year after the ledger came to know it, once; a reviewed one is not."""
    await _given_drawn(world)
    case = (await world.get("JB", "/v1/review-batches/CFR-2026-01"))["drawn"]["cases"][0]
    await world.send("EMB legal", "casefiles/score-case-file", **_score(case, 75, "pass"))
    world.at("2027-01-04")
    assert ("FindingRaised", "CFR-V2") not in world.tick()
    world.at("2027-01-05")
    assert world.tick().count(("FindingRaised", "CFR-V2")) == 2
    assert ("FindingRaised", "CFR-V2") not in world.tick()
    found = await world.findings(rule_id="CFR-V2")
    assert sorted(finding["unit"] for finding in found) == ["EEB", "EMB"]
    assert world.rebuilt() == []
