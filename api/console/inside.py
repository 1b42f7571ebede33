"""Ask the service's own resources, and send its commands, in the name of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPMethod
from typing import Any

import msgspec
from aiohttp import hdrs, web
from msgspec.structs import replace
from yarl import URL

from api.console.sessions import Session
from api.http.bodies import GIVEN
from api.http.keys import LINE
from api.http.languages import chosen
from api.http.problems import not_found, response_to
from api.http.resources import Resource
from api.http.sheets import SUFFIXES

#: The resources that the console shows, by their paths.
SHOWN: web.AppKey[dict[str, Resource]] = web.AppKey("shown", dict)

#: Endings of paths that ask for a file.
FILES = (*SUFFIXES, ".ndjson", ".pdf")

#: Headers of the browser that hold for the answer too. Its conditions and ranges do not.
_PASSED = (hdrs.HOST, hdrs.X_FORWARDED_FOR, hdrs.USER_AGENT, "X-Request-Id")

#: The parameters of a question, as a mapping or as pairs, of which names may repeat.
Query = Mapping[str, str | int] | Sequence[tuple[str, str | int]] | None


class Answer(msgspec.Struct, frozen=True):
    """The answer of a resource or command: its status, its JSON, and the resource's path."""

    status: int
    body: Any
    route: str

    @property
    def fine(self) -> bool:
        """Whether the answer is something other than a problem document."""
        return self.status < 400


class Streamed(Exception):
    """The resource has sent its answer itself, in parts; no page can be made of it."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__()
        self.response = response


async def ask(
    request: web.Request,
    session: Session,
    path: str,
    query: Query = None,
    *,
    language: str,
    recorded: bool = False,
) -> Answer:
    """Return what GET answers the holder of a session; 404 for what the console does not show.

    ``recorded``: the consultation is recorded already, as that of the page.

    Raises ``Streamed``.
    """
    response, route = await _inside(
        request, session, HTTPMethod.GET, _url(path, query), language, recorded=recorded
    )
    return _answer(response, route)


async def ask_for_file(
    request: web.Request,
    session: Session,
    path: str,
    query: Query = None,
    *,
    language: str,
    others: frozenset[str] = frozenset(),
) -> web.StreamResponse:
    """Return a list as a table, or a document as JSON: the response that a client would get.

    ``others``: resources that are neither and that may be asked for here.
    """
    response, _ = await _inside(
        request, session, HTTPMethod.GET, _url(path, query), language, others=others
    )
    return response


async def send(
    request: web.Request,
    session: Session,
    path: str,
    body: bytes,
    *,
    language: str,
    key: str | None = None,
    dry: bool = False,
) -> Answer:
    """Send a command in the name of a session, or ask what it would record (``dry``)."""
    url = URL(path).with_query({"dry_run": "true"} if dry else {})
    response, route = await _inside(
        request, session, HTTPMethod.POST, url, language, body=body, key=key
    )
    return _answer(response, route)


def _url(path: str, query: Query) -> URL:
    return URL(path) if query is None else URL(path).with_query(query)


def _answer(response: web.StreamResponse, route: str) -> Answer:
    if not isinstance(response, web.Response) or response.prepared:
        raise Streamed(response)
    content = response.body
    assert content is None or isinstance(content, bytes)
    return Answer(response.status, msgspec.json.decode(content or b"null"), route)


async def _inside(
    request: web.Request,
    session: Session,
    method: HTTPMethod,
    url: URL,
    language: str,
    *,
    body: bytes | None = None,
    key: str | None = None,
    recorded: bool = False,
    others: frozenset[str] = frozenset(),
) -> tuple[web.StreamResponse, str]:
    headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
    headers |= {hdrs.ACCEPT: "application/json", hdrs.ACCEPT_LANGUAGE: language}
    if body is not None:
        headers[hdrs.CONTENT_TYPE] = "application/json"
    if key is not None:
        headers["Idempotency-Key"] = key
    own = request.clone(method=method.value, rel_url=url, headers=headers)
    line = request[LINE]
    line.grant = session.grant
    if body is None:
        # Several questions of a page run at once: each has a line of its own.
        line = own[LINE] = replace(line, recorded=recorded)
    else:
        own[GIVEN] = body
    app = request.app
    match = await app.router.resolve(own)
    match.add_app(app)
    match.freeze()
    own._match_info = match  # noqa: SLF001 - as the application itself does
    resource = match.route.resource
    route = "" if resource is None else resource.canonical
    told = partial(
        response_to,
        language=chosen(language, own="en"),
        instance=own.path,
        request_id=line.request_id,
    )
    # Streams and files are not JSON; a stream would be written to the browser itself.
    shown = body is not None or not route or route in others or _is_shown(app, route)
    try:
        response = await match.handler(own) if shown else told(not_found())
    except Exception as error:  # noqa: BLE001 - answered like every error of the service
        response = told(error)
    return response, route


def _is_shown(app: web.Application, route: str) -> bool:
    known = app[SHOWN]
    path, _, ending = route.rpartition(".")
    return route in known or (path in known and f".{ending}" in known[path].suffixes)
