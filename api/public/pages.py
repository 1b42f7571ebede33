"""``/public``: the lists for everybody as pages without scripts, and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from html import escape
from io import StringIO
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
from aiohttp import hdrs, web

from api.http.keys import LINE, Line
from api.http.pages import PAGE_HEADERS
from api.http.reading import AFTER, query_value
from api.http.resources import Handler, Parameter, Resource
from api.http.tokens import ANONYMOUS
from api.public.lists import LISTS, Asked, Document, PublicList
from ledger.kernel.messages import title

#: Entries on a page, and rows of a CSV; a longer list continues with ``after``.
PAGE, ROWS = 20, 200

Language = Literal["zh", "en"]
LANG = Parameter("lang", Language, "the language of the page: zh (default) or en")

#: The resource with the names of the units.
_UNITS = "/v1/units"

#: A cell that begins so could be read as a formula by a spreadsheet program.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def public_resources(sources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the pages of the lists whose resources are among ``sources``."""
    by_path = {source.path: source for source in sources}
    shown = [one for one in LISTS if {one.source, _UNITS} <= by_path.keys()]
    made = [Resource("/public", _entrance(shown), query=(LANG,), listed=False)]
    for one in shown:
        known = {parameter.name: parameter for parameter in by_path[one.source].query}
        narrowing = tuple(known[name] for name in ("q", "unit") if name in known)
        query = (*narrowing, AFTER, LANG)
        read = _reader(one, by_path, [parameter.name for parameter in narrowing])
        made.append(
            Resource(one.path, _page(one, read, shown, narrowing), query=query, listed=False)
        )
        made.append(
            Resource(
                f"{one.path}.csv",
                _sheet(one, read),
                query=query,
                listed=False,
                media_types=("text/csv",),
            )
        )
    return tuple(made)


class Part(msgspec.Struct, frozen=True):
    """Part of a list as everybody reads it; ``after`` continues it."""

    rows: list[list[str]]
    after: str | None


Read = Callable[[web.Request, Language, int], Any]


def _reader(one: PublicList, by_path: Mapping[str, Resource], narrowing: Iterable[str]) -> Read:
    source = by_path[one.source].handler
    whole = None if one.whole is None else by_path[one.whole].handler
    units = by_path[_UNITS].handler
    kept = ("after", *narrowing)

    async def read(request: web.Request, language: Language, limit: int) -> Part:
        asked = {name: request.query[name] for name in kept if request.query.get(name)}
        documents, after = await _items(request, source, {**asked, "limit": str(limit)})
        if whole is not None:
            field = one.whole.rsplit("{", 1)[-1].rstrip("}") if one.whole else ""
            documents = [
                await _document(request, whole, {field: str(document[one.key])})
                for document in documents
            ]
        named, _ = await _items(request, units, {"limit": "500"})
        names = {unit["unit"]: unit.get("name") or unit["unit"] for unit in named}
        about = Asked(language, names)
        rows = [[_cell(column.show(document, about)) for column in one.columns]
                for document in documents]  # fmt: skip
        return Part(rows, after)

    return read


def _cell(shown: Any) -> str:
    return "" if shown is None else str(shown)


async def _items(
    request: web.Request, handler: Handler, query: Mapping[str, str]
) -> tuple[list[Document], str | None]:
    """Return a page of a resource, and what continues it."""
    answer = await _answer(request, handler, query)
    link = answer.headers.get(hdrs.LINK, "")
    following = dict(parse_qsl(urlsplit(link.partition("<")[2].partition(">")[0]).query))
    items: list[Document] = msgspec.json.decode(_body(answer))["items"]
    return items, following.get("after")


async def _document(request: web.Request, handler: Handler, place: Mapping[str, str]) -> Document:
    """Return one document of a resource."""
    request.match_info.update(place)
    document: Document = msgspec.json.decode(_body(await _answer(request, handler, {})))
    return document


async def _answer(request: web.Request, handler: Handler, query: Mapping[str, str]) -> web.Response:
    """Ask a resource as a reader without a token, whatever the request of the page carries."""
    # A list would answer to the ending of the page's address, .csv, with a sheet.
    place = request.rel_url.with_path(request.path.removesuffix(".csv")).with_query(dict(query))
    asking = request.clone(rel_url=place, headers={})
    asking[LINE] = Line(request[LINE].request_id, grant=ANONYMOUS)
    answer = await handler(asking)
    assert isinstance(answer, web.Response)
    return answer


def _body(answer: web.Response) -> bytes:
    assert isinstance(answer.body, bytes)
    return answer.body


def _entrance(shown: Iterable[PublicList]) -> Handler:
    async def entrance(request: web.Request) -> web.Response:
        """Lead to the lists for everybody."""
        language = _language(request)
        text = _texts(language)
        entries = "".join(
            f'<li><a href="{_link(one.path, language)}">{text(one.name)}</a><br>'
            f"{text(f'{one.name}.says')}</li>"
            for one in shown
        )
        body = f"<h1>{text('public')}</h1><p>{text('public.says')}</p><ul>{entries}</ul>"
        return _html(language, title("public", language, "pages"), body, request.path)

    return entrance


