"""What an answer tells of the machine and its programs: nothing, to whoever is not an operator."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa
from eventsourcing.persistence import OperationalError

from api.app import RESOURCES as OWN
from api.views import RESOURCES as VIEWS
from tests.scenarios.world import E_A, World

READERS = ("nobody", "public", "JB", "MRB head", "E-A")
#: Names and versions of what this is made of, and paths of files.
BANNER = re.compile(
    rf"aiohttp/|python/[0-9]|{re.escape(aiohttp.__version__)}|Traceback|File \"|sqlite|\.db\b"
    r"|site-packages|ledger_commands|ledger_commit",
    re.IGNORECASE,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        world.tokens["nobody"] = ""
        await world.given_region()
        yield world


async def told(world: World, who: str, path: str, body: Any = None) -> str:
    """Status, headers and text of an answer."""
    token = world.tokens[who]
    answer = await world.client.request(
        "GET" if body is None else "POST",
        path,
        json=body,
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    assert answer.headers["Server"] == "supervision-ledger"
    headers = "\n".join(f"{k}: {v}" for k, v in answer.headers.items())
    return f"{answer.status}\n{headers}\n{await answer.text()}"


def paths() -> list[str]:
    known = {"uscc": E_A, "entity": E_A, "unit": "MRB", "officer": "OFF-001", "position": "1"}
    return [
        "/".join(
            known.get(p[1:-1], "X-1") if p.startswith("{") else p for p in resource.path.split("/")
        )
        for resource in (*OWN, *VIEWS)
        # A static file names libraries if it likes; it tells nothing of this machine.
        if not resource.path.startswith("/static")
    ]


async def test_when_all_is_well(world: World) -> None:
    """No answer has a path, a version, a counter or a trace, to anybody but operators."""
    for who in ("nobody", "JB"):
        for path in (*paths(), "/nowhere", "/v1/feed?after=x"):
            text = await told(world, who, path)
            assert not BANNER.search(text), (who, path, BANNER.search(text))
            assert str(world.path.parent) not in text, (who, path)


async def test_when_the_stores_fail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a store says of its files goes to the log and to no answer; each is a 503."""
    words = f"{world.path}: disk I/O error. The disk failed."
    service = world.service

    def fails(*_: Any, **__: Any) -> Any:
        raise OperationalError(words)

    def unreadable(*_: Any, **__: Any) -> Any:
        raise sa.exc.OperationalError(words, None, Exception(words))

    body = {"unit": "NEW", "name": "x", "kind": "organ", "valid_from": "2020-01-01"}
    person = {"name": "张三"}
    roster = {"roster": "R", "unit": "MRB", "target_class": "food", "as_of": "2026-01-04"}
    sent = (
        ("append", service.recorder, fails, "JB", "/v1/catalogue/qualify-unit", body),
        ("mint", service.vault, fails, "JB", "/v1/persons/register-person", person),
        ("reading", service.views, unreadable, "JB", "/v1/findings", None),
        ("append", service.access.recorder, fails, "JB", "/v1/findings", None),
        ("put", service.blobs, fails, "MRB coordinator", "/v1/draws/freeze-entity-roster", roster),
    )
    for name, of, fault, who, path, given in sent:
        with monkeypatch.context() as broken:
            broken.setattr(of, name, fault)
            text = await told(world, who, path, given)
        assert str(world.path.parent) not in text, (name, text)
        assert "disk I/O" not in text, (name, text)
        assert text[:3] == "503", (name, text)


async def test_unready_says_no_more(world: World) -> None:
    """Whatever is wrong, everybody else is told one word."""
    world.service.vault.path.rename(world.path.with_suffix(".gone"))
    world.service.keeper.error = f"{world.path}: no space left"
    for who in READERS:
        text = await told(world, who, "/readyz")
        assert text.startswith("503")
        assert text.endswith('{"status":"unready"}')
