"""Webhooks: signed messages to a subscriber's address, in order, at least once, and no further."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from api.webhooks import delivery
from api.webhooks.delivery import Schedule
from api.webhooks.outbox import Receipt
from api.webhooks.targets import Targets
from ledger.stores import StoreError
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
            while not done():  # noqa: ASYNC110 - also of what is in a file
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
        f"msg_WH-1_{event['id']}" for event in events
    ]
    shown = await deliveries(world)
    assert [a["outcome"] for a in shown["attempts"]] == ["delivered", "delivered"]
    assert secret not in json.dumps(shown)


async def test_a_refused_message_is_parked_and_repeated_by_command(
    world: World, receiver: Receiver
) -> None:
    """Poison stops neither the next message nor a notice; repeated, it bears its old id."""
    poison = {"credit.credit-record-entered"}
    receiver.answer = lambda m: web.Response(status=400 if m["type"] in poison else 200)
    await hooked(world, receiver)
    await receiver.until(lambda: len(receiver.got) >= 4)
    assert receiver.types() == ["credit.credit-record-entered"] * 3 + ["credit.publicity-started"]
    assert len({h["webhook-id"] for h in receiver.headers[:3]}) == 1
    [parked] = (await deliveries(world))["parked"]
    assert (parked["type"], parked["attempts"]) == ("credit.credit-record-entered", 3)
    poison.clear()
    await world.send(
        "BANK",
        "sharing/repeat-deliveries",
        webhook="WH-1",
        first=parked["position"],
        last=parked["position"],
    )
    await receiver.until(lambda: len(receiver.got) >= 5)
    assert receiver.headers[4]["webhook-id"] == receiver.headers[0]["webhook-id"]
    assert receiver.got[4] == receiver.got[0]
    assert (await deliveries(world))["parked"] == []


async def test_a_busy_receiver_gets_everything_in_order(world: World, receiver: Receiver) -> None:
    """Whatever it answers in between, no message overtakes another, and none is parked."""
    answers = iter([503, 429, 504, 200, 502, 503, 503, 503, 503, 200])
    receiver.answer = lambda m: web.Response(status=next(answers, 200))
    await hooked(world, receiver)
    await receiver.until(lambda: len(receiver.got) >= 10)
    first, second = (event["position"] for event in await fed(world, type="credit.*"))
    assert receiver.positions() == [first] * 4 + [second] * 6
    shown = await deliveries(world)
    assert (shown["parked"], shown["failures"]) == ([], 0)
    assert [a["outcome"] for a in shown["attempts"]].count("unreachable") == 8


async def test_only_refusals_of_the_same_message_park_it(world: World, receiver: Receiver) -> None:
    """Neither those when the receiver was busy count, nor those of a message that is withheld."""
    answers = iter([503, 503, 503, 500, 200, 500, 500, 500, 200, 200])

    def answer(_: dict[str, Any]) -> web.Response:
        if len(receiver.got) == 6:  # the second message is withheld before its third attempt
            world.service.webhooks._hooks["WH-1"].removed["CR-1"] = world.recorder.head()
        return web.Response(status=next(answers))

    receiver.answer = answer
    await world.given_record("CR-3", E_C, "2026-04-18")
    await hooked(world, receiver)
    await receiver.until(lambda: len(receiver.got) >= 10)
    first, second, third, fourth = (e["position"] for e in await fed(world, type="credit.*"))
    assert receiver.positions() == [first] * 5 + [second] * 2 + [third] * 2 + [fourth]
    assert (await deliveries(world))["parked"] == []


async def test_a_receiver_that_is_gone_is_asked_no_more_until_it_is_moved(
    world: World, receiver: Receiver
) -> None:
    """410 stops a webhook; the same address again resumes it."""
    gone = [True]
    receiver.answer = lambda m: web.Response(status=410 if gone[0] else 200)
    await hooked(world, receiver)
    await receiver.until(lambda: receiver.got)
    await receiver.until(lambda: world.service.webhooks.outbox.cursor("WH-1", 0).stopped_at)
    gone.clear()
    gone.append(False)
    assert len(receiver.got) == 1
    await world.send("BANK", "sharing/move-webhook", webhook="WH-1", address=receiver.address)
    await receiver.until(lambda: len(receiver.got) >= 3)
    assert (await deliveries(world))["stopped_at"] is None


async def test_secrets_overlap_and_end(world: World, receiver: Receiver) -> None:
    """Both sign after a rotation, then only the new one; none is shown again."""
    old = await hooked(world, receiver, after=None)
    made = await world.send("EDB", "sharing/make-webhook-secret", webhook="WH-1", overlap_hours=2)
    new = made["secret"]
    sent = await world.send("BANK", "sharing/test-webhook", 200, webhook="WH-1")
    assert (sent["outcome"], sent["status"], sent["position"]) == ("delivered", 204, 0)
    for secret in (old, new):
        Webhook(secret).verify(receiver.bodies[-1], receiver.headers[-1])
    world.at("2026-04-20")
    await world.send("BANK", "sharing/test-webhook", 200, webhook="WH-1")
    Webhook(new).verify(receiver.bodies[-1], receiver.headers[-1])
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(receiver.bodies[-1], receiver.headers[-1])
    stored = b"".join(e.event.data for e in world.recorder.read())
    for secret in (old, new):
        assert secret.removeprefix("whsec_").encode() not in stored
    assert (await deliveries(world))["secrets"] == [made["secret_id"]]
    await world.send("BANK", "sharing/end-webhook", webhook="WH-1", reason="停用")
    await world.send("BANK", "sharing/test-webhook", 404, webhook="WH-9")
    await world.send("RAIL", "sharing/make-webhook-secret", 422, webhook="WH-1")
    await world.send("MRB head", "sharing/make-webhook-secret", 403, webhook="WH-1")


async def test_a_subscription_has_few_webhooks(world: World, receiver: Receiver) -> None:
    """So that one subscriber cannot fill the service with them; an ended one makes room."""
    body = {"subscription": "SUB-1", "address": receiver.address}
    for number in range(10):
        await world.send("BANK", "sharing/register-webhook", **body, webhook=f"WH-{number}")
    await world.send("BANK", "sharing/register-webhook", 409, **body, webhook="WH-X")
    await world.send("BANK", "sharing/end-webhook", webhook="WH-3", reason="停用")
    await world.send("BANK", "sharing/register-webhook", **body, webhook="WH-X")


async def test_SHR_R2_no_webhook_for_sealed_types(world: World, receiver: Receiver) -> None:
    body = {"webhook": "WH-1", "subscription": "SUB-1", "address": receiver.address}
    await world.refused(
        "SHR-R2", "BANK", "sharing/register-webhook", **body, types=["complaints.*"]
    )


async def test_REP_V2_a_signed_answer_confirms_a_removal(world: World, receiver: Receiver) -> None:
    """The notice passes the filters, the signed answer is recorded; the account tells the rest."""
    secrets: list[str] = []

    def answer(message: dict[str, Any]) -> web.Response:
        if message["type"] != "sharing.removal-notified" or not secrets:
            return web.Response()
        removal = message["data"]["removal"]
        name = f"msg_WH-1_{message['id']}"
        day = "2026-04-19" if removal == "RMV-3" else "2026-04-20"
        body = json.dumps({"removal": removal, "removed_on": day})
        moment = datetime.now(UTC)
        signature = Webhook(secrets[0]).sign(name, moment, body)
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        }
        if removal == "RMV-2":
            body = body.replace("04-20", "04-21")
        return web.Response(text=body, headers=headers)

    receiver.answer = answer
    secrets.append(await hooked(world, receiver, types=["credit.publicity-started"]))
    await receiver.until(lambda: len(receiver.got) == 1)
    world.at("2026-04-20")
    ended = PublicityTerminated(
        record="CR-1", entity=E_C, unit="MRB", reason="repaired", terminated_on=date(2026, 4, 20)
    )
    world.given(ended, notice("RMV-1"), notice("RMV-2"), notice("RMV-3"))
    head = world.recorder.head()
    # The end is sent too: a receiver of the record must learn that it ended.
    await receiver.until(lambda: len(receiver.got) == 5)
    await receiver.until(lambda: world.service.webhooks.outbox.cursor("WH-1", 0).position >= head)
    account = await world.get("EDB", "/v1/repair/records/CR-1/removals")
    assert account["ended"] == {"on": "2026-04-20", "reason": "repaired"}
    first, second, third = account["recipients"]
    assert (first["state"], first["acknowledged_by"]) == ("confirmed", "signed_answer")
    # The second answer was altered on its way: nothing is recorded.
    assert (second["state"], account["complete"]) == ("waiting", False)
    # The third one is of a day before the notice: it is shown that nothing was recorded of it.
    assert third["state"] == "waiting"
    assert [r["way"] for r in first["record_received"]] == ["webhook"]
    assert [r["way"] for r in second["notice_received"]] == ["webhook"]
    said = [a["acknowledgement"] for a in (await deliveries(world))["attempts"]]
    assert sorted(filter(None, said)) == ["accepted", "not_recorded", "not_valid"]
    # Its own token confirms the other one; the day after its last day would have been a finding.
    for removal in ("RMV-2", "RMV-3"):
        await world.send(
            "BANK", "sharing/acknowledge-removal", removal=removal, removed_on="2026-04-20"
        )
    account = await world.get("MRB head", "/v1/repair/records/CR-1/removals")
    assert [r["acknowledged_by"] for r in account["recipients"]] == [
        "signed_answer",
        "own_token",
        "own_token",
    ]
    assert (account["complete"], account["confirmed"]) == (True, 3)
    assert await world.status("EMB head", "/v1/repair/records/CR-1/removals") == 404
    assert await world.status("RAIL", "/v1/repair/records/CR-1/removals") == 403


async def test_REP_V2_the_account_says_who_is_late(world: World, receiver: Receiver) -> None:
    """Who read the record in the feed and stays silent is overdue, with its finding; SHR-V1 too."""
    await fed(world)
    world.at("2026-04-20")
    ended = PublicityTerminated(
        record="CR-1", entity=E_C, unit="MRB", reason="repaired", terminated_on=date(2026, 4, 20)
    )
    world.given(ended, notice())
    asked = "/v1/sharing/records/CR-1"
    assert (await world.get("BANK", asked))["ended_on"] == "2026-04-20"
    await world.send(
        "EDB",
        "sharing/report-record-use",
        record="CR-1",
        entity=E_C,
        unit="BANK",
        used_on="2026-04-20",
        used_for="授信审批",
    )
    account = await world.get("EDB", "/v1/repair/records/CR-1/removals")
    [recipient] = account["recipients"]
    assert recipient["state"] == "waiting"
    async with asyncio.timeout(10):
        while not recipient.get("record_received"):
            await asyncio.sleep(0.1)
            account = await world.get("EDB", "/v1/repair/records/CR-1/removals")
            [recipient] = account["recipients"]
    assert [r["way"] for r in recipient["record_received"]] == ["feed"]
    due = date.fromisoformat(recipient["due_on"])
    world.at((due + timedelta(days=1)).isoformat())
    world.service.clock.tick()
    account = await world.get("EDB", "/v1/repair/records/CR-1/removals")
    [recipient] = account["recipients"]
    assert (recipient["state"], account["overdue"], account["complete"]) == ("overdue", 1, False)
    [late] = await world.findings(rule_id="REP-V2")
    assert recipient["findings"] == [late["finding"]]
    [used] = await world.findings(rule_id="SHR-V1")
    assert account["uses_after_end"] == [used["finding"]]
    # A unit sees the account of its record, but not findings about others.
    account = await world.get("MRB head", "/v1/repair/records/CR-1/removals")
    assert account["recipients"][0]["findings"] == account["uses_after_end"] == []


async def test_receipts_of_the_feed_outlive_an_error(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that could not be queued is noted when the feed is read again; one that failed, soon."""
    outbox = world.service.webhooks.outbox
    keep, failed = outbox.receive, list[bool]()

    def receive(receipts: Iterable[Receipt]) -> None:
        if not failed:
            failed.append(True)
            raise StoreError("disk full")
        keep(receipts)

    monkeypatch.setattr(outbox, "receive", receive)
    monkeypatch.setattr(delivery, "MOST_READS", 0)
    await fed(world)
    monkeypatch.undo()
    monkeypatch.setattr(outbox, "receive", receive)
    await fed(world)
    await receiver.until(lambda: outbox.received(["record:CR-1"]))
    assert failed


