"""Audit trails: every event about a business, unit, officer, matter, inspection or record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any, Literal

from aiohttp import hdrs, web
from msgspec.structs import replace

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, caught_up, follower_of
from api.http.problems import not_found
from api.http.reading import (
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    MAX_POSITION,
    bounded,
    json_response,
    next_link,
    query_value,
)
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import WITHHELD, may_know, may_see_record, shown_actor
from api.running.pools import COUNTS
from ledger.general.audiences import audiences_for
from ledger.kernel import Moment
from projections.explain.impact import Impact, impact
from projections.explain.trailindex import KINDS, Reader, Trails
from projections.explain.trails import MAX_PAGE, Trail, TrailEntry, trail

DEFAULT_PAGE = 100


def _trail_of(name: str, *kinds: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        tags = [f"{kind}:{request.match_info[name]}" for kind in kinds]
        return await _trail(request, tags)

    handler.__doc__ = f"""Every event about this {name} that the token may see, in order.

    Each is shown as it was recorded; where corrections have changed what it says, that stands
    beside it as `now`, with the corrections' positions. `X-Position` is how far the index of
    trails had come. With a filter a page may be short, or empty, and still have a next one.
    """
    return handler


async def _trail(request: web.Request, tags: Sequence[str]) -> web.Response:
    grant = await grant_of(request)
    after = bounded(request, "after", 0, 0, MAX_POSITION)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    known = query_value(request, "known_as_of", Moment | None, None)
    topics = request.query.getall("type", [])
    follower = await caught_up(request, Trails.name)
    reader = Reader(audiences_for(grant.role, grant.unit, grant.entity), grant.unit)
    found, position = await asked(
        lambda: trail(
            follower.views,
            follower.source,
            tags,
            reader,
            after=after,
            limit=limit,
            topics=topics,
            known_as_of=known,
        )
    )
    if after == 0 and not found.entries and found.next_after is None:
        # Nothing there, or nothing for this token: the two look alike.
        raise not_found()
    headers: dict[str, str] = {**PRIVATE, "X-Position": str(position)}
    if found.next_after is not None:
        headers[hdrs.LINK] = next_link(request, after=found.next_after)
    shown = Trail([_shown(grant, entry, tags) for entry in found.entries], found.next_after)
    return json_response(shown, headers=headers)


def _shown(grant: Grant, entry: TrailEntry, asked_for: Sequence[str]) -> TrailEntry:
    if entry.actor is None:
        return entry
    # What the trail of a business holds is about it.
    about = [*asked_for, f"entity:{(entry.body or {}).get('entity')}"]
    if may_know(grant, entry.type, entry.actor.unit_id, about):
        return entry
    actor = shown_actor(grant, entry.type, entry.actor, about)
    return replace(entry, actor=actor, command_id=WITHHELD)


def _impact_of(kind: Literal["decision", "record"]) -> Callable[[web.Request], Any]:
    async def handler(request: web.Request) -> web.Response:
        grant = await grant_of(request)
        since = query_value(request, "since", date | None, None)
        until = query_value(request, "until", date | None, None)
        source = follower_of(request).source
        found = await asked(
            lambda: impact(
                source,
                kind,
                request.match_info[kind],
                since=since,
                until=until,
                may_see=lambda record: may_see_record(grant, record),
            ),
            COUNTS,
        )
        if found is None:
            raise not_found()
        return json_response(found, headers=PRIVATE)

    handler.__doc__ = f"""What used this {kind}: records, grades, tasks, visits, draws, sanctions.

    Straight from the ledger, in order; each item names the positions of what it rests on. Whatever
    looked at a grade while that was in force is here, also where the grade was put right since.
    """
    return handler


_QUERY = (
    Parameter("after", int, "the position after which to begin"),
    LIMIT,
    Parameter("type", str, "only events of this type", repeatable=True),
    Parameter("known_as_of", datetime, "only what was known at this moment"),
    AT_LEAST,
)


def _resource(path: str, name: str, *kinds: str) -> Resource:
    if not KINDS.issuperset(kinds):
        raise ValueError(f"{path}: no index is kept of {kinds}")
    handler: Any = _trail_of(name, *kinds)
    return Resource(
        path, handler, returns=Trail, query=_QUERY, headers=(AT_LEAST_HEADER,), group="trails"
    )


def _impact(path: str, kind: Literal["decision", "record"]) -> Resource:
    return Resource(
        path,
        _impact_of(kind),
        returns=Impact,
        query=(
            Parameter("since", date, "only what was done on this day or later"),
            Parameter("until", date, "only what was done on this day or before"),
        ),
        group="trails",
    )


RESOURCES = (
    _resource("/v1/entities/{entity}/trail", "entity", "entity"),
    _resource("/v1/units/{unit}/trail", "unit", "unit"),
    # What concerns the officer, and what the officer did.
    _resource("/v1/officers/{officer}/trail", "officer", "officer", "actor"),
    _resource("/v1/matters/{matter}/trail", "matter", "matter"),
    # A task of the ledger's own units, or an inspection that a register tells of.
    _resource("/v1/inspections/{id:.+}/trail", "id", "task", "inspection"),
    _resource("/v1/records/{record}/trail", "record", "record"),
    _resource("/v1/findings/{finding}/trail", "finding", "finding"),
    _resource("/v1/supervision-documents/{supdoc}/trail", "supdoc", "supdoc"),
    _resource("/v1/plans/{plan}/trail", "plan", "plan"),
    _resource("/v1/experiences/{experience}/trail", "experience", "experience"),
    _resource("/v1/outreach/{outreach}/trail", "outreach", "outreach"),
    _resource("/v1/cases/{case}/trail", "case", "case"),
    _resource("/v1/decisions/{decision}/trail", "decision", "decision"),
    _resource("/v1/complaints/{complaint}/trail", "complaint", "complaint"),
    _resource("/v1/reconsiderations/{recon}/trail", "recon", "recon"),
    _impact("/v1/decisions/{decision}/impact", "decision"),
    _impact("/v1/records/{record}/impact", "record"),
    _resource("/v1/joints/{joint}/trail", "joint", "joint"),
    _resource("/v1/key-designations/{designation}/trail", "designation", "designation"),
)
