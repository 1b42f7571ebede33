"""The inbox as its readers see it: commands, days and reasons, pages, and whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.general.countersigning import ApprovalRequested
from tests.cast import E_A, E_B
from tests.scenarios.world import PEOPLE, World

#: Everybody with an inbox.
READERS = [who for who, (_, _, role, _) in PEOPLE.items() if role != "public"]


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with World(tmp_path) as world:
        await world.given_region()
        yield world


async def test_an_item_says_what_comes_next_by_when_and_why(world: World) -> None:
    """An item carries the command with its addresses and fields, and its day with the reason."""
    await world.given_matter("M-101")
    world.at("2026-01-15")
    await world.send(
        "MRB head",
        "filing/approve-annual-plan",
        plan="P-1",
        unit="MRB",
        year=2026,
        items=[world.item("M-101", [3])],
    )
    [item] = await waiting(world, "MRB legal", "filing.plan-to-file")
    assert (item["subject"], item["link"], item["since"]) == (
        "plan:P-1",
        "/v1/plans/P-1",
        "2026-01-15",
    )
    [command] = item["commands"]
    assert command == {
        "command": "filing/file-annual-plan",
        "url": "/v1/filing/file-annual-plan",
        "schema": "/v1/openapi.json#/components/schemas/FileAnnualPlan",
        "prefilled": {"plan": "P-1", "unit": "MRB"},
    }
    assert item["due_on"] == "2026-01-22"
    assert item["due_by"]["policy_key"] == "filing.plan_wd"
    assert item["law"]
    await world.get("MRB legal", item["link"])
    assert item["says"].isascii(), "the language of the reader alone"
    chinese = await world.client.get(
        "/v1/inbox",
        headers={
            "Authorization": f"Bearer {world.tokens['MRB legal']}",
            "Accept-Language": "zh-CN",
        },
    )
    assert chinese.headers["Content-Language"] == "zh"
    [said] = [i["says"] for i in (await chinese.json())["items"] if i["item"] == item["item"]]
    assert not said.isascii()
    assert ": " not in said
    description = await (await world.client.get("/v1/openapi.json")).json()
    assert command["url"] in description["paths"]
    assert command["schema"].rpartition("/")[2] in description["components"]["schemas"]
    world.at("2026-01-23")
    [item] = await waiting(world, "MRB head", "filing.plan-to-file")
    assert item["overdue"]
    assert await waiting(world, "EEB head", "filing.plan-to-file") == []


async def test_a_sealed_complaint_is_in_its_handlers_inbox_alone(world: World) -> None:
    """Nobody but the body that handles a complaint finds anything about it in the inbox."""
    world.at("2026-09-24")
    before = {who: await world.inbox(who) for who in READERS}
    await world.send(
        "E-A",
        "complaints/receive-complaint",
        complaint="C-1",
        entity=E_A,
        channel="web",
        subject_unit="MRB",
        facts="来了两个人",
        anonymous=False,
        handled_by="PARK",
    )
    changed = {who for who in READERS if await world.inbox(who) != before[who]}
    handling = {"PARK head", "PARK legal", "PARK committee", "park"}
    assert changed == handling, changed ^ handling
    [item] = await waiting(world, "PARK committee", "complaints.complaint-to-acknowledge")
    assert item["due_on"] == "2026-09-28"


async def test_nobody_is_asked_to_approve_their_own_request(world: World) -> None:
    """What one person requested waits for a second one, and not for the first."""
    world.at("2026-03-02")
    approval = await world.request(
        "EDB",
        "grading/override-grade",
        entity=E_B,
        scheme="国市监信发〔2022〕6号",
        grade="A",
        factors=[{"kind": "external_assessment", "says": "复核"}],
        override_reason="复核后上调",
    )
    assert await waiting(world, "EDB", "approvals.request-to-answer") == []
    [item] = await waiting(world, "EDB second", "approvals.request-to-answer")
    assert item["commands"][0]["prefilled"] == {"approval": approval}


async def test_pages_follow_one_another_without_a_gap(world: World) -> None:
    """Pages in the order in which things began to wait hold each item once."""
    for number in range(5):
        world.at(f"2026-01-{10 + number}")
        await world.given_matter(f"M-{number}", listed=f"2026-01-{10 + number}", published=None)
    whole = [item["item"] for item in await world.inbox("MRB head")]
    paged: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        items = (await world.get("MRB head", "/v1/inbox", **query))["items"]
        paged += [item["item"] for item in items]
        if len(items) < 2:
            break
        query["after"] = items[-1]["item"]
    assert paged == whole
    assert len(whole) == 5
    for after in ("x", "7", "1" * 5_000 + "|filing.plan-to-file|plan:P-1"):
        response = await world.client.get(
            "/v1/inbox",
            params={"after": after},
            headers={"Authorization": f"Bearer {world.tokens['MRB head']}"},
        )
        assert response.status == 400, after[:20]


async def test_only_who_answers_something_has_an_inbox(world: World) -> None:
    """Without a token there is no inbox, and the public's token has none."""
    await world.hidden("", "/v1/inbox", 401)
    await world.hidden("public", "/v1/inbox", 403)


async def waiting(world: World, who: str, row: str) -> list[dict[str, Any]]:
    """The items of one kind that wait for somebody."""
    return list((await world.get(who, "/v1/inbox", waits=row))["items"])


async def test_what_the_rule_of_law_office_proposes_waits_for_the_bureau(world: World) -> None:
    """JB issues the document from its inbox; the unit reads the document and no proposal."""
    world.at("2026-03-02")
    body = {"kind": "notice", "unit": "MRB", "demands": ["说明情况"], "reason": "两次未备案"}
    await world.send("RLO", "supervision/propose-supervision-doc", proposal="PRO-1", **body)
    await world.send(
        "JB", "supervision/propose-supervision-doc", expect=403, proposal="PRO-2", **body
    )
    before = await world.inbox("MRB head")
    [item] = await waiting(world, "JB", "supervision.proposal-to-decide")
    issue, decline = item["commands"]
    assert decline["prefilled"] == {"proposal": "PRO-1"}
    sent = {**issue["prefilled"], "document": "SD-1", "doc_no": "兰新司监〔2026〕1号"}
    assert sent["demands"] == ["说明情况"]
    await world.get("RLO", item["link"])
    await world.hidden("MRB head", item["link"], 403)
    await world.send("JB", issue["command"], **sent)
    assert await waiting(world, "JB", "supervision.proposal-to-decide") == []
    followed = await world.get("RLO", item["link"])
    assert (followed["stage"], followed["document"]) == ("followed", "SD-1")
    after = await world.inbox("MRB head")
    assert [i["waits"] for i in after if i not in before] == ["supervision.document-to-answer"]


async def test_what_is_kept_from_an_office_is_in_none_of_its_trays(world: World) -> None:
    """An office's tray is the region's; a request that is withheld from its unit is not shown."""
    world.at("2026-03-02")
    for approval, withheld in (("APR-1", ("EDB",)), ("APR-2", ())):
        world.given(
            ApprovalRequested(
                approval=approval,
                command="grading.override-grade",
                body={},
                withheld_from=withheld,
            )
        )
    items = await waiting(world, "EDB", "approvals.request-to-answer")
    assert [item["subject"] for item in items] == ["approval:APR-2"]
