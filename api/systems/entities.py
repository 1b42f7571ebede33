"""Businesses: search, and the credit profile."""

from __future__ import annotations

from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import asked, audience_of, caught_up, follower_of, plans_of, rows_page
from api.http.keys import LEDGER
from api.http.problems import Problem, not_found
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, conditional, query_value
from api.http.resources import Parameter, Resource
from api.systems import replays
from ledger.kernel import civil_date
from projections.explain.documents import Documents
from projections.follower import Follower
from projections.profiles import PROFILES, Profiles, search_key

_DOCUMENTS: WeakKeyDictionary[Follower, Documents] = WeakKeyDictionary()

_PROFILES = Profiles()


class FoundEntity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business in a search. ``grade`` is shown to the authorities.

    ``former_name``: it was called so once, and is found by that.
    """

    entity: str
    name: str | None
    area: str | None
    registered: bool
    listed: bool
    grade: str | None = None
    former_name: bool = False


class FoundEntities(msgspec.Struct, frozen=True):
    """A page of businesses; the ``Link`` header leads to the next."""

    items: tuple[FoundEntity, ...]


def documents_of(follower: Follower) -> Documents:
    """The documents kept ready from this follower's views."""
    found = _DOCUMENTS.get(follower)
    if found is None:
        found = _DOCUMENTS[follower] = Documents(follower)
    return found


async def profile(request: web.Request) -> web.Response:
    """The credit profile of a business.

    The public is shown public records and commitments, serious lists, published inspections, the
    register's name, and of its grade the manner of supervision alone (`off_site_first` or
    `on_site`); the business itself and the authorities also grades, caps, burden, what was
    determined, measures, key designations, observation periods, and from when each record can be
    repaired under every regime; planned visits count for the unit that plans them and for the
    Justice Bureau alone. What has a last day of its own is shown with it until it ends; as
    of a day only what runs on it. With `valid_as_of` or `known_as_of` it is replayed from the
    ledger: what was so on the one day, as it was known at the other moment. The ETag changes with
    what this token is shown and with nothing else; `X-Position` is how far the view has come.
    """
    entity = request.match_info["entity"]
    grant = await grant_of(request)
    audience, plans = audience_of(grant, entity), plans_of(grant)
    follower = follower_of(request)
    # Most ask for the newest document, plainly: what a query would ask is then not looked at.
    if request.rel_url.raw_query_string or "X-Position-AtLeast" in request.headers:
        await caught_up(request, "profiles")
        if "valid_as_of" in request.query or "known_as_of" in request.query:
            return await replays.profile_as_of(request, entity, grant)
    # Before the document: it is of this position or a later one.
    position = str(follower.position("profiles"))
    documents = documents_of(follower)
    today = civil_date(request.app[LEDGER].clock())
    ready = documents.get(entity, audience, today, plans)
    if ready is None:
        ready = await asked(lambda: documents.load(entity, audience, today, plans))
    if ready is None:
        raise not_found()
    etag, body, _ = ready
    return conditional(request, etag, lambda: body, headers={"X-Position": position})


async def entities(request: web.Request) -> web.Response:
    """Businesses whose name begins with `name`, or did once, or all, by their id.

    Case, full width and other spellings of the same characters make no difference (NFKC).
    `former_name` says that a business is no longer called so.
    """
    grant = await grant_of(request)
    sees_grade = audience_of(grant, "") == "restricted"
    today = civil_date(request.app[LEDGER].clock())
    where: list[sa.ColumnElement[bool]] = [
        PROFILES.c.restricted if sees_grade else PROFILES.c.public
    ]
    prefix = ""
    if (name := request.query.get("name")) is not None:
        prefix = search_key(name)
        if not prefix:
            raise Problem("malformed", "query parameter 'name' is empty")
        # The range of all strings that begin so: an index serves it, whatever is in the prefix.
        named = PROFILES.alias()
        called = sa.select(named.c.key).where(
            named.c.name_key >= prefix, named.c.name_key < _after(prefix)
        )
        # Few businesses have had another name: an index lists them.
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
            _grade(row, today) if sees_grade else None,
            bool(prefix) and not (row.name_key or "").startswith(prefix),
        )

    return await rows_page(
        request, "profiles", PROFILES, where=where, show=show, filters={"area": PROFILES.c.area}
    )


def _grade(row: sa.Row[Any], today: date) -> str:
    """The grade today: as kept, unless it changed by time alone."""
    if today.isoformat() <= row.holds_until:
        return str(row.grade)
    return _PROFILES.decode(row.state).grade(today)


def _after(prefix: str) -> str:
    """The first string, by code point, that does not begin with ``prefix`` and comes after it."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1])
        if code < 0x10FFFF:
            # Surrogates are no text.
            following = 0xE000 if code == 0xD7FF else code + 1
            return prefix[: end - 1] + chr(following)
    return "\U0010ffff" * (len(prefix) + 1)


RESOURCES = (
    Resource(
        "/v1/entities",
        entities,
        returns=FoundEntities,
        query=(
            Parameter("name", str, "how the name begins"),
            Parameter("area", str, "the park or district"),
            Parameter("listed", bool, "whether the register lists it"),
            AFTER,
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/entities/{entity}/profile",
        profile,
        returns=dict[str, Any],
        query=(replays.VALID, replays.KNOWN, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        conditional=True,
    ),
)
