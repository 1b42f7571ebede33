"""The act code at the door: what it tells, to whom, and what no code tells (2.17)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.systems import actcodes
from ledger.systems.filing import actcode
from tests.cast import E_A, E_B
from tests.scenarios.world import PRESCRIBED, World

DAY = "2026-08-03"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A visit of MRB to E-B is notified; another, to E-A, is approved."""
    async with World(tmp_path) as world:
        await world.given_region()
        await world.given_matter("M-101")
        await world.given_plan([8])
        world.at("2026-07-30 09:00")
        for name, entity in (("T-1", E_B), ("T-2", E_A)):
            task = world.task(name, entity, DAY, prescribed_by=PRESCRIBED)
            await world.send("MRB head", "filing/approve-task", **task)
        await world.send(
            "MRB officer", "filing/issue-inspection-notice", task="T-1", notice_no="N-1"
        )
        world.service.follower.wait_for(world.recorder.head(), 30.0)
        yield world


async def code_of(world: World, task: str = "T-1") -> str:
    return str((await world.get("MRB officer", f"/v1/tasks/{task}/act-code"))["code"])


async def asked(world: World, code: str) -> tuple[int, dict[str, Any]]:
    """What the look-up answers without a token, without what differs in every answer."""
    response = await world.client.get(f"/v1/act-codes/{code}")
    answer = await response.json()
    return response.status, {k: v for k, v in answer.items() if k not in ("request_id", "instance")}


async def test_a_code_tells_who_comes_and_not_to_whom(world: World) -> None:
    """Before the scan neither business nor day; afterwards both."""
    code = await code_of(world)
    assert len(code) == 39
    status, said = await asked(world, code)
    assert status == 200
    assert (said["state"], said["unit"], said["filed_under"]) == ("valid", "MRB", "PLAN-MRB-2026")
    approval = await world.get("MRB head", f"/v1/events/{said['approved_at_position']}")
    assert approval["type"] == "filing.inspection-task-approved"
    assert [one["officer"] for one in said["officers"]] == ["OFF-001", "OFF-002"]
    assert all(one["certified_today"] for one in said["officers"])
    assert said["matters"][0]["bases"][0]["instrument"] == "中华人民共和国食品安全法"
    text = json.dumps(said, ensure_ascii=False)
    for hidden in (E_B, "企业", DAY, "2026-08", "T-1", "N-1"):
        assert hidden not in text, hidden
    # Case and groups do not matter.
    assert await asked(world, code.lower().replace("-", "")) == (status, said)
    world.at(f"{DAY} 09:00")
    await world.send("MRB officer", "filing/scan-entry", task="T-1", act_code=code, device="D-1")
    said = (await asked(world, code))[1]
    assert (said["entity"], said["scanned_on"]) == (E_B, DAY)


async def test_a_code_that_is_none_is_answered_alike(world: World) -> None:
    """Forged, of no event, of another event, of a visit that was not notified: one answer."""
    code = await code_of(world)
    sign = world.service._sign
    approved = (await asked(world, code))[1]["approved_at_position"]
    forged = [
        "x",
        "A" * 32,
        "-".join(["AAAA"] * 8),
        code[:-1] + ("A" if code[-1] != "A" else "B"),
        code[4:] + code[:4],
        # The place of the true code with another tag; the true tag at another place.
        actcode.made(lambda content: b"else" + content, approved),
        # Made by the key, for what is no notified visit.
        actcode.made(sign, 1),
        actcode.made(sign, approved + 1),
        actcode.made(sign, 10**9),
    ]
    answers = [await asked(world, one) for one in forged]
    assert {status for status, _ in answers} == {404}
    assert all(answer == answers[0] for answer in answers), answers


async def test_a_code_says_that_its_visit_is_over_or_off(world: World) -> None:
    """Expired after its day, cancelled, closed."""
    code = await code_of(world)
    world.at("2026-08-04 00:30")
    assert (await asked(world, code))[1]["state"] == "expired"
    await world.send("MRB officer", "filing/cancel-inspection", task="T-1", reason="改期")
    assert (await asked(world, code))[1]["state"] == "cancelled"
    assert "entity" not in (await asked(world, code))[1]


@pytest.mark.parametrize("who", ["EMB head", "JB", "public", "E-B", "EDB"])
async def test_the_code_is_handed_to_its_unit_alone(world: World, who: str) -> None:
    """As if there were no such visit; and nobody has the code of one that is not notified."""
    assert await world.status(who, "/v1/tasks/T-1/act-code") == 404
    assert await world.status("MRB officer", "/v1/tasks/T-2/act-code") == 404
    assert await world.status("MRB officer", "/v1/tasks/T-0/act-code") == 404


