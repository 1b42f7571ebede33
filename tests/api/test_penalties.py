"""Cases, decisions, payment, reviews, lists and like cases: what is shown, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from projections.opening import verify_views
from tests.cast import E_B, E_C
from tests.scenarios.world import CALENDAR_2027, World

STEP = {"tier": "一般", "circumstances": "-", "min_fen": 100_000, "max_fen": 600_000}
BENCHMARK = {
    "unit": "MRB",
    "title": "裁量基准",
    "items": [
        {
            "violation_code": "FS-034",
            "basis": "食品安全法 Art. 124",
            "types": ["fine"],
            "statutory_min_fen": 100_000,
            "statutory_max_fen": 5_000_000,
            "tiers": [STEP],
        }
    ],
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A benchmark, and one case of MRB against E-C, decided and served on 2026-05-11."""
    async with World(tmp_path) as world:
        world.tokens["nobody"] = ""
        await world.given_region()
        world.at("2026-05-11")
        await world.send("MRB head", "penalties/publish-benchmark", **BENCHMARK)
        await world.given_case("CASE-1", E_C)
        decision = world.decision("D-1", "CASE-1", E_C, tier="一般")
        await world.send("MRB head", "penalties/decide-penalty", **decision)
        await world.send(
            "MRB officer", "penalties/serve-penalty", decision="D-1", repair_notice=True
        )
        yield world


