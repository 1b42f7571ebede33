"""The pages of the console: sign-in, today, every list and document, a form for every command."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.console import forms
from api.console.inside import SHOWN, Answer, Streamed, ask, send
from api.console.sessions import Session, Sessions
from api.console.shown import Words, columns, link, name_of
from api.http.access import MAX_TOKEN
from api.http.bodies import body_of
from api.http.commands import path_of
from api.http.front import EDGE
from api.http.keys import LINE
from api.http.languages import headers_in, language_of
from api.http.pages import PAGE_HEADERS
from api.http.rates import Rates
from api.http.resources import Resource
from api.http.tokens import ANONYMOUS
from api.running.pools import TOKENS
from api.systems.inbox import READERS
from ledger.kernel.messages import LANGUAGES
from ledger.registry import COMMANDS, Entry

SESSIONS = web.AppKey("sessions", Sessions)
_SIGN_INS = web.AppKey("sign_ins", Rates)

#: Attempts to sign in from one address in a minute.
SIGN_INS_PER_MINUTE = 20
#: The most bytes of a form.
MAX_FORM = 256 * 1024

#: Inputs of the console's own: no field of a command begins with an underscore, but one is ``key``.
FORM, KEY, ACT = "_form", "_key", "_act"

_COOKIE = "ledger_session"
_LANGUAGE = "ledger_language"
_ENTRIES: Mapping[str, Entry] = {f"{entry.system}/{entry.name}": entry for entry in COMMANDS}
_NEXT = re.compile(r"/console(/[A-Za-z0-9._~/%?=&+:@-]*)?\Z")

_TEMPLATES = Environment(
    loader=PackageLoader("api.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

Page = Callable[[web.Request, Session, Words], Awaitable[web.Response]]


def add_console(app: web.Application, sessions: Sessions, resources: Iterable[Resource]) -> None:
    """Add the routes of the console; ``resources`` are those that its lists lead to."""
    app[SESSIONS] = sessions
    app[_SIGN_INS] = Rates(SIGN_INS_PER_MINUTE)
    app[SHOWN] = {
        r.path: r
        for r in resources
        if r.listed and r.path.startswith("/v1/") and "application/json" in r.media_types
    }
    add = app.router.add_route
    add("GET", "/console/sign-in", sign_in_page)
    add("POST", "/console/sign-in", sign_in)
    add("POST", "/console/sign-out", sign_out)
    for path in ("/console", "/console/"):
        add("GET", path, _signed_in(today))
    add("GET", "/console/v1/{path:.+}", _signed_in(reading))
    add("GET", "/console/do/{system}/{command}", _signed_in(form))
    add("POST", "/console/do/{system}/{command}", _signed_in(sending))


# Sign-in


def _signed_in(page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler that opens a page in a session, and leads others to the sign-in."""

    async def handler(request: web.Request) -> web.StreamResponse:
        route = request.match_info.route.resource
        assert route is not None
        session = await _session(request)
        if session is None:
            if request.method == "GET":
                where = request.rel_url.raw_path_qs
                return _see(f"/console/sign-in?{urlencode({'next': where})}")
            return _render(request, "sign-in.html", status=401, said="session-over", next="")
        request[LINE].grant = session.grant
        try:
            response = await page(request, session, Words(_language(request)))
        except Streamed as streamed:
            return streamed.response
        request[LINE].route = route.canonical
        return response

    return handler


async def _session(request: web.Request) -> Session | None:
    cookie = request.cookies.get(_COOKIE)
    if not cookie or len(cookie) > MAX_TOKEN:
        return None
    sessions = request.app[SESSIONS]
    return await TOKENS.run(lambda: sessions.read(cookie))


async def sign_in_page(request: web.Request) -> web.Response:
    """Ask for the token."""
    return _render(request, "sign-in.html", said="", next=request.query.get("next", ""))


