"""Deadlines: when something is due, and whether it was done late or missed."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import rows_page
from api.http.listing import listed
from api.http.questions import Questions
from api.http.reader import Reader, reader_of
from api.http.reading import query_value
from api.http.resources import Parameter
from projections.answers import entry_fields
from projections.systems.deadlines import DEADLINES, State


class ShownDeadline(msgspec.Struct, frozen=True, omit_defaults=True):
    """A deadline.

    ``n`` days or months (``counted_in``: wd, cd, month) are counted from ``starts_on``.
    ``provisional``: the working calendar of a year that it reaches is not published yet. ``note``
    explains a missing due date. ``unjudged_until``: an opening fact opened this deadline; if it was
    due by that day, this ledger cannot record it as missed.
    """

    deadline: str
    rule: str
    about: str
    subjects: list[str]
    opened_position: int
    starts_on: str
    state: State
    provisional: bool
    policy_key: str | None = None
    policy_version: int | None = None
    unit: str | None = None
    entity: str | None = None
    n: int | None = None
    counted_in: str | None = None
    due_on: str | None = None
    first_due_on: str | None = None
    calendar_version: str | None = None
    done_position: int | None = None
    done_on: str | None = None
    days_late: int | None = None
    missed_position: int | None = None
    lapsed_position: int | None = None
    unjudged_until: str | None = None
    note: str | None = None


def _shown(row: sa.Row[Any]) -> ShownDeadline:
    values = {
        name: getattr(row, name) for name in ShownDeadline.__struct_fields__ if name != "subjects"
    }
    return ShownDeadline(subjects=msgspec.json.decode(row.subjects), **values)


def seen_deadlines(reader: Reader) -> list[sa.ColumnElement[bool]]:
    """Return the deadlines that a token may see: those of its unit, or about its business."""
    table = DEADLINES.c
    where = [reader.concerned(table.unit, table.entity, table.kept_from)]
    if reader.role == "entity_rep":
        where.append(sa.not_(table.about.startswith("finding:")))  # findings concern only units
    if not reader.is_bureau:
        own = table.unit == reader.unit if reader.in_unit else sa.false()
        where.append(sa.or_(sa.not_(table.sealed), own))
    return where


def overdue_on(today: date) -> sa.ColumnElement[bool]:
    """Return the condition that a deadline is past, final and not done."""
    table = DEADLINES.c
    past = table.due_on < today.isoformat()
    return sa.and_(past, sa.not_(table.provisional), table.done_on.is_(None))


async def deadlines(request: web.Request) -> web.Response:
    """Deadlines, by their id: a unit sees its own, a business those that concern it."""
    reader = await reader_of(request)
    table = DEADLINES.c
    where = seen_deadlines(reader)
    if (before := query_value(request, "due_before", date | None, None)) is not None:
        where.append(table.due_on < str(before))
    if "overdue" in request.query:
        late = overdue_on(reader.today)
        where.append(late if query_value(request, "overdue", bool, True) else sa.not_(late))
    return await rows_page(
        request,
        "deadlines",
        DEADLINES,
        where=where,
        show=_shown,
        key=table.deadline,
        questions=_QUESTIONS,
        entry=ShownDeadline,
    )


_QUESTIONS = Questions(
    filters=(
        Parameter("state", State, "the state of the deadline"),
        Parameter("rule", str, "the deadline's rule, such as inspection.result_notice_wd"),
        Parameter("about", str, "the tag of the subject, `kind:id`"),
        Parameter("unit", str, "the unit that must act"),
        Parameter("entity", str, "the business it concerns"),
        Parameter("provisional", bool, "whether a working calendar is still missing"),
    ),
    dates=("due_on", "done_on"),
    fields=entry_fields(ShownDeadline),
)

RESOURCES = (
    listed(
        "/v1/deadlines",
        deadlines,
        _QUESTIONS,
        ShownDeadline,
        more=(
            Parameter("due_before", date, "due before this day"),
            Parameter("overdue", bool, "past, final and not done"),
        ),
    ),
)
