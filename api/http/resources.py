"""Resources for GET: one entry each, from which its route, checks and description are made.

An api module only declares its resources and handlers::

    RESOURCES = (
        Resource(
            "/v1/entities/{uscc}/profile",
            profile,
            returns=Profile,
            query=(Parameter("known_as_of", Moment, "as the ledger knew it then"), AT_LEAST),
            conditional=True,
        ),
    )

and ``api.app.RESOURCES`` must include them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, get_origin

import msgspec
import msgspec.inspect
from aiohttp import web

from api.http.access import caller_of
from api.http.auditing import AUDIT, is_number
from api.http.coding import compressed
from api.http.evenly import answer_evenly
from api.http.front import EDGE
from api.http.keys import LINE
from api.http.middlewares import expect
from api.http.problems import Problem, unauthenticated
from api.http.tokens import Grant
from api.running.pools import ASKED_BY
from ledger.general.vocabulary import Role, normal_entity
from ledger.kernel.messages import message

#: The most parameters of a query: recording a consultation looks up each value.
MAX_PARAMETERS = 100

#: Set on a request that the service makes to itself for a page whose opening is recorded already.
CONSULTED = web.RequestKey("consulted", bool)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a query, path or header: its name, its Python type, its description."""

    name: str
    type: Any = str
    description: str = ""
    place: str = "query"
    repeatable: bool = False
    #: Several values in one, with commas between them.
    joined: bool = False

    def fits(self, value: str) -> bool:
        """Return whether ``value`` fits the type, or is a word of the description.

        Free text never fits: a caller can write anything in it.
        """
        if _is_free_text(self.type):
            return value in re.findall(r"\w+", self.description)
        if get_origin(self.type) is None:
            return is_number(value) or value in {"true", "false"}
        try:
            for part in value.split(",") if self.joined else (value,):
                msgspec.convert(part, self.type)
        except msgspec.ValidationError:
            return False
        return True


def _is_free_text(type_: Any) -> bool:
    info = msgspec.inspect.type_info(type_)
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    return isinstance(info, msgspec.inspect.StrType) and info.pattern is None


class Resource(msgspec.Struct, frozen=True):
    """A resource that answers GET.

    ``roles``: who may ask; ``None`` is everyone, even without a token (the handler still shows
    each caller only what that caller may see). ``returns``: the type of the JSON answer.
    ``query``: every known parameter; others are refused. ``conditional``: it answers 304 to
    ``If-None-Match``. The handler's docstring is the description.
    """

    path: str
    handler: Handler
    returns: Any = None
    roles: frozenset[Role] | None = None
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    conditional: bool = False
    media_types: tuple[str, ...] = ("application/json",)
    #: Endings of the path that ask for one of the media types, such as ``.csv``.
    suffixes: tuple[str, ...] = ()
    #: The type of the JSON answer that some parameter asks for instead.
    otherwise: Any = None
    #: Every caller must have a token and is recorded, not only supervisors.
    audited: bool = False
    #: The group in the description; by default the first part of the path after the version.
    group: str | None = None
    #: Whether the interface description lists it; pages for people are not listed.
    listed: bool = True
    #: Whether large answers without a token are compressed: all of them must be public.
    compress: bool = True
    #: Returns a request that comes with something else than a token as a token would send it.
    admits: Callable[[web.Request], web.Request] | None = None

    @property
    def name(self) -> str:
        """The id in OpenAPI: ``entities-one-profile`` for ``/v1/entities/{uscc}/profile``."""
        parts = [p for p in self.path.split("/") if p and p != "v1"]
        named = ("one" if part.startswith("{") else part for part in parts)
        return "-".join(named).replace(".", "-") or "index"


class Uploading(msgspec.Struct, frozen=True):
    """A place that takes the bytes of a file with POST; the handler's docstring describes it."""

    path: str
    handler: Handler
    returns: Any


def add_resources(app: web.Application, resources: Iterable[Resource]) -> None:
    """Add routes for ``resources``, each with its checks; HEAD answers like GET without a body."""
    for resource in resources:
        handler = _checked(resource)
        for suffix in ("", *resource.suffixes):
            route = app.router.add_resource(f"{resource.path}{suffix}")
            for method in ("GET", "HEAD"):
                route.add_route(method, handler, expect_handler=expect)


