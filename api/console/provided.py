"""Sign-in by the identity provider, and the choice of a post: the pages around ``oidc``."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from aiohttp import web

from api.console.identity import NoPost
from api.console.oidc import (
    IDENTITY_PROVIDER,
    PROVIDER,
    Person,
    Provider,
    SignInFailed,
    new_secret,
)
from api.console.shell import cookie_name, delete_cookie, form_of, render, see, set_cookie
from api.console.signin import (
    NEXT,
    SESSION_COOKIE,
    SESSIONS,
    elsewhere,
    ours,
    session_of,
    too_many,
)
from api.running.pools import TOKENS

log = structlog.get_logger("api.provided")

#: Where the sign-in by the provider begins.
BEGIN = "/console/sign-in/provider"

#: The cookie of a sign-in that has begun, and how long it may take, in seconds.
SIGNING_IN, SIGNING_IN_SECONDS = "ledger_signing_in", 600

#: What a person is told, by the step at which the sign-in failed.
_TOLD = {
    "refused": "provider-refused",
    "unreachable": "provider-unreachable",
    "state": "provider-begun-elsewhere",
}


def _provider(request: web.Request) -> Provider:
    provider = request.app[IDENTITY_PROVIDER]
    if provider is None:
        raise web.HTTPNotFound
    return provider


async def begin(request: web.Request) -> web.Response:
    """Lead the browser to the provider."""
    provider = _provider(request)
    where = request.query.get("next", "")
    if elsewhere(request):
        # Another site must not begin a sign-in: the person decides on our own page.
        return see(f"/console/sign-in?{urlencode({'next': where})}")
    if (refused := too_many(request)) is not None:
        return refused
    secret = new_secret()
    try:
        address = await PROVIDER.run(lambda: provider.begin(secret))
    except SignInFailed as failed:
        return _failed(request, failed.step, where)
    response = see(address)
    kept = f"{secret}{where if NEXT.match(where) else '/console'}"
    set_cookie(request, response, SIGNING_IN, kept, seconds=SIGNING_IN_SECONDS)
    return response


async def finish(request: web.Request) -> web.Response:
    """Begin a session for who comes back from the provider."""
    provider = _provider(request)
    if (refused := too_many(request)) is not None:
        return refused
    secret, slash, rest = request.cookies.get(cookie_name(request, SIGNING_IN), "").partition("/")
    where = slash + rest if NEXT.match(slash + rest) else "/console"
    answer = {name: request.query[name] for name in ("state", "code", "iss", "error")
              if name in request.query}  # fmt: skip
    if not secret:
        return _failed(request, "state", where)
    try:
        person = await PROVIDER.run(lambda: provider.finish(secret, answer))
        response = await _begun(request, provider, person, where)
    except SignInFailed as failed:
        response = _failed(request, failed.step, where)
    # The secret is good for one answer only.
    delete_cookie(request, response, SIGNING_IN)
    return response


async def _begun(
    request: web.Request, provider: Provider, person: Person, where: str
) -> web.Response:
    account = f"{provider.identity.issuer}\n{person.subject}"
    if (refused := too_many(request, account)) is not None:
        return refused
    try:
        posts = provider.identity.posts_of(person.claims)
    except NoPost:
        log.warning("sign_in_without_post")
        return render(request, "sign-in.html", status=403, said="provider-no-post", next=where)
    sessions = request.app[SESSIONS]
    cookie = await TOKENS.run(lambda: sessions.begin_as(account, posts))
    # The browser comes from another site, whose links open nothing in a person's name; from this
    # page it continues by itself.
    response = render(request, "continue.html", where=where, at_once=True)
    set_cookie(request, response, SESSION_COOKIE, cookie)
    return response


def _failed(request: web.Request, step: str, where: str) -> web.Response:
    log.warning("sign_in_failed", step=step)
    said = _TOLD.get(step, "provider-failed")
    return render(request, "sign-in.html", status=401, said=said, next=where)


async def choose_post(request: web.Request) -> web.Response:
    """Act in another post of the same person from now on."""
    given = await form_of(request)
    session = await session_of(request)
    if session is None or not ours(request, session, given):
        return see("/console")
    post = given.get("post", "")
    number = int(post) if post.isascii() and post.isdigit() and len(post) < 4 else -1
    sessions = request.app[SESSIONS]
    cookie = request.cookies[cookie_name(request, SESSION_COOKIE)]
    await TOKENS.run(lambda: sessions.choose(cookie, number))
    return see("/console")
