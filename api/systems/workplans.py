"""Work plans for everybody unless internal; urges for the unit and the offices that track it."""

from __future__ import annotations

from typing import get_args

import sqlalchemy as sa

from api.http.listing import Listing, Where, published, reported
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.general.vocabulary import Role
from projections.systems.workplans import Milestones, TrackedUnits, Urges, WorkPlans

#: Between the units and the offices that track them.
_READERS: frozenset[Role] = frozenset(
    role for role in get_args(Role) if role in UNIT_BOUND | SUPERVISORS or role == "credit_officer"
)


def _seen(grant: Grant, table: sa.Table) -> Where:
    """What is public, and of the rest what concerns the reader: a participant takes part in it."""
    seen = published(grant, table)
    if grant.role in UNIT_BOUND:
        return [sa.or_(*seen, sa.func.instr(table.c.takes_part, f"|{grant.unit}|") > 0)]
    return seen


_TASK = Parameter("task_no", int, "the task of the Notice, 1 to 9")

RESOURCES = (
    *Listing(
        "/v1/work-plans",
        WorkPlans,
        "Work plans by year and unit: goals, time nodes and who takes part.",
        "One plan in its newest version.",
        seen=_seen,
        filters=(
            Parameter("unit", str, "the unit that adopted it"),
            Parameter("year", int, "the year it is for"),
            Parameter("scope", str, "unit, or region"),
        ),
    ).resources(),
    *Listing(
        "/v1/milestones",
        Milestones,
        "The milestones of the plans, with the day each is due and whether it was reached.",
        "One milestone: what it says, when it is due, and each report that it was reached.",
        seen=_seen,
        filters=(
            Parameter("unit", str, "the plan's unit"),
            Parameter("work", str, "the piece of work"),
            Parameter("work_plan", str, "the plan"),
            _TASK,
            Parameter("stage", str, "open, reached, returned or dropped"),
            Parameter("due_on", str, "the day it is due"),
        ),
    ).resources(),
    *Listing(
        "/v1/urges",
        Urges,
        "Urges (督办函); a unit's own for the unit.",
        "One urge: what was demanded by when, and the answer.",
        seen=reported,
        roles=_READERS,
        filters=(
            Parameter("unit", str, "the unit urged"),
            Parameter("work", str, "the piece of work"),
            _TASK,
            Parameter("stage", str, "open or answered"),
            Parameter("due_on", str, "the day by which it is to be answered"),
        ),
    ).resources(),
    *Listing(
        "/v1/tracking-inspections",
        TrackedUnits,
        "What the offices that track found at the units' works; a unit's own for the unit.",
        "The inspections of one unit's works.",
        seen=lambda grant, table: [table.c.begun.is_(True), *reported(grant, table)],
        roles=_READERS,
    ).resources(),
)
