"""Pages for everybody, made from templates: their language, their links, their headers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from api.http.languages import Language, headers_in, language_of
from api.http.pages import PAGE_HEADERS
from api.http.reading import query_value
from api.http.resources import Parameter
from ledger.kernel.messages import title

LANG = Parameter(
    "lang", Language, "the language of the page: zh or en; by default that of Accept-Language"
)

_TEMPLATES = Environment(
    loader=PackageLoader("api", "templates/public"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_JOINED: Mapping[Language, str] = {"zh": "、", "en": ", "}

#: What a cell may lead to: an address that a unit published.
_ADDRESS = re.compile(r"https?://[!#-&(-;=?-~]+")


def language_asked(request: web.Request) -> Language:
    """Return the language of a page: the one named in its address, else the browser's."""
    named: Language = query_value(request, "lang", Language, language_of(request))
    return named


def link(path: str, lang: str, query: Mapping[str, str | None] | None = None) -> str:
    """Return the address of a page, in the language that this page was asked in."""
    pairs = {name: value for name, value in (query or {}).items() if value}
    if lang:
        pairs["lang"] = lang
    return f"{quote(path)}?{urlencode(pairs)}" if pairs else quote(path)


def text_of(code: str, language: Language) -> str:
    """Return a text of the pages."""
    return title(code, language, "pages")


def title_of(code: str, language: Language) -> str:
    """Return the title of a column: of the pages, or that of the field."""
    told = text_of(code, language)
    return told if told != code else title(code, language, "fields")


def with_links(cell: str) -> Markup:
    """Return a cell in which the addresses lead somewhere."""
    parts, end = [], 0
    for match in _ADDRESS.finditer(cell):
        parts += [escape(cell[end : match.start()]), _anchor(match[0], match[0])]
        end = match.end()
    return Markup("").join([*parts, escape(cell[end:])])


def _anchor(address: str, says: str) -> Markup:
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(address, says)


def _values(codes: Iterable[object], language: Language) -> str:
    return _JOINED[language].join(title(str(code), language, "values") for code in codes)


def render(
    request: web.Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[Any, str] | None = None,
    **context: Any,
) -> web.Response:
    """Return a page made from a template, with the headers of pages."""
    language = language_asked(request)
    lang = request.query.get("lang", "")
    other: Language = "en" if language == "zh" else "zh"
    again = {name: value for name, value in request.query.items() if name != "lang"}
    body = _TEMPLATES.get_template(template).render(
        key=secrets.token_hex(16),
        language=language,
        lang=lang,
        text=lambda code, **details: text_of(code, language).format(**details),
        title_of=lambda code: title_of(code, language),
        value=lambda code: title(str(code), language, "values"),
        values=lambda codes: _JOINED[language].join(
            title(str(c), language, "values") for c in codes
        ),
        link=lambda path, query=None: link(path, lang, query),
        switch=link(request.path, other, again),
        here=request.path,
        **context,
    )
    return web.Response(
        text=body,
        status=status,
        content_type="text/html",
        headers={
            **PAGE_HEADERS,
            **headers_in(language),
            hdrs.CACHE_CONTROL: "no-cache",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
    )
