"""Repair: applications, and for each record the dates and conditions that apply."""

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
    summary="Applications for repair, with the progress of each.",
    one="One application for repair.",
    filters=(
        Parameter("unit", str, "the deciding unit"),
        Parameter("entity", str, "the applying business"),
        Parameter("stage", str, "the furthest step taken"),
        Parameter("green_channel", bool, "whether it uses the green channel"),
    ),
)
_ON = Parameter("on", date, "the day for which to check the conditions; by default today")


def _reader(request: web.Request) -> Reader:
    source = follower_of(request).source
    return Reader(source, source.head())


async def case(request: web.Request) -> web.Response:
    """One application: every step, the dates of its records, each condition with its evidence."""
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
    """Negative records of a business that have not ended, with their earliest days of repair.

    The days are listed for each regime, with the policy version; `governs` marks those that apply.
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
    """One record: from when it can be repaired, and each condition with its evidence.

    For each regime, with its version; if the record has ended, also who confirmed its removal.
    """
    grant = await grant_of(request)
    day = asked_day(request)
    name = request.match_info["record"]
    row = await one_row(request, "records", RECORDS, name, _seen(grant))
    if row is None or not row.kind:  # only publicity mentions it; the record itself is unknown
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
            Parameter("unit", str, "the determining unit"),
            Parameter("entity", str, "the business it concerns"),
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
