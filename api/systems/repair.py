"""Repair: applications, and for each record the dates and conditions that apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.documents import repair as notices
from api.http.asking import asked, caught_up, follower_of, one_row, placed, rows_page
from api.http.asking import read as reading
from api.http.documents import Printed, with_pdf
from api.http.keys import DELIVERY
from api.http.languages import in_language, language_of
from api.http.listing import Listing, concerned, listed, shown
from api.http.problems import not_found
from api.http.questions import Questions
from api.http.reader import ACROSS_UNITS, Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.sheets import PDF
from api.systems.findings import findings_seen
from ledger.systems.credit.folds import Record
from ledger.systems.repair.folds import RepairCase
from ledger.systems.sharing.folds import RemovalsOf
from ledger.systems.sharing.rules import ACKNOWLEDGE, REP_V2, SHR_V1
from projections.answers import entry_fields, shown_type
from projections.systems.deadlines import DEADLINES
from projections.systems.findings import FINDINGS, Findings
from projections.systems.records import RECORDS, Records
from projections.systems.removals import RemovalAccount, account, subjects_of
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
from projections.tables import Connection

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


class CaseRemovals(msgspec.Struct, frozen=True):
    """The accounts of the records of a case, and whether all of them are complete."""

    repair: str
    complete: bool
    records: tuple[RemovalAccount, ...]


async def record_removals(request: web.Request) -> web.Response:
    """Who had received a record that ended, who has confirmed its removal, and who is late.

    A subscriber confirms with its own token or by a signed answer to the notice; `acknowledged_by`
    says how. `due_on` is the last day of `repair.sync_wd`; after it REP-V2 is found.
    """
    reader = await reader_of(request)
    name = request.match_info["record"]
    row = await one_row(request, "records", RECORDS, name, records_seen(reader))
    if not row.kind:
        raise not_found()
    (shown_account,) = await _accounts(request, reader, [name])
    return json_response(shown_account, headers=placed(request))


async def case_removals(request: web.Request) -> web.Response:
    """The account of each record of an application: who still holds what was repaired."""
    reader = await reader_of(request)
    name = request.match_info["repair"]
    row = await one_row(request, "repairs", REPAIRS, name, concerned(reader, REPAIRS))
    records = Repairs().decode(row.state).records
    accounts = tuple(await _accounts(request, reader, records))
    return json_response(
        CaseRemovals(name, all(shown.complete for shown in accounts), accounts),
        headers=placed(request),
    )


async def _accounts(
    request: web.Request, reader: Reader, names: Iterable[str]
) -> list[RemovalAccount]:
    """Return the accounts of the existing records, with the findings that the reader may see."""
    for view in ("deadlines", "findings"):
        await caught_up(request, view)
    follower, delivery = follower_of(request), request.app.get(DELIVERY)
    read = await asked(lambda: _folds(request))
    across = reader.role in ACROSS_UNITS

    def look(views: Connection, name: str) -> RemovalAccount:
        removals = read(RemovalsOf(name)).removals
        abouts = [f"removal:{removal}" for removal in removals]
        c = DEADLINES.c
        days = views.execute(
            sa.select(c.about, c.due_on).where(c.rule == ACKNOWLEDGE.name, c.about.in_(abouts))
        )
        due = {
            row.about.removeprefix("removal:"): date.fromisoformat(row.due_on)
            for row in days
            if row.due_on is not None
        }
        late: dict[int, list[str]] = {}
        uses: list[str] = []
        if across:
            f = FINDINGS.c
            found = views.execute(
                sa.select(f.key, f.state)
                .where(
                    f.entity == read(Record(name)).says.entity,
                    f.rule_id.in_([REP_V2.id, SHR_V1.id]),
                    *findings_seen(reader),
                )
                .order_by(f.raised_position)
            )
            for row in found:
                raised = Findings().decode(row.state).raised
                if raised is None:
                    continue
                for position in raised.evidence_events:
                    late.setdefault(position, []).append(row.key)
                if raised.rule_id == SHR_V1.id and raised.facts.get("record") == name:
                    uses.append(row.key)
        receipts = () if delivery is None else delivery.outbox.received(subjects_of(read, name))
        return account(read, name, reader.today, due, receipts, late, uses)

    def all_of(views: Connection) -> list[RemovalAccount]:
        return [look(views, name) for name in names if read(Record(name)).exists]

    return await reading(follower, all_of)


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
        "/v1/repair/cases/{repair}/removals",
        case_removals,
        returns=CaseRemovals,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/repair/records/{record}/removals",
        record_removals,
        returns=RemovalAccount,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
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
