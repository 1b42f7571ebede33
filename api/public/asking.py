"""Ask the resources under ``/v1`` as everybody, whatever the request of the page carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from aiohttp import hdrs, web

from api.http.keys import LINE, Line
from api.http.resources import Handler
from api.http.tokens import ANONYMOUS


async def documents_of(
    request: web.Request, handler: Handler, query: Mapping[str, str]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of a list, and what continues it."""
    answer = await _answer(request, handler, query)
    link = answer.headers.get(hdrs.LINK, "")
    following = dict(parse_qsl(urlsplit(link.partition("<")[2].partition(">")[0]).query))
    items: list[dict[str, Any]] = msgspec.json.decode(_body(answer))["items"]
    return items, following.get("after")


async def answer_of(
    request: web.Request, handler: Handler, query: Mapping[str, str], place: Mapping[str, str]
) -> dict[str, Any]:
    """Return one document; ``place``: the ids of its path."""
    request.match_info.update(place)
    document: dict[str, Any] = msgspec.json.decode(_body(await _answer(request, handler, query)))
    return document


async def _answer(request: web.Request, handler: Handler, query: Mapping[str, str]) -> web.Response:
    # A resource answers with JSON only where the path does not ask for another form.
    path = request.path.rpartition("/")[0] + "/json"
    url = request.rel_url.with_path(path).with_query(dict(query))
    language = {
        name: value for name, value in request.headers.items() if name == hdrs.ACCEPT_LANGUAGE
    }
    asking = request.clone(rel_url=url, headers=language)
    asking[LINE] = Line(request[LINE].request_id, grant=ANONYMOUS)
    answer = await handler(asking)
    assert isinstance(answer, web.Response)
    return answer


def _body(answer: web.Response) -> bytes:
    assert isinstance(answer.body, bytes)
    return answer.body