async def sign_in(request: web.Request) -> web.Response:
    """Begin a session for the token of the form, and lead to the page that was asked for."""
    request.app[_SIGN_INS].count(request.app[EDGE].source_of(request))
    given = await _form(request)
    where = given.get("next", "")
    token = given.get("token", "").strip()
    if not _own(request):
        return _render(request, "sign-in.html", status=403, said="foreign-form", next=where)
    sessions = request.app[SESSIONS]
    cookie = None
    if token.isascii() and len(token) <= MAX_TOKEN:
        cookie = await TOKENS.run(lambda: sessions.begin(token))
    if cookie is None:
        return _render(request, "sign-in.html", status=401, said="bad-token", next=where)
    response = _see(where if _NEXT.match(where) else "/console")
    _set(request, response, _COOKIE, cookie)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session."""
    given = await _form(request)
    session = await _session(request)
    if session is not None and _own(request) and _same(session, given):
        sessions, cookie = request.app[SESSIONS], request.cookies[_COOKIE]
        await TOKENS.run(lambda: sessions.end(cookie))
        response = _see("/console/sign-in")
        response.del_cookie(_COOKIE, path="/console")
        return response
    return _see("/console")


def _see(where: str) -> web.Response:
    """Return the answer that leads a browser to another page."""
    return web.Response(status=303, headers={hdrs.LOCATION: where})


def _set(request: web.Request, response: web.Response, name: str, value: str) -> None:
    """Set a cookie that only the console gets, that no script reads and no other site sends."""
    forwarded = request.headers.get("X-Forwarded-Proto", "")
    response.set_cookie(
        name,
        value,
        path="/console",
        httponly=True,
        samesite="Lax",
        secure="https" in {request.scheme, forwarded},
    )


def _own(request: web.Request) -> bool:
    """Return whether a form comes from a page of this site. All present browsers say so."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin.partition("://")[2] == request.headers.get(hdrs.HOST)


def _same(session: Session, given: Mapping[str, str]) -> bool:
    """Return whether a form was made in this session."""
    return hmac.compare_digest(given.get(FORM, "").encode(), session.form.encode())


async def _form(request: web.Request) -> dict[str, str]:
    body = await body_of(request, MAX_FORM)
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


# Pages


async def today(request: web.Request, session: Session, words: Words) -> web.Response:
    """Show what waits for the reader, the most urgent first."""
    items: list[dict[str, Any]] = []
    answer = None
    if session.grant.role in READERS:
        answer = await ask(request, session, "/v1/inbox", {"limit": 500}, language=words.language)
        if not answer.fine:
            return _problem(request, session, words, answer)
        items = sorted(answer.body["items"], key=lambda i: (i.get("due_on") or "9999", i["since"]))
    return _page(request, session, words, "today.html", items=items, has_inbox=answer is not None)


async def reading(request: web.Request, session: Session, words: Words) -> web.Response:
    """Show any list or document that the interface has."""
    path = f"/v1/{request.match_info['path']}"
    query = [(name, value) for name, value in request.query.items() if value and name != "lang"]
    answer = await ask(request, session, path, query, language=words.language)
    if not answer.fine:
        return _problem(request, session, words, answer)
    resource = request.app[SHOWN].get(answer.route)
    shell: dict[str, Any] = {
        "path": path,
        "json": f"{path}?{urlencode(query)}" if query else path,
        "name": words.titled(answer.route),
    }
    body = answer.body
    if not isinstance(body, dict) or "items" not in body:
        return _page(request, session, words, "document.html", **shell, body=body)
    items = [item if isinstance(item, dict) else {"value": item} for item in body["items"]]
    asked = dict(query)
    following = {**asked, "after": body["next"]} if body.get("next") else None
    return _page(
        request,
        session,
        words,
        "list.html",
        **shell,
        items=items,
        columns=columns(items),
        own=_own_pages(request, answer.route),
        filters=_filters(resource, asked),
        asked=asked,
        following=f"?{urlencode(following)}" if following else "",
        body=body,
    )


def _own_pages(request: web.Request, route: str) -> str | None:
    """Return the console's address of an entry of a list, with a place for its id."""
    known = request.app[SHOWN]
    one = next((p for p in known if re.fullmatch(re.escape(route) + r"/\{\w+\}", p)), None)
    return None if one is None else f"/console{route}/"


class Filter(msgspec.Struct, frozen=True):
    """A filter of a list: its parameter, its choices, and what was chosen."""

    name: str
    input: str
    choices: tuple[str, ...]
    value: str


_UNSEEN = {"after", "limit", "at_least", "fields", "facets", "total", "expand"}


def _filters(resource: Resource | None, asked: Mapping[str, str]) -> list[Filter]:
    if resource is None:
        return []
    made = []
    for parameter in resource.query:
        if parameter.name in _UNSEEN:
            continue
        schema = msgspec.json.schema(parameter.type)
        parts = schema.get("$defs", {})
        kind, choices = forms.input_of(schema, parts)
        made.append(Filter(parameter.name, kind, choices, asked.get(parameter.name, "")))
    return made


# Commands


