"""Repair: applications, and for each record the dates and conditions that apply."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from api.documents import repair as notices
from api.http.asking import asked, follower_of, one_row, placed, rows_page
from api.http.documents import Printed, with_pdf
from api.http.languages import in_language, language_of
from api.http.listing import Listing, concerned, listed, shown
from api.http.problems import not_found
from api.http.questions import Questions
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.sheets import PDF
from ledger.systems.repair.folds import RepairCase
from projections.answers import entry_fields, shown_type
from projections.systems.records import RECORDS, Records
from projections.systems.repair import (
    REPAIRS,
    FoldsAt,
    RepairableRecord,
    Repairs,
    ShownCondition,
    ShownRepairRecord,
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
    dates=("applied_on",),
    newest="applied_on",
    filters=(
        Parameter("unit", str, "the deciding unit"),
        Parameter("entity", str, "the applying business"),
        Parameter("stage", str, "the furthest step taken"),
        Parameter("green_channel", bool, "whether it uses the green channel"),
    ),
)
ShownRepair = shown_type(
    RepairCase,
    called="ShownRepair",
    on=date,
    dates=list[RepairableRecord],
    conditions=list[ShownCondition],
)
_NOTICE = Parameter(
    "notice",
    notices.Notice,
    "with `.pdf`: which notice of the application; by default that of its last step",
)
_ON = Parameter("on", date, "the day for which to check the conditions; by default today")


def _folds(request: web.Request) -> FoldsAt:
    source = follower_of(request).source
    return FoldsAt(source, source.head())


async def case(request: web.Request) -> web.Response:
    """One application: every step, the dates of its records, each condition with its evidence."""
    reader = await reader_of(request)
    day: date = query_value(request, "on", date, reader.today)
    name, language = request.match_info["repair"], language_of(request)
    row = await one_row(request, "repairs", REPAIRS, name, concerned(reader, REPAIRS))
    state = Repairs().decode(row.state)

    def make() -> dict[str, Any]:
        read = _folds(request)
        return {
            **shown(state),
            "on": day,
            "dates": earliest_dates(read, state.records, day),
            "conditions": case_conditions(read, state, day, language),
        }

    document = await asked(make)
    return json_response(document, headers=in_language(placed(request), language))


async def records(request: web.Request) -> web.Response:
    """Negative records of a business that have not ended, with their earliest days of repair.

    The days are listed for each regime, with the policy version; `governs` marks those that apply.
    """
    reader = await reader_of(request)
    day: date = query_value(request, "on", date, reader.today)
    where = [
        *records_seen(reader),
        RECORDS.c.severity.is_not(None),
        RECORDS.c.status.in_(("active", "suspended", "unpublished")),
    ]
    read = await asked(lambda: _folds(request))
    return await rows_page(
        request,
        "records",
        RECORDS,
        where=where,
        show=lambda row: brief(read, row.key, day),
        questions=_QUESTIONS,
        entry=RepairableRecord,
    )


async def record(request: web.Request) -> web.Response:
    """One record: from when it can be repaired, and each condition with its evidence.

    For each regime, with its version; if the record has ended, also who confirmed its removal.
    """
    reader = await reader_of(request)
    day: date = query_value(request, "on", date, reader.today)
    name, language = request.match_info["record"], language_of(request)
    row = await one_row(request, "records", RECORDS, name, records_seen(reader))
    if not row.kind:  # only publicity mentions it; the record itself is unknown
        raise not_found()
    document = await asked(lambda: record_document(_folds(request), name, day, language))
    return json_response(document, headers=in_language(placed(request), language))


def _notice(given: Printed) -> bytes:
    case = given.document
    steps = notices.steps_of(case)
    notice = given.query.get("notice") or next(iter(steps), None)
    if notice not in steps:
        raise not_found("repair.application-has-no-such-notice")
    position = case.get(_RECEIPTS.get(notice, "")) or case["applied_position"]
    return notices.notice_drawn(
        case,
        given.words,
        notice=notice,
        address=f"{given.base}/v1/events/{position}/receipt",
        digest=given.digest,
    )


#: The field with the position of the event that a notice tells of, whose receipt its code leads to.
_RECEIPTS: Mapping[str, str] = {
    "grant": "granted_position",
    "acceptance": "accepted_position",
    "extension": "extended_position",
}


def _told(given: Printed) -> bytes:
    record = given.document
    return notices.record_drawn(
        record,
        given.words,
        address=f"{given.base}/public/businesses/{record['entity']}",
        digest=given.digest,
    )


def records_seen(reader: Reader) -> list[sa.ColumnElement[bool]]:
    """Return the condition for the credit records that concern a reader."""
    return [reader.concerned(RECORDS.c.unit, RECORDS.c.entity)]


_QUESTIONS = Questions(
    filters=(
        Parameter("unit", str, "the determining unit"),
        Parameter("entity", str, "the business it concerns"),
    ),
    search=Records.search,
    fields=entry_fields(RepairableRecord),
)

RESOURCES = (
    CASES.resources()[0],
    Resource(
        "/v1/repair/cases/{repair}",
        with_pdf(case, _notice, "repair"),
        returns=ShownRepair,
        query=(_ON, _NOTICE, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        worded=True,
        media_types=("application/json", PDF),
        suffixes=(".pdf",),
    ),
    listed("/v1/repair/records", records, _QUESTIONS, RepairableRecord, more=(_ON,)),
    Resource(
        "/v1/repair/records/{record}",
        with_pdf(record, _told, "record"),
        returns=ShownRepairRecord,
        query=(_ON, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        worded=True,
        media_types=("application/json", PDF),
        suffixes=(".pdf",),
    ),
)
