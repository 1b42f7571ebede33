"""What a partner's system reads: what its subscriptions cover, and every notice to remove."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ledger.kernel import Event
from ledger.systems.credit.events import PublicityTerminated
from ledger.systems.sharing.events import RemovalNotified
from tests.cast import E_B, E_C
from tests.scenarios.test_s15_repair import SUBSCRIBE
from tests.scenarios.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two businesses with a record each in publicity; nobody subscribes yet."""
    async with World(tmp_path, "2026-04-14") as world:
        await world.given_record("CR-1", E_C, "2026-04-15")
        await world.given_record("CR-2", E_B, "2026-04-16", who="EMB head")
        yield world


def notice(subscription: str, unit: str, record: str = "CR-1") -> Event:
    """A notice to remove a record."""
    return RemovalNotified(
        removal=f"RMV-{subscription}-{record}",
        subscription=subscription,
        unit=unit,
        entity=E_C,
        record=record,
        determined_by="MRB",
        reason="repaired",
        ended_on=date(2026, 4, 20),
    )


async def read(world: World, who: str, **query: Any) -> list[str]:
    """What somebody reads of records: types, each with its record."""
    # The feed goes by the view of subscriptions.
    await world.get("EDB", "/v1/sharing/subscriptions")
    page = await world.get(who, "/v1/feed", limit=1000, **query)
    kinds = ("credit.", "sharing.", "commitments.")
    return [
        f"{event['type'].partition('.')[2]} {event['data'].get('record', '-')}"
        for event in page["events"]
        if event["type"].startswith(kinds)
    ]


async def test_without_a_subscription_a_partner_reads_what_is_public(world: World) -> None:
    """No purpose, no records (SHR-R1); the public part it reads as everybody does."""
    assert await read(world, "BANK") == []
    page = await world.get("BANK", "/v1/feed", limit=1000)
    assert {event["visibility"] for event in page["events"]} == {"public"}
    assert len(page["events"]) > 50


async def test_filters_say_what_of_the_shared_a_partner_reads(world: World) -> None:
    """Of all subscriptions that live, and none of a neighbour's; those that ended give nothing."""
    body = {**SUBSCRIBE, "filters": {"types": ["credit.*"], "entities": [E_C]}}
    await world.send("BANK", "sharing/subscribe-feed", **body)
    of_c = ["credit-record-entered CR-1", "publicity-started CR-1"]
    assert await read(world, "BANK") == of_c
    assert await read(world, "RAIL") == []
    both = {**SUBSCRIBE, "subscription": "SUB-2", "filters": {"units": ["EMB"]}}
    await world.send("BANK", "sharing/subscribe-feed", **both)
    of_b = ["credit-record-entered CR-2", "publicity-started CR-2"]
    assert await read(world, "BANK") == of_c + of_b
    # A request may ask for less, and for no more.
    assert await read(world, "BANK", type="credit.publicity-started") == [of_c[1], of_b[1]]
    assert await read(world, "BANK", subject=f"entity:{E_B}") == of_b
    await world.send("BANK", "sharing/unsubscribe-feed", subscription="SUB-1", reason="业务终止")
    assert await read(world, "BANK") == of_b


async def test_who_reads_a_decision_reads_that_its_record_ended(world: World) -> None:
    """Though the filters ask for nothing of credit."""
    filters = {"types": ["penalties.decision-published"], "entities": [E_C]}
    await world.send("BANK", "sharing/subscribe-feed", **{**SUBSCRIBE, "filters": filters})
    end = {"reason": "max_reached", "terminated_on": date(2026, 4, 20)}
    for record, entity in (("CR-1", E_C), ("CR-2", E_B)):
        world.given(PublicityTerminated(record=record, entity=entity, unit="MRB", **end))
    assert await read(world, "BANK") == ["publicity-terminated CR-1"]


