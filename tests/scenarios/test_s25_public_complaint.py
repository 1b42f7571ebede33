"""S25: somebody without an account complains; the unit accused learns nothing until it is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from api import views
from api.app import RESOURCES
from api.http.rates import Rates
from api.sealed import persons, publicdoor
from api.sealed.publicdoor import LIMITS, MAX_FACTS
from ledger.kernel import Recorded, codec
from ledger.systems.progress.events import ReportingUnitEnrolled
from tests.api.oracle import Ranks, Shelf, answer, urls
from tests.scenarios.world import World

DOOR = "/v1/public-complaints"
FACTS = "两名工作人员未亮码入企，要求停业整顿，并索要材料"
COMPLAINT: dict[str, Any] = {"subject_unit": "MRB", "facts": FACTS, "contact": "13919012345"}


async def complain(
    world: World, expect: int = 201, headers: dict[str, str] | None = None, **said: Any
) -> dict[str, Any]:
    """Complain without a token."""
    response = await world.client.post(DOOR, json={**COMPLAINT, **said}, headers=headers or {})
    document: dict[str, Any] = await response.json()
    assert response.status == expect, document
    document["retry_after"] = response.headers.get("Retry-After")
    return document


async def tracked(world: World, look_up: str) -> dict[str, Any]:
    """What the holder of a tracking number is told, without a token."""
    response = await world.client.get(look_up, params={"at_least": str(world.recorder.head())})
    assert response.status == 200, await response.text()
    document: dict[str, Any] = await response.json()
    return document


async def opened(world: World, who: str, path: str) -> dict[str, Any]:
    """What is sealed, for somebody who may read it."""
    response = await world.client.get(
        path, headers={"Authorization": f"Bearer {world.tokens[who]}"}
    )
    assert response.status == 200, await response.text()
    document: dict[str, Any] = await response.json()
    return document


def recorded(world: World) -> list[Recorded]:
    """Everything recorded, oldest first."""
    return [codec.decode(one.position, one.event.data) for one in world.recorder.read()]


async def test_s25_public_complaint(world: World) -> None:
    """A number, its dates, kept by JB; told on 10-09, CMP-R3, closed on 10-20 with feedback."""
    world.at("2026-09-24 10:00")
    received = await complain(world)
    assert set(received) == {"tracking", "look_up", "retry_after"}
    assert re.fullmatch(r"(?:[A-Z2-7]{4}-){4}[A-Z2-7]{4}", received["tracking"])
    look_up = received["look_up"]
    assert look_up == f"{DOOR}/{received['tracking']}"
    assert await tracked(world, look_up) == {
        "state": "received",
        "due": [
            {"step": "acknowledge", "due_on": "2026-09-28"},
            {"step": "accept", "due_on": "2026-10-12"},
        ],
    }
    # By whatever letters it is typed; another one is nobody's.
    typed = received["tracking"].lower().replace("-", " ")
    assert (await tracked(world, f"{DOOR}/{typed}"))["state"] == "received"
    response = await world.client.get(f"{DOOR}/AAAA-BBBB-CCCC-DDDD-EEEE")
    assert response.status == 404

    [kept] = (await world.get("JB", "/v1/complaints"))["items"]
    name = kept["complaint"]
    assert (kept["unit"], kept["channel"], kept["subject_unit"]) == ("JB", "web", "MRB")
    assert (await world.deadline("complaint.ack_wd"))["unit"] == "JB"
    # Nothing of it stands in clear: not what was said, nor the telephone, nor the number.
    raw = b"".join(one.event.data for one in world.recorder.read())
    for said in (FACTS, "13919012345", received["tracking"]):
        assert said.encode() not in raw
    facts = await opened(world, "JB", kept["facts_at"])
    assert facts == {"complaint": name, "facts": FACTS}
    person = await opened(world, "JB", f"/v1/persons/{kept['contact']}")
    assert (person["contact"], person["unit"]) == ("13919012345", "JB")
    for who in ("MRB head", "MRB legal", "EMB head", "RLO", "public"):
        await world.hidden(who, kept["facts_at"], 404)
        await world.hidden(who, f"/v1/persons/{kept['contact']}", 404)
    await world.hidden("", kept["facts_at"], 401)

    world.at("2026-09-25 09:00")  # Mid-Autumn begins; it may be acknowledged all the same
    await world.send("JB", "complaints/acknowledge-complaint", complaint=name)
    assert (await world.get("MRB head", "/v1/complaints"))["items"] == []
    world.at("2026-10-09 09:00")
    await world.refused(
        "CMP-R2", "JB", "complaints/pass-on-facts",
        complaint=name, to="MRB", facts="来电13919012345反映未亮码入企",
    )  # fmt: skip
    await world.send("JB", "complaints/accept-complaint", complaint=name)
    await world.send(
        "JB", "complaints/pass-on-facts", complaint=name, to="MRB", facts="有人反映未亮码入企"
    )
    [told] = (await world.get("MRB head", "/v1/complaints"))["items"]
    assert told == {
        "complaint": name, "unit": "JB", "subject_unit": "MRB", "stage": "received",
        "allegation": "有人反映未亮码入企", "subject_unit_name": "市场监管局",
    }  # fmt: skip

    world.at("2026-10-20 09:00")
    resolve = {"complaint": name, "outcome": "partly", "remedy": "入企必须亮码"}
    await world.refused("CMP-R3", "JB", "complaints/resolve-complaint", **resolve)
    await world.send(
        "JB", "complaints/resolve-complaint", **resolve, feedback_text="已责令整改，感谢监督"
    )
    assert await tracked(world, look_up) == {
        "state": "resolved",
        "due": [
            {"step": "acknowledge", "due_on": "2026-09-28", "done_on": "2026-09-25"},
            {"step": "accept", "due_on": "2026-10-12", "done_on": "2026-10-09"},
            {"step": "resolve", "due_on": "2026-12-08", "done_on": "2026-10-20"},
        ],
        "feedback": "已责令整改，感谢监督",
    }
    # What was sealed can be erased; how far it came stays.
    await world.send(
        "JB", "persons/erase-person", person=kept["contact"], reason="purpose_achieved",
        legal_basis=[{"instrument": "个人信息保护法", "article": "Art 47"}],
    )  # fmt: skip
    assert await opened(world, "JB", kept["facts_at"]) == {
        "complaint": name,
        "erased_on": "2026-10-20",
    }
    assert (await tracked(world, look_up))["state"] == "resolved"
    assert world.rebuilt() == []


async def test_s25_the_eleventh_of_a_minute(world: World) -> None:
    """Ten from one address are taken, the next is answered 429 and when to come again."""
    world.at("2026-09-24 10:00")
    limits = world.client.app[LIMITS]
    limits.of_address = Rates(1, clock=lambda: 20.0)
    for number in range(10):
        await complain(world, facts=f"第{number}次")
    refused = await complain(world, 429)
    assert (refused["type"], refused["retry_after"]) == ("/problems/too-many-requests", "40")
    # The limit in all: another address waits for the rest of the minute too.
    limits.of_address = Rates(1000)
    limits._known_until = float("inf")
    limits.of_all = Rates(0, clock=lambda: 59.0, of="All addresses together")
    refused = await complain(world, 429)
    assert (refused["retry_after"], refused["detail"][:22]) == ("1", "All addresses together")
    # And of a day.
    limits.of_all = Rates(1000)
    await world.get("JB", "/v1/complaints")
    await world.send(
        "JB", "policies/adopt-policy-version",
        key="complaint.public_per_day", value=10, unit="count", effective_from="2026-09-24",
        source={"instrument": "新区决定"}, confidence="U",
    )  # fmt: skip
    await world.get("JB", "/v1/policies")
    refused = await complain(world, 429)
    assert "tomorrow" in refused["detail"]
    world.at("2026-09-25 00:00")
    await complain(world)


async def test_s25_what_the_door_refuses(world: World) -> None:
    """Too long, blank, of no unit, misspelt: nothing is recorded, and no key is made."""
    world.at("2026-09-24 10:00")
    head = world.recorder.head()
    vault = world.service.vault

    def keys() -> int:
        [(count,)] = vault._sqlite.execute("SELECT count(*) FROM keys").fetchall()
        return int(count)

    for said, pointer in (
        ({"facts": "字" * (MAX_FACTS // 3 + 1)}, "/facts"),
        ({"facts": " \n"}, "/facts"),
        ({"subject_unit": "NOBODY"}, "/subject_unit"),
        ({"contact": ""}, "/contact"),
        ({"unit": "MRB"}, "/unit"),
    ):
        refused = await complain(world, 400, **said)
        assert refused["pointer"] == pointer, refused
    await complain(world, 413, facts="x" * 70_000)
    response = await world.client.post(DOOR, data=b"{}", headers={"Content-Type": "text/plain"})
    assert response.status == 415
    assert (world.recorder.head(), keys()) == (head, 0)
    world.client.app[LIMITS].of_address = Rates(1000)
    long = "字" * (MAX_FACTS // 3)
    await complain(world, facts=long)
    [kept] = (await world.get("JB", "/v1/complaints"))["items"]
    assert (await opened(world, "JB", kept["facts_at"]))["facts"] == long


async def test_s25_the_same_request_again(world: World) -> None:
    """The same key and words give the same number; other words under a key are another's."""
    world.at("2026-09-24 10:00")
    key = {"Idempotency-Key": "1"}
    first = await complain(world, headers=key)
    head = world.recorder.head()
    assert (await complain(world, 200, headers=key))["tracking"] == first["tracking"]
    assert world.recorder.head() == head
    other = await complain(world, headers=key, facts="另一件事")
    assert other["tracking"] != first["tracking"]
    assert (await complain(world))["tracking"] not in {first["tracking"], other["tracking"]}
    # A token that is sent along is not looked at, and nobody's name is recorded.
    named = {"Authorization": f"Bearer {world.tokens['E-A']}"}
    await complain(world, headers=named, facts="带着令牌")
    received = [r for r in recorded(world) if r.envelope.type == "complaints.complaint-received"]
    assert {(r.envelope.actor.person_id, r.envelope.actor.role) for r in received} == {
        ("anonymous", "public")
    }


