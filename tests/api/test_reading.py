"""Reading: events, ETags, waiting for a position, parameters, resources of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from api.http import reading
from api.http.keys import VIEWS
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, at_least, bounded, json_response, next_link
from api.http.resources import Parameter, Resource
from tests.api.conftest import Face


class Follower:
    """A view that is where it is told to be."""

    position = 0


async def things(request: web.Request) -> web.Response:
    """Things, in pages."""
    follower: Follower = request.app[VIEWS]
    await at_least(request, lambda: follower.position)
    limit = bounded(request, "limit", 2, 1, 10)
    after = bounded(request, "after", 0, 0, 1000)
    page = list(range(after + 1, after + 1 + limit))
    return json_response(page, headers={"Link": next_link(request, after=page[-1])})


THINGS = Resource(
    "/v1/things/{kind}",
    things,
    returns=tuple[int, ...],
    roles=frozenset({"jb_supervisor"}),
    query=(
        Parameter("limit", int),
        Parameter("after", int),
        Parameter("like", str, repeatable=True),
        AT_LEAST,
    ),
    headers=(AT_LEAST_HEADER,),
)


@pytest.fixture
async def with_things(make_face: Callable[..., Any]) -> Face:
    return await make_face(resources=(THINGS,), views=Follower())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "position", ["0", "2", "-1", "x", "1.0", "９", "99999999999999999999", "1_0"]
)
async def test_no_such_event(face: Face, position: str) -> None:
    """A position without an event, or what is no position, is not found."""
    await face.note()
    assert (await face.get(f"/v1/events/{position}", face.jb)).status == 404


async def test_not_modified(face: Face) -> None:
    """Whoever has an event already is answered 304 without a body."""
    await face.note()
    for given in ('"1"', 'W/"1"', '"7", "1"', "*"):
        answer = await face.get("/v1/events/1", headers={"If-None-Match": given})
        assert answer.status == 304
        assert await answer.read() == b""
        assert answer.headers["ETag"] == '"1"'
    assert (await face.get("/v1/events/1", headers={"If-None-Match": '"2"'})).status == 200


async def test_not_modified_hides(face: Face) -> None:
    """If-None-Match does not tell whether an event exists that the token may not see."""
    await face.note(level="sealed")
    assert (await face.get("/v1/events/1", headers={"If-None-Match": '"1"'})).status == 404


@pytest.mark.parametrize("path", ["/", "/livez", "/v1/feed", "/v1/events/1", "/docs", "/problems"])
async def test_head(face: Face, path: str) -> None:
    """HEAD answers as GET does, without a body."""
    await face.note()
    got = await face.client.get(path)
    headed = await face.client.head(path)
    assert (headed.status, headed.content_type) == (got.status, got.content_type)
    assert await headed.read() == b""


async def test_method_not_allowed(face: Face) -> None:
    """A method that a resource does not take is a 405 that names those it takes."""
    for method, path, allowed in (
        ("POST", "/v1/feed", "GET, HEAD"),
        ("GET", "/v1/specimen/note-thing", "POST"),
        ("DELETE", "/v1/events/1", "GET, HEAD"),
        ("PUT", "/v1/events/1", "GET, HEAD"),
        ("OPTIONS", "/v1/events/1", "GET, HEAD"),
    ):
        answer = await face.client.request(method, path)
        assert answer.status == 405
        assert answer.headers["Allow"] == allowed
        assert (await answer.json())["type"] == "/problems/method-not-allowed"


async def test_unknown_parameter(with_things: Face) -> None:
    """A misspelt parameter is refused, and the answer names the known ones."""
    for query in (
        "limt=1",
        "limit=1&limit=2",
        "limit=x",
        "limit=0",
        "limit=11",
        "limit=",
        "after=-1",
    ):
        answer = await with_things.get(f"/v1/things/a?{query}", with_things.jb)
        assert answer.status == 400, query
    answer = await with_things.get("/v1/things/a?limt=1", with_things.jb)
    assert "after, at_least, like, limit" in (await answer.json())["detail"]
    assert (await with_things.get("/v1/things/a?like=1&like=2", with_things.jb)).status == 200


async def test_roles(with_things: Face) -> None:
    """A resource for some roles is a 401 without a token and a 403 for other roles."""
    assert (await with_things.get("/v1/things/a")).status == 401
    assert (await with_things.get("/v1/things/a", with_things.mrb)).status == 403
    assert (await with_things.get("/v1/things/a", with_things.jb)).status == 200


async def test_next_page(with_things: Face) -> None:
    """The Link header leads to the next page and keeps the rest of the query."""
    answer = await with_things.get("/v1/things/a?limit=3&like=x%20%26y", with_things.jb)
    link = answer.links["next"]["url"]
    assert link.path == "/v1/things/a"
    assert dict(link.query) == {"limit": "3", "like": "x &y", "after": "3"}
    answer = await with_things.get(str(link.relative()), with_things.jb)
    assert await answer.json() == [4, 5, 6]


class TestAtLeast:
    """A read that asks for a position sees what was written before it."""

    async def test_reached(self, with_things: Face) -> None:
        """A view that is there answers at once."""
        with_things.client.app[VIEWS].position = 5  # type: ignore[union-attr]
        assert (await with_things.get("/v1/things/a?at_least=5", with_things.jb)).status == 200

    @pytest.mark.parametrize("by_header", [False, True])
    async def test_waits(
        self, with_things: Face, by_header: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A view that is on its way is waited for, whichever way one asks."""
        monkeypatch.setattr(reading, "MAX_WAIT_SECONDS", 60.0)
        follower = with_things.client.app[VIEWS]  # type: ignore[union-attr]
        arrived = asyncio.Event()

        def arrive() -> None:
            follower.position = 7
            arrived.set()

        asyncio.get_running_loop().call_later(0.2, arrive)
        answer = await with_things.get(
            "/v1/things/a" if by_header else "/v1/things/a?at_least=7",
            with_things.jb,
            headers={"X-Position-AtLeast": "7"} if by_header else {},
        )
        assert answer.status == 200
        assert arrived.is_set()

    async def test_too_early(self, with_things: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """A view that does not get there in time is a 425 that says where it is."""
        monkeypatch.setattr(reading, "MAX_WAIT_SECONDS", 0.1)
        answer = await with_things.get("/v1/things/a?at_least=9", with_things.jb)
        assert answer.status == 425
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["position"] == 0

    async def test_nonsense(self, with_things: Face) -> None:
        """A position that is none is refused."""
        for query, headers in (("?at_least=x", {}), ("", {"X-Position-AtLeast": "-1"})):
            answer = await with_things.get(f"/v1/things/a{query}", with_things.jb, headers=headers)
            assert answer.status == 400
