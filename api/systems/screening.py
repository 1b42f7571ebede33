"""Screenings for key supervision: the list of each, its recalculation, and its present result.

A list ranks businesses, partly by sealed facts, such as a visit made after a report. So only the
unit that screened and its supervisors read it: not the public, and not the business, whose points
would reveal that it was reported.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.feed.negotiation import NDJSON
from api.http.asking import PRIVATE, asked, caught_up, one_row
from api.http.keys import DESK
from api.http.listing import Listing, concerned
from api.http.problems import Problem
from api.http.reader import AUTHORITIES, Reader, reader_of
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
from api.running.pools import SCREENINGS
from ledger.systems.keylist.folds import Screening
from projections.drawing.desk import Desk
from projections.drawing.screening import Change, Moved, Ranked, again, moved_since, steps
from projections.systems.draws import Population
from projections.systems.screening import Screenings

DEFAULT_PAGE = 50
MAX_PAGE = 200

replace = msgspec.structs.replace
_SCREENINGS = Screenings()


class ScreeningAgain(msgspec.Struct, frozen=True):
    """A screening calculated again, only from the events up to its position.

    ``same``: whether the bytes equal those recorded.
    """

    screening: str
    cutoff_position: int
    formula_version: int
    list_digest: str
    count: int
    screened: int
    same: bool


class ScreeningNow(msgspec.Struct, frozen=True):
    """A page of businesses whose points have changed since, with the causes."""

    cutoff_position: int
    moved: int
    items: tuple[Moved, ...]


async def ranked(request: web.Request) -> web.Response:
    """The ranked list of a screening: a line of JSON for each business, best rank first.

    Each line has the points and their origin, with the positions of the events. The SHA-256 of the
    bytes is the recorded digest.
    """
    run, _, desk = await _run(request)
    content = await asked(lambda: desk.blobs.get(run.list_digest), SCREENINGS)
    headers = {**PRIVATE, "Digest": f"sha-256={run.list_digest}"}
    return json_response(None, body=content, media_type=NDJSON, headers=headers)


async def rerun(request: web.Request) -> web.Response:
    """A screening calculated again at its position; it must give the recorded bytes."""
    run, _, desk = await _run(request)
    result = await asked(lambda: again(desk, run), SCREENINGS)
    return json_response(ScreeningAgain(**result), headers=PRIVATE)


async def now(request: web.Request) -> web.Response:
    """What a screening of the same businesses would change now, and because of which events.

    Lists the businesses with changed points, in the order of their code. `changes` are the steps
    from the old points to the new: a version of the formula, the day, or an event. Only readers who
    may see the event are told its position and type.
    """
    run, reader, desk = await _run(request)
    await caught_up(request, Population.name)
    limit = bounded(request, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    after = request.query.get("after", "")

    def ask() -> tuple[ScreeningNow, bool]:
        cutoff, moved = moved_since(desk, run, reader.today)
        page = [change for change in moved if change.entity > after]
        items = tuple(
            replace(change, changes=_told(desk, run, change.entity, (reader.today, cutoff), reader))
            for change in page[:limit]
        )
        return ScreeningNow(cutoff, len(moved), items), len(page) > limit

    changed, more = await asked(ask, SCREENINGS)
    headers = dict(PRIVATE)
    if more:
        headers[hdrs.LINK] = next_link(request, after=changed.items[-1].entity)
    return json_response(changed, headers=headers)


def _told(
    desk: Desk, run: Screening, entity: str, until: tuple[Any, int], reader: Reader
) -> tuple[Change, ...]:
    """Return the steps, without position and type of events that the reader may not see."""
    return tuple(
        change
        if record is None or reader.sees_record(record)
        else replace(change, position=None, type=None)
        for change, record in steps(desk, run, entity, *until)
    )


async def _run(request: web.Request) -> tuple[Screening, Reader, Desk]:
    """Return the screening of a request. Raises 404 for readers who may not read it."""
    reader = await reader_of(request)
    table = Screenings.table
    name = request.match_info["screening"]
    row = await one_row(request, Screenings.name, table, name, concerned(reader, table))
    desk = request.app[DESK]
    if desk is None:
        raise Problem("unavailable", "general.service-started-without-blob-store")
    return _SCREENINGS.decode(row.state), reader, desk


def _resource(name: str, handler: Any, returns: Any, **more: Any) -> Resource:
    return Resource(
        f"/v1/screenings/{{screening}}/{name}",
        handler,
        returns=returns,
        roles=AUTHORITIES,
        headers=(AT_LEAST_HEADER,),
        **{"query": (AT_LEAST,), **more},
    )


RESOURCES = (
    *Listing(
        "/v1/screenings",
        Screenings,
        "Screenings for key supervision; a unit sees its own.",
        "One screening: its day, position and formula, and the digest of its list.",
        roles=AUTHORITIES,
        dates=("on",),
        newest="on",
        filters=(
            Parameter("unit", str, "the screening unit"),
            Parameter("on", str, "the day of the screening", values=date),
        ),
    ).resources(),
    _resource("list", ranked, list[Ranked], media_types=(NDJSON,)),
    _resource("rerun", rerun, ScreeningAgain),
    _resource("now", now, ScreeningNow, query=(AFTER, LIMIT, AT_LEAST)),
)