async def test_no_filter_keeps_a_notice_away(world: World) -> None:
    """Neither the subscription's, nor the request's, nor the end of the subscription."""
    body = {**SUBSCRIBE, "filters": {"types": ["grading.*"]}}
    await world.send("BANK", "sharing/subscribe-feed", **body)
    world.given(notice("SUB-1", "BANK"), notice("SUB-9", "RAIL"))
    for query in (
        {},
        {"type": "policies.policy-version-adopted"},
        {"subject": "unit:EMB"},
        {"type": "credit.*", "subject": f"entity:{E_B}"},
        {"type": "nothing.at-all", "subject": f"entity:{E_B}"},
    ):
        assert await read(world, "BANK", **query) == ["removal-notified CR-1"], query
    await world.send("EDB", "sharing/unsubscribe-feed", subscription="SUB-1", reason="到期")
    assert await read(world, "BANK", type="policies.*") == ["removal-notified CR-1"]
    # It is nobody else's; who supervises and whose record it was read it too.
    assert await read(world, "RAIL") == []
    assert await read(world, "EEB head", type="sharing.*") == []
    assert (
        await read(world, "MRB head", type="sharing.removal-notified")
        == ["removal-notified CR-1"] * 2
    )


async def test_a_notice_reaches_a_stream_at_once(world: World) -> None:
    """Whatever the stream was opened for."""
    body = {**SUBSCRIBE, "filters": {"types": ["grading.*"]}}
    await world.send("BANK", "sharing/subscribe-feed", **body)
    await world.get("EDB", "/v1/sharing/subscriptions")
    headers = {"Authorization": f"Bearer {world.tokens['BANK']}", "Accept": "text/event-stream"}
    path = f"/v1/feed?type=grading.*&after={world.recorder.head()}"
    async with world.client.get(path, headers=headers) as answer, asyncio.timeout(60):
        world.given(notice("SUB-9", "RAIL"), notice("SUB-1", "BANK"))
        async for raw in answer.content:
            if raw.startswith(b"data: "):
                event = json.loads(raw[6:])
                break
    assert (event["type"], event["data"]["subscription"]) == ("sharing.removal-notified", "SUB-1")


async def test_a_stream_ends_when_its_subscriptions_change(quick_beats: None, world: World) -> None:
    """The client resumes and reads by what holds now."""
    await world.send("BANK", "sharing/subscribe-feed", **SUBSCRIBE)
    await world.get("EDB", "/v1/sharing/subscriptions")
    headers = {"Authorization": f"Bearer {world.tokens['BANK']}", "Accept": "text/event-stream"}
    path = f"/v1/feed?after={world.recorder.head()}"
    async with world.client.get(path, headers=headers) as answer, asyncio.timeout(60):
        await asyncio.sleep(0.3)
        assert not answer.content.at_eof()
        await world.send("EDB", "sharing/unsubscribe-feed", subscription="SUB-1", reason="到期")
        await answer.read()


async def test_lists_are_for_whom_they_concern(world: World) -> None:
    """A partner its own, a unit what it determined, a business what is about it."""
    await world.send("BANK", "sharing/subscribe-feed", **SUBSCRIBE)
    world.given(notice("SUB-1", "BANK"), notice("SUB-9", "RAIL"))
    removals = "/v1/sharing/removals"
    seen = {
        who: [one["removal"] for one in (await world.get(who, removals))["items"]]
        for who in ("EDB", "BANK", "RAIL", "MRB head", "EMB head", "E-C", "E-B")
    }
    both = ["RMV-SUB-1-CR-1", "RMV-SUB-9-CR-1"]
    assert seen == {
        "EDB": both,
        "BANK": both[:1],
        "RAIL": both[1:],
        "MRB head": both,
        "EMB head": [],
        "E-C": both,
        "E-B": [],
    }
    [open_one] = (await world.get("EDB", removals, done="false", unit="BANK"))["items"]
    assert (open_one["record"], open_one["determined_by"]) == ("CR-1", "MRB")
    assert await world.status("RAIL", f"{removals}/RMV-SUB-1-CR-1") == 404
    assert await world.status("BANK", f"{removals}/RMV-SUB-1-CR-1") == 200
    subscriptions = "/v1/sharing/subscriptions"
    assert [one["subscription"] for one in (await world.get("BANK", subscriptions))["items"]] == [
        "SUB-1"
    ]
    assert (await world.get("RAIL", subscriptions))["items"] == []
    assert (await world.get("MRB head", subscriptions))["items"] == []
    assert await world.status("E-C", subscriptions) == 403
    [owing] = (await world.get("EDB", subscriptions, owing="true", live="true"))["items"]
    assert list(owing["owed"]) == ["RMV-SUB-1-CR-1"]
