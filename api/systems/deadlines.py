"""Deadlines: what is due when, what was done late, what was missed."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import may_ask, rows_page
from api.http.keys import LEDGER
from api.http.problems import Problem
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, query_value
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from ledger.general.audiences import UNIT_BOUND
from ledger.kernel import civil_date
from projections.systems.deadlines import DEADLINES, State
from projections.tables import not_kept_from


class ShownDeadline(msgspec.Struct, frozen=True, omit_defaults=True):
    """One deadline.

    ``n`` days or months (``counted_in``: wd, cd, month) from ``starts_on``. ``provisional``: the
    calendar of some year it reaches is not published yet. ``note`` says why there is no due date.
    ``unjudged_until``: an opening fact opened it; due by that day, it cannot be missed here.
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


class FoundDeadlines(msgspec.Struct, frozen=True):
    """A page of deadlines; the ``Link`` header leads to the next."""

    items: tuple[ShownDeadline, ...]


def _shown(row: sa.Row[Any]) -> ShownDeadline:
    values = {
        name: getattr(row, name) for name in ShownDeadline.__struct_fields__ if name != "subjects"
    }
    return ShownDeadline(subjects=msgspec.json.decode(row.subjects), **values)


def seen_deadlines(grant: Grant) -> list[sa.ColumnElement[bool]]:
    """The deadlines that a token may see: a unit's own for the unit, a business's for it."""
    table = DEADLINES.c
    where = [
        may_ask(grant, unit=table.unit, entity=table.entity),
        not_kept_from(table.kept_from, grant.unit),
    ]
    if grant.role == "entity_rep":
        where.append(sa.not_(table.about.startswith("finding:")))  # those are the unit's affair
    if grant.role != "jb_supervisor":
        own = table.unit == grant.unit if grant.role in UNIT_BOUND else sa.false()
        where.append(sa.or_(sa.not_(table.sealed), own))
    return where


async def deadlines(request: web.Request) -> web.Response:
    """Deadlines, by their id: a unit's own for the unit, a business's own for the business."""
    grant = await grant_of(request)
    table = DEADLINES.c
    where = seen_deadlines(grant)
    if request.query.get("state", "open") not in get_args(State):
        raise Problem("malformed", f"query parameter 'state': one of {', '.join(get_args(State))}")
    if (before := query_value(request, "due_before", date | None, None)) is not None:
        where.append(table.due_on < str(before))
    if "provisional" in request.query:
        where.append(table.provisional.is_(query_value(request, "provisional", bool, True)))
    if "overdue" in request.query:
        today = civil_date(request.app[LEDGER].clock()).isoformat()
        late = sa.and_(table.due_on < today, sa.not_(table.provisional), table.done_on.is_(None))
        where.append(late if query_value(request, "overdue", bool, True) else sa.not_(late))
    return await rows_page(
        request,
        "deadlines",
        DEADLINES,
        where=where,
        show=_shown,
        key=table.deadline,
        filters={name: table[name] for name in ("state", "rule", "about", "unit", "entity")},
    )


RESOURCES = (
    Resource(
        "/v1/deadlines",
        deadlines,
        returns=FoundDeadlines,
        query=(
            Parameter("state", State, "where it stands"),
            Parameter("rule", str, "the deadline's rule, as in inspection.result_notice_wd"),
            Parameter("about", str, "the tag of what has to be done, `kind:id`"),
            Parameter("unit", str, "the unit that has to do it"),
            Parameter("entity", str, "the business it concerns"),
            Parameter("due_before", date, "due before this day"),
            Parameter("provisional", bool, "whether a calendar is still wanting"),
            Parameter("overdue", bool, "past, final and not done"),
            AFTER,
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