async def test_a_recipient_asks_whether_a_record_may_still_be_used(world: World) -> None:
    """Shared, ended, or the answer for one that does not exist."""
    asked = "/v1/sharing/records"
    assert await world.get("BANK", f"{asked}/CR-1") == {"record": "CR-1", "state": "shared"}
    assert await world.status("BANK", f"{asked}/CR-2") == 404
    assert await world.status("BANK", f"{asked}/CR-9") == 404
    assert await world.status("RAIL", f"{asked}/CR-1") == 404
    assert await world.status("EDB", f"{asked}/CR-1") == 403


async def test_nothing_of_a_record_is_sent_after_its_removal(
    world: World, receiver: Receiver
) -> None:
    """Neither from the backlog, nor by a repetition; what ended it is sent."""
    world.at("2026-04-20")
    world.given(notice())
    await hooked(world, receiver)
    await receiver.until(lambda: receiver.got)
    last = world.recorder.head()
    await world.send("BANK", "sharing/repeat-deliveries", webhook="WH-1", first=1, last=last)
    await receiver.until(lambda: len(receiver.got) >= 2)
    assert receiver.types() == ["sharing.removal-notified"] * 2


async def test_an_ended_subscription_brings_its_notices_alone(
    world: World, receiver: Receiver
) -> None:
    await hooked(world, receiver, after=None)
    await world.send("BANK", "sharing/unsubscribe-feed", subscription="SUB-1", reason="业务终止")
    await world.given_record("CR-3", E_C, "2026-04-18")
    world.given(notice())
    await receiver.until(lambda: receiver.got)
    assert receiver.types() == ["sharing.removal-notified"]


