"""Businesses: search, and the credit profile."""

from __future__ import annotations

from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import asked, caught_up, follower_of, rows_page
from api.http.problems import Problem, not_found
from api.http.reader import reader_of
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, conditional, query_value
from api.http.resources import Parameter, Resource
from api.systems import replays
from projections.answers import page_type
from projections.explain.documents import Documents
from projections.follower import Follower
from projections.profiles import PROFILES, Profiles, search_key
from projections.profiles.document import ShownProfile

_DOCUMENTS: WeakKeyDictionary[Follower, Documents] = WeakKeyDictionary()

_PROFILES = Profiles()


class FoundEntity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business in a search result. ``grade`` is only for the authorities.

    ``former_name``: an earlier name of the business, by which it was found.
    """

    entity: str
    name: str | None
    area: str | None
    registered: bool
    listed: bool
    grade: str | None = None
    former_name: bool = False


def documents_of(follower: Follower) -> Documents:
    """Return the ready documents made from this follower's views."""
    documents = _DOCUMENTS.get(follower)
    if documents is None:
        documents = _DOCUMENTS[follower] = Documents(follower)
    return documents


async def profile(request: web.Request) -> web.Response:
    """The credit profile of a business.

    The public sees public records and commitments, serious lists, published inspections, the
    registered name, and of the grade only the manner of supervision (`off_site_first` or
    `on_site`). The business itself and the authorities also see grades, caps, burden,
    determinations, measures, key designations, observation periods, and from when each record can
    be repaired under each regime. Only the unit that plans visits and the Justice Bureau see
    planned visits counted. Entries with a last day are shown until they end; for a given day, only
    those in force on it. With `valid_as_of` or `known_as_of` the profile is replayed from the
    ledger: what was true on the one day, as known at the other moment. The ETag changes only with
    the content for this token; `X-Position` is the position of the view.
    """
    entity = request.match_info["entity"]
    reader = await reader_of(request)
    sight = reader.sight(entity)
    follower = follower_of(request)
    # Most requests have no parameters; then the query is not parsed.
    if request.rel_url.raw_query_string or "X-Position-AtLeast" in request.headers:
        await caught_up(request, "profiles")
        if "valid_as_of" in request.query or "known_as_of" in request.query:
            return await replays.profile_as_of(request, entity, reader)
    # Taken before the document, which is then of this position or a later one.
    position = str(follower.position("profiles"))
    documents = documents_of(follower)
    ready = documents.get(entity, sight, reader.today)
    if ready is None:
        ready = await asked(lambda: documents.load(entity, sight, reader.today))
    if ready is None:
        raise not_found()
    etag, body, _ = ready
    return conditional(request, etag, lambda: body, headers={"X-Position": position})


async def entities(request: web.Request) -> web.Response:
    """Businesses whose present or former name begins with `name`, or all, by their id.

    Letter case, full-width forms and variants of the same characters make no difference (NFKC).
    `former_name` is a former name that matched.
    """
    reader = await reader_of(request)
    sees_grade = reader.audience() == "restricted"
    where: list[sa.ColumnElement[bool]] = [
        PROFILES.c.restricted if sees_grade else PROFILES.c.public
    ]
    prefix = ""
    if (name := request.query.get("name")) is not None:
        prefix = search_key(name)
        if not prefix:
            raise Problem("malformed", "entities.query-parameter-name-must-not-empty")
        # A range of strings with this prefix, which an index serves whatever the prefix contains.
        named = PROFILES.alias()
        called = sa.select(named.c.key).where(
            named.c.name_key >= prefix, named.c.name_key < _after(prefix)
        )
        # Few businesses have had another name; an index lists these.
        once = sa.select(named.c.key).where(
            named.c.former_keys.is_not(None),
            named.c.former_keys.contains("\n" + " ".join(prefix.split()), autoescape=True),
        )
        where.append(PROFILES.c.key.in_(sa.union_all(called, once)))
    if "listed" in request.query:
        where.append(PROFILES.c.listed.is_(query_value(request, "listed", bool, True)))

    def show(row: sa.Row[Any]) -> FoundEntity:
        return FoundEntity(
            row.key,
            row.name,
            row.area,
            row.registered,
            row.listed,
            _grade(row, reader.today) if sees_grade else None,
            bool(prefix) and not (row.name_key or "").startswith(prefix),
        )

    return await rows_page(
        request, "profiles", PROFILES, where=where, show=show, filters={"area": PROFILES.c.area}
    )


def _grade(row: sa.Row[Any], today: date) -> str:
    """Return the grade today: the stored one, unless time alone has changed it."""
    if today.isoformat() <= row.holds_until:
        return str(row.grade)
    return _PROFILES.decode(row.state).grade(today)


def _after(prefix: str) -> str:
    """Return the first string by code point after all strings that begin with ``prefix``."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1])
        if code < 0x10FFFF:
            # Surrogates are not valid in text, so skip them.
            following = 0xE000 if code == 0xD7FF else code + 1
            return prefix[: end - 1] + chr(following)
    return "\U0010ffff" * (len(prefix) + 1)


RESOURCES = (
    Resource(
        "/v1/entities",
        entities,
        returns=page_type(FoundEntity),
        query=(
            Parameter("name", str, "the beginning of the name"),
            Parameter("area", str, "the park or district"),
            Parameter("listed", bool, "whether it is in the register"),
            AFTER,
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/entities/{entity}/profile",
        profile,
        returns=ShownProfile,
        query=(replays.VALID, replays.KNOWN, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        conditional=True,
    ),
)
