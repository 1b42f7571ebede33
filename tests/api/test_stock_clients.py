"""The feed as clients read it that others wrote, from a process that serves it.

Each of them hands on every block of the stream in its own way: none may meet one whose data it
cannot parse, and each goes on where it was.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from httpx_sse import connect_sse
from sseclient import SSEClient

from api.feed.resource import HUB
from ledger.kernel import Actor
from ledger.opening import open_ledger, open_recorder
from ledger.systems.entities.commands import RegisterEntity
from ledger.systems.entities.events import Identity
from tests.api.conftest import Face
from tests.api.test_feed import SSE, append

pytestmark = pytest.mark.xdist_group("processes")

EDB = Actor(unit_id="EDB", person_id="P-1", role="credit_officer")
SECONDS = 120


def register(url: str, first: int, count: int) -> None:
    """Businesses that everybody may see, recorded by another process than the one that serves."""
    with open_recorder(url) as recorder, open_ledger(recorder) as ledger:
        for number in range(first, first + count):
            entity = f"register:{number}"
            ledger.execute(RegisterEntity(entity=entity, identity=Identity(name="行")), EDB)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a served ledger's feed, and the ledger's URL."""
    folder = tmp_path_factory.mktemp("served")
    url = f"sqlite:///{folder / 'ledger.db'}"
    register(url, 0, 5)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "serve", "--ledger", url, "--port", str(port), "--quiet"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + SECONDS
        while not _live(address):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"{address}/v1/feed?type=entities.*", url
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0


def _live(address: str) -> bool:
    try:
        return bool(requests.get(f"{address}/livez", timeout=SECONDS).ok)
    except requests.ConnectionError:
        return False


def with_sseclient(address: str, last: dict[str, str], take: int) -> list[tuple[str, Any]]:
    with requests.get(address, headers={**SSE, **last}, stream=True, timeout=SECONDS) as answer:
        assert answer.status_code == 200, answer.text
        events = SSEClient(answer.iter_content(None)).events()
        return [(event.id, json.loads(event.data)) for event in islice(events, take)]


def with_httpx(address: str, last: dict[str, str], take: int) -> list[tuple[str, Any]]:
    """It hands on a block without data as an event with none."""
    with (
        httpx.Client(timeout=SECONDS) as client,
        connect_sse(client, "GET", address, headers=last) as source,
    ):
        assert source.response.status_code == 200
        events = source.iter_sse()
        return [(event.id, json.loads(event.data)) for event in islice(events, take)]


CLIENTS = [with_sseclient, with_httpx]


@pytest.mark.parametrize("client", CLIENTS)
def test_every_block_can_be_parsed(served: tuple[str, str], client: Any) -> None:
    """From the very first one; its id is the position of its event."""
    address, _ = served
    seen = client(address, {}, 5)
    assert [int(id_) for id_, _ in seen] == [event["position"] for _, event in seen]
    assert {event["type"] for _, event in seen} == {"entities.entity-registered"}


@pytest.mark.parametrize("client", CLIENTS)
def test_it_resumes(served: tuple[str, str], client: Any) -> None:
    """By the header, or by the address as what replaces EventSource does; the header wins."""
    address, _ = served
    seen = client(address, {}, 5)
    (first, _), (third, _) = seen[0], seen[2]
    assert client(address, {"Last-Event-ID": third}, 2) == seen[3:]
    assert client(f"{address}&lastEventId={third}", {}, 2) == seen[3:]
    assert client(f"{address}&lastEventId={first}", {"Last-Event-ID": third}, 2) == seen[3:]
    assert client(f"{address}&after={third}&lastEventId={first}", {}, 4) == seen[1:]
    assert client(f"{address}&after={third}&lastEventId=", {}, 2) == seen[3:]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_recorded_later_comes_too(served: tuple[str, str], client: Any) -> None:
    """While it waits, and once for each event."""
    address, url = served
    last = client(address, {}, 5)[-1][0]
    number = 100 * (1 + CLIENTS.index(client))
    later = threading.Timer(0.2, register, (url, number, 3))
    later.start()
    seen = client(address, {"Last-Event-ID": last}, 3)
    later.join()
    # Those of another client's turn may come first.
    assert [int(id_) for id_, _ in seen] == [event["position"] for _, event in seen]
    assert len({event["position"] for _, event in seen}) == 3


async def test_the_cursor_is_an_event_with_data(quick_beats: None, face: Face) -> None:
    """Of a type of its own; retry stands in the first block, and a beat in no block of its own."""
    async with face.get("/v1/feed", headers=SSE) as answer:
        append(face.ledger, 7, level="restricted")
        face.client.app[HUB].wake_all()  # type: ignore[union-attr]
        raw = b""
        async with asyncio.timeout(SECONDS):
            while b"id: 7\n" not in raw or not raw.endswith(b"\n\n"):
                raw += await answer.content.readany()
                face.client.app[HUB].wake_all()  # type: ignore[union-attr]
    blocks = raw.decode().split("\n\n")[:-1]
    for block in blocks:
        fields = [line.partition(": ") for line in block.split("\n")]
        said = {name: value for name, _, value in fields if name}
        assert said["event"] == "cursor"
        assert json.loads(said["data"]) == {"next_after": int(said["id"])}
    assert "retry: 1000" in blocks[0]


@pytest.mark.parametrize("query", ["lastEventId=x", "lastEventId=-1", "lastEventId=99"])
async def test_a_bad_id_is_refused(face: Face, query: str) -> None:
    """As in the header: it is no position of this ledger."""
    assert (await face.get(f"/v1/feed?{query}", headers=SSE)).status == 400


async def test_a_page_has_no_last_event(face: Face) -> None:
    """It is refused, not passed over."""
    assert (await face.get("/v1/feed?lastEventId=0")).status == 400
