"""Whose request this is."""

from __future__ import annotations

from aiohttp import hdrs, web

from api.http.keys import LINE, TOKENS
from api.http.problems import unauthenticated
from api.http.tokens import ANONYMOUS, Grant

#: Officers act for their own unit alone; the other roles' work lies across units.
OWN_UNIT_ROLES = frozenset({"enforcement_officer", "office_head", "unit_legal_office", "unit_head"})

#: Longer ones are none of ours, and are not looked up.
MAX_TOKEN = 200


async def grant_of(request: web.Request) -> Grant:
    """The grant that a request for business reads with: an operator's is the public's.

    ``ANONYMOUS`` without a token. Raises for a bad one.
    """
    return (await caller_of(request)).reader()


async def caller_of(request: web.Request) -> Grant:
    """Who sends a request: the grant of its token, ``ANONYMOUS`` without. Raises for a bad one."""
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
        raise unauthenticated("This token is unknown, revoked or expired. Ask for a new one.")
    line.grant = grant
    return grant


def token_of(request: web.Request) -> str | None:
    """The bearer token, ``None`` without one. Raises for anything else."""
    given = request.headers.getall(hdrs.AUTHORIZATION, ())
    if not given:
        return None
    if len(given) > 1:
        # A proxy before the service may have looked at the other one.
        raise unauthenticated("Send one Authorization header; this request has several.")
    (header,) = given
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN or not token.isascii():
        raise unauthenticated("Send the header as: Authorization: Bearer <token>")
    return token
