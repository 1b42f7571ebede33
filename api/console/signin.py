"""Sign-in and sign-out: a token is given once, a cookie stands for it afterwards."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from api.console.inside import Streamed
from api.console.sessions import Session, Sessions
from api.console.shell import (
    ACT,
    FORM,
    Opened,
    Page,
    Unanswered,
    form_of,
    from_here,
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
from api.http.rates import Rates
from api.running.pools import TOKENS

SESSIONS = web.AppKey("sessions", Sessions)
SIGN_INS = web.AppKey("sign_ins", Rates)

#: Attempts to sign in from one address in a minute.
SIGN_INS_PER_MINUTE = 20

SESSION_COOKIE = "ledger_session"
_NEXT = re.compile(r"/console(/[A-Za-z0-9._~/%?=&+:@-]*|\?[A-Za-z0-9._~/%?=&+:@-]*)?\Z")


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
    cookie = request.cookies.get(SESSION_COOKIE)
    if not cookie or len(cookie) > MAX_TOKEN:
        return None
    sessions = request.app[SESSIONS]
    return await asked(lambda: sessions.read(cookie), TOKENS)


async def sign_in_page(request: web.Request) -> web.Response:
    """Ask for the token."""
    return render(request, "sign-in.html", said="", next=request.query.get("next", ""))


async def sign_in(request: web.Request) -> web.Response:
    """Begin a session for the token of the form, and lead to the page that was asked for."""
    request.app[SIGN_INS].count(request.app[EDGE].source_of(request))
    given = await form_of(request)
    where = given.get("next", "")
    token = given.get("token", "").strip()
    kept = given.get(KEPT, "")
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
        response = see(where if _NEXT.match(where) else "/console")
    set_cookie(request, response, SESSION_COOKIE, cookie)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """End the session."""
    given = await form_of(request)
    session = await session_of(request)
    if session is not None and from_here(request) and same_session(session, given):
        sessions, cookie = request.app[SESSIONS], request.cookies[SESSION_COOKIE]
        await asked(lambda: sessions.end(cookie), TOKENS)
        response = see("/console/sign-in")
        response.del_cookie(SESSION_COOKIE, path="/console")
        return response
    return see("/console")
