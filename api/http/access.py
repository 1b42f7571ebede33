"""Find out who sends a request."""

from __future__ import annotations

from aiohttp import hdrs, web

from api.http.keys import ADMITTED, LINE, TOKENS
from api.http.problems import unauthenticated
from api.http.tokens import ANONYMOUS, Grant

#: Roles that act only for their own unit; the other roles work across units.
OWN_UNIT_ROLES = frozenset({"enforcement_officer", "office_head", "unit_legal_office", "unit_head"})

#: A longer token was not issued here and is not looked up.
MAX_TOKEN = 200


async def caller_of(request: web.Request) -> Grant:
    """Return the grant of a request's token; ``ANONYMOUS`` without. Raises for a bad token.

    Handlers that read business data ask ``reader_of`` instead.
    """
    line = request[LINE]
    if line.grant is not None:
        return line.grant
    token = token_of(request)
    if token is None:
        line.grant = ANONYMOUS
        return ANONYMOUS
    tokens = request.app[TOKENS]
    grant = tokens.cached(token) or await tokens.grant(token)
    if grant is None:
        raise unauthenticated("http.token-unknown-revoked-expired")
    line.grant = grant
    return grant


def token_of(request: web.Request) -> str | None:
    """Return the bearer token, or ``None`` without one. Raises for another kind of header."""
    if ADMITTED in request:
        return request[ADMITTED]
    given = request.headers.getall(hdrs.AUTHORIZATION, ())
    if not given:
        return None
    if len(given) > 1:
        # A proxy in front of the service may have checked a different header of them.
        raise unauthenticated("http.send-one-authorization-header")
    (header,) = given
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN or not token.isascii():
        raise unauthenticated("http.send-header")
    return token
