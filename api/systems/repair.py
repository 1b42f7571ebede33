"""Repair: the cases, and for each record the dates and conditions that an officer works from."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import asked, asked_day, follower_of, may_ask, one_row, placed, rows_page
from api.http.listing import FoundItems, Listing, concerned, shown
from api.http.problems import not_found
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from projections.systems.records import RECORDS
from projections.systems.repair import (
    REPAIRS,
    Reader,
    Repairs,
    brief,
    case_conditions,
    earliest_dates,
    record_document,
)

CASES = Listing(
    path="/v1/repair/cases",
    view=Repairs,
    summary="Applications for repair: how far each has come.",
    one="One application for repair.",
    filters=(
        Parameter("unit", str, "the unit that decides"),
        Parameter("entity", str, "the business that asks"),
        Parameter("stage", str, "the furthest step taken"),
        Parameter("green_channel", bool, "whether it goes through the green channel"),
    ),
)
_ON = Parameter("on", date, "the day as of which conditions are judged; today if absent")


def _reader(request: web.Request) -> Reader:
    source = follower_of(request).source
    return Reader(source, source.head())


async def case(request: web.Request) -> web.Response:
    """One application: every step, its records' dates, and each condition with its evidence."""
    grant = await grant_of(request)
    day = asked_day(request)
    name = request.match_info["repair"]
    row = await one_row(request, "repairs", REPAIRS, name, concerned(grant, REPAIRS))
    if row is None:
        raise not_found()
    state = Repairs().decode(row.state)

    def make() -> dict[str, Any]:
        read = _reader(request)
        return {
            **shown(state, grant),
            "on": day,
            "dates": earliest_dates(read, state.records, day),
            "conditions": case_conditions(read, state, day),
        }

    document = await asked(make)
    return json_response(document, headers=placed(request))


async def records(request: web.Request) -> web.Response:
    """Records that speak against somebody and have not ended, with their earliest days.

    For each regime by itself, with the version of the policy; `governs` marks those that count.
    """
    grant = await grant_of(request)
    day = asked_day(request)
    where = [
        *_seen(grant),
        RECORDS.c.severity.is_not(None),
        RECORDS.c.status.in_(("active", "suspended", "unpublished")),
    ]
    read = await asked(lambda: _reader(request))
    return await rows_page(
        request,
        "records",
        RECORDS,
        where=where,
        show=lambda row: brief(read, row.key, day),
        filters={name: RECORDS.c[name] for name in ("unit", "entity")},
    )


async def record(request: web.Request) -> web.Response:
    """One record: from when it can be repaired, and each condition with what shows it.

    Under each regime with its version; once it has ended, who confirmed that it was removed.
    """
    grant = await grant_of(request)
    day = asked_day(request)
    name = request.match_info["record"]
    row = await one_row(request, "records", RECORDS, name, _seen(grant))
    if row is None or not row.kind:  # of some the publicity was heard of, and they never were
        raise not_found()
    document = await asked(lambda: record_document(_reader(request), name, day))
    return json_response(document, headers=placed(request))


def _seen(grant: Grant) -> list[sa.ColumnElement[bool]]:
    return [may_ask(grant, unit=RECORDS.c.unit, entity=RECORDS.c.entity)]


_PAGE = (AFTER, LIMIT, AT_LEAST)

RESOURCES = (
    CASES.resources()[0],
    Resource(
        "/v1/repair/cases/{repair}",
        case,
        returns=dict[str, Any],
        query=(_ON, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/repair/records",
        records,
        returns=FoundItems,
        query=(
            Parameter("unit", str, "the unit that determined it"),
            Parameter("entity", str, "the business that it concerns"),
            _ON,
            *_PAGE,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/repair/records/{record}",
        record,
        returns=dict[str, Any],
        query=(_ON, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
)
