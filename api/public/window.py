"""``/window``: what a business sees at its door, on a phone and without an account.

The code of a visit, or of an officer, is scanned: who comes, by which certificate, on which law,
and what the business may ask. Complaints go to the public door, whose limits and seals hold here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote

import msgspec
from aiohttp import hdrs, web

from api.http.bodies import GIVEN, body_of
from api.http.keys import LINE, Line
from api.http.problems import Problem, as_problem, not_found
from api.http.reading import AT_LEAST
from api.http.resources import Handler, Parameter, Resource
from api.http.tokens import ANONYMOUS
from api.public.asking import answer_of, documents_of
from api.public.rendering import LANG, language_asked, link, render
from api.sealed import publicdoor
from ledger.general.vocabulary import OfficerId
from ledger.kernel.messages import say

_VISIT, _OFFICERS = "/v1/act-codes/{code}", "/v1/officers"
_CHANNELS, _UNITS = "/v1/complaint-channels", "/v1/units"
_TRACKED = f"{publicdoor.PATH}/{{tracking}}"

COMPLAINTS = "/window/complaints"

#: The most bytes of a form.
MAX_FORM = 64 * 1024

#: What a business may ask of who stands at the door, in the order in which it asks.
RIGHTS = ("certificates", "code", "notice", "law", "result", "refuse", "free", "complain")


def window_resources(sources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the pages of the window, as far as their resources are among ``sources``."""
    known = {source.path: source.handler for source in sources}
    if not {_VISIT, _OFFICERS, _CHANNELS, _UNITS, _TRACKED} <= known.keys():
        return ()
    made: list[tuple[str, Handler, tuple[Parameter, ...]]] = [
        ("/window", _entrance, (Parameter("code"), Parameter("tracking"))),
        ("/window/visits/{code}", _visit(known[_VISIT], known[_UNITS]), ()),
        ("/window/officers/{officer}", _officer(known[_OFFICERS], known[_UNITS]), ()),
        (COMPLAINTS, _complaint(known[_UNITS], known[_CHANNELS]), (Parameter("unit"),)),
        (f"{COMPLAINTS}/{{tracking}}", _progress(known[_TRACKED]), (AT_LEAST,)),
    ]
    return tuple(
        Resource(path, handler, query=(*query, LANG), listed=False, compress=False)
        for path, handler, query in made
    )


async def _entrance(request: web.Request) -> web.StreamResponse:
    """Lead to a visit by its code, to a complaint by its number, and to the lists."""
    for name, path in (("code", "/window/visits/"), ("tracking", f"{COMPLAINTS}/")):
        # A scanner may hand over the whole address.
        if given := request.query.get(name, "").strip().rstrip("/").rpartition("/")[2]:
            where = link(path + given, request.query.get("lang", ""))
            return web.Response(status=303, headers={hdrs.LOCATION: where})
    return render(request, "window.html", rights=RIGHTS)


async def _names(request: web.Request, units: Handler) -> dict[str, str]:
    named, _ = await documents_of(request, units, {"limit": "500"})
    return {unit["unit"]: unit.get("name") or unit["unit"] for unit in named}


def _visit(look_up: Handler, units: Handler) -> Handler:
    async def visit(request: web.Request) -> web.StreamResponse:
        """Show the visit of a code, whose officers stand at the door."""
        try:
            document = await answer_of(request, look_up, {}, dict(request.match_info))
        except Problem as problem:
            return _told(request, problem, "window.visit")
        return _private(
            render(
                request,
                "visit.html",
                visit=document,
                names=await _names(request, units),
                rights=RIGHTS,
            )
        )

    return visit


def _officer(officers: Handler, units: Handler) -> Handler:
    async def officer(request: web.Request) -> web.StreamResponse:
        """Show the certificates of an officer, which are public."""
        given = request.match_info["officer"]
        try:
            known = msgspec.convert(given, OfficerId)
        except msgspec.ValidationError:
            return _told(request, not_found(), "window.officer")
        found, _ = await documents_of(request, officers, {"officer": known})
        document = next((one for one in found if one["officer"] == known), None)
        if document is None:
            return _told(request, not_found(), "window.officer")
        names = await _names(request, units)
        return render(request, "officer.html", officer=document, names=names, rights=RIGHTS)

    return officer


def _complaint(units: Handler, channels: Handler) -> Handler:
    async def complaint(request: web.Request) -> web.StreamResponse:
        """Show the form for a complaint without an account, and the other channels."""
        given = {"subject_unit": request.query.get("unit", "")}
        return await _form(request, units, channels, given)

    return complaint


async def _form(
    request: web.Request,
    units: Handler,
    channels: Handler,
    given: Mapping[str, str],
    problem: Problem | None = None,
) -> web.Response:
    known, _ = await documents_of(request, channels, {"limit": "500"})
    return render(
        request,
        "complaint.html",
        status=200 if problem is None else problem.kind.status,
        names=await _names(request, units),
        channels=[channel for channel in known if channel["stage"] == "open"],
        given=given,
        said="" if problem is None else say(problem.message, language_asked(request)),
    )


def _progress(look_up: Handler) -> Handler:
    async def progress(request: web.Request) -> web.StreamResponse:
        """Show how far a complaint has come, by its tracking number."""
        try:
            reached = {
                name: request.query[name] for name in (AT_LEAST.name,) if name in request.query
            }
            document = await answer_of(request, look_up, reached, dict(request.match_info))
        except Problem as problem:
            return _told(request, problem, "window.complaint")
        tracking = request.match_info["tracking"]
        return _private(render(request, "progress.html", complaint=document, tracking=tracking))

    return progress


def add_window(app: web.Application, sources: Iterable[Resource]) -> None:
    """Add the route that takes complaints from the form; the public door must be there."""
    known = {source.path: source.handler for source in sources}

    async def complain(request: web.Request) -> web.StreamResponse:
        body = await body_of(request, MAX_FORM)
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        names = ("subject_unit", "facts", "name", "contact")
        given = {name: value.strip() for name, value in pairs if name in names and value.strip()}
        key = dict(pairs).get("key", "")
        headers = {
            hdrs.CONTENT_TYPE: "application/json",
            **({"Idempotency-Key": key} if key else {}),
            **{n: v for n, v in request.headers.items() if n == hdrs.X_FORWARDED_FOR},
        }
        asking = request.clone(rel_url=publicdoor.PATH, headers=headers)
        asking[LINE] = Line(request[LINE].request_id, grant=ANONYMOUS)
        asking[GIVEN] = msgspec.json.encode(given)
        try:
            answer = await publicdoor.complain(asking)
        except Exception as error:
            problem = as_problem(error)
            if problem.kind.name == "internal":
                raise
            return await _form(request, known[_UNITS], known[_CHANNELS], given, problem)
        assert isinstance(answer.body, bytes)
        tracking = msgspec.json.decode(answer.body)["tracking"]
        # The page waits until the views know of the complaint.
        reached = {"at_least": str(asking[LINE].position or 0)}
        place = f"{COMPLAINTS}/{quote(tracking)}"
        where = link(place, request.query.get("lang", ""), reached)
        return web.Response(status=303, headers={hdrs.LOCATION: where})

    app.router.add_route("POST", COMPLAINTS, complain)


def _told(request: web.Request, problem: Problem, title: str) -> web.Response:
    said = say(problem.message, language_asked(request))
    return render(
        request,
        "told.html",
        status=problem.kind.status,
        heading=title,
        said=said,
        headers=problem.headers,
    )


def _private(response: web.Response) -> web.Response:
    """Let nothing on the way keep a page whose address alone opens it."""
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