async def form(request: web.Request, session: Session, words: Words) -> web.Response:
    """Show the form of a command; parameters of the query fill it in."""
    entry = _entry(request)
    if entry is None or session.grant.role not in entry.roles:
        return _page(request, session, words, "missing.html", status=404)
    try:
        known = msgspec.json.decode(request.query.get("known", "{}"), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        known = {}  # an address that a person cut short still opens the form
    given = forms.typed(entry.command, {"unit": session.grant.unit, **known})
    return _form_page(request, session, words, entry, given)


async def sending(request: web.Request, session: Session, words: Words) -> web.Response:
    """Send a filled form as a command, or try what it would record."""
    entry = _entry(request)
    if entry is None or session.grant.role not in entry.roles:
        return _page(request, session, words, "missing.html", status=404)
    given = await _form(request)
    if not (_own(request) and _same(session, given)):
        return _form_page(request, session, words, entry, given, status=403, said="foreign-form")
    try:
        body = forms.body_of_form(entry.command, given)
    except forms.BadField as bad:
        return _form_page(request, session, words, entry, given, status=400, faults={bad.field: ""})
    answer = await send(
        request,
        session,
        path_of(entry),
        msgspec.json.encode(body),
        language=words.language,
        key=given.get(KEY) or None,
        dry=given.get(ACT) != "send",
    )
    faults = {
        str(error["pointer"]).split("/")[1] if error["pointer"] else "": error["detail"]
        for error in (answer.body.get("errors") or [])
    }
    if not answer.fine and answer.body.get("pointer") and not faults:
        faults = {answer.body["pointer"].split("/")[1]: answer.body["detail"]}
    return _form_page(
        request, session, words, entry, given, status=answer.status, faults=faults, answer=answer
    )


def _entry(request: web.Request) -> Entry | None:
    return _ENTRIES.get(f"{request.match_info['system']}/{request.match_info['command']}")


def _form_page(
    request: web.Request,
    session: Session,
    words: Words,
    entry: Entry,
    given: Mapping[str, str],
    *,
    status: int = 200,
    said: str = "",
    faults: Mapping[str, str] | None = None,
    answer: Answer | None = None,
) -> web.Response:
    sent = answer is not None and answer.fine and "position" in answer.body
    return _page(
        request,
        session,
        words,
        "command.html",
        status=200 if status < 300 else status,
        entry=entry,
        fields=forms.fields_of(entry.command),
        given=given,
        faults=faults or {},
        answer=answer,
        sent=sent,
        said=said,
        # A form that was refused keeps its key: nothing was recorded under it.
        key=secrets.token_hex(16) if sent or not given.get(KEY) else given[KEY],
    )


# Rendering


def _problem(request: web.Request, session: Session, words: Words, answer: Answer) -> web.Response:
    return _page(request, session, words, "problem.html", status=answer.status, problem=answer.body)


def _language(request: web.Request) -> str:
    """Return the language that the reader chose here; otherwise the one that the browser wants."""
    for given in (request.query.get("lang"), request.cookies.get(_LANGUAGE)):
        if given in LANGUAGES:
            return str(given)
    return language_of(request)


def _page(
    request: web.Request,
    session: Session,
    words: Words,
    template: str,
    *,
    status: int = 200,
    **context: Any,
) -> web.Response:
    return _render(
        request,
        template,
        status=status,
        session=session,
        menu=_menu(request, session),
        does=_commands(session),
        **context,
    )


def _menu(request: web.Request, session: Session) -> dict[str, list[Resource]]:
    """Return the lists that the reader's role may read, by group."""
    known = request.app[SHOWN]
    groups: dict[str, list[Resource]] = {}
    for path, resource in known.items():
        is_list = "items" in getattr(resource.returns, "__struct_fields__", ())
        if is_list and "{" not in path and _may(resource, session):
            groups.setdefault(resource.group or path.split("/")[2], []).append(resource)
    return groups


def _may(resource: Resource, session: Session) -> bool:
    return resource.roles is None or session.grant.role in resource.roles


def _commands(session: Session) -> dict[str, list[Entry]]:
    """Return the commands that the reader's role may send, by system."""
    groups: dict[str, list[Entry]] = {}
    for entry in COMMANDS:
        if session.grant.role in entry.roles:
            groups.setdefault(entry.system, []).append(entry)
    return groups


def _render(
    request: web.Request, template: str, *, status: int = 200, **context: Any
) -> web.Response:
    words = Words(_language(request))
    other = next(language for language in LANGUAGES if language != words.language)
    again = {**dict(request.query), "lang": other} if request.method == "GET" else {"lang": other}
    text = _TEMPLATES.get_template(template).render(
        words=words,
        link=link,
        name_of=name_of,
        encoded=lambda value: urlencode({"known": msgspec.json.encode(value).decode()}),
        switch=f"?{urlencode(again)}",
        here=request.path,
        grant=(context.get("session") and context["session"].grant) or ANONYMOUS,
        **context,
    )
    response = web.Response(
        text=text,
        status=status,
        content_type="text/html",
        headers={
            **PAGE_HEADERS,
            hdrs.CACHE_CONTROL: "no-store",
            **headers_in(words.language),
            "X-Content-Type-Options": "nosniff",
        },
    )
    if request.query.get("lang") in LANGUAGES:
        _set(request, response, _LANGUAGE, words.language)
    return response
