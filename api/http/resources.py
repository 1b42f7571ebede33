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
from typing import Any, ClassVar, get_args, get_origin

import msgspec
from aiohttp import web
from msgspec import inspect

from api.http.access import caller_of
from api.http.auditing import AUDIT, is_number
from api.http.evenly import answer_evenly
from api.http.keys import LINE
from api.http.middlewares import expect
from api.http.named import MAX_POSITION, NAMED, Count, Word
from api.http.problems import Problem, unauthenticated
from api.http.tokens import Grant
from api.running.pools import ASKED_BY
from ledger.general.vocabulary import Role, normal_entity

#: The most parameters of a query: recording a consultation looks up each value.
MAX_PARAMETERS = 100

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a query, path or header: its name, its Python type, its description.

    ``values``: the type of its values, if ``type`` is ``str``; by default that of its name.
    ``default``: the value that its absence means.
    """

    name: str
    type: Any = str
    description: str = ""
    place: str = "query"
    repeatable: bool = False
    values: Any = None
    default: Any = None

    @property
    def checked(self) -> Any:
        """The type that values must fit; ``type`` alone decides what the access ledger keeps."""
        if self.type not in (str, int):
            return self.type
        named = self.values or NAMED.get(self.name.removeprefix("not_"))
        return named or (Word if self.type is str else Count)

    def checks(self) -> Callable[[str], object] | None:
        """Return a function that raises a ``Problem`` for a value that does not fit the type.

        ``None``: the handler converts the value, as it does days, moments and truth values.
        """
        info = inspect.type_info(self.checked)
        if isinstance(info, inspect.Metadata):
            info = info.type
        place = "header" if self.place == "header" else "query parameter"
        name = self.name if self.place == "header" else repr(self.name)
        name, type_ = f"{place} {name}", self.checked
        if isinstance(info, inspect.IntType):
            low, high = info.ge or 0, MAX_POSITION if info.lt is None else info.lt - 1
            high = high if info.le is None else info.le
            return lambda value: whole_number(value, name, 0, low, high)
        if self.type is not str and not isinstance(info, inspect.StrType | inspect.LiteralType):
            return None

        def check(value: str) -> None:
            try:
                msgspec.convert(value, type_)
            except msgspec.ValidationError as error:
                raise Problem("malformed", f"{name}: {error}") from None

        return check

    def fits(self, value: str) -> bool:
        """Return whether ``value`` fits the type, or is a word of the description.

        Free text never fits: a caller can write anything in it.
        """
        if self.type is str:
            return value in re.findall(r"\w+", self.description)
        if get_origin(self.type) is None or get_args(self.type)[0] is int:
            return is_number(value) or value in {"true", "false"}
        try:
            msgspec.convert(value, self.type)
        except msgspec.ValidationError:
            return False
        return True


def whole_number(given: str | None, name: str, default: int, low: int, high: int) -> int:
    """Return ``given`` as a whole number from ``low`` to ``high``; ``name`` is for the error."""
    if given is None:
        return default
    # int() also accepts underscores, spaces and digits of other scripts; a URL must not.
    if not (given.isascii() and given.isdigit() and len(given) <= 16 and low <= int(given) <= high):
        raise Problem("malformed", f"{name} must be a whole number from {low} to {high}")
    return int(given)


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
    #: The type of the JSON answer that some parameter asks for instead.
    otherwise: Any = None
    #: Every caller must have a token and is recorded, not only supervisors.
    audited: bool = False
    #: The group in the description; by default the first part of the path after the version.
    group: str | None = None
    #: Whether the interface description lists it; pages for people are not listed.
    listed: bool = True

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
        route = app.router.add_resource(resource.path)
        handler = _checked(resource)
        for method in ("GET", "HEAD"):
            route.add_route(method, handler, expect_handler=expect)


def _checked(resource: Resource) -> Handler:
    known = {p.name for p in resource.query}
    once = {p.name for p in resource.query if not p.repeatable}
    roles, path, handle = resource.roles, resource.path, resource.handler
    audited = resource.audited
    fits = {p.name: p.fits for p in resource.query}
    checks = {p.name: check for p in resource.query if (check := p.checks())}
    # An id or a range that cannot be read is passed over (RFC 9110); a position is not.
    counted = (p for p in resource.headers if p.type is not str)
    numbers = {p.name: check for p in counted if (check := p.checks())}
    # Every position up to the head has an event; this does not need to be hidden.
    hides = "{" in path and "{position}" not in path

    async def handler(request: web.Request) -> web.StreamResponse:
        request[LINE].route = path
        ASKED_BY.set(request)
        grant = await caller_of(request)
        if roles is not None and grant.role not in roles:
            if not grant.id:
                raise unauthenticated("A token is needed to read this.")
            raise Problem("forbidden", f"The role {grant.role} may not read this.")
        if audited and not grant.id:
            raise unauthenticated("A token is needed to read this.")
        check_query(request, known, once)
        request = _spelled(request)
        await request.app[AUDIT].consulted(grant, path, request, fits, anybody=audited)
        for name, value in request.query.items():
            if name in checks:
                checks[name](value)
        for name, check in numbers.items():
            if (given := request.headers.get(name)) is not None:
                check(given)
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
        return response

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
    if name == "entity":
        return normal_entity(value)
    if name in ("subject", "about") and value.startswith("entity:"):
        return f"entity:{normal_entity(value.removeprefix('entity:'))}"
    return value


def check_query(request: web.Request, known: Iterable[str] = (), once: Iterable[str] = ()) -> None:
    """Refuse parameters that would be ignored: a misspelt filter must not return everything."""
    if not request.rel_url.raw_query_string:
        return
    if len(request.query) > MAX_PARAMETERS:
        raise Problem(
            "malformed",
            f"A query must have at most {MAX_PARAMETERS} parameters; it has {len(request.query)}.",
        )
    allowed = ", ".join(sorted(known)) or "none"
    for name in request.query:
        if name not in known:
            raise Problem(
                "malformed", f"unknown query parameter {name!r}; this resource knows: {allowed}"
            )
        if name in once and len(request.query.getall(name)) > 1:
            raise Problem("malformed", f"query parameter {name!r} must be given only once")


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
