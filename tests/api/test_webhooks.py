"""Webhooks: signed messages to a subscriber's address, in order, at least once, and no further."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from api.webhooks.delivery import Schedule
from api.webhooks.targets import Targets
from ledger.systems.credit.events import PublicityTerminated
from ledger.systems.sharing.events import RemovalNotified
from tests.cast import E_B, E_C
from tests.scenarios.test_s15_repair import SUBSCRIBE
from tests.scenarios.world import World

LOOPBACK = Targets([ip_network("127.0.0.0/8")])
QUICK = Schedule(first=0.02, longest=0.05, park_after=3)


class Receiver:
    """A partner's server: keeps what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self.answer: Callable[[dict[str, Any]], web.Response] = lambda _: web.Response(status=204)
        app = web.Application()
        app.router.add_post("/hook", self._take)
        self.server = TestServer(app)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.text()
        message = json.loads(body)
        answer = self.answer(message)
        self.bodies.append(body)
        self.headers.append({key.lower(): value for key, value in request.headers.items()})
        self.got.append(message)
        return answer

    @property
    def address(self) -> str:
        return str(self.server.make_url("/hook"))

    def positions(self) -> list[int]:
        return [message["position"] for message in self.got if "position" in message]

    def types(self) -> list[str]:
        return [message["type"] for message in self.got]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not done():
                await asyncio.sleep(0.02)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.server.start_server()
    yield receiver
    await receiver.server.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two businesses with a record each, and a bank that has subscribed to one of them."""
    async with World(tmp_path, "2026-04-14", targets=LOOPBACK, schedule=QUICK) as world:
        await world.given_record("CR-1", E_C, "2026-04-15")
        await world.given_record("CR-2", E_B, "2026-04-16", who="EMB head")
        await world.send("BANK", "sharing/subscribe-feed", **BODY)
        yield world


BODY = {**SUBSCRIBE, "filters": {"types": ["credit.*"], "entities": [E_C]}}


def notice(removal: str = "RMV-1", record: str = "CR-1") -> RemovalNotified:
    return RemovalNotified(
        removal=removal,
        subscription="SUB-1",
        unit="BANK",
        entity=E_C,
        record=record,
        determined_by="MRB",
        reason="repaired",
        ended_on=date(2026, 4, 20),
    )


async def hooked(world: World, receiver: Receiver, after: int | None = 0, **more: Any) -> str:
    """Register a webhook, and return its secret."""
    body = {"webhook": "WH-1", "subscription": "SUB-1", "address": receiver.address, **more}
    if after is not None:
        body["after"] = after
    await world.send("BANK", "sharing/register-webhook", **body)
    made = await world.send("BANK", "sharing/make-webhook-secret", webhook="WH-1")
    return str(made["secret"])


async def fed(world: World, **query: Any) -> list[dict[str, Any]]:
    await world.get("EDB", "/v1/sharing/subscriptions")
    page = await world.get("BANK", "/v1/feed", limit=1000, **query)
    return list(page["events"])


async def deliveries(world: World) -> dict[str, Any]:
    answer: dict[str, Any] = await world.get("BANK", "/v1/sharing/webhooks/WH-1/deliveries")
    return answer


async def test_a_webhook_gets_what_the_feed_shows_its_subscriber(
    world: World, receiver: Receiver
) -> None:
    """The same bytes in the same order, each signed; nothing of a neighbour's."""
    secret = await hooked(world, receiver)
    await receiver.until(lambda: len(receiver.got) >= 2)
    events = await fed(world, type="credit.*")
    assert receiver.got == events
    assert receiver.types() == ["credit.credit-record-entered", "credit.publicity-started"]
    for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
        Webhook(secret).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body.replace("CR-1", "CR-2"), headers)
    assert [h["webhook-id"] for h in receiver.headers] == [
        f"msg_WH-1_{event['position']}" for event in events
    ]
    shown = await deliveries(world)
    assert [a["outcome"] for a in shown["attempts"]] == ["delivered", "delivered"]
    assert secret not in json.dumps(shown)
