"""Businesses: search, the credit profile, and its replay."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import sqlalchemy as sa
from aiohttp import hdrs, web
from msgspec.structs import replace

from api.access import grant_of
from api.asking import (
    PRIVATE,
    asked,
    audience_of,
    caught_up,
    follower_of,
    plans_of,
    required_grant,
    rows_page,
)
from api.keys import LEDGER
from api.problems import Problem, not_found
from api.reading import (
    AFTER,
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    MAX_POSITION,
    bounded,
    conditional,
    json_response,
    query_value,
)
from api.resources import Parameter, Resource
from api.tokens import Grant
from api.visibility import may_see_record, shown_actor
from ledger.kernel import Moment, Recorded, civil_date
from projections.documents import Documents
from projections.follower import Follower
from projections.profiles import PROFILES, Profiles, as_json, says_nothing
from projections.replay import Hypothetical, NothingKnown, Replayed, Step, as_if_repaired, replay

_DOCUMENTS: WeakKeyDictionary[Follower, Documents] = WeakKeyDictionary()

_PROFILES = Profiles()

#: Facts that one replay may leave out or add.
MAX_HYPOTHESES = 50


class FoundEntity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A business in a search. ``grade`` is shown to the authorities."""

    entity: str
    name: str | None
    area: str | None
    registered: bool
    listed: bool
    grade: str | None = None


class FoundEntities(msgspec.Struct, frozen=True):
    """A page of businesses; the ``Link`` header leads to the next."""

    items: tuple[FoundEntity, ...]


class ShownReplay(msgspec.Struct, frozen=True):
    """The profile as replayed, and what each event changed in it.

    ``draw_ratio`` is the share of the businesses of its grade that a draw takes.
    """

    position: int
    profile: dict[str, Any]
    steps: list[Step]
    left_out: list[int]
    draw_ratio: str | None = None


def documents_of(follower: Follower) -> Documents:
    """The documents kept ready from this follower's views."""
    found = _DOCUMENTS.get(follower)
    if found is None:
        found = _DOCUMENTS[follower] = Documents(follower)
    return found