async def test_a_slow_receiver_costs_the_others_nothing(world: World, receiver: Receiver) -> None:
    slow = Receiver()
    pause = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await pause.wait()
        return web.Response()

    slow.server.app.router.add_post("/slow", hang)
    await slow.server.start_server()
    try:
        body = {"webhook": "WH-0", "subscription": "SUB-1", "after": 0}
        address = str(slow.server.make_url("/slow"))
        await world.send("BANK", "sharing/register-webhook", **body, address=address)
        await world.send("BANK", "sharing/make-webhook-secret", webhook="WH-0")
        await asyncio.sleep(0.5)
        await hooked(world, receiver)
        await receiver.until(lambda: len(receiver.got) == 2)
    finally:
        pause.set()
        await slow.server.close()


async def test_a_slow_name_server_costs_the_others_nothing(
    world: World, receiver: Receiver
) -> None:
    """Names are resolved in the threads of the loop; with all of them busy, messages are sent."""
    loop, pause = world.service.webhooks._loop, threading.Event()
    assert loop is not None
    for _ in range(64):
        loop.call_soon_threadsafe(lambda: loop.run_in_executor(None, pause.wait))
    try:
        await hooked(world, receiver)
        await receiver.until(lambda: len(receiver.got) == 2)
    finally:
        pause.set()


