"""Sign-in and sign-out: a token is given once, a cookie stands for it afterwards.

A page that opens from a link of another site would leave a consultation in the reader's name
without their will: it first asks whether to open. Attempts to sign in are limited by address, and
those that name an account (a token, a person of the provider) also by account.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from api.console.inside import Streamed
from api.console.oidc import IDENTITY_PROVIDER, PROVIDER
from api.console.sessions import Session, Sessions
from api.console.shell import (
    ACT,
    FORM,
    Opened,
    Page,
    Unanswered,
    cookie_name,
    delete_cookie,
    form_of,
    from_here,
    may_read,
    refreshes,
    render,
    same_session,
    see,
    set_cookie,
)
from api.http.access import MAX_TOKEN
from api.http.asking import asked
from api.http.auditing import AUDIT
from api.http.front import EDGE
from api.http.keys import LINE
from api.http.problems import Problem
from api.http.rates import Rates
from api.running.pools import TOKENS

SESSIONS = web.AppKey("sessions", Sessions)
SIGN_INS = web.AppKey("sign_ins", Rates)
ACCOUNTS = web.AppKey("accounts", Rates)

#: Attempts to sign in from one address in a minute, and of one account from any address.
SIGN_INS_PER_MINUTE = 20
SIGN_INS_OF_ACCOUNT = 10

SESSION_COOKIE = "ledger_session"
NEXT = re.compile(r"/console(/[A-Za-z0-9._~/%?=&+:@-]*|\?[A-Za-z0-9._~/%?=&+:@-]*)?\Z")


#: The field of the sign-in that holds what was typed before the session ended, and the addresses
#: of the forms that take it back.
KEPT = "_kept"
_FORMS = "/console/do/"


def signed_in(page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler that opens a page in a session, and leads others to the sign-in."""
    fits = {parameter.name: parameter.fits for parameter in page.query}

    async def handler(request: web.Request) -> web.StreamResponse:
        session = await session_of(request)
        if session is None:
            if request.method == "GET":
                where = request.rel_url.raw_path_qs
                return see(f"/console/sign-in?{urlencode({'next': where})}")
            return await _over(request)
        request[LINE].grant = session.grant
        if request.method == "GET" and elsewhere(request):
            where = request.rel_url.raw_path_qs
            return render(request, "continue.html", where=where, at_once=False)
        if page.roles is not None and session.grant.role not in page.roles:
            return await Opened(request, session, page, recorded=True).missing()
        for path in page.needs:
            if not may_read(request.app, session.grant.role, (path,)):
                return await _unread(Opened(request, session, page, recorded=True), path)
        recorded = page.recorded == "never"
        if page.recorded == "page" and request.method == "GET":
            if not refreshes(request, session):
                await request.app[AUDIT].consulted(session.grant, page.path, request, fits)
            recorded = True
        opened = Opened(request, session, page, recorded)
        try:
            response = await page.handler(opened)
        except Streamed as streamed:
            return streamed.response
        except Unanswered as unanswered:
            response = await opened.problem(unanswered.answer)
        request[LINE].route = page.path
        return response

    return handler


async def _unread(page: Opened, path: str) -> web.Response:
    """Return the page that tells why a reader may not read a resource that their page needs."""
    answer = await page.ask(path)
    return await page.missing() if answer.fine else await page.problem(answer)


async def _over(request: web.Request) -> web.Response:
    """Ask for the token again after the session of a form ended; what was typed is kept."""
    given = await form_of(request) if from_here(request) else {}
    kept = {name: text for name, text in given.items() if text and name not in (FORM, ACT)}
    return render(
        request,
        "sign-in.html",
        status=401,
        said="session-over",
        next=request.path if kept else "",
        kept=msgspec.json.encode(kept).decode() if kept else "",
    )


