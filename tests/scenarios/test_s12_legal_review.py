"""S12: a grave penalty is reviewed by somebody apart and discussed before it is decided."""

from typing import Any

from tests.cast import E_C
from tests.scenarios.world import World, rules, types

FINE = 20_000_000  # 200,000 yuan


async def test_s12_legal_review(world: World) -> None:
    """No decision without review, approval and minutes; each step unlocks the next."""
    world.at("2026-05-20")
    for officer in ("LEGAL-MRB", "OFF-001"):
        await world.send(
            "JB",
            "legalreview/register-reviewer",
            officer=officer,
            unit="MRB",
            qualification_no=f"A-{officer}",
        )
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-1", E_C))
    deadline = await world.deadline("penalty.decide_cd", about="case:CASE-1")
    assert deadline["due_on"] == "2026-08-18"
    decision = world.decision("D-1", "CASE-1", E_C, fine_fen=FINE)

    async def refused(rule: str, **changed: Any) -> dict[str, Any]:
        return await world.refused(
            rule, "MRB head", "penalties/decide-penalty", **{**decision, **changed}
        )

    assert "no prior notice" in (await refused("PEN-R1"))["detail"]
    # Above the threshold the business may ask for a hearing, and the notice has to say so.
    await world.refused(
        "PEN-R1", "MRB officer", "penalties/serve-prior-notice", **world.notice("CASE-1", FINE)
    )
    await world.send(
        "MRB officer",
        "penalties/serve-prior-notice",
        **world.notice("CASE-1", FINE, hearing_right=True),
    )
    assert "was not heard" in (await refused("PEN-R1"))["detail"]
    world.at("2026-05-25")
    deadline = await world.deadline("penalty.hearing.request", about="case:CASE-1")
    assert deadline["due_on"] == "2026-05-27"
    await world.send("E-C", "penalties/request-hearing", case="CASE-1", entity=E_C)
    await world.send(
        "MRB officer",
        "penalties/hear-statement",
        case="CASE-1",
        statement="已召回全部产品",
        examined="召回属实, 不影响违法事实",
        adopted=False,
    )
    assert "it was not held yet" in (await refused("PEN-R1"))["detail"]
    hearing = {"case": "CASE-1", "place": "二楼会议室"}
    world.at("2026-06-04")
    await world.refused(
        "GEN-R2",
        "MRB legal",
        "penalties/announce-hearing",
        **hearing,
        hearing_on="2026-06-17",
        host="OFF-002",
    )
    # Seven working days after 06-04 are over with 06-15: the first day is 06-16.
    for day, accepted in (("2026-06-15", False), ("2026-06-16", True)):
        body = {**hearing, "hearing_on": day, "host": "LEGAL-MRB"}
        if accepted:
            await world.send("MRB legal", "penalties/announce-hearing", **body)
        else:
            await world.refused("PEN-R1", "MRB legal", "penalties/announce-hearing", **body)
    world.at("2026-06-16")
    await world.send(
        "MRB legal",
        "penalties/hold-hearing",
        case="CASE-1",
        host="LEGAL-MRB",
        record_digest="ab" * 32,
    )

    world.at("2026-06-22")
    problem = await refused("LRV-R1")
    assert "major_rights_after_hearing" in problem["detail"]
    request = {
        "case": "CASE-1",
        "triggers": ["major_rights_after_hearing"],
        "draft_ref": "草案 1",
        "types": ["fine"],
        "fine_fen": FINE,
    }
    answer = await world.send("MRB investigator", "legalreview/request-legal-review", **request)
    assert rules(answer) == []
    deadline = await world.deadline("legal_review_wd", about="case:CASE-1")
    assert deadline["due_on"] == "2026-06-29"
    conclude = "legalreview/conclude-legal-review"
    # OFF-001 is registered and qualified, and handles the case.
    await world.refused("LRV-R2", "MRB officer", conclude, case="CASE-1", opinion="approve")
    # Nobody has recorded a qualification of the other.
    await world.refused("LRV-R2", "MRB second legal", conclude, case="CASE-1", opinion="approve")
    await refused("LRV-R1")
    await world.send(
        "MRB legal", conclude, case="CASE-1", opinion="return", issues=["裁量理由不充分"]
    )
    assert "is return" in (await refused("LRV-R1"))["detail"]

    world.at("2026-06-24")
    await world.send(
        "MRB investigator",
        "legalreview/request-legal-review",
        **{**request, "draft_ref": "草案 2"},
    )
    assert "not concluded" in (await refused("LRV-R1"))["detail"]
    world.at("2026-06-25")
    await world.send(
        "MRB legal", conclude, case="CASE-1", opinion="approve_with_changes", issues=["补正文号"]
    )
    problem = await refused("LRV-R3")
    assert problem["policy_key"] == "major_penalty_threshold"
    await world.send(
        "MRB head",
        "penalties/hold-collective-discussion",
        case="CASE-1",
        participants=["HEAD-MRB", "OFFICE-MRB"],
        minutes_ref="会议纪要〔2026〕6号",
        conclusion="同意",
    )
    await refused("PEN-R3", fine_fen=FINE + 1)
    answer = await world.send("MRB head", "penalties/decide-penalty", **decision)
    assert types(answer) == ["penalties.penalty-decided"]

    # The business sees its case, and nothing of what was said inside the unit.
    seen = await world.get("E-C", "/v1/cases/CASE-1")
    assert seen["stage"] == "decided"
    assert "discussions" not in seen
    assert (await world.get("MRB officer", "/v1/cases/CASE-1"))["discussions"]
    reviews = (await world.get("JB", "/v1/legal-reviews/CASE-1"))["reviews"]
    assert [r["concluded"]["opinion"] for r in reviews] == ["return", "approve_with_changes"]
    token = {"Authorization": f"Bearer {world.tokens['E-C']}"}
    found = await world.client.get("/v1/legal-reviews/CASE-1", headers=token)
    assert found.status == 403
    found = await world.client.get("/v1/feed?limit=1000", headers=token)
    seen = {event["type"] for event in (await found.json())["events"]}
    assert any("penalties.penalty-decided" in type_ for type_ in seen)
    assert not [type_ for type_ in seen if "legal-review" in type_ or "discussion" in type_]
    deadlines = (await world.get("E-C", "/v1/deadlines", about="case:CASE-1"))["items"]
    assert not [d for d in deadlines if d["rule"].startswith("legal_review")]
