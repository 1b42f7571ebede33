"""Work plans, for everyone unless internal; urges, for the unit and the tracking offices."""

from __future__ import annotations

import sqlalchemy as sa

from api.http.listing import Listing, Where, published, reported
from api.http.reader import AUTHORITIES, Reader
from api.http.resources import Parameter
from projections.systems.workplans import Milestones, TrackedUnits, Urges, WorkPlans


def _seen(reader: Reader, table: sa.Table) -> Where:
    """Public rows, and rows that concern the reader; participants in a plan are concerned."""
    seen = published(reader, table)
    if reader.in_unit:
        return [sa.or_(*seen, sa.func.instr(table.c.takes_part, f"|{reader.unit}|") > 0)]
    return seen


_TASK = Parameter("task_no", int, "the task of the Notice, 1 to 9")

RESOURCES = (
    *Listing(
        "/v1/work-plans",
        WorkPlans,
        "Work plans by year and unit: goals, milestones and participants.",
        "One plan in its newest version.",
        seen=_seen,
        numbers=("year",),
        newest="year",
        filters=(
            Parameter("unit", str, "the unit that adopted it"),
            Parameter("year", int, "the year of the plan"),
            Parameter("scope", str, "unit, or region"),
        ),
    ).resources(),
    *Listing(
        "/v1/milestones",
        Milestones,
        "The milestones of the plans, with the last day of each and whether it was reached.",
        "One milestone: its content, its last day, and each report that it was reached.",
        seen=_seen,
        dates=(
            "due_on",
            "reached_on",
        ),
        filters=(
            Parameter("unit", str, "the plan's unit"),
            Parameter("work", str, "the work item"),
            Parameter("work_plan", str, "the plan"),
            _TASK,
            Parameter("stage", str, "open, reached, returned or dropped"),
            Parameter("due_on", str, "the last day"),
        ),
    ).resources(),
    *Listing(
        "/v1/urges",
        Urges,
        "Urges (督办函); a unit sees its own.",
        "One urge: the demand, its last day, and the answer.",
        seen=reported,
        roles=AUTHORITIES,
        dates=(
            "urged_on",
            "due_on",
            "answered_on",
        ),
        newest="urged_on",
        filters=(
            Parameter("unit", str, "the unit urged"),
            Parameter("work", str, "the work item"),
            _TASK,
            Parameter("stage", str, "open or answered"),
            Parameter("due_on", str, "the last day for the answer"),
        ),
    ).resources(),
    *Listing(
        "/v1/tracking-inspections",
        TrackedUnits,
        "The findings of tracking offices about units' work; a unit sees its own.",
        "The inspections of one unit's work.",
        seen=lambda reader, table: [table.c.begun.is_(True), *reported(reader, table)],
        roles=AUTHORITIES,
    ).resources(),
)
