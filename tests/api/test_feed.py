"""The feed: in order, without a gap or a repeat, for whoever comes back and whoever is slow."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
import requests
from aiohttp.test_utils import TestClient
from backports import zstd

from api.feed import hub as hub_module
from api.feed import preview as preview_module
from api.feed import resource as feed_module
from api.feed.negotiation import negotiated
from api.feed.resource import HUB
from api.http.front import EDGE
from api.http.problems import Problem
from api.sealed import publicdoor
from api.service import Service
from ledger.kernel import Actor, Ledger
from ledger.kernel.events import CIVIL_ZONE
from tests.api import specimen
from tests.api.conftest import Face, FrontServer, until

SSE = {"Accept": "text/event-stream"}
ACTOR = Actor(unit_id="EDB", person_id="P-W", role="jb_supervisor")


async def events_of(answer: Any) -> AsyncIterator[tuple[int | None, dict[str, Any] | None]]:
    """The id and event of each block of a stream; the event is None where it is the cursor."""
    position, data, kind = None, None, ""
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("id: "):
            position = int(line[4:])
        elif line.startswith("data: "):
            data = json.loads(line[6:])
        elif not line:
            if position is not None or data is not None:
                yield position, None if kind == "cursor" else data
            position, data, kind = None, None, ""


async def take(answer: Any, n: int, seconds: float = 60.0) -> list[int]:
    """The positions of the next ``n`` events of a stream."""
    found: list[int] = []
    async with asyncio.timeout(seconds):
        async for position, data in events_of(answer):
            if data is not None:
                assert data["position"] == position
                found.append(data["position"])
                if len(found) == n:
                    break
    return found


def append(ledger: Ledger, n: int, thing: str = "T", **fields: Any) -> None:
    """Append ``n`` events past the HTTP face."""
    for start in range(0, n, 100):
        times = min(100, n - start)
        ledger.execute(specimen.NoteThing(thing=thing, times=times, **fields), ACTOR)


class TestPages:
    """Pages: JSON, NDJSON, MessagePack."""

    async def test_cloud_event(self, face: Face) -> None:
        """An event is a CloudEvent 1.0 whose attribute names are lower-case alphanumerics."""
        recorded = await (
            await face.post("note-thing", {"thing": "T-1", "unit": "MRB", "note": "x"})
        ).json()
        page = await (await face.get("/v1/feed")).json()
        (event,) = page["events"]
        stored = recorded["events"][0]
        assert event["specversion"] == "1.0"
        assert event["id"] == stored["event_id"]
        assert event["source"] == "/v1/feed"
        assert event["type"] == "specimen.thing-noted"
        assert event["subject"] == "specimen:T-1"
        assert event["time"] == stored["recorded_at"]
        assert event["datacontenttype"] == "application/json"
        assert event["data"] == {"thing": "T-1", "unit": "MRB", "note": "x"}
        assert event["position"] == 1
        assert event["occurredat"] == stored["occurred_at"]
        assert all(name.isalnum() and name == name.lower() for name in event)
        assert page["next_after"] == page["head"] == 1

    async def test_source(self, make_face: Callable[..., Any]) -> None:
        """The source of the events can be named."""
        face = await make_face(source="https://ledger.example/feed")
        await face.note()
        page = await (await face.get("/v1/feed")).json()
        assert page["events"][0]["source"] == "https://ledger.example/feed"

    @pytest.mark.parametrize(
        ("origin", "source"),
        [
            (None, "/v1/feed"),
            ("ledger.example.gov.cn/v1/log", "https://ledger.example.gov.cn/v1/feed"),
            ("example.gov.cn/ledger", "https://example.gov.cn/ledger/v1/feed"),
        ],
    )
    async def test_source_of_a_service(
        self, tmp_path: Path, origin: str | None, source: str
    ) -> None:
        """It is absolute where the log has a name, and stays when that is not given again."""
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        for given in (origin, None):
            with Service(url, origin=given) as service:
                client: TestClient[Any, Any] = TestClient(FrontServer(service.app()))
                async with client:
                    page = await (await client.get("/v1/feed?limit=1")).json()
                assert page["events"][0]["source"] == source

    async def test_pages(self, face: Face) -> None:
        """Following the pages gives every event once, in order, in each format."""
        append(face.ledger, 25)
        for accept in ("application/json", "application/x-ndjson", "application/vnd.msgpack"):
            path, found = "/v1/feed?limit=10", []
            while True:
                answer = await face.get(path, headers={"Accept": accept})
                assert answer.content_type == accept
                raw = await answer.read()
                if accept == "application/json":
                    events = json.loads(raw)["events"]
                elif accept == "application/x-ndjson":
                    events = [json.loads(line) for line in raw.splitlines()]
                else:
                    events = msgspec.msgpack.decode(raw)["events"]
                if not events:
                    break
                found += [e["position"] for e in events]
                path = str(answer.links["next"]["url"].relative())
                assert answer.headers["X-Next-After"] == str(found[-1])
            assert found == list(range(1, 26))

    async def test_filters(self, face: Face) -> None:
        """Filters by type, system and subject combine; the cursor passes over the rest."""
        await face.note("A", unit="MRB")
        await face.note("B", unit="EDB")
        await face.post("lock-thing", {"thing": "A"})
        await face.note("C")
        for query, expected in (
            ("type=specimen.thing-locked", [3]),
            ("type=specimen.*", [1, 2, 3, 4]),
            ("type=spec.*", []),
            ("type=specimen.thing-locked&type=specimen.thing-noted", [1, 2, 3, 4]),
            ("subject=specimen:A", [1, 3]),
            ("subject=specimen:A&subject=unit:EDB", [1, 2, 3]),
            ("subject=specimen:A&type=specimen.thing-noted", [1]),
            ("subject=specimen:Z", []),
            ("subject=specimen:A&type=other.*", []),
            ("subject=specimen:A&after=1", [3]),
        ):
            page = await (await face.get(f"/v1/feed?{query}", face.jb)).json()
            assert [e["position"] for e in page["events"]] == expected, query
            assert page["next_after"] == 4, query

    @pytest.mark.parametrize(
        "query",
        [
            "type=*", "type=", "type=a*", "type=*.a", "subject=A", "subject=:a", "subject=a:",
            "subject=actor:P-1", "subject=command:1", "after=x", "after=-1", "after=5",
            "limit=0", "limit=1001", "wait=31", "wait=x", "after=1&after=2", "since=1",
            "&".join(f"type=a.b{n}" for n in range(51)),
        ],
    )  # fmt: skip
    async def test_bad_queries(self, face: Face, query: str) -> None:
        """A filter or cursor that makes no sense is refused, never ignored."""
        assert (await face.get(f"/v1/feed?{query}")).status == 400

    async def test_bounded_look(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """One request looks at so many records at most; following the cursor still finds all."""
        monkeypatch.setattr(feed_module, "MAX_SCAN", 30)
        append(face.ledger, 100, level="restricted")
        await face.note("seen")
        path, requests, found = "/v1/feed", 0, []
        while not found:
            answer = await face.get(path)
            found = [e["position"] for e in (await answer.json())["events"]]
            path = str(answer.links["next"]["url"].relative())
            requests += 1
        assert (found, requests) == ([101], 4)

    async def test_large_page(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """A page of large events ends early, and the next begins where it ended."""
        monkeypatch.setattr(feed_module, "PAGE_BYTES", 100_000)
        append(face.ledger, 10, note="x" * 40_000)
        page = await (await face.get("/v1/feed")).json()
        assert [e["position"] for e in page["events"]] == [1, 2, 3]
        page = await (await face.get("/v1/feed?after=3")).json()
        assert [e["position"] for e in page["events"]] == [4, 5, 6]


class TestForms:
    """CloudEvents in their two JSON forms, CSV, and streams that are not server-sent events."""

    async def test_single(self, face: Face) -> None:
        """The next event alone; 204 with the cursor if there is none."""
        single = {"Accept": "application/cloudevents+json"}
        await face.note("A", level="sealed")
        await face.note("B")
        answer = await face.get("/v1/feed", headers=single)
        assert answer.content_type == single["Accept"]
        page = await (await face.get("/v1/feed")).json()
        assert [await answer.json()] == page["events"]
        assert answer.headers["X-Next-After"] == "2"
        answer = await face.get(str(answer.links["next"]["url"].relative()), headers=single)
        assert (answer.status, await answer.read()) == (204, b"")
        assert answer.headers["X-Next-After"] == "2"
        assert (await face.get("/v1/feed?limit=2", headers=single)).status == 400

    async def test_batch(self, face: Face) -> None:
        """The events of a page as an array; an empty one if there is none."""
        append(face.ledger, 3)
        batch = {"Accept": "application/cloudevents-batch+json"}
        answer = await face.get("/v1/feed?limit=2", headers=batch)
        assert answer.content_type == batch["Accept"]
        page = await (await face.get("/v1/feed?limit=2")).json()
        assert await answer.json() == page["events"]
        assert answer.headers["X-Next-After"] == "2"
        assert await (await face.get("/v1/feed?after=3", headers=batch)).json() == []

    async def test_table(self, face: Face) -> None:
        """A row for each event, with the same values as in JSON."""
        note = 'a "quoted"; text,\nof two lines'
        await face.note("A", note=note)
        await face.note("B")
        answer = await face.get("/v1/feed", headers={"Accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(await answer.text(), newline="")))
        events = (await (await face.get("/v1/feed")).json())["events"]
        for row, event in zip(rows, events, strict=True):
            data = json.loads(row.pop("data"))
            assert data == event.pop("data")
            assert {name: value for name, value in row.items() if value} == {
                name: str(value) for name, value in event.items()
            }

    @pytest.mark.parametrize("accept", ["application/x-ndjson", "application/vnd.msgpack"])
    async def test_follow(self, face: Face, accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Past and future events, and heartbeats that a parser passes over."""
        monkeypatch.setattr(feed_module, "HEARTBEAT_SECONDS", 0.05)
        append(face.ledger, 2)
        unpacker, raw, events = msgpack.Unpacker(), b"", []
        async with (
            asyncio.timeout(60),
            face.get("/v1/feed?follow=true", headers={"Accept": accept}) as answer,
        ):
            assert answer.content_type == accept
            while len(events) < 3 or None not in events:
                if len(events) == 2:
                    append(face.ledger, 1)
                face.client.app[HUB].wake_all()  # type: ignore[union-attr]
                raw = await answer.content.readany()
                if accept.endswith("ndjson"):
                    lines = raw.split(b"\n")[:-1]
                    events += [json.loads(line) if line else None for line in lines]
                else:
                    unpacker.feed(raw)
                    events += list(unpacker)
        positions = [event["position"] for event in events if event is not None]
        assert positions == list(range(1, len(positions) + 1))

    @pytest.mark.parametrize(
        ("accept", "query"),
        [
            ("application/json", "follow=true"),
            ("text/csv", "follow=true"),
            ("text/event-stream", "follow=false"),
            ("application/x-ndjson", "follow=maybe"),
        ],
    )
    async def test_bad_follow(self, face: Face, accept: str, query: str) -> None:
        """What cannot follow, and what always does, says so."""
        answer = await face.get(f"/v1/feed?{query}", headers={"Accept": accept})
        assert answer.status == 400