def _checked(resource: Resource) -> Handler:
    known = {p.name for p in resource.query}
    once = {p.name for p in resource.query if not p.repeatable}
    roles, path, handle = resource.roles, resource.path, resource.handler
    audited = resource.audited
    fits = {p.name: p.fits for p in resource.query}
    # Probes of load balancers and monitors are never refused.
    limited = path.startswith(("/v1/", "/public"))
    # Every position up to the head has an event; this does not need to be hidden.
    hides = "{" in path and "{position}" not in path

    async def handler(request: web.Request) -> web.StreamResponse:
        request[LINE].route = path
        ASKED_BY.set(request)
        if resource.admits is not None:
            request = resource.admits(request)
        grant = await caller_of(request)
        rates = request.app[EDGE].public_reads if limited and not grant.id else None
        left = {} if rates is None else rates.count(request.app[EDGE].source_of(request))
        if roles is not None and grant.role not in roles:
            if not grant.id:
                raise unauthenticated("http.token-needed-read")
            raise Problem("forbidden", message("http.role-may-not-read", role=grant.role))
        if audited and not grant.id:
            raise unauthenticated("http.token-needed-read")
        check_query(request, known, once)
        request = _spelled(request)
        if CONSULTED not in request:
            await request.app[AUDIT].consulted(grant, path, request, fits, anybody=audited)
        try:
            response = await handle(request)
        except Problem as problem:
            if hides and problem.kind.name == "not-found":
                await answer_evenly(request)
            raise
        position = request[LINE].view_position
        if position is not None and not response.prepared:
            # Tells the caller how old the answer is.
            response.headers["X-View-Position"] = str(position)
        if left and not response.prepared:
            response.headers.update(left)
        return await compressed(request, response) if resource.compress else response

    return handler


def _spelled(request: web.Request) -> web.Request:
    """Return the request with business ids in path and filters in their stored spelling."""
    place = request.match_info
    if "entity" in place:
        place["entity"] = normal_entity(place["entity"])
    if not request.rel_url.raw_query_string:
        return request
    given = [(name, _spelled_value(name, value)) for name, value in request.query.items()]
    if given == list(request.query.items()):
        return request
    return request.clone(rel_url=request.rel_url.with_query(given))


def _spelled_value(name: str, value: str) -> str:
    if name in ("entity", "not_entity"):
        return normal_entity(value)
    if name in ("subject", "about") and value.startswith("entity:"):
        return f"entity:{normal_entity(value.removeprefix('entity:'))}"
    return value


#: The two times of a question, each with the reason why a resource cannot carry it.
CLOCKS = {
    "valid_as_of": "query parameter 'valid_as_of' must not be given here: this resource shows its "
    "subjects as they are now. The profile of a business and the public lists of units carry it.",
    "known_as_of": "query parameter 'known_as_of' must not be given here: this resource keeps only "
    "what is known now. Profiles, trails and /v1/events/search carry it.",
}


def check_query(request: web.Request, known: Iterable[str] = (), once: Iterable[str] = ()) -> None:
    """Refuse parameters that would be ignored: a misspelt filter must not return everything."""
    if not request.rel_url.raw_query_string:
        return
    if len(request.query) > MAX_PARAMETERS:
        raise Problem(
            "malformed",
            message(
                "http.query-must-most-parameters",
                max_parameters=MAX_PARAMETERS,
                query_count=len(request.query),
            ),
        )
    allowed = sorted(known) or message("general.none")
    for name in request.query:
        if name in CLOCKS and name not in known:
            raise Problem("malformed", f"{CLOCKS[name]} This resource knows: {allowed}")
        if name not in known:
            raise Problem(
                "malformed", message("http.unknown-query-parameter", name=name, allowed=allowed)
            )
        if name in once and len(request.query.getall(name)) > 1:
            raise Problem(
                "malformed", message("http.query-parameter-must-be-given-only-once", name=name)
            )


class Operation(msgspec.Struct, frozen=True):
    """A command for operators: its name, its body, its handler and its answer.

    The body's docstring is its description.
    """

    name: str
    body: type[msgspec.Struct]
    act: Callable[[web.Request, Grant, Any], Awaitable[web.Response]]
    returns: Any
    statuses: tuple[int, ...] = (200,)
    group: ClassVar[str] = "operations"
    sent_by: ClassVar[str] = "operator"

    @property
    def path(self) -> str:
        """Return the path to which it is sent."""
        return f"/v1/operations/{self.name}"
