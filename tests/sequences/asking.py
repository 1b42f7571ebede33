"""Every GET of the application, for what the ledger knows and for what it does not know."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import quote
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestClient

from api import app, views
from api.http.reading import LIMIT, MAX_PAGE
from api.http.resources import Parameter, Resource
from api.log import receipts, transparency
from api.operations import accesses, operators
from api.public.pages import public_resources
from api.public.window import window_resources
from api.sealed import evidence, persons, publicdoor
from ledger.general.vocabulary import Role
from tests.api import answers
from tests.sequences.book import Book
from tests.sequences.town import BUSINESSES, UNITS, Town, actor

_LISTED: tuple[Resource, ...] = (
    *app.RESOURCES,
    *views.RESOURCES,
    *persons.RESOURCES,
    *publicdoor.RESOURCES,
    *evidence.RESOURCES,
    *accesses.RESOURCES,
    *transparency.RESOURCES,
    *receipts.RESOURCES,
    *operators.VIEW_RESOURCES,
    *operators.TOKEN_RESOURCES,
)
RESOURCES: tuple[Resource, ...] = (
    *_LISTED,
    *public_resources(_LISTED),
    *window_resources(_LISTED),
)

#: Path parameters that are not named as the kind of subject that they name.
_KINDS = {"supdoc": "supdoc", "id": "inspection"}
#: Texts that a query may hold: filters that fit nothing, and text that is hard on programs.
_TEXTS = (
    "",
    "0",
    "-1",
    "食品",
    "x" * 400,
    "a'b\"c",
    "%",
    "a\x00b",
    "\U0010ffff",
    "null",
    "2026-02-30",
)
#: Ids of nothing, some in the form of an id of something.
_UNKNOWN = ("unknown", "91620100MA7LX0121N", "MRB:2026", "a b", "未知", "psn-" + "0" * 32)
_NUMBERS = (-1, 0, 1, 2, 2026, 2**31, 2**53 - 1, 2**63, 10**30)
_DAYS = (date.min, date(1899, 12, 31), date(2026, 2, 28), date(2027, 1, 1), date.max)
_MOMENTS = (
    datetime.min.replace(tzinfo=UTC),
    datetime(2026, 3, 1, 12, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
)
#: Headers that may differ between two answers to the same question.
_PASSING = {"date", "x-request-id", "server"}


#: What tells of requests, or of threads that work meanwhile, may have grown between two of them.
_GROWING = ("/metrics", "/readyz", "/v1/access", "/v1/log/", "/v1/events/")


@dataclass(frozen=True)
class Question:
    """One GET: of which resource, with which address."""

    resource: Resource
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict, compare=False)


def grants(town: Town) -> dict[str, str]:
    """A token for every role, some of them of several units or businesses; by a readable name."""
    create = town.service.tokens.create
    tokens: dict[str, str] = {}
    for role in get_args(Role):
        if role == "entity_rep":
            for entity in BUSINESSES[:2]:
                tokens[f"{role} {entity}"] = create("ENTITY", f"REP-{entity}", role, entity=entity)
            continue
        units = UNITS[:2] if role == "unit_head" else UNITS[:1]
        for unit in units:
            who = actor(role, unit)
            tokens[f"{role} {who.unit_id}"] = create(who.unit_id, who.person_id, role)
    return tokens


def questions(book: Book, dice: random.Random, *, known: bool = True) -> Iterator[Question]:
    """A question to each resource: its path about something known, or about nothing known."""
    for resource in RESOURCES:
        path = re.sub(
            r"\{([a-z_]+)(?::[^}]*)?\}",
            lambda match: quote(_id(match[1], book, dice, known=known), safe=""),
            resource.path + dice.choice(("", "", "", *resource.suffixes)),
        )
        query = _query(resource.query, book, dice) if dice.random() < 0.6 else _whole(resource)
        headers = {}
        if resource.path == "/v1/feed":
            headers["Accept"] = dice.choice([m for m in resource.media_types if "event" not in m])
            # A read that waits, or a stream that follows, would not end.
            query = tuple((n, v) for n, v in query if n not in ("wait", "follow"))
        yield Question(resource, path, query, headers)


def _whole(resource: Resource) -> tuple[tuple[str, str], ...]:
    """The query for the longest page of a resource, so that as much as possible is rendered."""
    return (("limit", str(MAX_PAGE)),) if LIMIT in resource.query else ()


def _id(name: str, book: Book, dice: random.Random, *, known: bool) -> str:
    if name == "position":
        return str(dice.randint(1, len(book.records)) if known else 10**9)
    if name in ("name", "tile"):
        return dice.choice(("malformed", "docs.css", "0/000", "0/000.p/3", "entries/000"))
    if name == "month":
        return dice.choice(("2026-01", "2026-02", "2025-12", "2026-13"))
    things = book.things.get(_KINDS.get(name, name.replace("_", "-")), {})
    if known and things:
        return dice.choice(list(things))
    if known and name == "assessment":
        return "2026"
    return dice.choice(_UNKNOWN)


def _query(
    parameters: tuple[Parameter, ...], book: Book, dice: random.Random
) -> tuple[tuple[str, str], ...]:
    """Some of the parameters of a resource, each with values of its type."""
    chosen = dice.sample(parameters, min(len(parameters), dice.randint(1, 3)))
    return tuple(
        (p.name, _value(p, book, dice))
        for p in chosen
        for _ in range(2 if p.repeatable and dice.random() < 0.3 else 1)
    )


def _value(parameter: Parameter, book: Book, dice: random.Random) -> str:
    things = book.things.get(_kind_of(parameter), {})
    if parameter.type is str and things and dice.random() < 0.5:
        return dice.choice(list(things))
    kind: Any = parameter.checked if parameter.type is str else parameter.type
    if get_origin(kind) is Annotated:
        meta = kind.__metadata__[0]
        if meta.examples and dice.random() < 0.7:
            return str(dice.choice(meta.examples))
        kind = get_args(kind)[0]
    if kind is bool:
        return dice.choice(("true", "false"))
    if kind is int:
        if parameter.name == "at_least":
            return str(dice.choice((0, 1, len(book.records))))
        return str(dice.choice((*_NUMBERS, len(book.records))))
    if kind is date:
        return dice.choice(_DAYS).isoformat()
    if kind is datetime:
        return dice.choice(_MOMENTS).isoformat()
    if kind is UUID:
        return str(dice.choice(book.records).envelope.correlation_id)
    if kind is str:
        return _text(parameter, book, dice)
    # A literal, or a union with one.
    return str(dice.choice(get_args(kind)))


def _kind_of(parameter: Parameter) -> str:
    """The kind of subject that a parameter names, or excludes."""
    return parameter.name.removeprefix("not_").replace("_", "-")


def _text(parameter: Parameter, book: Book, dice: random.Random) -> str:
    die = dice.random()
    if parameter.name == "type" and die < 0.7:
        return dice.choice(book.records).envelope.type
    if parameter.name == "subject" and die < 0.7:
        return dice.choice(dice.choice(book.records).event.tags())
    if parameter.name in ("without", "as_if_repaired") and die < 0.7:
        record = dice.choice([*book.things.get("record", {}), "unknown"])
        return record if parameter.name == "without" else f"{record}@{dice.choice(_DAYS)}"
    return dice.choice((*_TEXTS, *re.findall(r"\w+", parameter.description)))


class Fault(AssertionError):
    """An answer that no question may get."""


async def ask(
    client: TestClient[web.Request, web.Application],
    question: Question,
    token: str | None,
    *,
    twice: bool,
) -> int:
    """The status of the answer. Raises ``Fault`` for one that breaks what every answer keeps.

    ``twice``: ask with HEAD and, where the resource is conditional, with its ETag too.
    """
    headers = dict(question.headers)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    asked: dict[str, Any] = {"params": question.query, "headers": headers}
    async with client.get(question.path, **asked) as answer:
        body = await answer.read()
    busy = answer.status == 503 and question.path == "/readyz"  # it may say that views lag
    if answer.status >= 500 and not busy:
        raise Fault(f"{answer.status}: {body[:600]!r}")
    kind = answer.content_type
    # The window explains to a person, on a page, what it cannot show.
    refused = "text/html" if question.path.startswith("/window") else "application/problem+json"
    if answer.status >= 400 and kind not in (refused, "application/problem+json"):
        raise Fault(f"{answer.status} as {kind}: {body[:200]!r}")
    plain = answer.status == 200 and kind == "application/json"
    if plain and (told := answers.faults(question.resource, body)):
        raise Fault(f"not what is declared: {told[:3]}: {body[:600]!r}")
    if twice:
        async with client.head(question.path, **asked) as head:
            await head.read()
        # How fast the machine is decides whether a replay is sent whole or in pieces.
        sized = not question.path.startswith(_GROWING) and not question.path.endswith("/replay")
        _same_headers(answer.headers, head.headers, sized=sized)
        if head.status != answer.status:
            raise Fault(f"GET answers {answer.status} and HEAD {head.status}")
        etag = answer.headers.get("ETag")
        # What was so on another day is worked out when it is asked for, and has none.
        dated = {"valid_as_of", "known_as_of"} & dict(question.query).keys()
        if answer.status == 200 and question.resource.conditional and not dated and etag is None:
            raise Fault("a conditional resource answers without an ETag")
        if answer.status == 200 and etag is not None:
            asked["headers"] = {**headers, "If-None-Match": etag}
            async with client.get(question.path, **asked) as again:
                empty = not await again.read()
            if again.status != 304 or not empty or again.headers.get("ETag") != etag:
                raise Fault(f"asked with its own ETag {etag} it answers {again.status}")
    return answer.status


def _same_headers(get: Any, head: Any, *, sized: bool) -> None:
    """Raise ``Fault`` unless both have the same headers; ``sized``: the same length, too."""
    left, right = (
        {n: v for name, v in headers.items() if (n := name.lower()) not in _PASSING}
        for headers in (get, head)
    )
    # HEAD may leave the length out (RFC 9110, 8.6). A problem holds the id of its request, which
    # grows with their number.
    if not sized:
        left.pop("transfer-encoding", None)
        right.pop("transfer-encoding", None)
    if "content-length" not in right or "problem" in left["content-type"] or not sized:
        left.pop("content-length", None)
        right.pop("content-length", None)
    if left != right:
        raise Fault(f"GET has the headers {left} and HEAD {right}")