async def ask(world: World, who: str, path: str, **query: Any) -> Any:
    """What somebody is shown, or the status of the refusal."""
    token = world.tokens[who]
    answer = await world.client.get(
        path,
        params={"at_least": str(world.recorder.head()), **query},
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    return await answer.json() if answer.status == 200 else answer.status


async def test_a_case_is_seen_by_whom_it_concerns(world: World) -> None:
    """The unit, the business and the supervisors; never the public, not even when decided."""
    for who in ("MRB officer", "E-C", "JB", "EDB"):
        shown = await ask(world, who, "/v1/cases/CASE-1")
        assert (shown["stage"], shown["decisions"]) == ("decided", ["D-1"])
        listed = (await ask(world, who, "/v1/cases", stage="decided"))["items"]
        assert [case["case"] for case in listed] == ["CASE-1"]
        assert (await ask(world, who, "/v1/cases", violation_code="X"))["items"] == []
    for who in ("EMB head", "E-B"):
        assert await ask(world, who, "/v1/cases/CASE-1") == 404
        assert (await ask(world, who, "/v1/cases"))["items"] == []
    for who in ("public", "nobody"):
        assert await ask(world, who, "/v1/cases/CASE-1") == 403
        assert await ask(world, who, "/v1/cases") == 403


async def test_what_would_betray_a_source_is_not_shown_to_the_business(world: World) -> None:
    """What lies in the file is the unit's; what is held the business knows."""
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-2", E_B))
    await world.send(
        "MRB officer",
        "penalties/add-evidence",
        evidence="EV-1",
        case="CASE-2",
        kind="testimony",
        title="员工证言",
        confidential=True,
    )
    await world.given_film("CASE-2")
    await world.send(
        "MRB head",
        "penalties/seize-property",
        evidence="EV-2",
        case="CASE-2",
        kind="physical",
        title="过期食品",
        items=["奶粉 20 罐"],
    )
    assert set((await ask(world, "MRB officer", "/v1/cases/CASE-2"))["evidence"]) == {
        "EV-1",
        "EV-2",
    }
    shown = await ask(world, "E-B", "/v1/cases/CASE-2")
    assert "evidence" not in shown
    assert shown["held"] == ["EV-2"]


async def test_a_decision_is_public_once_it_is_published(world: World) -> None:
    """Then as published; withdrawn, with the reason alone."""
    full = await ask(world, "E-C", "/v1/decisions/D-1")
    assert (full["decided"]["fine_fen"], full["outstanding_fen"]) == (500_000, 500_000)
    for who in ("public", "nobody", "EMB head", "E-B"):
        assert await ask(world, who, "/v1/decisions/D-1") == 404
        assert (await ask(world, who, "/v1/decisions"))["items"] == []
    await world.send("MRB head", "penalties/publish-decision", decision="D-1", summary="罚款五千元")
    for who in ("public", "nobody", "EMB head", "E-B"):
        assert await ask(world, who, "/v1/decisions/D-1") == {
            "decision": "D-1",
            "entity": E_C,
            "unit": "MRB",
            "published_on": "2026-05-11",
            "summary": "罚款五千元",
            "redactions": [],
        }
    assert "decided" in await ask(world, "MRB officer", "/v1/decisions/D-1")
    await world.send(
        "MRB head",
        "corrections/nullify-decision",
        decision="D-1",
        unit="MRB",
        entity=E_C,
        kind="revoked",
        by="新区行政复议机构",
        instrument="3号",
        effective_on="2026-05-11",
        reason="证据不足",
    )
    await world.send(
        "MRB head", "penalties/withdraw-decision", decision="D-1", explanation="行政复议撤销"
    )
    (shown,) = (await ask(world, "public", "/v1/decisions", entity=E_C))["items"]
    assert (shown["reason"], shown["explanation"]) == ("revoked", "行政复议撤销")
    # Its case is not published, so the public finds nothing by it.
    assert (await ask(world, "public", "/v1/decisions", case="CASE-1"))["items"] == []
    assert (await ask(world, "MRB head", "/v1/decisions", case="CASE-1"))["items"]
    assert "summary" not in shown


async def test_what_is_to_be_paid_today(world: World) -> None:
    """The late fee grows day by day, for the eyes of those concerned."""
    path = "/v1/decisions/D-1/payment"
    world.at("2026-05-26")
    shown = await ask(world, "E-C", path)
    assert (shown["pay_by"], shown["late_fee_fen"]) == ("2026-05-26", 0)
    world.at("2026-05-29")
    shown = await ask(world, "MRB officer", path)
    assert (shown["as_of"], shown["late_fee_fen"]) == ("2026-05-29", 45_000)
    await world.send(
        "MRB officer",
        "penalties/record-payment",
        decision="D-1",
        receipt_no="票 1",
        amount_fen=400_000,
    )
    world.at("2026-06-01")
    shown = await ask(world, "JB", path)
    assert (shown["paid_fen"], shown["outstanding_fen"]) == (400_000, 100_000)
    assert shown["late_fee_fen"] == 54_000
    for who in ("public", "nobody", "EMB head", "E-B"):
        assert await ask(world, who, path) == 404


async def test_a_calendar_published_later_moves_the_last_day_of_payment(world: World) -> None:
    """What was told provisionally is shown as recomputed."""
    world.at("2026-12-17")
    await world.given_case("CASE-2", E_B)
    decision = world.decision("D-2", "CASE-2", E_B, tier="一般")
    await world.send("MRB head", "penalties/decide-penalty", **decision)
    await world.send("MRB officer", "penalties/serve-penalty", decision="D-2", repair_notice=True)
    path = "/v1/decisions/D-2/payment"
    told = await ask(world, "E-B", path)
    assert (told["pay_by"], told["provisional"]) == ("2027-01-04", True)
    await world.send("JB", "policies/publish-working-calendar", **CALENDAR_2027)
    assert ("DeadlineRecomputed", "penalty.pay_cd") in world.tick()
    told = await ask(world, "E-B", path)
    assert (told["pay_by"], told["provisional"]) == ("2027-01-05", False)


async def test_PUB_V2_the_clock_finds_what_was_never_withdrawn(world: World) -> None:
    """Once, the day after the third working day; not of a decision that stands."""
    await world.given_case("CASE-2", E_B)
    decision = world.decision("D-2", "CASE-2", E_B, tier="一般")
    await world.send("MRB head", "penalties/decide-penalty", **decision)
    await world.send("MRB officer", "penalties/serve-penalty", decision="D-2", repair_notice=True)
    for name in ("D-1", "D-2"):
        await world.send(
            "MRB head", "penalties/publish-decision", decision=name, summary="罚款五千元"
        )
    await world.send(
        "MRB head",
        "corrections/nullify-decision",
        decision="D-1",
        unit="MRB",
        entity=E_C,
        kind="revoked",
        by="MRB",
        instrument="撤1号",
        effective_on="2026-05-11",
        reason="事实不清",
    )
    world.at("2026-05-14 23:00")
    assert ("FindingRaised", "PUB-V2") not in world.tick()
    world.at("2026-05-15 00:10")
    assert world.tick().count(("FindingRaised", "PUB-V2")) == 1
    assert ("FindingRaised", "PUB-V2") not in world.tick(), "found once"
    (found,) = await world.findings(rule_id="PUB-V2")
    assert found["facts"]["decision"] == "D-1"


async def test_like_cases_beside_the_benchmark(world: World) -> None:
    """The spread by step, how much lies outside it, for the authorities alone."""
    for n, (entity, fine) in enumerate(((E_B, 700_000), (E_C, 200_000)), start=2):
        world.at(f"2026-05-{11 + n}")
        await world.given_case(f"CASE-{n}", entity, fine_fen=fine)
        decision = world.decision(f"D-{n}", f"CASE-{n}", entity, tier="一般", fine_fen=fine)
        await world.send("MRB head", "penalties/decide-penalty", **decision)
    shown = await ask(world, "EMB head", "/v1/like-cases/FS-034")
    assert shown["units"]["MRB"] == {
        "benchmark_version": 1,
        "steps": {
            "一般": {
                "cases": 3,
                "benchmark_fen": [100_000, 600_000],
                "fines_fen": [200_000, 500_000, 700_000],
                "outside": 1,
            }
        },
        "leniency": [],
    }
    assert len(await world.findings(rule_id="FLX-V1")) == 1
    # One is altered and one revoked: what has no effect is no like case.
    undo = {"unit": "MRB", "by": "MRB", "effective_on": "2026-05-14", "reason": "裁量有误"}
    for decision, entity, kind, altered in (
        ("D-2", E_B, "altered", [{"field": "fine_fen", "before": 700_000, "after": 600_000}]),
        ("D-3", E_C, "revoked", []),
    ):
        await world.send(
            "MRB head",
            "corrections/nullify-decision",
            **undo,
            decision=decision,
            entity=entity,
            kind=kind,
            instrument=f"改 {decision}",
            altered=altered,
        )
    shown = await ask(world, "EMB head", "/v1/like-cases/FS-034")
    assert shown["units"]["MRB"]["steps"]["一般"] == {
        "cases": 2,
        "benchmark_fen": [100_000, 600_000],
        "fines_fen": [500_000, 500_000, 600_000],
        "outside": 0,
    }
    assert await ask(world, "E-C", "/v1/like-cases/FS-034") == 403
    assert await ask(world, "public", "/v1/like-cases") == 403
    (public,) = (await ask(world, "nobody", "/v1/benchmarks"))["items"]
    assert public["versions"][0]["title"] == "裁量基准"


async def test_reviews_are_internal_and_reviewers_shared(world: World) -> None:
    """The unit and the Justice Bureau read opinions; every authority knows who reviews."""
    await world.send(
        "JB",
        "legalreview/register-reviewer",
        officer="LEGAL-MRB",
        unit="MRB",
        qualification_no="A1",
    )
    await world.send("MRB head", "penalties/file-case", **world.case("CASE-2", E_B))
    await world.send(
        "MRB officer",
        "legalreview/request-legal-review",
        case="CASE-2",
        triggers=["complex"],
        draft_ref="草案",
        types=["warning"],
    )
    await world.send(
        "MRB head",
        "legalreview/publish-major-decision-list",
        unit="MRB",
        lines=[{"line": "1", "description": "吊销许可证件", "types": ["licence_revocation"]}],
    )
    for who in ("MRB legal", "JB"):
        (shown,) = (await ask(world, who, "/v1/legal-reviews", opinion="pending"))["items"]
        assert shown["reviews"][0]["requested"]["draft_ref"] == "草案"
    assert (await ask(world, "EMB head", "/v1/legal-reviews"))["items"] == []
    assert await ask(world, "EMB head", "/v1/legal-reviews/CASE-2") == 404
    for who in ("E-B", "EDB", "public"):
        assert await ask(world, who, "/v1/legal-reviews/CASE-2") == 403
    (reviewer,) = (await ask(world, "EMB head", "/v1/reviewers", unit="MRB"))["items"]
    # How many opinions somebody gave is sealed as each opinion is.
    assert (reviewer["officer"], "reviewed" in reviewer) == ("LEGAL-MRB", False)
    for who in ("MRB legal", "JB"):
        (reviewer,) = (await ask(world, who, "/v1/reviewers", unit="MRB"))["items"]
        assert reviewer["reviewed"] == 0
    assert await ask(world, "E-B", "/v1/reviewers") == 403
    shown = await ask(world, "nobody", "/v1/major-decision-lists/MRB")
    assert shown["versions"][0]["lines"][0]["description"] == "吊销许可证件"


async def test_views_come_out_the_same_when_rebuilt(world: World) -> None:
    """Whatever was followed step by step is what a rebuild makes of the ledger."""
    follower = world.service.follower
    assert follower.wait_for(world.recorder.head(), 60)
    verified = verify_views(world.recorder, follower.views)
    assert {one.view for one in verified} >= {"cases", "decisions", "like_cases", "reviewers"}
    assert [one.view for one in verified if not one.same] == []