class TestPreview:
    """``/v1/feed/preview``: what a filter would have passed."""

    async def test_counts_what_the_reader_sees(self, face: Face) -> None:
        """Of the last events that they see; hidden events count for nobody."""
        await face.note("A")
        await face.note("B")
        await face.note("A", level="sealed")
        await face.post("lock-thing", {"thing": "A"})
        for query, visible, types in (
            ("", 3, {"specimen.thing-locked": 1, "specimen.thing-noted": 2}),
            ("subject=specimen:A", 3, {"specimen.thing-locked": 1, "specimen.thing-noted": 1}),
            ("type=specimen.thing-noted", 3, {"specimen.thing-noted": 2}),
            ("type=specimen.thing-notted", 3, {}),
            ("last=2", 2, {"specimen.thing-locked": 1, "specimen.thing-noted": 1}),
        ):
            told = await (await face.get(f"/v1/feed/preview?{query}")).json()
            assert (told["visible"], told["types"], told["head"]) == (visible, types, 4), query
            assert told["matching"] == sum(types.values())
            page = await (await face.get(f"/v1/feed?{query.replace('last=2', 'after=1')}")).json()
            assert told["after"] == (1 if query == "last=2" else 0)
            assert told["samples"] == page["events"][-5:]
        told = await (await face.get("/v1/feed/preview?subject=specimen:A", face.mrb)).json()
        assert told["visible"] == 3

    async def test_the_window_begins_after_an_event_that_is_seen(
        self, face: Face, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Hidden events before the window or in it move nothing but positions; pages are read."""
        monkeypatch.setattr(preview_module, "PAGE", 2)
        for level in (None, "sealed", "sealed", None, "sealed", None):
            await face.note("A", **({"level": level} if level else {}))
        for last, after, visible in ((1, 4, 1), (2, 1, 2), (3, 0, 3), (4, 0, 3)):
            told = await (await face.get(f"/v1/feed/preview?last={last}")).json()
            assert (told["after"], told["visible"]) == (after, visible), last
        monkeypatch.setattr(preview_module, "MAX_SEARCHED", 3)
        told = await (await face.get("/v1/feed/preview")).json()
        assert (told["after"], told["visible"]) == (3, 2)

    async def test_a_few_samples(self, face: Face) -> None:
        """The newest five."""
        append(face.ledger, 9)
        told = await (await face.get("/v1/feed/preview")).json()
        assert [event["position"] for event in told["samples"]] == [5, 6, 7, 8, 9]
        assert told["matching"] == 9

    @pytest.mark.parametrize("query", ["last=0", "last=10001", "type=*", "subject=actor:P-1"])
    async def test_bad(self, face: Face, query: str) -> None:
        """A filter that makes no sense is refused, as in the feed."""
        assert (await face.get(f"/v1/feed/preview?{query}")).status == 400


class TestReaders:
    """How far each connected system has read the feed."""

    async def test_a_system_is_shown_itself_alone(self, face: Face) -> None:
        """Who supervises the exchange sees all that hold a token; a partner's system itself."""
        await face.note()
        last = await face.note()
        bank = face.tokens.create("BANK", "SYS", "subscriber_system")
        tax = face.tokens.create("TAX", "SYS", "subscriber_system")
        for token, after in ((bank, 1), (tax, 0), (None, 0)):
            answer = await face.get(f"/v1/feed?after={after}&limit=1", token)
            assert answer.status == 200
        shown: dict[str, dict[str, Any]] = {}
        for name, token in (("bank", bank), ("jb", face.jb)):
            page = await (await face.get("/v1/feed/readers", token)).json()
            assert page["head"] == last
            shown[name] = {item["unit"]: item for item in page["items"]}
        assert list(shown["bank"]) == ["BANK"]
        assert list(shown["jb"]) == ["TAX", "BANK"], "the one furthest behind is first"
        assert [item["lag"] for item in shown["jb"].values()] == [2, 1]
        assert shown["bank"]["BANK"]["position"] == 1, "what it has asked to go on from"
        for token, status in ((None, 401), (face.mrb, 403)):
            assert (await face.get("/v1/feed/readers", token)).status == status


class TestCompressed:
    """Large answers to those who have no token."""

    @pytest.mark.parametrize(
        ("accept", "coding"),
        [
            ("gzip", "gzip"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("zstd;q=0.1, gzip;q=0.5", "gzip"),
            ("zstd;q=0, gzip;q=0", None),
            ("*", "zstd"),
            ("*;q=0", None),
            ("identity", None),
            ("br", None),
            ("gzip;q=x", None),
            ("", None),
        ],
    )
    async def test_chosen(self, face: Face, accept: str, coding: str | None) -> None:
        """By the caller; decoded it is the same."""
        append(face.ledger, 30)
        plain = await face.get("/v1/feed", headers={"Accept-Encoding": "identity"})
        answer = await _raw(face, "/v1/feed", {"Accept-Encoding": accept})
        assert answer.headers.get("Content-Encoding") == coding
        assert "Accept-Encoding" in answer.headers["Vary"]
        body = {
            None: bytes,
            "gzip": gzip.decompress,
            "zstd": zstd.decompress,
        }[coding](answer.content)
        assert body == await plain.read()
        assert coding is None or len(answer.content) < len(body) / 3
        assert int(answer.headers["Content-Length"]) == len(answer.content)

    async def test_nothing_of_a_token_is_compressed(self, face: Face) -> None:
        """Its length would tell what an answer says twice (BREACH); nor streams, nor small ones."""
        append(face.ledger, 30)
        coded = {"Accept-Encoding": "gzip, zstd"}
        for token in (face.jb, face.mrb, face.operator):
            answer = await _raw(face, "/v1/feed", {**coded, "Authorization": f"Bearer {token}"})
            assert "Content-Encoding" not in answer.headers
        assert "Content-Encoding" not in (await _raw(face, "/v1/feed?limit=1", coded)).headers
        async with face.get("/v1/feed", headers={**SSE, **coded}) as stream:
            assert "Content-Encoding" not in stream.headers

    def test_nor_what_a_tracking_number_opens(self) -> None:
        """It is no token, but what it opens is not public either."""
        (look_up,) = (
            r for r in publicdoor.RESOURCES if r.path == f"{publicdoor.PATH}/{{tracking}}"
        )
        assert not look_up.compress

    async def test_an_etag_of_each_coding(self, face: Face) -> None:
        """A caller that has the one is told that it has not changed."""
        path = "/v1/openapi.json"
        tags = set()
        for coding in ("identity", "gzip", "zstd"):
            answer = await _raw(face, path, {"Accept-Encoding": coding})
            tags.add(answer.headers["ETag"])
            again = await _raw(
                face, path, {"Accept-Encoding": coding, "If-None-Match": answer.headers["ETag"]}
            )
            assert again.status_code == 304
        assert len(tags) == 3


async def _raw(face: Face, path: str, headers: dict[str, str]) -> Any:
    """The answer as it is sent; aiohttp's client would decode it."""
    address = str(face.client.make_url(path))

    def ask() -> requests.Response:
        with requests.get(address, headers=headers, stream=True, timeout=60) as answer:
            answer._content = answer.raw.read(decode_content=False)
            return answer

    return await asyncio.to_thread(ask)


class TestSince:
    """``since``: only what was recorded at a moment or later."""

    @pytest.fixture
    def dated(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> Face:
        """Forty events, an hour apart, from 20:00 on 2026-03-14; every fourth can be seen."""
        start = datetime(2026, 3, 14, 20, tzinfo=CIVIL_ZONE)
        for hour in range(40):
            level = "restricted" if hour % 4 else "public"
            face.ledger.clock = lambda hour=hour: start + timedelta(hours=hour)  # type: ignore[method-assign]
            append(face.ledger, 1, level=level)
        return face

    async def _pages(self, face: Face, query: str, token: str | None = None) -> list[int]:
        path, found = f"/v1/feed?{query}", []
        while True:
            answer = await face.get(path, token)
            page = await answer.json()
            found += [event["position"] for event in page["events"]]
            if page["next_after"] >= page["head"]:
                return found
            path = str(answer.links["next"]["url"].relative())

    async def test_a_day_begins_at_midnight(self, dated: Face) -> None:
        """Of the ledger's zone; the event at that moment belongs to it."""
        assert await self._pages(dated, "since=2026-03-15") == list(range(5, 41, 4))
        every = await self._pages(dated, "since=2026-03-15&limit=3", dated.jb)
        assert every == list(range(5, 41))
        assert await self._pages(dated, "since=2026-03-14T16:00:00Z", dated.jb) == every
        assert await self._pages(dated, "since=2026-03-15T00:00:00.000001%2B08:00", dated.jb) == (
            list(range(6, 41))
        )
        assert await self._pages(dated, "since=2026-03-17", dated.jb) == []
        assert await self._pages(dated, "since=2026-01-01", dated.jb) == list(range(1, 41))
        assert await self._pages(dated, "since=2026-03-15&after=20", dated.jb) == (
            list(range(21, 41))
        )

    async def test_a_stream(self, dated: Face) -> None:
        """A stream begins there too, and goes on."""
        async with dated.get("/v1/feed?since=2026-03-16", dated.jb, headers=SSE) as answer:
            assert await take(answer, 12) == list(range(29, 41))
            append(dated.ledger, 1)
            assert await take(answer, 1) == [41]
        async with dated.get("/v1/feed?since=2199-01-01", dated.jb, headers=SSE) as answer:
            append(dated.ledger, 3)
            with pytest.raises(TimeoutError):
                await take(answer, 1, seconds=0.5)

    async def test_no_moment_shows_where_a_hidden_event_is(
        self, dated: Face, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Moments between the same two visible events get the same answers, cursors included."""
        monkeypatch.setattr(feed_module, "MAX_SCAN", 2)
        start = datetime(2026, 3, 14, 20, 30, tzinfo=CIVIL_ZONE)
        for after in range(0, 40, 3):
            answers = []
            for hours in range(8, 12):
                moment = (start + timedelta(hours=hours)).astimezone(UTC)
                query = f"after={after}&since={moment:%Y-%m-%dT%H:%M:%SZ}"
                answer = await dated.get(f"/v1/feed?{query}")
                answers.append((await answer.text(), answer.headers["X-Next-After"]))
            assert len(set(answers)) == 1, (after, answers)

    @pytest.mark.parametrize(
        "since", ["2026-3-1", "2026-02-30", "2026-03-15T10:00:00", "0001-01-01", "x", "2026-03-15T"]
    )
    async def test_bad(self, face: Face, since: str) -> None:
        """What is no day and no moment with an offset is refused."""
        assert (await face.get(f"/v1/feed?since={since}")).status == 400


class TestLongPoll:
    """``wait``: a page that comes as soon as there is something in it."""

    async def test_waits(self, face: Face) -> None:
        """An empty page waits for the first event that the token may see."""
        await face.note()
        asked = asyncio.create_task(face.get("/v1/feed?after=1&wait=30"))
        await asyncio.sleep(0.2)
        await face.note(level="restricted")
        await asyncio.sleep(0.2)
        assert not asked.done()
        started = time.monotonic()
        await face.note()
        page = await (await asked).json()
        assert time.monotonic() - started < 25, "it came when the time was up"
        assert [e["position"] for e in page["events"]] == [3]

    async def test_at_once(self, face: Face) -> None:
        """A page that is not empty does not wait."""
        await face.note()
        async with asyncio.timeout(25):
            assert (await (await face.get("/v1/feed?wait=30")).json())["next_after"] == 1

    async def test_ends(self, face: Face) -> None:
        """When nothing comes, the empty page comes after the time, with the cursor moved on."""
        await face.note()
        asked = asyncio.create_task(face.get("/v1/feed?after=1&wait=1"))
        await asyncio.sleep(0.2)
        await face.note(level="sealed")
        page = await (await asked).json()
        assert page == {"events": [], "next_after": 2, "head": 2}


class TestStream:
    """``text/event-stream``: a stream that goes on."""

    async def test_past_and_future(self, face: Face) -> None:
        """A stream gives what is recorded and then what is being recorded."""
        append(face.ledger, 3)
        async with face.get("/v1/feed", headers=SSE) as answer:
            assert answer.content_type == "text/event-stream"
            assert await take(answer, 3) == [1, 2, 3]
            append(face.ledger, 2)
            assert await take(answer, 2) == [4, 5]

    async def test_fast(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is appended wakes a subscriber; it does not come when somebody looks again."""
        monkeypatch.setattr(hub_module, "WAIT_SECONDS", 10.0)
        async with face.get("/v1/feed", headers=SSE) as answer:
            await face.note()
            await take(answer, 1)
            times = []
            for _ in range(20):
                await face.note()
                started = time.perf_counter()
                await take(answer, 1)
                times.append(time.perf_counter() - started)
            assert sorted(times)[10] < 2
            monkeypatch.undo()
            await face.note()  # the reader waits no more than usual, and can be stopped
            await take(answer, 1)

    async def test_resume(self, face: Face) -> None:
        """A stream resumes after its Last-Event-ID, which is newer than the address."""
        append(face.ledger, 5)
        async with face.get("/v1/feed?after=1", headers={**SSE, "Last-Event-ID": "3"}) as answer:
            assert await take(answer, 2) == [4, 5]
        async with face.get("/v1/feed?after=1", headers=SSE) as answer:
            assert await take(answer, 4) == [2, 3, 4, 5]

    @pytest.mark.parametrize("last", ["x", "-1", "6"])
    async def test_bad_resume(self, face: Face, last: str) -> None:
        """A Last-Event-ID that is no position of this ledger is refused."""
        append(face.ledger, 5)
        assert (await face.get("/v1/feed", headers={**SSE, "Last-Event-ID": last})).status == 400

    async def test_filtered(self, face: Face) -> None:
        """A stream shows what its filter and its token let through, and nothing else."""
        async with face.get("/v1/feed?subject=specimen:A", headers=SSE) as answer:
            for thing, level in (
                ("A", "public"),
                ("B", "public"),
                ("A", "sealed"),
                ("A", "public"),
            ):
                await face.note(thing, level=level)
            assert await take(answer, 2) == [1, 4]

    async def test_cursor_moves(self, quick_beats: None, face: Face) -> None:
        """A client that sees nothing still learns how far it has come."""
        face = Face(face.client, face.ledger, face.tokens)
        async with face.get("/v1/feed", headers=SSE) as answer:
            append(face.ledger, 7, level="restricted")
            face.client.app[HUB].wake_all()  # type: ignore[union-attr]
            async with asyncio.timeout(60):
                async for position, data in events_of(answer):
                    assert data is None
                    if position == 7:
                        break

    async def test_revoked(self, quick_beats: None, face: Face) -> None:
        """A stream ends when its token does."""
        async with face.get("/v1/feed", face.mrb, headers=SSE) as answer:
            append(face.ledger, 1)
            await take(answer, 1)
            face.tokens.revoke(face.mrb)
            async with asyncio.timeout(60):
                await asyncio.sleep(0.3)
                face.client.app[HUB].wake_all()  # type: ignore[union-attr]
                assert await answer.read() == b""

    async def test_lines(self, face: Face) -> None:
        """Line breaks inside an event do not break the stream."""
        note = "a\nb\r\nc\u2028d\n\nid: 9\ndata: x"
        async with face.get("/v1/feed", headers=SSE) as answer:
            await face.note(note=note)
            async for position, data in events_of(answer):
                assert data is not None
                assert (position, data["data"]["note"]) == (1, note)
                break

    async def test_behind_the_ring(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever is further behind than the ring reaches catches up from the store."""
        monkeypatch.setattr(hub_module, "RING_RECORDS", 16)
        face.client.app[HUB]._ring = [None] * 16  # type: ignore[union-attr]
        append(face.ledger, 50)
        async with face.get("/v1/feed", headers=SSE) as first:
            assert await take(first, 50) == list(range(1, 51))
            append(face.ledger, 100)
            async with face.get("/v1/feed?after=20", headers=SSE) as second:
                assert await take(second, 130) == list(range(21, 151))
            assert await take(first, 100) == list(range(51, 151))

    async def test_idle_and_again(self, face: Face) -> None:
        """What was recorded while nobody listened is not lost to who listens next."""
        async with face.get("/v1/feed", headers=SSE) as answer:
            append(face.ledger, 3)
            assert await take(answer, 3) == [1, 2, 3]
        hub = face.client.app[HUB]  # type: ignore[union-attr]
        append(face.ledger, 3)
        async with asyncio.timeout(60):
            while hub.subscribers:
                append(face.ledger, 1)
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.7)
        append(face.ledger, 3)
        head = face.head()
        async with face.get("/v1/feed?after=3", headers=SSE) as answer:
            assert await take(answer, head - 3) == list(range(4, head + 1))
            append(face.ledger, 1)
            assert await take(answer, 1) == [head + 1]

    async def test_other_process(self, face: Face) -> None:
        """What another process appends to the same ledger is seen here."""
        program = (
            "import sys; from ledger.kernel import Actor, Ledger;"
            "from ledger.stores.sqlite import SQLiteRecorder; from tests.api import specimen;"
            "l = Ledger(SQLiteRecorder(sys.argv[1]));"
            "l.execute(specimen.NoteThing(thing='X', times=5),"
            " Actor(unit_id='U', person_id='P', role='r')); l.close()"
        )
        path = str(face.ledger.recorder.path)  # type: ignore[attr-defined]
        root = Path(__file__).parents[2]
        async with face.get("/v1/feed", headers=SSE) as answer:
            await face.note()
            done = await asyncio.to_thread(
                subprocess.run, [sys.executable, "-c", program, path], cwd=root, check=False
            )
            assert done.returncode == 0
            assert await take(answer, 6) == [1, 2, 3, 4, 5, 6]
            await face.note()
            assert await take(answer, 1) == [7]

    async def test_many_audiences(self, face: Face) -> None:
        """A hundred streams of five kinds each get exactly their own."""
        face.client.app[EDGE].shares.per_address = 1000  # type: ignore[union-attr]
        things = ["A", "B", "C", "D", "E"]
        opened = [
            await face.get(f"/v1/feed?subject=specimen:{things[n % 5]}", headers=SSE).__aenter__()
            for n in range(100)
        ]
        for n in range(50):
            append(face.ledger, 1, thing=things[n % 5])
        for n, answer in enumerate(opened):
            assert await take(answer, 10) == [n % 5 + 1 + 5 * k for k in range(10)]
        for answer in opened:
            answer.close()

    async def test_hub_lets_go(self, face: Face) -> None:
        """A client that goes away is forgotten."""
        hub = face.client.app[HUB]  # type: ignore[union-attr]
        async with face.get("/v1/feed", headers=SSE) as answer:
            await face.note()
            await take(answer, 1)
            assert hub.subscribers == 1
        async with asyncio.timeout(60):
            while hub.subscribers:
                append(face.ledger, 1)
                await asyncio.sleep(0.05)
        assert not hub._audiences


class TestSlow:
    """A reader that does not read."""

    async def test_bounded(self, face: Face) -> None:
        """A stalled subscriber holds bounded memory here and costs the others nothing."""
        hub = face.client.app[HUB]  # type: ignore[union-attr]
        append(face.ledger, 1)
        with socket.create_connection((face.client.host, face.client.port)) as stalled:
            stalled.sendall(
                b"GET /v1/feed HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
            )
            async with face.get("/v1/feed", headers=SSE) as answer:
                assert await take(answer, 1) == [1]
                append(face.ledger, 600, note="x" * 40_000)
                assert await take(answer, 600, 60) == list(range(2, 602))
                assert hub.subscribers == 2
                assert hub._bytes <= hub_module.RING_BYTES + 60_000
                (members,) = hub._members.values()
                assert min(s.cursor for s in members) < 601
                # What waits for it lies in the store; reading again, it goes on without a gap.
                ids = await asyncio.to_thread(_ids, stalled, 601)
        assert ids == list(range(1, 602))

    async def test_cut_off(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """A stalled subscriber does not hold up the end of the service."""
        monkeypatch.setattr(hub_module, "END_SECONDS", 0.2)
        monkeypatch.setattr(feed_module, "SEND_SECONDS", 3600.0)
        append(face.ledger, 200, note="x" * 50_000)
        with socket.create_connection((face.client.host, face.client.port)) as stalled:
            stalled.sendall(
                b"GET /v1/feed HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
            )
            hub = face.client.app[HUB]  # type: ignore[union-attr]
            await until(lambda: hub.subscribers)
            await asyncio.sleep(0.3)
            await face.client.close()  # while nobody reads: it would never end by itself


def _ids(connection: socket.socket, n: int) -> list[int]:
    connection.settimeout(30)
    found: list[int] = []
    with connection.makefile("rb") as lines:
        while len(found) < n:
            line = lines.readline()
            if line.startswith(b"id: "):
                found.append(int(line[4:]))
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_position_once_in_order(
    face: Face, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight subscribers that disconnect and resume at random moments while sixteen writers write
    see every position once, in order."""
    monkeypatch.setattr(hub_module, "RING_RECORDS", 64)  # so that the store is needed too
    face.client.app[HUB]._ring = [None] * 64  # type: ignore[union-attr]
    chance = random.Random(seed)
    per_writer, writers = 60, 16
    total = per_writer * writers

    async def write(n: int) -> None:
        for k in range(per_writer):
            answer = await face.post("note-thing", {"thing": f"W{n}-{k}"})
            assert answer.status == 201
            if chance.random() < 0.1:
                await asyncio.sleep(chance.random() * 0.02)

    async def by_stream(found: list[int]) -> None:
        while len(found) < total:
            headers = dict(SSE)
            if found:
                headers["Last-Event-ID"] = str(found[-1])
            patience = chance.random() * 0.4
            try:
                async with (
                    asyncio.timeout(patience),
                    face.get("/v1/feed", headers=headers) as answer,
                ):
                    async for position, data in events_of(answer):
                        assert data is not None
                        assert position is not None
                        found.append(position)
                        if len(found) == total or chance.random() < 0.01:
                            break
            except TimeoutError:
                pass

    async def by_page(found: list[int]) -> None:
        after = 0
        while len(found) < total:
            limit, wait = chance.randint(1, 50), chance.randint(0, 1)
            try:
                async with asyncio.timeout(chance.random() * 0.6 + 0.05):
                    answer = await face.get(f"/v1/feed?after={after}&limit={limit}&wait={wait}")
                    page = await answer.json()
            except TimeoutError:
                continue
            found += [e["position"] for e in page["events"]]
            after = page["next_after"]

    seen: list[list[int]] = [[] for _ in range(8)]
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        for n, found in enumerate(seen):
            group.create_task(by_stream(found) if n % 2 else by_page(found))
        for n in range(writers):
            group.create_task(write(n))
    assert all(found == list(range(1, total + 1)) for found in seen)


class TestTrouble:
    """When the store does not behave."""

    async def test_reader_recovers(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store that fails shows in readyz; when it is back, streams go on without a gap."""
        hub = face.client.app[HUB]  # type: ignore[union-attr]
        real = hub_module.item_of
        failing = True

        def item_of(stored: Any) -> Any:
            if failing and stored.position == 2:
                raise OSError("disk")
            return real(stored)

        async with face.get("/v1/feed", headers=SSE) as answer:
            append(face.ledger, 1)
            assert await take(answer, 1) == [1]
            monkeypatch.setattr(hub_module, "item_of", item_of)
            append(face.ledger, 2)
            await until(lambda: hub.failure)
            assert (await face.get("/readyz")).status == 503
            failing = False
            assert await take(answer, 2) == [2, 3]
        # The reader says so after it has handed the events over.
        await until(lambda: hub.failure is None)
        assert (await face.get("/readyz")).status == 200

    async def test_too_many(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """One stream more than there may be is a 503 with Retry-After."""
        monkeypatch.setattr(face.client.app[EDGE].shares, "places", 1)  # type: ignore[union-attr]
        async with face.get("/v1/feed", headers=SSE):
            answer = await face.get("/v1/feed", headers=SSE)
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"


class TestAccept:
    """``Accept`` chooses what the feed speaks."""

    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            ("*/*", "application/json"),
            ("application/json", "application/json"),
            ("text/*", "text/event-stream"),
            ("text/html, */*;q=0.1", "application/json"),
            ("application/json;q=0.5, application/x-ndjson", "application/x-ndjson"),
            ("application/*;q=0.2, text/event-stream;q=0.3", "text/event-stream"),
            ("application/json;q=0, */*", "text/event-stream"),
            ("APPLICATION/VND.MSGPACK", "application/vnd.msgpack"),
        ],
    )
    def test_chosen(self, accept: str, expected: str) -> None:
        """The most wanted of what is offered is taken."""
        assert negotiated(accept) == expected

    @pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "", "x;q=y"])
    def test_nothing_fits(self, accept: str) -> None:
        """What is not offered is refused, with what is."""
        with pytest.raises(Problem) as caught:
            negotiated(accept)
        assert caught.value.kind.status == 406
        assert "text/event-stream" in caught.value.detail