def _page(
    one: PublicList, read: Read, shown: Iterable[PublicList], narrowing: tuple[Parameter, ...]
) -> Handler:
    async def page(request: web.Request) -> web.Response:
        """Show part of a list for everybody."""
        language = _language(request)
        text = _texts(language)
        part: Part = await read(request, language, PAGE)
        head = "".join(f'<th scope="col">{text(column.code)}</th>' for column in one.columns)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in part.rows
        )
        table = (
            f'<div class="wide" role="region" aria-labelledby="list" tabindex="0"><table>'
            f'<caption id="list">{text(f"{one.name}.says")}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
            if part.rows
            else f"<p>{text('nothing')}</p>"
        )
        kept = {p.name: request.query[p.name] for p in narrowing if request.query.get(p.name)}
        turning = [
            f'<a href="{_link(one.path, language, kept)}">{text("first")}</a>'
            if "after" in request.query
            else "",
            f'<a rel="next" href="{_link(one.path, language, {**kept, "after": part.after})}">'
            f"{text('next')}</a>"
            if part.after
            else "",
            f'<a href="{_link(f"{one.path}.csv", language, kept)}">CSV</a>',
            f'<a href="{escape(one.source)}">JSON</a>',
        ]
        lists = " · ".join(
            f'<a href="{_link(other.path, language)}"'
            + (' aria-current="page"' if other is one else "")
            + f">{text(other.name)}</a>"
            for other in shown
        )
        body = (
            f'<nav aria-label="{text("public")}">{lists}</nav><h1>{text(one.name)}</h1>'
            f"{_form(one, language, narrowing, kept)}{table}"
            f"<p>{' · '.join(filter(None, turning))}</p>"
        )
        return _html(language, title(one.name, language, "pages"), body, request.path, kept)

    return page


def _form(
    one: PublicList, language: Language, narrowing: tuple[Parameter, ...], kept: Mapping[str, str]
) -> str:
    """Return the form that narrows a list, if its resource can be narrowed."""
    if not narrowing:
        return ""
    text = _texts(language)
    fields = "".join(
        f'<label>{text(f"narrow.{p.name}")} <input name="{p.name}" maxlength="100" '
        f'value="{escape(kept.get(p.name, ""), quote=True)}"></label>'
        for p in narrowing
    )
    return (
        f'<form method="get" action="{one.path}" role="search">{fields}'
        f'<input type="hidden" name="lang" value="{language}">'
        f"<button>{text('search')}</button></form>"
    )


def _sheet(one: PublicList, read: Read) -> Handler:
    async def sheet(request: web.Request) -> web.Response:
        """Return part of a list for everybody as CSV; its Link header continues it."""
        language = _language(request)
        part: Part = await read(request, language, ROWS)
        out = StringIO()
        writer = csv.writer(out)
        writer.writerow([title(column.code, language, "pages") for column in one.columns])
        writer.writerows([_harmless(cell) for cell in row] for row in part.rows)
        headers = {
            hdrs.CONTENT_TYPE: "text/csv; charset=utf-8; header=present",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{one.name}.csv"',
            hdrs.CONTENT_LANGUAGE: language,
            "X-Content-Type-Options": "nosniff",
        }
        if part.after:
            pairs = {**request.query, "after": part.after}
            headers[hdrs.LINK] = f'<{request.path}?{urlencode(pairs)}>; rel="next"'
        return web.Response(body=out.getvalue().encode("utf-8-sig"), headers=headers)

    return sheet


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _language(request: web.Request) -> Language:
    language: Language = query_value(request, "lang", Language, "zh")
    return language


def _texts(language: Language) -> Callable[[str], str]:
    return lambda code: escape(title(code, language, "pages"))


def _link(path: str, language: Language, query: Mapping[str, str | None] | None = None) -> str:
    pairs = {name: value for name, value in (query or {}).items() if value}
    if language != "zh":
        pairs["lang"] = language
    return escape(f"{quote(path)}?{urlencode(pairs)}" if pairs else quote(path), quote=True)


def _html(
    language: Language,
    heading: str,
    body: str,
    path: str,
    kept: Mapping[str, str] | None = None,
) -> web.Response:
    text = _texts(language)
    other: Language = "en" if language == "zh" else "zh"
    page = (
        f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}">'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(heading)} · {text('service')}</title>"
        '<link rel="stylesheet" href="/static/public.css">'
        f'<a class="skip" href="#content">{text("skip")}</a>'
        f'<header><a href="{_link("/public", language)}">{text("service")}</a>'
        f'<a lang="{other}" hreflang="{other}" href="{_link(path, other, kept)}">'
        f"{text('other')}</a></header>"
        f'<main id="content">{body}</main></html>\n'
    )
    return web.Response(
        body=page.encode(),
        headers={
            **PAGE_HEADERS,
            hdrs.CONTENT_TYPE: "text/html; charset=utf-8",
            hdrs.CONTENT_LANGUAGE: "zh-CN" if language == "zh" else "en",
            hdrs.CACHE_CONTROL: "no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )
