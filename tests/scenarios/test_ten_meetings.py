"""Ten further meetings of two systems, as a reader with fresh eyes invented them (2.17)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.cast import E_A, E_B, E_C
from tests.scenarios.world import PRESCRIBED, World, types

DAY = "2026-08-03"
PROFILE = f"/v1/entities/{E_C}/profile"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A region with a matter and a plan for August; a visit of MRB to E-B is notified."""
    async with World(tmp_path) as world:
        await world.given_region()
        await world.given_matter("M-101")
        await world.given_plan([8])
        world.at("2026-07-30 09:00")
        await world.send(
            "MRB head",
            "filing/approve-task",
            **world.task("T-1", E_B, DAY, prescribed_by=PRESCRIBED),
        )
        await world.send(
            "MRB officer", "filing/issue-inspection-notice", task="T-1", notice_no="N-1"
        )
        yield world


async def stands_for(world: World, task: str = "T-1") -> dict[str, Any]:
    """What everybody is told of the code of a visit."""
    code = (await world.get("MRB officer", f"/v1/tasks/{task}/act-code"))["code"]
    response = await world.client.get(f"/v1/act-codes/{code}")
    answer: dict[str, Any] = await response.json()
    assert response.status == 200, answer
    return answer


async def leave(world: World, entity: str, day: str) -> None:
    body = {"entity": entity, "reason": "注销登记", "kind": "deregistered", "left_on": day}
    await world.send("EDB", "entities/delist-entity", **body)


async def test_1_a_policy_left_out_and_the_bounds_of_a_record(tmp_path: Path) -> None:
    """Without the transition a record of Order 58 is shown for three years; with it for one."""
    async with World(tmp_path, "2025-06-01") as world:
        await world.given_record("CR-1", E_C, "2025-06-02")
        adopted = [
            record["position"]
            for record in (await world.get("JB", "/v1/feed", limit=500))["events"]
            if record["data"].get("key") == "dishonesty.transition"
        ]
        path = f"/v1/entities/{E_C}/replay"
        for query, until in (({}, "2026-06-02"), ({"without": adopted[0]}, "2028-06-02")):
            for who in ("JB", "E-C"):
                document = (await world.get(who, path, **query))["profile"]
                [record] = document["records"]
                assert record["publicity"]["max_until"] == until, (who, query)
        # Another policy left out changes nothing.
        document = (await world.get("JB", path, without=1))["profile"]
        assert document["records"][0]["publicity"]["max_until"] == "2026-06-02"


async def test_2_a_code_at_the_door_and_a_business_that_left(world: World) -> None:
    """The visit is off, and so says its code, to whom it was going not; nobody scans it."""
    code = (await world.get("MRB officer", "/v1/tasks/T-1/act-code"))["code"]
    await leave(world, E_B, "2026-07-30")
    said = await stands_for(world)
    assert said["state"] == "cancelled"
    assert E_B not in str(said)
    body = {"task": "T-1", "act_code": code, "device": "D-1"}
    await world.send("MRB officer", "filing/scan-entry", expect=409, **body)


async def test_3_a_code_at_the_door_and_a_suspended_certificate(world: World) -> None:
    """Between notice and visit an officer is barred: the door is told, and the visit refused."""
    assert [one["certified_today"] for one in (await stands_for(world))["officers"]] == [True] * 2
    await world.send(
        "JB",
        "catalogue/suspend-certificate",
        officer="OFF-002",
        unit="MRB",
        suspended_from="2026-08-01",
        reason="调查",
    )
    world.at(f"{DAY} 09:00")
    officers = (await stands_for(world))["officers"]
    assert {one["officer"]: one["certified_today"] for one in officers} == {
        "OFF-001": True,
        "OFF-002": False,
    }
    await world.send("MRB officer", "filing/scan-entry", task="T-1", act_code="AC", device="D-1")
    await world.refused("FIL-R6", "MRB officer", "filing/open-inspection", **world.opening("T-1"))


async def test_4_a_silent_complaint_and_the_deadlines_of_the_accused(world: World) -> None:
    """The clock's own words about it reach the unit accused no more than the complaint does."""
    before = (await world.get("MRB head", "/v1/deadlines"))["items"]
    await world.send(
        "E-A",
        "complaints/receive-complaint",
        complaint="CMP-1",
        channel="web",
        subject_unit="MRB",
        facts="执法人员未亮码",
        anonymous=False,
        entity=E_A,
    )
    await world.send("JB", "complaints/accept-complaint", complaint="CMP-1")
    [due] = (await world.get("JB", "/v1/deadlines", rule="complaint.resolve_cd"))["items"]
    assert due["unit"] == "JB"
    assert (await world.get("MRB head", "/v1/deadlines"))["items"] == before
    world.at("2026-12-01")
    world.tick()
    for path in ("/v1/deadlines", "/v1/findings", "/v1/units/MRB/trail"):
        assert "CMP-1" not in str(await world.get("MRB head", path)), path


async def test_5_a_matter_withdrawn_and_a_visit_under_way_to_it(world: World) -> None:
    """What is no longer published carries no visit, notified or not (CAT-R2)."""
    await world.send(
        "MRB head", "catalogue/withdraw-matter", matter="M-101", unit="MRB", reason="依据废止"
    )
    world.at(f"{DAY} 09:00")
    await world.send("MRB officer", "filing/scan-entry", task="T-1", act_code="AC", device="D-1")
    await world.refused("CAT-R2", "MRB officer", "filing/open-inspection", **world.opening("T-1"))


