"""The routes of the console."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from api.console.inside import SHOWN
from api.console.pages import PAGES
from api.console.pages.tables import HELD, Held
from api.console.place import Place
from api.console.sessions import Sessions
from api.console.shell import MENU, PLACE
from api.console.signin import (
    SESSIONS,
    SIGN_INS,
    SIGN_INS_PER_MINUTE,
    sign_in,
    sign_in_page,
    sign_out,
    signed_in,
)
from api.http.rates import Rates
from api.http.resources import Resource


def add_console(
    app: web.Application, sessions: Sessions, resources: Iterable[Resource], place: Place
) -> None:
    """Add the routes of the console; ``resources`` are those that its pages ask."""
    app[SESSIONS] = sessions
    app[PLACE] = place
    app[SIGN_INS] = Rates(SIGN_INS_PER_MINUTE)
    app[HELD] = Held()
    app[MENU] = PAGES
    app[SHOWN] = {
        r.path: r
        for r in resources
        if r.listed and r.path.startswith("/v1/") and "application/json" in r.media_types
    }
    add = app.router.add_route
    add("GET", "/console/sign-in", sign_in_page)
    add("POST", "/console/sign-in", sign_in)
    add("POST", "/console/sign-out", sign_out)
    for page in PAGES:
        handler = signed_in(page)
        for method in page.methods:
            add(method, page.path, handler)
