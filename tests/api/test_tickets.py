"""Tickets: one stream each, for clients that can send no header; never written down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.feed import resource as feed_module
from api.feed import tickets
from api.feed.resource import HUB
from api.feed.tickets import MOST, PER_MINUTE, SECONDS, TICKETS, Tickets
from api.http.problems import Problem
from tests.api.conftest import Face
from tests.api.test_feed import SSE, take
from tests.serving import SECONDS as LONG
from tests.serving import Served

PATH = "/v1/feed/tickets"


async def ask(face: Face, token: str | None, **body: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await face.client.post(PATH, json=body, headers=headers)


async def ticket_of(face: Face, token: str, **body: Any) -> str:
    answer = await ask(face, token, **body)
    assert answer.status == 201, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    given = await answer.json()
    assert given["expires_in"] == SECONDS
    return str(given["ticket"])


async def test_a_ticket_opens_one_stream(face: Face) -> None:
    """As the token reads, and once."""
    await face.note("A", level="restricted", unit="MRB")
    await face.note("B")
    ticket = await ticket_of(face, face.jb)
    async with face.get(f"/v1/feed?ticket={ticket}", headers=SSE) as answer:
        assert await take(answer, 2) == [1, 2]
    for _ in range(2):
        again = await face.get(f"/v1/feed?ticket={ticket}", headers=SSE)
        assert again.status == 401
        assert ticket not in await again.text()
    ticket = await ticket_of(face, face.jb)
    async with face.get(f"/v1/feed?ticket={ticket}&lastEventId=1", headers=SSE) as answer:
        assert await take(answer, 1) == [2]


async def test_it_is_bound_to_its_filter(face: Face) -> None:
    """Which cannot be widened where it is used."""
    await face.note("A")
    await face.note("B")
    await face.note("A")
    ticket = await ticket_of(face, face.jb, subjects=["specimen:A"], types=["specimen.*"])
    for more in ("type=specimen.*", "subject=specimen:B"):
        answer = await face.get(f"/v1/feed?ticket={ticket}&{more}", headers=SSE)
        assert answer.status == 400
    async with face.get(f"/v1/feed?ticket={ticket}", headers=SSE) as answer:
        assert await take(answer, 2) == [1, 3]


async def test_a_bad_request_does_not_use_it_up(face: Face) -> None:
    """A page, or a token in addition, is refused before the ticket is looked at."""
    await face.note()
    ticket = await ticket_of(face, face.jb)
    assert (await face.get(f"/v1/feed?ticket={ticket}")).status == 400
    answer = await face.get(f"/v1/feed?ticket={ticket}", face.jb, headers=SSE)
    assert answer.status == 400
    assert (await face.get(f"/v1/entities?ticket={ticket}", headers=SSE)).status in {400, 404}
    async with face.get(f"/v1/feed?ticket={ticket}", headers=SSE) as answer:
        assert await take(answer, 1) == [1]


async def test_it_ends_with_its_token(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revoked token opens no stream by a ticket, and ends the open one."""
    monkeypatch.setattr(feed_module, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr("api.http.tokens.RECHECK_SECONDS", 0.0)
    await face.note()
    first, second = await ticket_of(face, face.mrb), await ticket_of(face, face.mrb)
    async with face.get(f"/v1/feed?ticket={first}", headers=SSE) as answer:
        await take(answer, 1)
        face.tokens.revoke(face.mrb)
        async with asyncio.timeout(60):
            await asyncio.sleep(0.3)
            face.client.app[HUB].wake_all()  # type: ignore[union-attr]
            assert await answer.read() == b""
    assert (await face.get(f"/v1/feed?ticket={second}", headers=SSE)).status == 401


async def test_without_a_token_there_is_none(face: Face) -> None:
    """Nor with a bad body or filter."""
    assert (await ask(face, None)).status == 401
    assert (await ask(face, "slt_" + "x" * 43)).status == 401
    for body in ({"types": ["*"]}, {"subjects": ["actor:P"]}, {"more": 1}, {"types": "a.b"}):
        assert (await ask(face, face.jb, **body)).status == 400
    assert (await ask(face, face.jb, types=[f"a.b{n}" for n in range(51)])).status == 400
    assert (await face.get(PATH, face.jb)).status == 405


async def test_one_token_asks_so_often_in_a_minute(face: Face) -> None:
    """Then it has to wait, and another need not."""
    face.client.app[TICKETS].rates._clock = lambda: 6.0  # type: ignore[union-attr]
    for _ in range(PER_MINUTE):
        await ticket_of(face, face.jb)
    refused = await ask(face, face.jb)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "54")
    await ticket_of(face, face.mrb)


class TestTickets:
    """What waits to be used."""

    def test_it_ends_by_itself(self) -> None:
        """After its time nobody can use it."""
        now = [0.0]
        waiting = Tickets(lambda: now[0])
        nothing: frozenset[str] = frozenset()
        early = waiting.give("t", nothing, nothing)
        now[0] = SECONDS / 2
        late = waiting.give("t", nothing, nothing)
        now[0] = SECONDS
        assert waiting.take(early) is None
        assert waiting.take(late) is not None
        assert waiting.take(late) is None

    def test_its_text_is_not_kept(self) -> None:
        """Only its digest."""
        waiting = Tickets()
        ticket = waiting.give("t", frozenset(), frozenset())
        assert ticket.startswith("slo_")
        assert ticket not in repr(vars(waiting))
        for other in ("", "x", ticket[:-1], ticket + "x", ticket.swapcase(), "slo_" + "é" * 43):
            assert waiting.take(other) is None
        assert waiting.take(ticket) is not None

    def test_so_many_wait_at_most(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """More are refused until some have ended."""
        assert MOST > 1000
        monkeypatch.setattr(tickets, "MOST", 3)
        now = [0.0]
        waiting = Tickets(lambda: now[0])
        for _ in range(3):
            waiting.give("t", frozenset(), frozenset())
        with pytest.raises(Problem):
            waiting.give("t", frozenset(), frozenset())
        now[0] = SECONDS + 1
        waiting.give("t", frozenset(), frozenset())
        assert len(waiting._waiting) == 1


def test_it_is_never_written_down(tmp_path: Path) -> None:
    """Neither in the log nor in the access ledger, nor in any other file of the service; the
    access ledger names the subject that it stands for."""
    with Served(tmp_path) as service:
        service.seed()
        token = service.token("JB", "JB-1", "jb_supervisor")
        asked = {"types": ["entities.*"], "subjects": ["entity:91620100ma7lx0017j"]}
        answer = httpx.post(
            service.address + PATH, json=asked, headers={"Authorization": f"Bearer {token}"}
        )
        ticket = answer.json()["ticket"]
        feed = f"{service.address}/v1/feed"
        query = {"ticket": ticket}
        with httpx.stream("GET", feed, params=query, headers=SSE, timeout=LONG) as got:
            assert got.status_code == 200, got.read()
            assert any("91620100MA7LX0017J" in line for line in got.iter_lines())
        assert httpx.get(feed, params=query, headers=SSE).status_code == 401
        httpx.get(f"{service.address}/v1/entities", params={"ticket": ticket})
        httpx.get(f"{service.address}/v1/nowhere", params={"ticket": ticket})
        accesses = httpx.get(
            f"{service.address}/v1/access", headers={"Authorization": f"Bearer {token}"}
        )
    secret = ticket.encode()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path.name for path in files if secret in path.read_bytes()] == []
    assert "/v1/feed" in service.log()
    written = accesses.text
    assert "subject=entity:91620100MA7LX0017J" in written