async def test_6_a_leaving_that_is_annulled_and_what_it_cancelled(world: World) -> None:
    """The business had never left: what was cancelled stays so, and a new visit is approved."""
    await leave(world, E_B, "2026-07-30")
    again = world.task("T-9", E_B, "2026-08-04", prescribed_by=PRESCRIBED)
    await world.refused("ENT-R1", "MRB head", "filing/approve-task", **again)
    await world.send(
        "EDB", "entities/reenter-entity", entity=E_B, reason="撤销注销登记", annuls=True
    )
    assert (await world.get("MRB head", "/v1/tasks/T-1"))["stage"] == "cancelled"
    answer = await world.send("MRB head", "filing/approve-task", **again)
    assert types(answer)[0] == "filing.inspection-task-approved"
    assert world.rebuilt() == []


async def test_7_a_result_entered_by_hand_and_its_publication(world: World) -> None:
    """One visit has one result on record, whoever was first (CRD-R5)."""
    world.at(f"{DAY} 09:00")
    await world.send("MRB officer", "filing/scan-entry", task="T-1", act_code="AC", device="D-1")
    await world.send("MRB officer", "filing/open-inspection", **world.opening("T-1"))
    world.at(f"{DAY} 10:00")
    record = {"task": "T-1", "record_digest": "ab" * 32, "entity_signature": "店长"}
    await world.send("MRB officer", "filing/sign-on-site-record", **record)
    await world.send("MRB officer", "filing/close-inspection", task="T-1")
    await world.send("MRB officer", "filing/conclude-inspection", task="T-1", result="no_issue")
    await world.send(
        "MRB head",
        "credit/enter-credit-record",
        record="CR-HAND",
        entity=E_B,
        unit="MRB",
        kind="inspection_result",
        determined_on=DAY,
        title="no_issue",
        public=True,
        instrument={"kind": "inspection_conclusion", "doc_no": "t-1", "effective_on": DAY},
    )
    problem = await world.refused("CRD-R5", "MRB head", "draws/publish-draw-result", task="T-1")
    assert problem["details"]["record"] == "CR-HAND"
    profile = await world.get("JB", f"/v1/entities/{E_B}/profile")
    assert [one["record"] for one in profile["records"]] == ["CR-HAND"]


async def test_8_a_promise_and_a_business_that_left(world: World) -> None:
    """What was promised before can be kept afterwards; nothing new is promised."""
    promise = {
        "commitment": "CMT-1",
        "entity": E_B,
        "unit": "MRB",
        "type": "voluntary",
        "text_hash": "ab" * 32,
        "obligations": [{"obligation": "O-1", "due_on": "2026-08-20"}],
        "public": True,
    }
    await world.send("E-B", "commitments/make-commitment", **promise)
    await leave(world, E_B, "2026-07-30")
    await world.refused(
        "ENT-R1", "EDB", "commitments/make-commitment", **{**promise, "commitment": "CMT-2"}
    )
    answer = await world.send(
        "MRB head",
        "commitments/fulfil-commitment",
        commitment="CMT-1",
        obligation="O-1",
        evidence=["核查记录"],
    )
    assert types(answer) == ["commitments.commitment-fulfilled", "credit.credit-record-entered"]


async def test_9_a_draft_given_up_and_another_units_matter(world: World) -> None:
    """Two units list the same: refused while the first stands, drafted or not (CAT-R6)."""
    await world.given_matter("M-1", listed="2026-07-30 10:00", published=None)
    same = {"matter": "M-2", "unit": "EMB", "elements": world.elements("检查事项 M-1")}
    await world.refused("CAT-R6", "EMB head", "catalogue/list-matter", **same)
    await world.send("MRB head", "catalogue/withdraw-matter", matter="M-1", unit="MRB", reason="-")
    await world.send("EMB head", "catalogue/list-matter", **same)
    for who in ("public", "E-B"):
        shown = {one["matter"] for one in (await world.get(who, "/v1/matters"))["items"]}
        assert shown == {"M-101"}, who


async def test_10_facts_passed_on_and_a_complaint_transferred(world: World) -> None:
    """A body that was told the facts takes the complaint over: it reads all, JB passes on none."""
    await world.send(
        "E-A",
        "complaints/receive-complaint",
        complaint="CMP-1",
        channel="web",
        subject_unit="MRB",
        facts="甲公司说, 执法人员未亮码",
        anonymous=False,
        entity=E_A,
    )
    facts = {"complaint": "CMP-1", "to": "PARK", "facts": "执法人员未亮码"}
    await world.send("JB", "complaints/pass-on-facts", **facts)
    told = await world.get("PARK head", "/v1/complaints/CMP-1")
    assert "entity" not in told
    await world.send(
        "JB", "complaints/transfer-complaint", complaint="CMP-1", to="PARK", reason="属地"
    )
    whole = await world.get("PARK head", "/v1/complaints/CMP-1")
    assert (whole["entity"], whole["facts"]) == (E_A, "甲公司说, 执法人员未亮码")
    await world.send("JB", "complaints/pass-on-facts", expect=403, **{**facts, "to": "MRB"})
    assert await world.status("MRB head", "/v1/complaints/CMP-1") == 404
    await world.send("park", "complaints/pass-on-facts", **{**facts, "to": "MRB"})
    assert (await world.get("MRB head", "/v1/complaints/CMP-1"))["allegation"] == facts["facts"]
