"""The routes of the console."""

from __future__ import annotations

import re
from collections.abc import Iterable

from aiohttp import web
from msgspec.structs import replace

from api.console.identity import RETURN, Identity
from api.console.inside import SHOWN
from api.console.oidc import IDENTITY_PROVIDER, Provider
from api.console.pages import PAGES
from api.console.pages.tables import HELD, Held
from api.console.place import Place
from api.console.provided import BEGIN, begin, choose_post, finish
from api.console.sessions import Sessions
from api.console.shell import MENU, PLACE
from api.console.signin import (
    ACCOUNTS,
    SESSIONS,
    SIGN_INS,
    SIGN_INS_OF_ACCOUNT,
    SIGN_INS_PER_MINUTE,
    sign_in,
    sign_in_page,
    sign_out,
    signed_in,
)
from api.http.rates import Rates
from api.http.resources import Resource


def add_console(
    app: web.Application,
    sessions: Sessions,
    resources: Iterable[Resource],
    place: Place,
    identity: Identity | None = None,
) -> None:
    """Add the routes of the console; ``resources`` are those that its pages ask."""
    if identity is not None:
        place = replace(place, encrypted=identity.encrypted, provider=identity.name)
    app[IDENTITY_PROVIDER] = None if identity is None else Provider(identity)
    app[ACCOUNTS] = Rates(SIGN_INS_OF_ACCOUNT)
    app[SESSIONS] = sessions
    app[PLACE] = place
    app[SIGN_INS] = Rates(SIGN_INS_PER_MINUTE)
    app[HELD] = Held()
    app[MENU] = PAGES
    app[SHOWN] = {
        # As the router writes it, without the pattern of a place.
        re.sub(r":[^}]*}", "}", r.path): r
        for r in resources
        if r.listed and r.path.startswith("/v1/") and "application/json" in r.media_types
    }
    add = app.router.add_route
    add("GET", "/console/sign-in", sign_in_page)
    add("POST", "/console/sign-in", sign_in)
    add("POST", "/console/sign-out", sign_out)
    if identity is not None:
        add("GET", BEGIN, begin)
        add("GET", RETURN, finish)
        add("POST", "/console/post", choose_post)
    for page in PAGES:
        handler = signed_in(page)
        for method in page.methods:
            add(method, page.path, handler)
