"""The monthly progress ledger: reports with their warnings, and the prefilled month."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import PRIVATE, asked, caught_up
from api.http.listing import BUREAU, Listing, reported
from api.http.named import LATEST_YEAR
from api.http.problems import Problem, not_found
from api.http.reader import AUTHORITIES, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, bounded, json_response, reached
from api.http.resources import Parameter, Resource
from api.running.pools import COUNTS
from ledger.kernel.commands import EARLIEST_YEAR
from ledger.kernel.messages import message
from ledger.systems.progress.events import Month, Part
from projections.systems.progress import (
    REPORTING_UNITS,
    REPORTS,
    PrefilledTask,
    ReportingUnits,
    Reports,
    prefilled,
)
from projections.systems.workplans import MonthMilestone, MonthTracked, MonthUrge, tracked


class OwedReport(msgspec.Struct, frozen=True):
    """A report that the unit owes, with the first day of its warning and its last day."""

    task_no: int
    part: str | None
    stage: str
    warn_on: str | None
    due_on: str | None


class Prefilled(msgspec.Struct, frozen=True, omit_defaults=True):
    """A unit's month according to the ledger.

    ``reports``: the reports that the unit owes, by task, with the start of warnings and the current
    stage. ``tasks``: the figures of every task from the events up to ``cutoff_position``; the entry
    without a number has those of the safeguards. ``milestones``: those of the unit's work plan that
    were due or reached in the month. ``urges``: those sent, due or answered in it.
    """

    unit: str
    month: str
    cutoff_position: int
    reports: tuple[OwedReport, ...]
    tasks: tuple[PrefilledTask, ...]
    milestones: tuple[MonthMilestone, ...]
    urges: tuple[MonthUrge, ...]


async def prefilled_month(request: web.Request) -> web.Response:
    """A unit's month, filled in from the events up to a position (by default the last followed)."""
    reader = await reader_of(request)
    unit, month = request.match_info["unit"], request.match_info["month"]
    if reader.role not in BUREAU and reader.unit != unit:
        raise not_found()
    try:
        msgspec.convert(month, Month)
    except msgspec.ValidationError:
        raise Problem(
            "malformed", message("progress.month-must-be-like-2026-05", month=month)
        ) from None
    if not EARLIEST_YEAR <= int(month[:4]) < LATEST_YEAR:
        years = {"first": EARLIEST_YEAR, "last": LATEST_YEAR - 1}
        raise Problem(
            "malformed", message("progress.month-must-lie-in-years", month=month, **years)
        )
    await caught_up(request, "progress_reports")
    follower = await caught_up(request, "tallies")
    newest = max(follower.position("tallies"), 1)
    head = await asked(follower.source.head)
    cutoff = bounded(request, "cutoff", newest, 1, max(head, newest))
    await reached(min(cutoff, head), lambda: follower.position("tallies"))

    await caught_up(request, "milestones")
    await caught_up(request, "urges")

    def ask() -> tuple[bool, list[sa.Row[Any]], MonthTracked]:
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
            tuple(OwedReport(**row._asdict()) for row in owed),
            tuple(tasks),
            *asked_of,
        ),
        headers=PRIVATE,
    )


RESOURCES = (
    *Listing(
        "/v1/reports",
        Reports,
        "Monthly reports, by month, task and unit; a unit sees its own.",
        "One report: the figures, the disputes, the narrative, and its state.",
        seen=reported,
        roles=AUTHORITIES,
        dates=("due_on",),
        filters=(
            Parameter("unit", str, "the unit that owes it"),
            Parameter("month", Month, "the month it is about"),
            Parameter("task_no", int, "the task of the Notice, 1 to 9"),
            Parameter(
                "part",
                str,
                "whether the unit leads the task or is responsible",
                values=Part,
            ),
            Parameter("stage", str, "the current stage"),
            Parameter("warn_on", str, "the first day of the warning", values=date),
            Parameter("due_on", str, "the last day for the report", values=date),
            Parameter("nil", bool, "whether it reports nothing"),
            Parameter("disputed", bool, "whether it disputes a figure"),
        ),
    ).resources(),
    *Listing(
        "/v1/reporting-units",
        ReportingUnits,
        "The units that report every month.",
        "One reporting unit: its first month, its groups, and the last month opened for it.",
        seen=lambda reader, table: (
            [table.c.since.is_not(None)]
            if reader.role in BUREAU
            else [table.c.since.is_not(None), table.c.key == reader.unit]
        ),
        roles=AUTHORITIES,
    ).resources(),
    Resource(
        "/v1/progress/{unit}/{month}",
        prefilled_month,
        returns=Prefilled,
        roles=AUTHORITIES,
        query=(
            Parameter("cutoff", int, "the position up to which events count"),
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
