"""A real server on a free port over a real ledger file, for each test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from api.app import make_app
from api.console.sessions import Sessions
from api.feed import resource
from api.http.front import Runner
from api.http.tokens import Tokens
from ledger.kernel import Ledger
from ledger.stores.sqlite import SQLiteRecorder
from tests.api import specimen
from tests.api.district_ledger import district_client, district_service, district_url

__all__ = ["district_client", "district_service", "district_url"]


class FrontServer(TestServer):
    """The application on the connections that the real process has."""

    async def _make_runner(self, **more: Any) -> Runner:
        return Runner(self.app, **more)


class Face:
    """The service as its callers see it, and the ledger behind it."""

    def __init__(self, client: TestClient[Any, Any], ledger: Ledger, tokens: Tokens) -> None:
        self.client = client
        self.ledger = ledger
        self.tokens = tokens
        self.jb = tokens.create("JB", "P-JB", "jb_supervisor")
        self.operator = tokens.create("IT", "OP-1", "operator")
        self.mrb = tokens.create("MRB", "P-MRB", "enforcement_officer")

    def head(self) -> int:
        return self.ledger.recorder.head()  # type: ignore[attr-defined, no-any-return]

    def get(self, path: str, token: str | None = None, **more: Any) -> Any:
        return self.client.get(path, **_with_token(token, more))

    async def post(
        self, name: str, body: Any = None, token: str | None = "", **more: Any
    ) -> ClientResponse:
        """Send a command of the specimen system, by default as the bureau's supervisor."""
        token = self.jb if token == "" else token
        if "data" not in more:
            more["json"] = body
        return await self.client.post(f"/v1/specimen/{name}", **_with_token(token, more))

    async def note(self, thing: str = "T-1", **fields: Any) -> int:
        """Note a thing and return its position."""
        answer = await self.post("note-thing", {"thing": thing, **fields})
        assert answer.status == 201, await answer.text()
        return int(answer.headers["X-Position"])


def _with_token(token: str | None, more: dict[str, Any]) -> dict[str, Any]:
    headers = dict(more.pop("headers", {}))
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return {**more, "headers": headers}


async def until(condition: Any, seconds: float = 60.0) -> None:
    """Wait for something that will be so in a moment."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten beats a second; to be named before the application, which sets the first one."""
    monkeypatch.setattr(resource, "HEARTBEAT_SECONDS", 0.1)


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    with Tokens.open(tmp_path / "tokens.sqlite") as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    recorder = SQLiteRecorder(tmp_path / "ledger.sqlite")
    with recorder, Ledger(recorder) as opened:
        yield opened


@pytest.fixture
async def make_face(ledger: Ledger, tokens: Tokens) -> AsyncIterator[Callable[..., Any]]:
    opened: list[TestClient[Any, Any]] = []

    async def make(**more: Any) -> Face:
        signed_in = Sessions(tokens)
        app = make_app(
            ledger, tokens=tokens, commands=specimen.COMMANDS, sessions=signed_in, **more
        )
        client: TestClient[Any, Any] = TestClient(FrontServer(app))
        await client.start_server()
        opened.append(client)
        return Face(client, ledger, tokens)

    yield make
    for client in opened:
        await client.close()


@pytest.fixture
async def face(make_face: Callable[..., Any]) -> Face:
    return await make_face()  # type: ignore[no-any-return]