async def test_redirects_and_long_answers_lead_nowhere(world: World, receiver: Receiver) -> None:
    other = Receiver()
    await other.server.start_server()
    receiver.answer = lambda m: web.Response(status=307, headers={"Location": other.address})
    try:
        await hooked(world, receiver, after=None)
        sent = await world.send("BANK", "sharing/test-webhook", 200, webhook="WH-1")
        assert (sent["outcome"], sent["status"], other.got) == ("refused", 307, [])
        receiver.answer = lambda m: web.Response(body=b"x" * 10_000_000)
        sent = await world.send("BANK", "sharing/test-webhook", 200, webhook="WH-1")
        assert sent["outcome"] == "delivered"
    finally:
        await other.server.close()


async def test_without_a_lease_nothing_is_sent(world: World, receiver: Receiver) -> None:
    """Another process of the ledger sends; once this one holds the lease, it does."""

    ours = False
    world.service.webhooks._turn = lambda: ours
    await hooked(world, receiver)
    await asyncio.sleep(0.6)
    assert receiver.got == []
    ours = True
    await receiver.until(lambda: len(receiver.got) == 2)


async def test_a_cursor_beyond_the_head_is_set_back(world: World, receiver: Receiver) -> None:
    """After an older backup was restored, nothing that is recorded from then on is passed over."""
    world.service.webhooks.outbox.move("WH-1", world.recorder.head() + 1000)
    await hooked(world, receiver, after=None)
    await asyncio.sleep(0.6)
    world.given(notice())
    await receiver.until(lambda: receiver.got)
    assert receiver.types() == ["sharing.removal-notified"]
