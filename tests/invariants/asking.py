"""The service, asked over HTTP: what each reader is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from api.http.reading import MAX_PAGE
from api.service import Service

#: A business that nothing is about: its people read what everybody reads.
STRANGER = "91620100MA7LX0121N"


@dataclass(frozen=True)
class Answer:
    """Status, what a client acts on, and the body as text."""

    status: int
    text: str
    link: str = ""

    def json(self) -> Any:
        return msgspec.json.decode(self.text)


class Desk:
    """Asks a service for readers; ``nobody`` has no token."""

    def __init__(self, service: Service) -> None:
        self.service = service
        create = service.tokens.create
        self.tokens = {
            "JB": create("JB", "JB-1", "jb_supervisor"),
            "stranger": create("ENTITY", "REP-1", "entity_rep", entity=STRANGER),
        }
        self._app = service.app()

    async def __aenter__(self) -> Self:
        self._client = TestClient(TestServer(self._app))
        await self._client.start_server()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()

    async def ask(self, who: str, path: str, **query: Any) -> Answer:
        """What a reader is answered; ``path`` is quoted already."""
        given = [
            (name, str(item))
            for name, value in query.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        url = f"{path}{'&' if '?' in path else '?'}{urlencode(given)}" if given else path
        headers = {"Accept": "application/json, */*;q=0.1"}
        if who in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        async with self._client.get(URL(url, encoded=True), headers=headers) as response:
            text = (await response.read()).decode(errors="replace")
            return Answer(response.status, text, response.headers.get(hdrs.LINK, ""))

    async def get(self, who: str, path: str, **query: Any) -> Any:
        """The document, which has to be there."""
        answer = await self.ask(who, path, **query)
        assert answer.status == 200, f"{path} {query}: {answer.status} {answer.text[:300]}"
        return answer.json()

    async def items(self, who: str, path: str, **query: Any) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        answer = await self.ask(who, path, **query, limit=MAX_PAGE)
        while True:
            assert answer.status == 200, f"{path} {query}: {answer.status} {answer.text[:300]}"
            found += answer.json()["items"]
            if not answer.link:
                return found
            answer = await self.ask(who, answer.link[1:].partition(">")[0])