async def _resume(request: web.Request, cookie: str, where: str, kept: str) -> web.Response | None:
    """Return the page that leads back to a form with what was typed; ``None`` without such a form.

    The form is not sent by itself: its sender looks at it once more.
    """
    try:
        given = msgspec.json.decode(kept or "{}", type=dict[str, str])
    except msgspec.DecodeError:
        return None
    session = await asked(lambda: request.app[SESSIONS].read(cookie), TOKENS)
    if session is None or not given or not where.startswith(_FORMS):
        return None
    given = {name: text for name, text in given.items() if name not in (FORM, ACT)}
    return render(request, "resume.html", session=session, form=where, kept=given)


async def session_of(request: web.Request) -> Session | None:
    """Return the session of a request's cookie, if it is in use."""
    cookie = request.cookies.get(cookie_name(request, SESSION_COOKIE))
    if not cookie or len(cookie) > MAX_TOKEN:
        return None
    sessions = request.app[SESSIONS]
    return await asked(lambda: sessions.read(cookie), TOKENS)


def elsewhere(request: web.Request) -> bool:
    """Return whether another site led the browser here. A typed address or a bookmark does not."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    referrer = request.headers.get(hdrs.REFERER, "").partition("://")[2].partition("/")[0]
    return bool(referrer) and referrer != request.headers.get(hdrs.HOST)


def ours(request: web.Request, session: Session, given: Mapping[str, str]) -> bool:
    """Return whether a form comes from a page of this site, made in this session."""
    return from_here(request) and same_session(session, given)


def too_many(request: web.Request, account: str | None = None) -> web.Response | None:
    """Count an attempt to sign in; return the page that refuses it if there were too many.

    By address; with ``account``, by the account instead, whatever address it comes from.
    """
    app = request.app
    try:
        if account is None:
            app[SIGN_INS].count(app[EDGE].source_of(request))
        else:
            app[ACCOUNTS].count(sha256(account.encode()).hexdigest())
    except Problem as problem:
        response = render(request, "sign-in.html", status=429, said="too-many-sign-ins", next="")
        response.headers.update(problem.headers)
        return response
    return None


async def sign_in_page(request: web.Request) -> web.Response:
    """Ask for the token."""
    return render(request, "sign-in.html", said="", next=request.query.get("next", ""))


async def sign_in(request: web.Request) -> web.Response:
    """Begin a session for the token of the form, and lead to the page that was asked for."""
    given = await form_of(request)
    where = given.get("next", "")
    token = given.get("token", "").strip()
    kept = given.get(KEPT, "")
    if (refused := too_many(request) or too_many(request, token or "-")) is not None:
        return refused
    if not from_here(request):
        return render(request, "sign-in.html", status=403, said="foreign-form", next=where)
    sessions = request.app[SESSIONS]
    cookie = None
    if token.isascii() and len(token) <= MAX_TOKEN:
        cookie = await asked(lambda: sessions.begin(token), TOKENS)
    if cookie is None:
        return render(request, "sign-in.html", status=401, said="bad-token", next=where, kept=kept)
    response = await _resume(request, cookie, where, kept)
    if response is None:
        response = see(where if NEXT.match(where) else "/console")
    set_cookie(request, response, SESSION_COOKIE, cookie)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session; who came from the provider is led there, to end the session there too."""
    given = await form_of(request)
    session = await session_of(request)
    if session is not None and ours(request, session, given):
        sessions = request.app[SESSIONS]
        cookie = request.cookies[cookie_name(request, SESSION_COOKIE)]
        await asked(lambda: sessions.end(cookie), TOKENS)
        provider = request.app[IDENTITY_PROVIDER] if session.posts else None
        farewell = None if provider is None else await PROVIDER.run(provider.farewell)
        if farewell is None:
            response = see("/console/sign-in")
        else:
            # A form must not lead to another site (form-action of the policy); a page may.
            response = render(request, "signed-out.html", farewell=farewell)
        delete_cookie(request, response, SESSION_COOKIE)
        return response
    return see("/console")
