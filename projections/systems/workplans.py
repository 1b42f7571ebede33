"""Work plans, milestones and urging letters (2.18), and units without a plan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.systems.workplans.folds import (
    Milestone,
    PolicyKnown,
    Tracked,
    UnitWorkPlans,
    Urge,
    WorkPlan,
)
from projections.systems.records import iso
from projections.tables import Row
from projections.views import FoldView, subject_table


def _listed(units: Iterable[str]) -> str:
    """Return units as one text, each between ``|``, so that a query can match a whole id."""
    return "".join(f"|{unit}|" for unit in sorted(set(units)))


class WorkPlans(FoldView[WorkPlan]):
    """A row for each plan, by its newest version."""

    name = "work_plans"
    kind = "work-plan"
    fold = WorkPlan
    table = subject_table(
        "work_plans",
        "unit",
        sa.Column("year", sa.Integer, index=True),
        "scope",
        "stage",
        sa.Column("public", sa.Boolean, nullable=False, index=True),
        sa.Column("takes_part", sa.Text, nullable=False),
    )
    tables = (table,)

    def row(self, fold: WorkPlan, position: int) -> Row:
        names = ("unit", "year", "scope", "stage")
        return {name: getattr(fold, name) for name in names} | {
            "public": not fold.internal,
            "takes_part": _listed(unit for work in fold.works for unit in work.participants),
        }


MILESTONES = subject_table(
    "milestones",
    "unit",
    "work",
    "work_plan",
    sa.Column("task_no", sa.Integer, index=True),
    "stage",
    "due_on",
    "reached_on",
    sa.Column("public", sa.Boolean, nullable=False, index=True),
    sa.Column("takes_part", sa.Text, nullable=False),
)


class Milestones(FoldView[Milestone]):
    """A row for each milestone of a plan."""

    name = "milestones"
    kind = "milestone"
    fold = Milestone
    table = MILESTONES
    tables = (MILESTONES,)

    def row(self, fold: Milestone, position: int) -> Row:
        names = ("unit", "work", "work_plan", "task_no", "stage")
        return {name: getattr(fold, name) for name in names} | {
            "due_on": iso(fold.due_on),
            "reached_on": iso(fold.reports[-1].reached_on) if fold.reports else None,
            "public": not fold.internal,
            "takes_part": _listed(fold.participants),
        }


URGES = subject_table(
    "urges",
    "unit",
    "work",
    sa.Column("task_no", sa.Integer, index=True),
    "stage",
    "urged_on",
    "due_on",
    "answered_on",
)


class Urges(FoldView[Urge]):
    """A row for each urging letter."""

    name = "urges"
    kind = "urge"
    fold = Urge
    table = URGES
    tables = (URGES,)


class TrackedUnits(FoldView[Tracked]):
    """A row for each unit whose works were inspected for tracking."""

    name = "tracked_units"
    kind = "unit"
    fold = Tracked
    table = subject_table("tracked_units", "unit")
    tables = (table,)


PLAN_YEARS = subject_table("plan_years")


class PlanYears(FoldView[UnitWorkPlans]):
    """A row for each unit: the years with an adopted plan, and those without one in time."""

    name = "plan_years"
    kind = "unit"
    fold = UnitWorkPlans
    table = PLAN_YEARS
    tables = (PLAN_YEARS,)


POLICIES_KNOWN = subject_table("policies_known", "since")


class PoliciesKnown(FoldView[PolicyKnown]):
    """A row for each policy: the day since which this ledger holds a version of it."""

    name = "policies_known"
    kind = "policy"
    fold = PolicyKnown
    table = POLICIES_KNOWN
    tables = (POLICIES_KNOWN,)


def known_since(connection: Any, key: str) -> date | None:
    """Return the day since which this ledger holds a version of a policy; ``None`` without one."""
    since = connection.execute(
        sa.select(POLICIES_KNOWN.c.since).where(POLICIES_KNOWN.c.key == key)
    ).scalar_one_or_none()
    return None if since is None else date.fromisoformat(since)


class MonthMilestone(msgspec.Struct, frozen=True):
    """A milestone that was due or reached in a month."""

    milestone: str
    task_no: int | None
    due_on: str | None
    stage: str
    reached_on: str | None


class MonthUrge(msgspec.Struct, frozen=True):
    """An urging letter that was sent, due or answered in a month."""

    urge: str
    work: str | None
    task_no: int | None
    urged_on: str | None
    due_on: str | None
    stage: str
    answered_on: str | None


MonthTracked = tuple[tuple[MonthMilestone, ...], tuple[MonthUrge, ...]]


def tracked(connection: Any, unit: str, month: str) -> MonthTracked:
    """Return the milestones and urging letters of a unit in a month, ordered by task.

    Of the milestones, those due or reached in the month; of the letters, those sent, due or
    answered in it.
    """
    milestones, urges = MILESTONES.c, URGES.c

    def within(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        return column.between(f"{month}-01", f"{month}-31")

    return (
        tuple(
            MonthMilestone(*row)
            for row in connection.execute(
                sa.select(
                    milestones.key.label("milestone"),
                    *(milestones[n] for n in ("task_no", "due_on", "stage", "reached_on")),
                )
                .where(
                    milestones.unit == unit,
                    milestones.stage != "dropped",
                    sa.or_(within(milestones.due_on), within(milestones.reached_on)),
                )
                .order_by(milestones.task_no, milestones.key)
            )
        ),
        tuple(
            MonthUrge(*row)
            for row in connection.execute(
                sa.select(
                    urges.key.label("urge"),
                    *(urges[n] for n in ("work", "task_no", "urged_on", "due_on", "stage")),
                    urges.answered_on,
                )
                .where(
                    urges.unit == unit,
                    sa.or_(*(within(urges[n]) for n in ("urged_on", "due_on", "answered_on"))),
                )
                .order_by(urges.task_no, urges.key)
            )
        ),
    )
