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
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar, get_args, get_origin

import msgspec
import msgspec.inspect
from aiohttp import web
from msgspec import inspect

from api.http.access import caller_of
from api.http.auditing import AUDIT, is_number
from api.http.coding import compressed
from api.http.evenly import answer_evenly
from api.http.front import EDGE
from api.http.keys import LINE
from api.http.malformed import told_by
from api.http.middlewares import expect
from api.http.named import MAX_POSITION, NAMED, Count, Word
from api.http.problems import Problem, unauthenticated
from api.http.sheets import form_among
from api.http.tokens import Grant
from api.running.pools import ASKED_BY
from ledger.general.vocabulary import Role, normal_entity
from ledger.kernel.messages import Message, message

#: The most parameters of a query: recording a consultation looks up each value.
MAX_PARAMETERS = 100

#: Beginnings of the paths whose callers without a token are counted; probes are never refused.
LIMITED = ("/v1/", "/public", "/window")

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
    #: Several values in one, with commas between them.
    joined: bool = False
    values: Any = None
    default: Any = None
    #: A value that a viewer of the description may send; by default one of its type.
    example: Any = None
    #: A request without it is refused.
    required: bool = False

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
        name = (header if self.place == "header" else parameter)(self.name)
        type_, joined = self.checked, self.joined
        if isinstance(info, inspect.IntType):
            low, high = info.ge or 0, MAX_POSITION if info.lt is None else info.lt - 1
            high = high if info.le is None else info.le
            return lambda value: whole_number(value, name, 0, low, high)
        if self.type is not str and not isinstance(info, inspect.StrType | inspect.LiteralType):
            return None

        def check(value: str) -> None:
            try:
                for part in value.split(",") if joined else (value,):
                    msgspec.convert(part, type_)
            except msgspec.ValidationError as error:
                told = message("http.parameter-fault", name=name, fault=told_by(error, type_))
                raise Problem("malformed", told) from None

        return check

    def fits(self, value: str) -> bool:
        """Return whether ``value`` fits the type, or is a word of the description.

        Free text never fits: a caller can write anything in it.
        """
        if _is_free_text(self.type):
            return value in re.findall(r"\w+", self.description)
        if get_origin(self.type) is None or get_args(self.type)[0] is int:
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


def parameter(name: str) -> Message:
    """Return what a query parameter is called."""
    return message("http.query-parameter", name=name)


def header(name: str) -> Message:
    """Return what a header is called."""
    return message("http.header", name=name)


def whole_number(given: str | None, name: Message, default: int, low: int, high: int) -> int:
    """Return ``given`` as a whole number from ``low`` to ``high``; ``name`` is for the error."""
    if given is None:
        return default
    # int() also accepts underscores, spaces and digits of other scripts; a URL must not.
    if not (given.isascii() and given.isdigit() and len(given) <= 16 and low <= int(given) <= high):
        told = message("http.must-be-whole-number", name=name, low=low, high=high)
        if high == MAX_POSITION:
            # The largest number that every parser reads exactly says nothing to people.
            told = message("http.must-be-whole-number-from", name=name, low=low)
        raise Problem("malformed", told)
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
    #: Types of the answer in other media types than JSON.
    forms: Mapping[str, Any] = {}
    #: Some answers are empty: status 204.
    may_be_empty: bool = False
    #: The answer has texts in the language that the caller prefers.
    worded: bool = False
    #: Whether large answers without a token are compressed: all of them must be public.
    compress: bool = True
    #: The ``Listing`` that shows one subject here, for those who ask what an event changed in it.
    listing: Any = None
    #: Returns a request that comes with something else than a token as a token would send it.
    admits: Callable[[web.Request], web.Request] | None = None
    #: Returns a request with the parameters that one of its parameters stands for.
    expands: Callable[[web.Request], web.Request] | None = None

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
        # The longer address first: a place at the end of the path would take in the suffix.
        for suffix in (*resource.suffixes, ""):
            route = app.router.add_resource(f"{resource.path}{suffix}")
            for method in ("GET", "HEAD"):
                route.add_route(method, handler, expect_handler=expect)


def _checked(resource: Resource) -> Handler:
    known = {p.name for p in resource.query}
    once = {p.name for p in resource.query if not p.repeatable}
    path, handle = resource.path, resource.handler
    fits = {p.name: p.fits for p in resource.query}
    limited = path.startswith(LIMITED)
    check_values = _checks_of(resource)
    # Every position up to the head has an event; this does not need to be hidden.
    hides = "{" in path and "{position}" not in path
    suffixes = {suffix: suffix.removeprefix(".") for suffix in resource.suffixes}
    media_types = dict(zip(resource.media_types, ("json", *suffixes.values()), strict=False))

    async def handler(request: web.Request) -> web.StreamResponse:
        request[LINE].route = path
        ASKED_BY.set(request)
        if resource.admits is not None:
            request = resource.admits(request)
        grant = await caller_of(request)
        rates = request.app[EDGE].public_reads if limited and not grant.id else None
        left = {} if rates is None else rates.count(request.app[EDGE].source_of(request))
        _require_reader(resource, grant)
        check_query(request, known)
        if resource.expands is not None:
            request = resource.expands(request)
        check_query(request, known, once)
        request = _spelled(request)
        # A file that ``Accept`` asks for is recorded like one that the path asks for.
        form = form_among(request, suffixes, media_types) if suffixes else "json"
        await request.app[AUDIT].consulted(
            grant, path, request, fits, form=form, anybody=resource.audited
        )
        check_values(request)
        try:
            response = await handle(request)
        except Problem as problem:
            if hides and problem.kind.name == "not-found":
                await answer_evenly(request)
            raise
        if not response.prepared:
            response.headers.update(left)
            if (position := request[LINE].view_position) is not None:
                # Tells the caller how old the answer is.
                response.headers["X-View-Position"] = str(position)
        return await compressed(request, response) if resource.compress else response

    return handler


def _require_reader(resource: Resource, grant: Grant) -> None:
    """Refuse a caller whose role may not read the resource, before anything is looked up."""
    refused = resource.roles is not None and grant.role not in resource.roles
    if (refused or resource.audited) and not grant.id:
        raise unauthenticated("http.token-needed-read")
    if refused:
        raise Problem("forbidden", message("http.role-may-not-read", role=grant.role))


def _checks_of(resource: Resource) -> Callable[[web.Request], None]:
    """Return a function that refuses values of parameters and headers which do not fit."""
    checks = {p.name: check for p in resource.query if (check := p.checks())}
    # An id or a range that cannot be read is passed over (RFC 9110); a position is not.
    counted = (p for p in resource.headers if p.type is not str)
    numbers = {p.name: check for p in counted if (check := p.checks())}

    def check_values(request: web.Request) -> None:
        for name, value in request.query.items():
            if name in checks:
                checks[name](value)
        for name, check in numbers.items():
            if (given := request.headers.get(name)) is not None:
                check(given)

    return check_values


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
    if name in ("subject", "not_subject", "about") and value.startswith("entity:"):
        return f"entity:{normal_entity(value.removeprefix('entity:'))}"
    return value


#: The two times of a question, each with the message that says why a resource cannot carry it.
CLOCKS = {
    "valid_as_of": "http.valid-as-of-must-not-be-given-here",
    "known_as_of": "http.known-as-of-must-not-be-given-here",
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
            raise Problem("malformed", message(CLOCKS[name], allowed=allowed))
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