async def test_s25_the_last_complaint_of_a_day_again(world: World) -> None:
    """Its number is told again under its key; the day's limit is for other complaints."""
    world.at("2026-09-24 10:00")
    await world.send(
        "JB", "policies/adopt-policy-version",
        key="complaint.public_per_day", value=1, unit="count", effective_from="2026-09-24",
        source={"instrument": "新区决定"}, confidence="U",
    )  # fmt: skip
    await world.get("JB", "/v1/policies")
    key = {"Idempotency-Key": "1"}
    last = await complain(world, headers=key)
    await world.get("JB", "/v1/complaints")
    head = world.recorder.head()
    assert (await complain(world, 200, headers=key))["tracking"] == last["tracking"]
    await complain(world, 429, headers=key, facts="另一件事")
    await complain(world, 429, headers={"Idempotency-Key": "2"})
    assert world.recorder.head() == head


async def test_s25_against_the_justice_bureau(world: World) -> None:
    """Kept by the reconsideration office, whose officer accepts it; JB knows nothing of it."""
    world.at("2026-09-24 10:00")
    received = await complain(world, subject_unit="JB", contact="0931-8250001")
    [kept] = (await world.get("RECON", "/v1/complaints"))["items"]
    assert (kept["unit"], kept["subject_unit"]) == ("RECON", "JB")
    assert (await opened(world, "RECON", kept["facts_at"]))["facts"] == FACTS
    assert (await opened(world, "RECON", f"/v1/persons/{kept['contact']}"))[
        "contact"
    ] == "0931-8250001"
    await world.send("RECON", "complaints/accept-complaint", complaint=kept["complaint"])
    state = await tracked(world, received["look_up"])
    assert state["state"] == "accepted"
    assert state["due"][1] == {"step": "accept", "due_on": "2026-10-12", "done_on": "2026-09-24"}
    assert (await world.get("JB", "/v1/complaints"))["items"] == []
    page = await world.get("JB", "/v1/feed", limit=1000)
    assert not re.search(r"complaint-|person-registered", str(page["events"]))
    # That the office looked at it is told to nobody of the bureau either.
    looks = await world.get("JB", "/v1/access", limit=500)
    assert not re.search(r"/facts|/v1/persons|WEB-|psn-", str(looks))
    for path in (kept["facts_at"], f"/v1/persons/{kept['contact']}"):
        await world.hidden("JB", path, 404)


