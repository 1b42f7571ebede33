"""The monthly progress ledger (每月工作进展台账, 2.14): reports, reporting units and figures."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import sqlalchemy as sa

from ledger.kernel.days import add_months
from ledger.systems.progress.folds import (
    METRICS,
    ReportingUnit,
    SubmittedReport,
    metrics_of,
)
from projections.follower import Views
from projections.systems.records import iso
from projections.systems.tallies import figures_of
from projections.tables import Row
from projections.views import FoldView, subject_table

REPORTS = subject_table(
    "progress_reports",
    "unit",
    "month",
    sa.Column("task_no", sa.Integer, index=True),
    "part",
    "stage",
    "due_on",
    "warn_on",
    sa.Column("nil", sa.Boolean, index=True),
    sa.Column("disputed", sa.Boolean, nullable=False, index=True),
    sa.Column("days_late", sa.Integer),
)


class Reports(FoldView[SubmittedReport]):
    """A row for each report that a unit owes."""

    name = "progress_reports"
    version = 1
    kind = "report"
    fold = SubmittedReport
    table = REPORTS
    tables = (REPORTS,)

    def row(self, fold: SubmittedReport, position: int) -> Row:
        opened, submitted = fold.opened, fold.submitted
        columns = {
            name: getattr(opened, name, None) for name in ("unit", "month", "task_no", "part")
        }
        return {
            **columns,
            "stage": fold.stage,
            "due_on": None if opened is None else iso(opened.due_on),
            "warn_on": None if opened is None else iso(opened.warn_on),
            "nil": None if submitted is None else submitted.nil,
            "disputed": submitted is not None and bool(submitted.disputed),
            "days_late": None if submitted is None else fold.days_late,
        }


REPORTING_UNITS = subject_table("reporting_units", "since", "until", "last_opened")


class ReportingUnits(FoldView[ReportingUnit]):
    """A row for each unit that reports now or reported earlier."""

    name = "reporting_units"
    version = 1
    kind = "unit"
    fold = ReportingUnit
    table = REPORTING_UNITS
    tables = (REPORTING_UNITS,)


class PrefilledMetric(msgspec.Struct, frozen=True):
    """A figure of a month."""

    name: str
    title: str
    value: int


class PrefilledTask(msgspec.Struct, frozen=True):
    """The figures of a task; without a number, those of the safeguards."""

    task_no: int | None
    metrics: list[PrefilledMetric]


def prefilled(views: Views, unit: str, month: str, cutoff: int) -> list[PrefilledTask]:
    """Return the figures of a unit's month, task by task, from the events up to ``cutoff``."""
    first = date.fromisoformat(f"{month}-01")
    last = add_months(first, 1) - timedelta(days=1)
    with views.reading() as connection:
        figures = figures_of(connection, unit, METRICS, (first, last), cutoff)
    return [
        PrefilledTask(
            task_no,
            [
                PrefilledMetric(metric.name, metric.title, figures.month(metric.name, month))
                for metric in metrics_of(task_no)
            ],
        )
        for task_no in (*range(1, 10), None)
    ]
