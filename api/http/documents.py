"""Answers as documents: the PDF twin of a resource, made from the same answer as its JSON.

The handler of the resource is asked first, with all its checks; the document shows what it answers.
So nobody reads more in a document than by the interface. Its ETag is the digest of that answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.documents.sheet import digest_of
from api.documents.words import Document, Words
from api.http.asking import asked, follower_of
from api.http.keys import LOG
from api.http.languages import language_of
from api.http.naming import names_of
from api.http.reader import reader_of
from api.http.reading import conditional
from api.http.resources import Handler
from api.http.sheets import PDF, preferred
from api.running.pools import SHEETS
from ledger.transparency.keys import NAMELESS

#: The end of a path that asks for a document.
_SUFFIX = ".pdf"


class Printed(msgspec.Struct, frozen=True):
    """What a document is made from: an answer, its digest, its words, and where it is checked."""

    document: Document
    digest: str
    words: Words
    today: date
    base: str
    query: Mapping[str, str]


def with_pdf(handler: Handler, draw: Callable[[Printed], bytes], name: str) -> Handler:
    """Return a handler that also answers with the document that ``draw`` makes.

    ``name``: the place of the path by which the file is called.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        if not _wanted(request):
            return await handler(request)
        headers = request.headers.copy()
        headers.popall(hdrs.IF_NONE_MATCH, None)
        headers[hdrs.ACCEPT] = "application/json"
        response = await handler(request.clone(headers=headers))
        if not isinstance(response, web.Response) or response.status != 200:
            return response
        content = response.body
        assert isinstance(content, bytes)
        reader, language = await reader_of(request), language_of(request)
        follower = follower_of(request)

        def make() -> bytes:
            document = msgspec.json.decode(content)
            with follower.views.reading() as connection:
                named = names_of(connection, reader, _ids(document))
            names = {id_: name for kind in named.values() for id_, name in kind.items()}
            return draw(
                Printed(
                    document,
                    digest_of(content),
                    Words(language, names),
                    reader.today,
                    base_of(request),
                    dict(request.query),
                )
            )

        body = await asked(make, SHEETS)
        shown = conditional(
            request, digest_of(body)[:16], lambda: body, media_type=PDF, language=language
        )
        shown.headers[hdrs.CONTENT_DISPOSITION] = (
            f'inline; filename="{_file_name(request.match_info[name])}.pdf"'
        )
        return shown

    answer.__doc__ = handler.__doc__
    return answer


def base_of(request: web.Request) -> str:
    """Return where this service is reached: by the name of its log, else as the request says."""
    log = request.app.get(LOG)
    origin = NAMELESS if log is None else log.log.origin
    if origin.startswith(NAMELESS):
        return f"{request.scheme}://{request.host}"
    return f"https://{origin.removesuffix('/v1/log')}"


def _wanted(request: web.Request) -> bool:
    if request.path.endswith(_SUFFIX):
        return True
    return preferred(request, {"application/json": False, PDF: True, "*/*": False}, False)


def _ids(document: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return the ids that a document names, by kind, at any depth."""
    ids: dict[str, set[str]] = {"unit": set(), "entity": set()}
    for field, value in _fields(document):
        if field in ids and isinstance(value, str):
            ids[field].add(value)
    return ids


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


def _file_name(id_: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", id_)[:80]
