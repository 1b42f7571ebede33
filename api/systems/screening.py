"""Screenings for key supervision: the list of each, made again, and what it would be now.

A list ranks businesses, by sealed facts among others: that a visit was made on somebody's report.
So it is for the unit that screened and for those who supervise; not for the public, and not for a
business either, which would learn from its points that it was reported.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from aiohttp import hdrs, web

from api.feed.resource import NDJSON
from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, caught_up, one_row
from api.http.keys import DESK, LEDGER
from api.http.listing import Listing, concerned
from api.http.problems import Problem, not_found
from api.http.reading import (
    AFTER,
    AT_LEAST,
    AT_LEAST_HEADER,
    LIMIT,
    bounded,
    json_response,
    next_link,
)
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import may_see_record
from api.running.pools import SCREENINGS
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.kernel import civil_date
from ledger.systems.keylist.folds import Screening
from projections.drawing.desk import Desk
from projections.systems.draws import Population
from projections.systems.screening import Change, Moved, Screenings, again, moved_since, steps

_READERS: frozenset[Role] = frozenset(
    role for role in get_args(Role) if role in UNIT_BOUND | SUPERVISORS or role == "credit_officer"
)

DEFAULT_PAGE = 50
MAX_PAGE = 200

replace = msgspec.structs.replace
_SCREENINGS = Screenings()


class ScreeningAgain(msgspec.Struct, frozen=True):
    """A screening made again from the events up to its position alone.

    ``same``: whether the bytes are those that were recorded.
    """

    screening: str
    cutoff_position: int
    formula_version: int
    list_digest: str
    count: int
    screened: int
    same: bool


class ScreeningNow(msgspec.Struct, frozen=True):
    """A page of the businesses whose points are others now, with what made the difference."""

    cutoff_position: int
    moved: int
    items: tuple[Moved, ...]


async def ranked(request: web.Request) -> web.Response:
    """The ranked list of a screening: a line of JSON for each business, best rank first.

    Each line says the points and what they come from, with the positions of the events. Its bytes
    have the SHA-256 that was recorded.
    """
    run, _, desk = await _run(request)
    content = await asked(lambda: desk.blobs.get(run.list_digest), SCREENINGS)
    headers = {**PRIVATE, "Digest": f"sha-256={run.list_digest}"}
    return json_response(None, body=content, media_type=NDJSON, headers=headers)


async def rerun(request: web.Request) -> web.Response:
    """A screening made again at its position: it has to give the bytes that were recorded."""
    run, _, desk = await _run(request)
    found = await asked(lambda: again(desk, run), SCREENINGS)
    return json_response(ScreeningAgain(**found), headers=PRIVATE)


async def now(request: web.Request) -> web.Response:
    """What a screening of the same businesses would give otherwise now, and by which events.

    In the order of the code, those whose points are others. `changes` are the steps from the points
    then to those now: a version of the formula, the day, or an event, whose position and type are
    told to those who may see it.
    """
    run, grant, desk = await _run(request)
    await caught_up(request, Population.name)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    after = request.query.get("after", "")
    today = civil_date(request.app[LEDGER].clock())

    def ask() -> tuple[ScreeningNow, bool]:
        cutoff, moved = moved_since(desk, run, today)
        page = [one for one in moved if one.entity > after]
        items = tuple(
            replace(one, changes=_told(desk, run, one.entity, (today, cutoff), grant))
            for one in page[:limit]
        )
        return ScreeningNow(cutoff, len(moved), items), len(page) > limit

    found, more = await asked(ask, SCREENINGS)
    headers = dict(PRIVATE)
    if more:
        headers[hdrs.LINK] = next_link(request, after=found.items[-1].entity)
    return json_response(found, headers=headers)


def _told(
    desk: Desk, run: Screening, entity: str, until: tuple[Any, int], grant: Grant
) -> tuple[Change, ...]:
    """The steps, without position and type of an event that the reader may not see."""
    return tuple(
        change
        if record is None or may_see_record(grant, record)
        else replace(change, position=None, type=None)
        for change, record in steps(desk, run, entity, *until)
    )


async def _run(request: web.Request) -> tuple[Screening, Grant, Desk]:
    """The screening of a request, for those who may read it. Raises 404 for everybody else."""
    grant = await grant_of(request)
    table = Screenings.table
    name = request.match_info["screening"]
    row = await one_row(request, Screenings.name, table, name, concerned(grant, table))
    if row is None:
        raise not_found()
    desk = request.app[DESK]
    if desk is None:
        raise Problem("unavailable", "This service has no content beside its ledger.")
    return _SCREENINGS.decode(row.state), grant, desk


def _resource(name: str, handler: Any, returns: Any, **more: Any) -> Resource:
    return Resource(
        f"/v1/screenings/{{screening}}/{name}",
        handler,
        returns=returns,
        roles=_READERS,
        headers=(AT_LEAST_HEADER,),
        **{"query": (AT_LEAST,), **more},
    )


RESOURCES = (
    *Listing(
        "/v1/screenings",
        Screenings,
        "Screenings for key supervision; a unit's own for the unit.",
        "One screening: its day, position and formula, and the digest of its list.",
        roles=_READERS,
        filters=(
            Parameter("unit", str, "the unit that screened"),
            Parameter("on", str, "the day of which it is"),
        ),
    ).resources(),
    _resource("list", ranked, list[dict[str, Any]], media_types=(NDJSON,)),
    _resource("rerun", rerun, ScreeningAgain),
    _resource("now", now, ScreeningNow, query=(AFTER, LIMIT, AT_LEAST)),
)
