"""``GET /v1/names``: what units, businesses and matters are called."""

from __future__ import annotations

import msgspec
from aiohttp import web

from api.http.asking import PRIVATE, caught_up, read
from api.http.naming import KINDS, names_of
from api.http.problems import Problem
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response
from api.http.resources import Parameter, Resource
from ledger.kernel import message
from projections.profiles import Profiles
from projections.systems.catalogue import Matters, Units
from projections.tables import Connection

#: The most subjects of one question; the console asks for those of one document.
MOST = 100


class Name(msgspec.Struct, frozen=True):
    """The name of a subject, by its tag."""

    subject: str
    name: str


class Names(msgspec.Struct, frozen=True):
    """The names that the reader may know, in the order of the question; the others are left out."""

    items: tuple[Name, ...]


async def names(request: web.Request) -> web.Response:
    """The names of units, businesses and matters, so that a page shows them next to the ids.

    A subject that the reader may not know of is left out, like one that does not exist.
    """
    subjects = list(dict.fromkeys(request.query.getall("subject", [])))
    if len(subjects) > MOST or any(tag.partition(":")[0] not in KINDS for tag in subjects):
        raise Problem("malformed", message("names.subjects", most=MOST, kinds=sorted(KINDS)))
    reader = await reader_of(request)
    for view in (Units.name, Matters.name):
        await caught_up(request, view)
    follower = await caught_up(request, Profiles.name)

    def ask(connection: Connection) -> dict[str, str]:
        ids: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for tag in subjects:
            kind, _, id_ = tag.partition(":")
            ids[kind].append(id_)
        found = names_of(connection, reader, ids)
        return {f"{kind}:{id_}": name for kind in KINDS for id_, name in found[kind].items()}

    known = await read(follower, ask)
    items = tuple(Name(tag, known[tag]) for tag in subjects if tag in known)
    return json_response(Names(items), headers=PRIVATE)


RESOURCES = (
    Resource(
        "/v1/names",
        names,
        returns=Names,
        query=(
            Parameter("subject", str, "the tag of a unit, business or matter", repeatable=True),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
        group="me",
    ),
)