async def test_s25_without_a_published_telephone(world: World) -> None:
    """MRB reports each month and has a mailbox alone: CMP-V5, once; the public reads the rest."""
    world.at("2026-09-24")
    world.given(ReportingUnitEnrolled(unit="MRB", groups=(), since="2026-09"))
    phone = {
        "channel": "CH-MRB-2", "unit": "MRB", "kind": "phone", "address": "0931-8250000",
        "hours": "工作日 9:00—17:00",
    }  # fmt: skip
    mailbox = {**phone, "channel": "CH-MRB-1", "kind": "mailbox", "address": "ts@example.gov.cn"}
    await world.send("MRB head", "channels/publish-complaint-channel", **mailbox)
    assert [found for found in world.tick() if found[1].startswith("CMP")] == [
        ("FindingRaised", "CMP-V5")
    ]
    [found] = await world.findings(rule_id="CMP-V5")
    assert (found["unit"], found["facts"]) == ("MRB", {"kinds": ["phone"]})
    assert ("FindingRaised", "CMP-V5") not in world.tick()
    await world.send("MRB head", "channels/publish-complaint-channel", **phone)
    world.at("2026-10-12")
    await world.send("JB", "channels/report-channel-test", channel="CH-MRB-2", answered=True)
    listed = (await world.get("public", "/v1/complaint-channels", unit="MRB"))["items"]
    assert [(one["kind"], one["address"]) for one in listed] == [
        ("mailbox", "ts@example.gov.cn"), ("phone", "0931-8250000"),
    ]  # fmt: skip
    assert not any("tests" in one for one in listed)
    for day, open_then in (("2026-09-20", []), ("2026-10-12", ["CH-MRB-1", "CH-MRB-2"])):
        of_day = await world.get("public", "/v1/complaint-channels", unit="MRB", valid_as_of=day)
        assert [one["channel"] for one in of_day["items"]] == open_then
    world.at("2026-12-24")
    assert ("FindingRaised", "CMP-V4") in world.tick()
    [untested] = await world.findings(rule_id="CMP-V4")
    assert untested["facts"] == {
        "channel": "CH-MRB-1", "counted_from": "2026-09-24", "due_on": "2026-12-23",
    }  # fmt: skip