@pytest.mark.parametrize(
    ("who", "told"), [("E-B", True), ("E-A", False), ("EMB head", False), ("MRB head", True)]
)
async def test_a_visit_is_its_businesss_from_the_notice_on(
    world: World, who: str, *, told: bool
) -> None:
    """And nobody else's before it is opened."""
    assert await world.status(who, "/v1/tasks/T-1") == (200 if told else 404)
    items = (await world.get(who, "/v1/tasks"))["items"]
    assert ("T-1" in {one["task"] for one in items}) is told
    if who.startswith("E-"):
        assert await world.status(who, "/v1/tasks/T-2") == 404


async def test_another_visits_code_opens_no_door(world: World) -> None:
    """Nor does a made-up one in its form; free text is refused once the policy says so."""
    await world.send("MRB officer", "filing/issue-inspection-notice", task="T-2", notice_no="N-2")
    other = await code_of(world, "T-2")
    world.at(f"{DAY} 09:00")

    async def scanned(code: str, day: str = DAY) -> int:
        world.at(f"{day} 09:00")
        response = await world.client.post(
            "/v1/filing/scan-entry",
            json={"task": "T-1", "act_code": code, "device": "D-1"},
            headers={"Authorization": f"Bearer {world.tokens['MRB officer']}"},
        )
        return response.status

    assert [await scanned(code) for code in (other, "A" * 32)] == [400, 400]
    assert await scanned("AC-OLD") == 201
    assert await scanned("AC-OLD", "2027-01-04") == 400
    assert await scanned(await code_of(world), "2027-01-04") == 201


async def test_an_address_may_look_up_so_often_a_minute(world: World) -> None:
    """Whether the code is known or not."""
    code = await code_of(world)
    statuses = []
    for turn in range(actcodes.PER_MINUTE + 5):
        response = await world.client.get(f"/v1/act-codes/{code if turn % 2 else 'x'}")
        statuses.append(response.status)
    late = statuses[statuses.index(429) :]
    assert set(late) == {429}
    assert response.headers["Retry-After"]


@pytest.mark.parametrize("who", ["public", "E-A", "EMB head", "BANK"])
async def test_an_opened_visit_is_everybodys_in_part(world: World, who: str) -> None:
    """Who was where on which matters; the result when it is published; filters tell no more."""
    world.at(f"{DAY} 09:00")
    code = await code_of(world)
    await world.send("MRB officer", "filing/scan-entry", task="T-1", act_code=code, device="D-1")
    assert (await world.get(who, "/v1/tasks"))["items"] == []
    await world.send("MRB officer", "filing/open-inspection", **world.opening("T-1"))
    opened = {
        "task": "T-1",
        "unit": "MRB",
        "entity": E_B,
        "matters": ["M-101"],
        "opened_on": DAY,
        "stage": "opened",
    }
    names = {
        "unit_name": "市场监管局",
        "entity_name": "兰州新区乙食品有限公司",
        "matter_titles": ["检查事项 M-101"],
    }
    assert (await world.get(who, "/v1/tasks"))["items"] == [opened | names]
    assert await world.get(who, "/v1/tasks/T-1") == opened
    world.at(f"{DAY} 10:00")
    record = {"task": "T-1", "record_digest": "ab" * 32, "entity_signature": "店长"}
    await world.send("MRB officer", "filing/sign-on-site-record", **record)
    await world.send("MRB officer", "filing/close-inspection", task="T-1")
    await world.send("MRB officer", "filing/conclude-inspection", task="T-1", result="no_issue")
    assert await world.get(who, "/v1/tasks/T-1") == opened
    for query, found in (
        ({"stage": "opened"}, 1),
        ({"stage": "concluded"}, 0),
        ({"result": "no_issue"}, 0),
        ({"unit": "MRB"}, 1),
        ({"unit": "EMB"}, 0),
    ):
        items = (await world.get(who, "/v1/tasks", **query))["items"]
        assert len(items) == found, query
    await world.send("MRB head", "draws/publish-draw-result", task="T-1")
    shown = await world.get(who, "/v1/tasks/T-1")
    assert (shown["stage"], shown["result"]) == ("published", "no_issue")
    assert len((await world.get(who, "/v1/tasks", result="no_issue"))["items"]) == 1
    assert len((await world.get("JB", "/v1/tasks", stage="published"))["items"]) == 1
