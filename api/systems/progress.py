"""The monthly progress ledger: reports with their warnings, and the pre-filled document."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import PRIVATE, asked, caught_up
from api.http.listing import BUREAU, Listing, reported
from api.http.problems import Problem, not_found
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, bounded, json_response, reached
from api.http.resources import Parameter, Resource
from api.running.pools import COUNTS
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.systems.progress.events import Month
from projections.systems.progress import (
    REPORTING_UNITS,
    REPORTS,
    ReportingUnits,
    Reports,
    prefilled,
)
from projections.systems.workplans import tracked

#: It goes from the units to the Justice Bureau and the rule-of-law office, and no further.
_READERS: frozenset[Role] = frozenset(
    role for role in get_args(Role) if role in UNIT_BOUND | SUPERVISORS or role == "credit_officer"
)


class Prefilled(msgspec.Struct, frozen=True, omit_defaults=True):
    """A unit's month as the ledger has it.

    ``reports``: what the unit owes, task by task, since when it is warned and how far it has come.
    ``tasks``: the figures of every task from the events up to ``cutoff_position``; the entry
    without a number holds those of the safeguards. ``milestones`` of the unit's work plan that were
    due or reached in the month, ``urges`` that were made, due or answered in it.
    """

    unit: str
    month: str
    cutoff_position: int
    reports: tuple[dict[str, Any], ...]
    tasks: tuple[dict[str, Any], ...]
    milestones: tuple[dict[str, Any], ...]
    urges: tuple[dict[str, Any], ...]


async def prefilled_month(request: web.Request) -> web.Response:
    """A unit's month, filled in from the events up to a position (the last one followed)."""
    grant = await grant_of(request)
    unit, month = request.match_info["unit"], request.match_info["month"]
    if grant.role not in BUREAU and grant.unit != unit:
        raise not_found()
    try:
        msgspec.convert(month, Month)
    except msgspec.ValidationError:
        raise Problem("malformed", f"{month!r} is no month; write 2026-05") from None
    await caught_up(request, "progress_reports")
    follower = await caught_up(request, "tallies")
    newest = max(follower.position("tallies"), 1)
    head = await asked(follower.source.head)
    cutoff = bounded(request, "cutoff", newest, 1, max(head, newest))
    await reached(min(cutoff, head), lambda: follower.position("tallies"))

    await caught_up(request, "milestones")
    await caught_up(request, "urges")

    def ask() -> tuple[bool, list[sa.Row[Any]], dict[str, list[dict[str, Any]]]]:
        with follower.views.reading() as connection:
            known = connection.execute(
                sa.select(REPORTING_UNITS.c.key).where(REPORTING_UNITS.c.key == unit)
            ).one_or_none()
            owed = connection.execute(
                sa.select(
                    *(REPORTS.c[n] for n in ("task_no", "part", "stage", "warn_on", "due_on"))
                )
                .where(REPORTS.c.unit == unit, REPORTS.c.month == month)
                .order_by(REPORTS.c.task_no)
            )
            return known is not None, list(owed), tracked(connection, unit, month)

    known, owed, asked_of = await asked(ask)
    if not known:
        raise not_found()
    tasks = await asked(lambda: prefilled(follower.views, unit, month, cutoff), COUNTS)
    return json_response(
        Prefilled(
            unit,
            month,
            cutoff,
            tuple(row._asdict() for row in owed),
            tuple(tasks),
            tuple(asked_of["milestones"]),
            tuple(asked_of["urges"]),
        ),
        headers=PRIVATE,
    )


RESOURCES = (
    *Listing(
        "/v1/reports",
        Reports,
        "Monthly reports, by month, task and unit; a unit's own for the unit.",
        "One report: the figures, the disputes, the story, and whether it stands.",
        seen=reported,
        roles=_READERS,
        filters=(
            Parameter("unit", str, "the unit that owes it"),
            Parameter("month", Month, "the month it is about"),
            Parameter("task_no", int, "the task of the Notice, 1 to 9"),
            Parameter("part", str, "whether the unit leads the task or is responsible"),
            Parameter("stage", str, "how far it has come"),
            Parameter("warn_on", str, "the day from which the unit is warned"),
            Parameter("due_on", str, "its last day"),
            Parameter("nil", bool, "whether it reports nothing"),
            Parameter("disputed", bool, "whether it disputes a figure"),
        ),
    ).resources(),
    *Listing(
        "/v1/reporting-units",
        ReportingUnits,
        "The units that report every month.",
        "One reporting unit: since when, in which groups, and the last month opened for it.",
        seen=lambda grant, table: (
            [table.c.since.is_not(None)]
            if grant.role in BUREAU
            else [table.c.since.is_not(None), table.c.key == grant.unit]
        ),
        roles=_READERS,
    ).resources(),
    Resource(
        "/v1/progress/{unit}/{month}",
        prefilled_month,
        returns=Prefilled,
        roles=_READERS,
        query=(
            Parameter("cutoff", int, "the position up to which events count"),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
