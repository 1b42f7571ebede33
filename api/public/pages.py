"""``/public``: the lists for everybody as pages without scripts, and as CSV and XLSX."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web
from markupsafe import Markup

from api.http.asking import asked
from api.http.languages import headers_in
from api.http.reading import AFTER
from api.http.resources import Handler, Parameter, Resource
from api.http.sheets import CSV, XLSX, Form, table
from api.public.asking import answer_of, documents_of
from api.public.lists import GROUPS, LISTS, Asked, Document, PublicList
from api.public.rendering import LANG, language_asked, link, render, title_of, with_links
from api.running.pools import SHEETS
from ledger.kernel.messages import title

#: Entries on a page, and rows of a CSV or XLSX; a longer list continues with ``after``.
PAGE, ROWS = 20, 200

#: The resource with the names of the units.
_UNITS = "/v1/units"
_PROFILE = "/v1/entities/{entity}/profile"

#: What the page of a business shows of its public profile: the lists, and their columns.
_PARTS: Sequence[tuple[str, Sequence[str]]] = (
    ("records", ("doc_no", "title", "unit", "determined_on", "publicity", "status")),
    ("serious_list", ("list_field", "unit", "listed_on", "reason")),
    ("commitments", ("commitment", "type", "unit", "made_on", "stage")),
    ("inspections", ("task", "unit", "held_on", "result", "published_on")),
)
#: Columns of single values that have a title.
_VALUED = frozenset({"status", "type", "stage", "result", "list_field", "title"})


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
        made.append(Resource(one.path, _page(one, read, narrowing), query=query, listed=False))
        made.extend(
            Resource(
                f"{one.path}{suffix}",
                _sheet(one, read, suffix, media_type),
                query=query,
                listed=False,
                media_types=(media_type,),
                compress=suffix == ".csv",
            )
            for suffix, media_type in ((".csv", CSV), (".xlsx", XLSX))
        )
    if _PROFILE in by_path:
        profile = by_path[_PROFILE].handler
        units = by_path[_UNITS].handler
        made.append(
            Resource(
                "/public/businesses/{entity}",
                _business(profile, units),
                query=(LANG,),
                listed=False,
            )
        )
    return tuple(made)


class Part(msgspec.Struct, frozen=True):
    """Part of a list as everybody reads it; ``after`` continues it."""

    rows: list[list[str]]
    after: str | None


Read = Callable[[web.Request, str, int], Awaitable[Part]]


def _reader(one: PublicList, by_path: Mapping[str, Resource], narrowing: Iterable[str]) -> Read:
    source = by_path[one.source].handler
    whole = None if one.whole is None else by_path[one.whole].handler
    units = by_path[_UNITS].handler
    kept = ("after", *narrowing)

    async def read(request: web.Request, language: str, limit: int) -> Part:
        query = {name: request.query[name] for name in kept if request.query.get(name)}
        documents, after = await documents_of(request, source, {**query, "limit": str(limit)})
        if whole is not None:
            field = one.whole.rsplit("{", 1)[-1].rstrip("}") if one.whole else ""
            documents = [
                await answer_of(request, whole, {}, {field: str(document[one.key])})
                for document in documents
            ]
        about = Asked(language, await _unit_names(request, units))
        rows = [[_cell(column.show(document, about)) for column in one.columns]
                for document in documents]  # fmt: skip
        return Part(rows, after)

    return read


async def _unit_names(request: web.Request, units: Handler) -> dict[str, str]:
    named, _ = await documents_of(request, units, {"limit": "500"})
    return {unit["unit"]: unit.get("name") or unit["unit"] for unit in named}


def _cell(shown: object) -> str:
    return "" if shown is None else str(shown)


def _entrance(shown: Iterable[PublicList]) -> Handler:
    groups = {group: [one for one in shown if one.group == group] for group in GROUPS}

    async def entrance(request: web.Request) -> web.Response:
        """Lead to the lists for everybody."""
        known = {group: lists for group, lists in groups.items() if lists}
        return render(request, "entrance.html", groups=known)

    return entrance


def _page(one: PublicList, read: Read, narrowing: tuple[Parameter, ...]) -> Handler:
    async def page(request: web.Request) -> web.Response:
        """Show part of a list for everybody."""
        language = language_asked(request)
        part = await read(request, language, PAGE)
        kept = {p.name: request.query[p.name] for p in narrowing if request.query.get(p.name)}
        lang = request.query.get("lang", "")
        follows = {**kept, "after": part.after}

        def shown(code: str, cell: str) -> object:
            if code == "entity" and cell:
                return with_link(f"/public/businesses/{cell}", cell, lang)
            return with_links(cell)

        return render(
            request,
            "list.html",
            list=one,
            rows=part.rows,
            narrowing=[p.name for p in narrowing],
            kept=kept,
            first=link(one.path, lang, kept) if "after" in request.query else "",
            next=link(one.path, lang, follows) if part.after else "",
            shown=shown,
            headers=_following(one.path, request, part.after),
        )

    return page


def with_link(path: str, says: str, lang: str) -> Markup:
    """Return a cell that leads to another page."""
    return Markup('<a href="{}">{}</a>').format(link(path, lang), says)


def _following(path: str, request: web.Request, after: str | None) -> dict[str, str]:
    """Return the header that leads to what follows."""
    if not after:
        return {}
    return {hdrs.LINK: f'<{path}?{urlencode({**request.query, "after": after})}>; rel="next"'}


def _sheet(one: PublicList, read: Read, suffix: str, media_type: str) -> Handler:
    async def sheet(request: web.Request) -> web.Response:
        """Return part of a list for everybody as a table; its Link header continues it."""
        language = language_asked(request)
        part = await read(request, language, ROWS)
        head = [title_of(column.code, language) for column in one.columns]
        form: Form = "csv" if suffix == ".csv" else "xlsx"
        body = await asked(lambda: table(form, one.name, head, part.rows), SHEETS)
        kind = f"{media_type}; charset=utf-8; header=present" if form == "csv" else media_type
        return web.Response(
            body=body,
            headers={
                hdrs.CONTENT_TYPE: kind,
                hdrs.CONTENT_DISPOSITION: f'attachment; filename="{one.name}{suffix}"',
                **headers_in(language),
                **_following(request.path, request, part.after),
                "X-Content-Type-Options": "nosniff",
            },
        )

    return sheet


def _business(profile: Handler, units: Handler) -> Handler:
    async def business(request: web.Request) -> web.Response:
        """Show the public profile of a business."""
        language = language_asked(request)
        document = await answer_of(request, profile, {}, dict(request.match_info))
        about = Asked(language, await _unit_names(request, units))

        def cell(entry: Document, column: str) -> str:
            value = entry.get(column)
            if column == "publicity" and isinstance(value, dict):
                return f"{value['started_on'] or ''} — {value['max_until'] or ''}"
            if column == "unit":
                return about.unit(value) if value else ""
            if column in _VALUED and value:
                own = title(f"{column}.{value}", language, "values")
                return own if own != f"{column}.{value}" else about.value(value)
            return _cell(value)

        return render(request, "business.html", profile=document, parts=_PARTS, cell=cell)

    return business
