"""What every page of the console works with: its reader, its questions, and how it is rendered."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import msgspec
from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.console.inside import SHOWN, Answer, Query, ask, send
from api.console.place import Place
from api.console.sessions import Session
from api.console.shown import Words, is_day, is_number, link, name_of, scope_of, tone_of
from api.http.bodies import body_of
from api.http.keys import LEDGER
from api.http.languages import headers_in, language_of
from api.http.pages import PAGE_HEADERS
from api.http.reader import AUTHORITIES
from api.http.resources import Parameter, Resource
from api.http.tokens import ANONYMOUS
from ledger.general.audiences import UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.kernel import civil_date
from ledger.kernel.messages import LANGUAGES

PLACE = web.AppKey("place", Place)
#: The pages of the menu, in its order.
MENU: web.AppKey[tuple[Page, ...]] = web.AppKey("menu", tuple)

#: The most bytes of a form.
MAX_FORM = 256 * 1024
#: The most questions of one page that are asked at the same time.
AT_ONCE = 6

#: Inputs of the console's own: no field of a command begins with an underscore, but one is ``key``.
FORM, KEY, ACT = "_form", "_key", "_act"
#: The header of a request that only brings an opened page up to date.
REFRESH = "X-Refresh-Of"

LANGUAGE_COOKIE = "ledger_language"

#: Who prints forms and codes: the authorities. The forms of a visit, in the order in which they
#: arise.
PRINTERS: frozenset[Role] = UNIT_BOUND | {"jb_supervisor", "credit_officer"}
VISIT_FORMS = ("approval", "notice", "record", "result")

#: Who reads findings and deadlines: the authorities, and a business those that concern it.
CONCERNED: frozenset[Role] = AUTHORITIES | {"entity_rep"}

#: The groups of the menu, in order.
GROUPS = ("work", "acts", "matters", "subjects", "oversight", "service")
#: The groups that are folded while none of their pages is open, so that the menu fits a screen.
FOLDED = frozenset({"matters"})

TEMPLATES = Environment(
    loader=PackageLoader("api.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Page(msgspec.Struct, frozen=True):
    """A page: its address, what makes it, and its place in the menu.

    ``name``: that of its texts ``page.<name>``, the title, and ``about.<name>``, the explanation
    for its readers. ``group``: that of the menu; a page without one is reached by links. ``key``:
    the letter that opens it after ``g``. ``needs``: the resources that its readers may read.
    ``roles``: whose page it is; ``None`` is everyone. ``query``: its parameters whose values may
    be kept with the consultation.
    ``recorded``: opening it is one consultation (``page``), each question is one (``questions``),
    or it shows nothing that was recorded (``never``). ``badge``: its number in the menu.
    """

    path: str
    handler: Callable[[Opened], Awaitable[web.StreamResponse]]
    name: str = ""
    group: str | None = None
    key: str = ""
    needs: tuple[str, ...] = ()
    roles: frozenset[Role] | None = None
    query: tuple[Parameter, ...] = ()
    recorded: Literal["page", "questions", "never"] = "page"
    methods: tuple[str, ...] = ("GET",)
    badge: str = ""


class Unanswered(Exception):
    """A question of a page was answered with a problem; the page shows it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Opened:
    """A page that a reader has opened: the request, the session, the language, the questions."""

    def __init__(self, request: web.Request, session: Session, page: Page, recorded: bool) -> None:
        self.request = request
        self.session = session
        self.page = page
        self.words = Words(chosen_language(request))
        self._recorded = recorded

    @property
    def query(self) -> list[tuple[str, str]]:
        """The parameters of the address that have a value, without the language."""
        return [(n, value) for n, value in self.request.query.items() if value and n != "lang"]

    @property
    def today(self) -> date:
        """The civil day on which the page is opened."""
        return civil_date(self.request.app[LEDGER].clock())

    @property
    def role(self) -> str:
        """The role of the reader."""
        return self.session.grant.role

    @property
    def now(self) -> datetime:
        """The ledger's time."""
        return self.request.app[LEDGER].clock()

    async def ask(self, path: str, query: Query = None, *, recorded: bool | None = None) -> Answer:
        """Return what a resource answers the reader, also if it is a problem."""
        recorded = self._recorded if recorded is None else recorded
        language = self.words.language
        return await ask(
            self.request, self.session, path, query, language=language, recorded=recorded
        )

    async def read(self, path: str, query: Query = None) -> Any:
        """Return the body of a resource's answer. Raises ``Unanswered``."""
        answer = await self.ask(path, query)
        if not answer.fine:
            raise Unanswered(answer)
        return answer.body

    async def ask_all(self, *questions: tuple[str, Query]) -> list[Answer]:
        """Return the answers to several questions, which are asked at the same time."""
        few = asyncio.Semaphore(AT_ONCE)

        async def one(path: str, query: Query) -> Answer:
            async with few:
                return await self.ask(path, query)

        return await asyncio.gather(*(one(path, query) for path, query in questions))

    async def read_all(self, *questions: tuple[str, Query]) -> list[Any]:
        """Return the bodies of several answers, asked for at the same time.

        The body is ``None`` where the reader may not read the resource. Raises ``Unanswered`` for
        other problems.
        """
        answers = await self.ask_all(*questions)
        for answer in answers:
            if not answer.fine and answer.status not in (401, 403, 404):
                raise Unanswered(answer)
        return [answer.body if answer.fine else None for answer in answers]

    async def send(self, path: str, body: Any, *, key: str | None = None, dry: bool) -> Answer:
        """Send a command in the reader's name, or ask what it would record (``dry``)."""
        content = msgspec.json.encode(body)
        language = self.words.language
        return await send(
            self.request, self.session, path, content, language=language, key=key, dry=dry
        )

    async def form(self) -> dict[str, str]:
        """Return the fields of the form that was sent."""
        return await form_of(self.request)

    def may_read(self, *paths: str) -> bool:
        """Return whether the reader's role may read each of these resources here."""
        return may_read(self.request.app, self.role, paths)

    def own(self, given: Mapping[str, str]) -> bool:
        """Return whether a form comes from a page of this site, made in this session."""
        return from_here(self.request) and same_session(self.session, given)

    async def render(self, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """Return the page, made from a template."""
        me = await self.ask("/v1/me", recorded=True)
        return render(
            self.request,
            template,
            status=status,
            session=self.session,
            me=me.body if me.fine else {},
            page=self.page,
            **context,
        )

    async def problem(self, answer: Answer) -> web.Response:
        """Return the page that tells why a question was not answered."""
        return await self.render("problem.html", status=answer.status, problem=answer.body)

    async def missing(self) -> web.Response:
        """Return the page for what does not exist, or not for this reader."""
        return await self.render("missing.html", status=404)


def may_read(app: web.Application, role: str, paths: Iterable[str]) -> bool:
    """Return whether a role may read each of these resources, and they are served at all."""
    known: dict[str, Resource] = app[SHOWN]
    return all(
        (resource := known.get(path)) is not None
        and (resource.roles is None or role in resource.roles)
        for path in paths
    )


def opens(app: web.Application, role: str, page: Page) -> bool:
    """Return whether a role can use a page."""
    return (page.roles is None or role in page.roles) and may_read(app, role, page.needs)


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a form; of a repeated field, the values are joined by line breaks."""
    body = await body_of(request, MAX_FORM)
    given: dict[str, str] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        given[name] = f"{given[name]}\n{value}" if given.get(name) else value
    return given


def from_here(request: web.Request) -> bool:
    """Return whether a form comes from a page of this site. All present browsers say so."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin.partition("://")[2] == request.headers.get(hdrs.HOST)


def same_session(session: Session, given: Mapping[str, str]) -> bool:
    """Return whether a form was made in this session."""
    return hmac.compare_digest(given.get(FORM, "").encode(), session.form.encode())


def stamp_of(session: Session, address: str) -> str:
    """Return what a refresh of this address must show: that the session has opened it before."""
    return hmac.new(session.form.encode(), address.encode(), sha256).hexdigest()


def refreshes(request: web.Request, session: Session) -> bool:
    """Return whether a request only brings a page up to date that the session has opened."""
    given = request.headers.get(REFRESH, "").encode()
    expected = stamp_of(session, request.rel_url.raw_path_qs)
    return hmac.compare_digest(given, expected.encode())


def chosen_language(request: web.Request) -> str:
    """Return the language that the reader chose here; otherwise the one that the browser wants."""
    kept = request.cookies.get(cookie_name(request, LANGUAGE_COOKIE))
    for given in (request.query.get("lang"), kept):
        if given in LANGUAGES:
            return str(given)
    return language_of(request)


def see(where: str) -> web.Response:
    """Return the answer that leads a browser to another page."""
    return web.Response(status=303, headers={hdrs.LOCATION: where})


def encrypted(request: web.Request) -> bool:
    """Return whether the browser reaches the service by TLS, as the proxy or the address says.

    A sender who claims it falsely only gets cookies of which a browser keeps none.
    """
    forwarded = request.headers.get("X-Forwarded-Proto", "")
    return request.app[PLACE].encrypted or "https" in {request.scheme, forwarded}


def cookie_name(request: web.Request, name: str) -> str:
    """Return what a cookie is called here.

    With the prefix ``__Host-`` a browser takes it from this very host by TLS alone: neither
    another host of the same domain nor an unencrypted page can put one in its place. The prefix
    needs the path ``/``; only the console reads the cookie, so it opens no other address.
    """
    return f"__Host-{name}" if encrypted(request) else name


def set_cookie(
    request: web.Request, response: web.Response, name: str, value: str, seconds: int | None = None
) -> None:
    """Set a cookie that no script reads and no other site sends; ``seconds``: how long it lasts."""
    secure = encrypted(request)
    response.set_cookie(
        cookie_name(request, name),
        value,
        path="/" if secure else "/console",
        httponly=True,
        samesite="Lax",
        secure=secure,
        max_age=seconds,
    )


def delete_cookie(request: web.Request, response: web.Response, name: str) -> None:
    """Have the browser forget a cookie."""
    secure = encrypted(request)
    response.del_cookie(
        cookie_name(request, name),
        path="/" if secure else "/console",
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


class Address:
    """The address of the page, and what it becomes when its parameters change."""

    #: Parameters that hold for one page of a list or one opening only.
    _PASSING = ("after", "before", "lang")

    def __init__(self, request: web.Request) -> None:
        self.path = request.path
        self.pairs = [(n, v) for n, v in request.query.items() if v and n != "lang"]

    def __str__(self) -> str:
        return _address(self.path, self.pairs)

    def at(self, **changes: str | int | None) -> str:
        """Return the address with these parameters instead; those that are ``None`` are removed."""
        gone = {*changes, *(n for n in self._PASSING if n not in changes)}
        pairs = [(n, v) for n, v in self.pairs if n not in gone]
        pairs += [(n, str(v)) for n, v in changes.items() if v is not None]
        return _address(self.path, pairs)

    def has(self, name: str, value: str | None = None) -> bool:
        """Return whether a parameter is given, with this value if one is named."""
        return any(n == name and value in (None, v) for n, v in self.pairs)

    def toggled(self, name: str, value: str) -> str:
        """Return the address with one value of a parameter more, or one less if it has it."""
        pairs = [(n, v) for n, v in self.pairs if n not in self._PASSING]
        if (name, value) in pairs:
            pairs = [pair for pair in pairs if pair != (name, value)]
        else:
            pairs.append((name, value))
        return _address(self.path, pairs)


def _address(path: str, pairs: list[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path


#: The forms to print of a document: by its path, the text of each and its page.
_PRINTS: tuple[tuple[re.Pattern[str], tuple[tuple[str, str], ...]], ...] = (
    (
        re.compile(r"/v1/tasks/([^/]+)\Z"),
        (
            *((f"print.{f}", f"/console/print/visits/{{}}/{f}") for f in VISIT_FORMS),
            ("code.visit", "/console/codes/visits/{}"),
        ),
    ),
    (
        re.compile(r"/v1/decisions/([^/]+)\Z"),
        (("print.decision", "/console/print/decisions/{}"),),
    ),
    (
        re.compile(r"/v1/supervision-documents/([^/]+)\Z"),
        (("page.print", "/console/print/supervision-documents/{}"),),
    ),
    (re.compile(r"/v1/officers/([^/]+)\Z"), (("code.officer", "/console/codes/officers/{}"),)),
)


def prints_of(path: str, role: str) -> list[tuple[str, str]]:
    """Return the forms and codes that can be printed of a document, for officials."""
    if role not in PRINTERS:
        return []
    return [
        (code, to.format(match[1]))
        for pattern, prints in _PRINTS
        if (match := pattern.match(path))
        for code, to in prints
    ]


def menu_of(app: web.Application, role: str) -> dict[str, list[Page]]:
    """Return the pages that a role can use, by group."""
    pages = [p for p in app[MENU] if p.group is not None and opens(app, role, p)]
    groups = {group: [p for p in pages if p.group == group] for group in GROUPS}
    return {group: listed for group, listed in groups.items() if listed}


def _suffixes(app: web.Application, path: str) -> tuple[str, ...]:
    """Return the endings with which a resource also answers as a table."""
    known: dict[str, Resource] = app[SHOWN]
    return known[path].suffixes if path in known else ()


def render(
    request: web.Request, template: str, *, status: int = 200, **context: Any
) -> web.Response:
    """Return a page made from a template, with the headers of pages."""
    words = Words(chosen_language(request))
    other = next(language for language in LANGUAGES if language != words.language)
    address = Address(request)
    session: Session | None = context.get("session")
    get = request.method == "GET"
    switch = [*(address.pairs if get else []), ("lang", other)]
    grant = ANONYMOUS if session is None else session.grant
    text = TEMPLATES.get_template(template).render(
        **{"me": {}, "page": None, "session": None, **context},
        words=words,
        tone_of=tone_of,
        link=link,
        name_of=name_of,
        encoded=lambda value: urlencode({"known": msgspec.json.encode(value).decode()}),
        switch=f"?{urlencode(switch)}",
        here=request.path,
        address=address,
        clocks={
            n: request.query[n] for n in ("valid_as_of", "known_as_of") if request.query.get(n)
        },
        grant=grant,
        place=request.app[PLACE],
        menu={} if session is None else menu_of(request.app, grant.role),
        shown=request.app[SHOWN],
        folded=FOLDED,
        prints_of=prints_of,
        scope_of=scope_of,
        is_number=is_number,
        is_day=is_day,
        suffixes=lambda path: _suffixes(request.app, path),
        origin=str(request.url.origin()),
        stamp=stamp_of(session, request.rel_url.raw_path_qs) if session is not None and get else "",
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
        set_cookie(request, response, LANGUAGE_COOKIE, words.language)
    return response
