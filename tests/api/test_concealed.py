"""What an answer to a command tells of facts that its sender may not read: nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.http import evenly
from tests.cast import E_A, E_B, E_C
from tests.scenarios.world import World

COMPLAINT = {
    "complaint": "CMP-1",
    "channel": "web",
    "facts": "投诉处理推诿",
    "anonymous": False,
    "entity": E_A,
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        await world.given_region()
        await world.given_matter("M-101")
        await world.given_plan([3, 4])
        world.at("2026-03-11")
        yield world


async def answer(world: World, who: str, command: str, **body: Any) -> dict[str, Any]:
    """What a command that is not recorded is answered, without the id of the request."""
    response = await world.client.post(
        f"/v1/{command}", json=body, headers={"Authorization": f"Bearer {world.tokens[who]}"}
    )
    document: dict[str, Any] = await response.json()
    assert document.pop("request_id", None), document
    return document


async def alike(world: World, who: str, command: str, field: str, value: str, **body: Any) -> None:
    """A value that ``who`` may not know is answered as one that nobody has recorded."""
    never = "Z" * len(value)
    hidden = await answer(world, who, command, **{field: value, **body})
    unknown = await answer(world, who, command, **{field: never, **body})
    assert hidden["type"] == "/problems/unknown-reference"
    assert str(hidden) == str(unknown).replace(never, value)


async def test_rating_a_visit_does_not_tell_that_it_is_planned(world: World) -> None:
    """To the business from the notice on it exists; to another business it never does."""
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18"))
    rate = {"entity": E_C, "score": 5}
    await alike(world, "E-C", "filing/rate-visit", "task", "T-1", **rate)
    await alike(world, "E-A", "filing/rate-visit", "task", "T-1", entity=E_A, score=5)
    await world.visit("T-1", "2026-03-18")
    await alike(world, "E-A", "filing/rate-visit", "task", "T-1", entity=E_A, score=5)
    await world.send("E-C", "filing/rate-visit", task="T-1", **rate)
    problem = await answer(world, "E-C", "filing/rate-visit", task="T-1", **rate)
    assert "rated already" in problem["detail"]


@pytest.mark.parametrize("command", ["acknowledge-complaint", "refuse-complaint"])
async def test_the_unit_accused_is_not_told_of_a_complaint(world: World, command: str) -> None:
    """Nor is another unit, before and after; the unit accused learns CMP-R1 with the allegation."""
    body = {"reason": "-", "feedback_text": "-"} if command == "refuse-complaint" else {}
    path = f"complaints/{command}"
    await world.send("E-A", "complaints/receive-complaint", subject_unit="MRB", **COMPLAINT)
    for who in ("MRB head", "MRB legal", "EMB head", "RECON", "RLO", "park"):
        await alike(world, who, path, "complaint", "CMP-1", **body)
    accepted = {"complaint": "CMP-1", "allegation": "投诉处理推诿"}
    await world.send("JB", "complaints/accept-complaint", **accepted)
    for who in ("MRB head", "MRB legal"):
        await world.refused("CMP-R1", who, path, complaint="CMP-1", **body)
    await alike(world, "EMB head", path, "complaint", "CMP-1", **body)


async def test_applying_does_not_tell_whose_a_decision_is(world: World) -> None:
    """The decision about another business is unknown, whether it is public or not."""
    await world.given_licence("DEC-1", E_A)
    apply = {
        "recon": "RCN-1",
        "organ": "RECON",
        "known_on": "2026-03-10",
        "grounds": "不服",
        "entity": E_B,
    }
    path = "reconsideration/apply-for-reconsideration"
    await alike(world, "E-B", path, "decision", "DEC-1", **apply)
    problem = await answer(world, "RECON", path, decision="DEC-1", **apply)
    assert E_A in problem["detail"]  # who may read the decision is told what is wrong


async def test_a_position_does_not_tell_what_is_recorded_there(world: World) -> None:
    """A correction of what its sender may not see is answered as one of what is not recorded."""
    given = await world.send("E-A", "complaints/receive-complaint", subject_unit="MRB", **COMPLAINT)
    correct = {
        "field_changes": [{"path": "/body/facts", "old": "-", "new": "+"}],
        "reason": "-",
    }
    at, beyond = given["position"], world.recorder.head() + 100
    path = "corrections/correct-record"
    for who in ("EMB head", "MRB head", "EDB"):
        hidden = await answer(world, who, path, target_position=at, **correct)
        unknown = await answer(world, who, path, target_position=beyond, **correct)
        assert hidden["type"] == "/problems/unknown-reference"
        assert str(hidden) == str(unknown).replace(str(beyond), str(at))


async def test_a_guess_that_is_recorded_lets_nobody_know(world: World) -> None:
    """Whoever reports conduct at a task that it has guessed knows no more of the task."""
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18"))
    for who, unit, entity in (("E-C", "MRB", E_C), ("EMB head", "EMB", None)):
        await world.send(
            who,
            "supervision/report-prohibited-conduct",
            unit=unit,
            code=1,
            conducted_on="2026-03-10",
            facts="-",
            task="T-1",
            **({} if entity is None else {"entity": entity}),
        )
    await alike(world, "E-C", "filing/rate-visit", "task", "T-1", entity=E_C, score=5)
    await alike(world, "EMB head", "filing/cancel-inspection", "task", "T-1", reason="other")


async def test_an_id_that_is_taken_is_all_that_is_told(world: World) -> None:
    """In the same words, whoever has taken it; and nothing is begun a second time."""
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18"))
    await world.send("E-A", "complaints/receive-complaint", subject_unit="MRB", **COMPLAINT)
    problem = await answer(
        world,
        "E-B",
        "complaints/receive-complaint",
        subject_unit="EMB",
        **{**COMPLAINT, "entity": E_B},
    )
    assert problem["detail"] == "complaint CMP-1 is recorded already; take another id"
    await world.given_matter("M-201", unit="EMB")
    head = world.recorder.head()
    # The other unit's own rules come first, as for an id that is free.
    problem = await answer(
        world,
        "EMB head",
        "filing/approve-task",
        **world.task("T-1", E_C, "2026-03-18", unit="EMB", matters=["M-201"]),
    )
    free = await answer(
        world,
        "EMB head",
        "filing/approve-task",
        **world.task("T-9", E_C, "2026-03-18", unit="EMB", matters=["M-201"]),
    )
    assert str(problem) == str(free).replace("T-9", "T-1")
    assert world.recorder.head() == head


async def test_whether_a_business_is_drawn_is_not_told_to_it(world: World) -> None:
    """DRW-V2 follows from what is sealed: the answer omits it, and how much was recorded."""
    report = {
        "irregular_visit": "IV-1",
        "entity": E_C,
        "reporter": "entity",
        "visited_on": "2026-03-10",
        "facts": "随机抽查",
        "unit": "MRB",
        "label": "random_inspection",
    }
    told = await world.send("E-C", "filing/report-irregular-visit", **report)
    rules = [e["body"].get("rule_id") for e in told["events"]]
    assert rules == [None, "FIL-V1", "FIL-V3"]
    assert told["position"] == told["events"][-1]["position"]
    assert [f["rule_id"] for f in await world.findings(rule_id="DRW-V2")] == ["DRW-V2"]
    assert told["position"] < world.recorder.head()


async def test_a_document_number_does_not_tell_what_was_decided(world: World) -> None:
    """Numbers can be guessed: a record of one that another unit decided goes as of any other."""
    await world.given_case("CASE-1", E_C)
    decided = world.decision("DEC-1", "CASE-1", E_C)
    await world.send("MRB head", "penalties/decide-penalty", **decided)
    told = []
    for n, number in enumerate((decided["doc_no"], "兰新市监罚〔2026〕DEC-9")):
        record = {
            "record": f"CR-{n}",
            "entity": E_C,
            "unit": "EMB",
            "kind": "penalty",
            "determined_on": "2026-03-11",
            "title": "行政处罚",
            "public": True,
            "severity": "general",
            "instrument": {
                "kind": "penalty_decision",
                "doc_no": number,
                "effective_on": "2026-03-11",
            },
        }
        given = await world.send("EMB head", "credit/enter-credit-record", **record)
        told.append([{**e["body"], "record": "", "instrument": ""} for e in given["events"]])
    assert told[0] == told[1]
    assert "DEC-1" not in str(told)


async def test_a_draft_is_not_named(world: World) -> None:
    """CAT-R6 tells that the matter is listed (``ledger.telling``), not by whom or as what."""
    await world.given_matter("M-DRAFT", published=None, listed="2026-03-11")
    same = world.elements("检查事项 M-DRAFT")
    path, listed = "catalogue/list-matter", {"matter": "M-9", "unit": "EMB", "elements": same}
    problem = await world.refused("CAT-R6", "EMB head", path, **listed)
    assert problem["details"]["others"]["text"] == "another unit"
    assert "MRB" not in str(problem)
    assert "(M-DRAFT)" not in str(problem)
    await world.send(
        "MRB head",
        "catalogue/publish-matter",
        matter="M-DRAFT",
        unit="MRB",
        url="https://example.org/m",
    )
    problem = await world.refused("CAT-R6", "EMB head", path, **listed)
    assert problem["details"]["others"] == ["MRB (M-DRAFT)"]


async def test_an_observation_of_another_unit_is_not_named(world: World) -> None:
    """OBS-R2 tells that there was one; what was breached in it, and how often, is not told."""
    grant = {
        "observation": "OBS-1",
        "entity": E_C,
        "unit": "MRB",
        "four_new_kind": "business_form",
        "activity": "直播带货食品",
        "policy_basis": {"level": "national", "instrument": "国发〔2023〕1号"},
        "domain": "food_drug",
        "bottom_lines": ["safety"],
    }
    await world.send("MRB head", "observation/grant-observation", **grant)
    again = {**grant, "observation": "OBS-2", "unit": "EMB"}
    problem = await world.refused("OBS-R2", "EMB head", "observation/grant-observation", **again)
    assert "OBS-1" not in str(problem)
    await world.send(
        "MRB head",
        "observation/report-bottom-line-breach",
        observation="OBS-1",
        line="safety",
        issue="FS-099",
        facts="-",
        breached_on="2026-03-11",
    )
    measure = {
        "soft_measure": "SM-1",
        "entity": E_C,
        "unit": "EMB",
        "measure": "admin_guidance",
        "issue": "FS-099",
        "facts": "-",
        "response_due": "2026-03-20",
        "excluded": ["high_latent_risk"],
    }
    given = await world.send("EMB head", "observation/take-soft-measure", **measure)
    assert [event["type"] for event in given["events"]] == ["observation.soft-measure-taken"]
    own = {**measure, "soft_measure": "SM-2", "unit": "MRB"}
    await world.refused("OBS-R4", "MRB head", "observation/take-soft-measure", **own)


async def test_a_record_that_was_never_shown_is_not_shared(world: World) -> None:
    """A subscriber whose filter would cover it cannot tell it from one that nobody entered."""
    await world.send(
        "BANK",
        "sharing/subscribe-feed",
        subscription="SUB-1",
        unit="BANK",
        purpose="授信审查",
        legal_basis=[{"instrument": "征信业管理条例", "article": "第15条"}],
    )
    entered = {
        "record": "CR-1",
        "entity": E_C,
        "unit": "MRB",
        "kind": "penalty",
        "determined_on": "2026-03-11",
        "title": "行政处罚",
        "public": True,
        "severity": "general",
        "instrument": {"kind": "penalty_decision", "doc_no": "1号", "effective_on": "2026-03-11"},
    }
    await world.send("MRB head", "credit/enter-credit-record", **entered)
    use = {"entity": E_C, "unit": "BANK", "used_on": "2026-03-11", "used_for": "拒绝贷款申请"}
    decline = {"subscription": "SUB-1", "reason": "口径不一致"}
    await alike(world, "BANK", "sharing/report-record-use", "record", "CR-1", **use)
    await alike(world, "BANK", "sharing/decline-recognition", "record", "CR-1", **decline)
    await world.send(
        "MRB head", "credit/start-publicity", record="CR-1", channels=["credit_china", "unit_site"]
    )
    await world.send("BANK", "sharing/decline-recognition", record="CR-1", **decline)


async def test_probing_is_in_the_access_ledger(world: World) -> None:
    """What is hidden and what nobody has are taken down alike: who asked, and for what kind."""
    await world.send("MRB head", "filing/approve-task", **world.task("T-1", E_C, "2026-03-18"))
    await alike(world, "E-C", "filing/rate-visit", "task", "T-1", entity=E_C, score=5)
    items = (await world.get("RLO", "/v1/access", kind="unknown", person="REP-C"))["items"]
    assert [one["body"] for one in items] == [
        {"unit": "ENTITY", "command": "RateVisit", "kind": "task"}
    ] * 2


async def test_a_complaint_about_the_bureau_is_unknown_to_it(world: World) -> None:
    """Kept by RECON; the bureau reads nothing of it, of its deadlines and what is found in them."""
    taken = await world.send("E-A", "complaints/receive-complaint", subject_unit="JB", **COMPLAINT)
    assert taken["events"][0]["body"]["unit"] == "RECON"
    world.at("2026-04-20")
    assert ("FindingRaised", "CMP-V2") in world.tick()
    (found,) = (await world.get("RECON", "/v1/findings", rule_id="CMP-V2", unit="RECON"))["items"][
        :1
    ]
    for path in ("/v1/complaints", "/v1/deadlines", "/v1/findings"):
        items = (await world.get("JB", path, limit=500))["items"]
        for secret in ("CMP-1", "complaint.", found["finding"]):
            assert secret not in str(items), path
    assert (await world.get("JB", "/v1/findings", rule_id="CMP-V2"))["items"] == []
    assert (await world.get("JB", "/v1/deadlines", unit="RECON"))["items"] == []
    for path in ("/v1/complaints/CMP-1", f"/v1/findings/{found['finding']}"):
        await world.hidden("JB", path, 404)
    await alike(world, "JB", "complaints/acknowledge-complaint", "complaint", "CMP-1")
    await alike(
        world, "JB", "supervision/triage-finding", "finding_id", found["finding"], assessment="-"
    )
    accept = {"complaint": "CMP-1", "allegation": "投诉处理推诿"}
    # Nor does the bureau read who was refused about it and who looked.
    await world.get("RECON", "/v1/complaints/CMP-1")
    refuse = {"complaint": "CMP-1", "reason": "-"}
    await world.refused("CMP-R3", "RECON", "complaints/refuse-complaint", **refuse)
    await world.hidden("JB", "/v1/complaints/CMP-9", 404)
    # (decision 0007: nor does anybody else who may not know of the complaint).
    for who in ("RLO", "JB"):
        items = (await world.get(who, "/v1/access", limit=500))["items"]
        assert "CMP-1" not in str(items), who
        assert "CMP-R3" not in str(items), who
    # Its own looks at what is kept from it read as those at what is not there.
    own = (await world.get("JB", "/v1/access", limit=500, person="JB-001"))["items"]
    looks = [one["body"] for one in own if one["body"].get("route") == "/v1/complaints/{complaint}"]
    assert looks == [{**looks[0], "asked": "/v1/complaints/withheld"}] * 2
    await world.send("RECON", "complaints/accept-complaint", **accept)
    await world.refused("CMP-R1", "JB", "complaints/accept-complaint", **accept)
    shown = await world.get("JB", "/v1/complaints/CMP-1")
    assert shown["allegation"] == "投诉处理推诿"
    assert "facts" not in shown
    assert E_A not in str(shown)


async def test_the_access_ledger_does_not_tell_what_is_sealed(world: World) -> None:
    """Who asks for a sealed id finds the line that it would find for an id that nobody has."""
    await world.send("E-A", "complaints/receive-complaint", subject_unit="MRB", **COMPLAINT)
    for complaint in (COMPLAINT["complaint"], "CMP-NO9"):
        assert await world.status("RLO", f"/v1/complaints/{complaint}") == 404
    lines = (await world.get("RLO", "/v1/access", kind="consultation", limit=500))["items"]
    sealed, unknown = (line["body"] for line in lines[-3:-1])
    assert sealed == unknown
    assert "withheld_from" not in sealed


async def test_what_is_hidden_takes_no_other_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a document or trail nor the feed of one subject answers sooner where nothing is."""
    await world.send("E-A", "complaints/receive-complaint", **COMPLAINT, subject_unit="MRB",
                     handled_by="JB")  # fmt: skip
    monkeypatch.setattr(evenly, "EVEN_SECONDS", 0.3)
    headers = {"Authorization": f"Bearer {world.tokens['MRB head']}"}

    async def seconds(path: str) -> float:
        began = time.perf_counter()
        async with world.client.get(path, headers=headers) as answer:
            await answer.read()
        return time.perf_counter() - began

    paths = ("/v1/complaints/{}", "/v1/complaints/{}/trail", "/v1/feed?subject=complaint:{}")
    asked = [path.format(name) for path in paths for name in ("CMP-1", "CMP-9")]
    assert min(await asyncio.gather(*map(seconds, asked))) >= 0.3
    # What is no secret is not held back.
    assert await seconds("/v1/units") < 0.3