async def test_s25_nothing_gives_the_complaint_away(world: World, tmp_path: Path) -> None:
    """Until it is told, the unit accused is answered as if there were no complaint."""
    world.at("2026-09-24 10:00")
    before = world.recorder.head()
    await complain(world)
    world.client.app[LIMITS].of_address = Rates(1000)
    await complain(world, subject_unit="JB")
    hidden = world.recorder.head() - before
    await world.given_matter("M-901", listed="2026-09-28", published="2026-09-29")
    facts = recorded(world)
    base, secret, tail = facts[:before], facts[before : before + hidden], facts[before + hidden :]
    resources = (*RESOURCES, *views.RESOURCES, *persons.RESOURCES, *publicdoor.RESOURCES)
    asked = list(urls(resources, facts))
    ranks = Ranks(before, hidden, len(tail), 0)
    async with (
        Shelf(tmp_path, "without", [*base, *tail]) as without,
        Shelf(tmp_path, "beside", facts) as beside,
    ):
        for who in ("officer", "coordinator"):
            for url in asked:
                one, other = await answer(without, who, url), await answer(beside, who, url)
                assert one.status == other.status, url
                assert ranks.same(one.text, other.text), url
    assert {r.envelope.type for r in secret} == {
        "complaints.complaint-received",
        "complaints.complainant-named",
        "persons.person-registered",
    }
