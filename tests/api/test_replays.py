"""Replays over HTTP: sent as they are worked out, alike whether in one piece or in many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientError

from api.running import pools
from api.systems import replays
from api.views import RESOURCES, readiness
from ledger.kernel import Ledger
from ledger.kernel.budget import Exhausted
from projections.explain.replay import Replaying
from projections.follower import Follower
from projections.opening import open_views
from tests.projections.facts import E1, Past, inspection, task

PATH = f"/v1/entities/{E1}/replay"


@pytest.fixture
def past(ledger: Ledger) -> Past:
    return Past(ledger.recorder)


@pytest.fixture
async def face(make_face: Callable[..., Any], ledger: Ledger, tmp_path: Path) -> Any:
    views = open_views(f"sqlite:///{tmp_path / 'ledger.db'}")
    with Follower(ledger.recorder, views) as follower:
        follower.start()
        yield await make_face(views=follower, resources=RESOURCES, readiness=readiness(follower))
    views.close()


async def pieces(face: Any, path: str = PATH) -> tuple[int, dict[str, Any]]:
    """In how many chunks an answer came, 0 if it has a length; and what it says."""
    answer = await face.get(path, face.jb)
    assert answer.status == 200, await answer.text()
    chunked = "Content-Length" not in answer.headers
    count, body = 0, b""
    async for data, end in answer.content.iter_chunks():
        body += data
        count += end
    return count if chunked else 0, msgspec.json.decode(body)


async def test_pieces_make_the_same_answer(
    face: Any, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step or at once: the same steps, and the profile that the view shows."""
    for number in range(20):
        past.add(inspection(f"I-{number}"), "2015-05-04")
    past.add(task("T-1"))
    path = f"{PATH}?at_least={past.last}"
    count, at_once = await pieces(face, path)
    assert count == 0
    monkeypatch.setattr(replays, "PIECE_BYTES", 0)
    count, in_pieces = await pieces(face, path)
    assert count > 20
    assert in_pieces == at_once
    assert [step["position"] for step in at_once["steps"]] == [*range(1, 22)]
    assert at_once["position"] == 21
    answer = await face.get(f"/v1/entities/{E1}/profile", face.jb)
    assert await answer.json() == at_once["profile"]
    head = await face.client.head(path, headers={"Authorization": f"Bearer {face.jb}"})
    assert (head.status, await head.read()) == (200, b"")


async def test_half_an_answer_is_no_answer(
    face: Any, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What breaks off in the middle ends the connection: nobody takes it for the whole."""
    for number in range(9):
        past.add(inspection(f"I-{number}"), "2015-05-04")
    monkeypatch.setattr(replays, "PIECE_BYTES", 0)
    steps = Replaying.__iter__

    def few(self: Replaying) -> Iterator[Any]:
        for number, step in enumerate(steps(self)):
            if number == 5:
                raise Exhausted
            yield step

    monkeypatch.setattr(Replaying, "__iter__", few)
    answer = await face.get(f"{PATH}?at_least=9", face.jb)
    assert answer.status == 200
    with pytest.raises(ClientError):
        await answer.read()
    assert replays._open == 0


async def test_so_many_replays_at_once(
    face: Any, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond a number of replays under way the next is told to come again."""
    past.add(inspection("I-1"), "2015-05-04")
    monkeypatch.setattr(replays, "MAX_OPEN", 0)
    answer = await face.get(f"{PATH}?at_least=1", face.jb)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert (await answer.json())["type"] == "/problems/unavailable"
    monkeypatch.setattr(replays, "MAX_OPEN", 1)
    assert (await face.get(PATH, face.jb)).status == 200


async def test_what_takes_too_long_is_a_problem(
    face: Any, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay whose first step does not come in time says so, in the one shape of errors."""
    past.add(inspection("I-1"), "2015-05-04")
    assert (await face.get(f"{PATH}?at_least=1", face.jb)).status == 200
    monkeypatch.setattr(pools.REPLAYS, "seconds", 1e-9)
    for path in (PATH, f"/v1/entities/{E1}/profile?known_as_of=2026-01-01T00:00:00Z"):
        answer = await face.get(path, face.jb)
        assert answer.status == 503
        assert (await answer.json())["type"] in {"/problems/too-costly", "/problems/unavailable"}
    await asyncio.sleep(0)
