"""Pages for people: the entry page, the problem types, and a page to try the interface."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
from aiohttp import web

from api.http.languages import language_of
from api.http.problems import KINDS, Kind, not_found
from api.http.reading import accepted, conditional
from api.http.resources import Resource

#: Only our own files: no other origins, no inline code, no frames.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


def _packaged() -> dict[str, bytes]:
    # Lookups use the package's own file names, so no request path reaches the file system.
    folder = files("api") / "static"
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.name.rsplit(".", 1)[-1] in _TYPES}


_STATIC = _packaged()

LINKS = {
    "description": "/v1/openapi.json",
    "docs": "/docs",
    "feed": "/v1/feed",
    "feed_description": "/v1/asyncapi.json",
    "event_types": "/v1/event-types",
    "rules": "/v1/rules",
    "problems": "/problems",
    "alive": "/livez",
    "ready": "/readyz",
}


class Index(msgspec.Struct, frozen=True):
    """What this service is, and where its parts are."""

    name: str
    links: dict[str, str]


class ShownKind(msgspec.Struct, frozen=True):
    """A problem type."""

    type: str
    status: int
    title: str
    meaning: str


def page(request: web.Request, name: str) -> web.Response:
    """Return a packaged file with the security headers of pages."""
    body = _STATIC[name]
    return conditional(
        request,
        sha256(body).hexdigest()[:16],
        lambda: body,
        headers=PAGE_HEADERS,
        media_type=_TYPES[name.rsplit(".", 1)[-1]],
    )


def stated(request: web.Request, value: Any, language: str | None = None) -> web.Response:
    """Return a value that only a new version of the program changes; its ETag is its digest.

    ``language``: that of its words, if they depend on the reader.
    """
    body = msgspec.json.encode(value)
    digest = sha256(body).hexdigest()[:16]
    return conditional(request, digest, lambda: body, language=language)


async def index(request: web.Request) -> web.Response:
    """List the parts of this service; a browser gets a page."""
    if "text/html" in accepted(request):
        return page(request, "index.html")
    return stated(request, Index("supervision-ledger", LINKS))


async def docs(request: web.Request) -> web.Response:
    """Return a page that shows every operation and can send it with a token."""
    return page(request, "docs.html")


async def static(request: web.Request) -> web.Response:
    """Return a file that the pages need."""
    if request.match_info["name"] not in _STATIC:
        raise not_found()
    return page(request, request.match_info["name"])


def _shown(kind: Kind, language: str) -> ShownKind:
    return ShownKind(kind.uri, kind.status, kind.title(language), kind.meaning(language))


async def problems(request: web.Request) -> web.Response:
    """List every problem type of this service."""
    language = language_of(request)
    return stated(request, [_shown(kind, language) for kind in KINDS.values()], language)


async def problem(request: web.Request) -> web.Response:
    """Return one problem type: what it means and what to do."""
    kind = KINDS.get(request.match_info["name"])
    if kind is None:
        raise not_found()
    language = language_of(request)
    return stated(request, _shown(kind, language), language)


RESOURCES = (
    Resource("/", index, returns=Index, conditional=True, group="description"),
    Resource("/problems", problems, returns=tuple[ShownKind, ...], conditional=True, worded=True),
    Resource("/problems/{name}", problem, returns=ShownKind, conditional=True, worded=True),
    Resource("/docs", docs, listed=False),
    Resource("/static/{name}", static, listed=False),
)