async def profile(request: web.Request) -> web.Response:
    """The credit profile of a business.

    The public is shown public records and commitments, serious lists, published inspections and the
    register's name; the business itself and the authorities also grades, caps, burden, what was
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
            return await _as_of(request, follower, entity, grant)
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


async def _as_of(
    request: web.Request, follower: Follower, entity: str, grant: Grant
) -> web.Response:
    valid = query_value(request, "valid_as_of", date | None, None)
    known = query_value(request, "known_as_of", Moment | None, None)
    replayed = await _replayed(
        follower,
        entity,
        grant,
        valid_as_of=valid,
        known_as_of=known,
        steps=False,
        today=civil_date(request.app[LEDGER].clock()),
    )
    body = as_json(replayed.document)
    if says_nothing(body, entity, audience_of(grant, entity), plans_of(grant)):
        raise _nothing_known(entity)
    return json_response(
        None,
        body=body,
        headers={**PRIVATE, "X-Position": str(replayed.position)},
    )


async def replay_profile(request: web.Request) -> web.Response:
    """The profile of a business replayed event by event: what each changed, and under which law.

    `without` leaves out a position or everything about a credit record; `as_if_repaired` imagines
    that a record was repaired on a day (`CR-2026-0001@2026-08-01`), and what rests on it gone with
    it. Nothing is recorded. For the business itself and the authorities.
    """
    entity = request.match_info["entity"]
    grant = required_grant(await grant_of(request))
    audience = audience_of(grant, entity)
    if audience == "public":
        raise Problem("forbidden", "This business is not the token's.")
    follower = await caught_up(request, "profiles")
    without = [_position_or_record(given) for given in request.query.getall("without", [])]
    repaired = [_record_and_day(given) for given in request.query.getall("as_if_repaired", [])]
    if len(without) + len(repaired) > MAX_HYPOTHESES:
        raise Problem("malformed", f"at most {MAX_HYPOTHESES} facts can be left out or added")
    replayed = await _replayed(
        follower,
        entity,
        grant,
        repaired=repaired,
        today=civil_date(request.app[LEDGER].clock()),
        valid_as_of=query_value(request, "valid_as_of", date | None, None),
        known_as_of=query_value(request, "known_as_of", Moment | None, None),
        to_position=bounded(request, "to_position", MAX_POSITION, 1, MAX_POSITION),
        without=without,
    )
    steps = [_shown_step(grant, step, entity) for step in replayed.steps]
    if audience == "entity":
        # What changes nothing in the document it may read is not for its eyes.
        steps = [step for step in steps if step.changes]
    silent = says_nothing(as_json(replayed.document), entity, audience, plans_of(grant))
    if silent and not steps and not replayed.left_out:
        raise _nothing_known(entity)
    shown = ShownReplay(
        replayed.position, replayed.document, steps, replayed.left_out, replayed.draw_ratio
    )
    return json_response(shown, headers={hdrs.CACHE_CONTROL: "private, no-store"})


def _nothing_known(entity: str) -> Problem:
    """The same whether nothing is recorded, or nothing that the token may know of."""
    return Problem("not-found", f"nothing is recorded of {entity}.")


def _shown_step(grant: Grant, step: Step, entity: str) -> Step:
    if step.actor is None:
        return step
    return replace(step, actor=shown_actor(grant, step.type, step.actor, [f"entity:{entity}"]))


async def _replayed(
    follower: Follower,
    entity: str,
    grant: Grant,
    *,
    repaired: list[tuple[str, date]] | None = None,
    **how: Any,
) -> Replayed:
    def sees(record: Recorded) -> bool:
        return may_see_record(grant, record)

    def ask() -> Replayed:
        imagined: list[Hypothetical] = [
            event
            for record, on in repaired or ()
            for event in as_if_repaired(follower.source, entity, record, on)
        ]
        audience = audience_of(grant, entity)
        return replay(
            follower.source,
            entity,
            hypothetical=imagined,
            audience=audience,
            plans=plans_of(grant),
            may_see=sees,
            **how,
        )

    try:
        return await asked(ask)
    except NothingKnown as error:
        raise Problem("not-found", f"{error}.") from error


def _position_or_record(given: str) -> int | str:
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 16 else given


def _record_and_day(given: str) -> tuple[str, date]:
    record, _, day = given.rpartition("@")
    try:
        on = date.fromisoformat(day)
    except ValueError:
        record = ""
    if not record:
        raise Problem(
            "malformed",
            f"query parameter 'as_if_repaired': {given!r} is not <record>@<date>, "
            "as in CR-2026-0001@2026-08-01",
        )
    return record, on


async def entities(request: web.Request) -> web.Response:
    """Businesses whose name begins with `name` (in any case), or all, by their id."""
    grant = await grant_of(request)
    sees_grade = audience_of(grant, "") == "restricted"
    today = civil_date(request.app[LEDGER].clock())
    where: list[sa.ColumnElement[bool]] = [
        PROFILES.c.restricted if sees_grade else PROFILES.c.public
    ]
    if (name := request.query.get("name")) is not None:
        prefix = name.casefold()
        if not prefix:
            raise Problem("malformed", "query parameter 'name' is empty")
        # The range of all strings that begin so: an index serves it, whatever is in the prefix.
        where += [PROFILES.c.name_key >= prefix, PROFILES.c.name_key < _after(prefix)]
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


_VALID = Parameter("valid_as_of", date, "what was so by the end of this day")
_KNOWN = Parameter("known_as_of", datetime, "as it was known at this moment")

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
        query=(_VALID, _KNOWN, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        conditional=True,
    ),
    Resource(
        "/v1/entities/{entity}/replay",
        replay_profile,
        returns=ShownReplay,
        query=(
            _VALID,
            _KNOWN,
            Parameter("to_position", int, "only what stands up to this position"),
            Parameter(
                "without", str, "a position or a credit record to leave out", repeatable=True
            ),
            Parameter(
                "as_if_repaired", str, "`<record>@<date>`: as if repaired that day", repeatable=True
            ),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
