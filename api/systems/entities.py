"""Businesses: search, and the credit profile."""

from __future__ import annotations

from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.documents import profile as profile_document
from api.http.asking import asked, caught_up, follower_of, rows_page
from api.http.documents import Printed, with_pdf
from api.http.listing import listed
from api.http.problems import Problem, not_found
from api.http.questions import Questions
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, conditional
from api.http.resources import Parameter, Resource
from api.http.sheets import PDF
from api.systems import replays
from projections.answers import entry_fields
from projections.explain.documents import Documents
from projections.follower import Follower
from projections.profiles import PROFILES, Profiles
from projections.profiles.document import ShownProfile
from projections.words import after, folded, named, search_key, words_of

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
    """Businesses, by their id; `q` finds any part of a present or former name, and pinyin initials.

    `name` is the beginning of a name. Letter case, full-width forms and variants of the same
    characters make no difference (NFKC). `former_name`: only a former name matched.
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
        called_so = PROFILES.alias()
        called = sa.select(called_so.c.key).where(
            called_so.c.name_key >= prefix, called_so.c.name_key < after(prefix)
        )
        # Few businesses have had another name; an index lists these.
        once = sa.select(called_so.c.key).where(
            called_so.c.former_keys.is_not(None),
            called_so.c.former_keys.contains("\n" + " ".join(prefix.split()), autoescape=True),
        )
        where.append(PROFILES.c.key.in_(sa.union_all(called, once)))
    words = words_of(request.query.get("q", ""))

    def show(row: sa.Row[Any]) -> FoundEntity:
        present = "\n".join(map(folded, (row.key, *named(row.name)))) if words else ""
        return FoundEntity(
            row.key,
            row.name,
            row.area,
            row.registered,
            row.listed,
            _grade(row, reader.today) if sees_grade else None,
            (bool(prefix) and not (row.name_key or "").startswith(prefix))
            or not all(word in present for word in words),
        )

    return await rows_page(
        request,
        "profiles",
        PROFILES,
        where=where,
        show=show,
        questions=_QUESTIONS,
        entry=FoundEntity,
    )


def _printed(given: Printed) -> bytes:
    entity = given.document["entity"]
    return profile_document.drawn(
        given.document,
        given.words,
        on=given.query.get("valid_as_of") or given.today.isoformat(),
        address=f"{given.base}/public/businesses/{entity}",
        digest=given.digest,
    )


def _grade(row: sa.Row[Any], today: date) -> str:
    """Return the grade today: the stored one, unless time alone has changed it."""
    if today.isoformat() <= row.holds_until:
        return str(row.grade)
    return _PROFILES.decode(row.state).grade(today)


_QUESTIONS = Questions(
    filters=(
        Parameter("area", str, "the park or district"),
        Parameter("listed", bool, "whether it is in the register"),
    ),
    search=Profiles.search,
    fields=entry_fields(FoundEntity),
)

RESOURCES = (
    listed(
        "/v1/entities",
        entities,
        _QUESTIONS,
        FoundEntity,
        more=(Parameter("name", str, "the beginning of the name"),),
    ),
    Resource(
        "/v1/entities/{entity}/profile",
        with_pdf(profile, _printed, "entity"),
        returns=ShownProfile,
        query=(replays.VALID, replays.KNOWN, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        conditional=True,
        media_types=("application/json", PDF),
        suffixes=(".pdf",),
    ),
)
