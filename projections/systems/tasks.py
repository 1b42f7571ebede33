"""Inspection tasks (检查任务, 2.2) and their progress."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from ledger.general.vocabulary import TaskId
from ledger.kernel import Fold, Recorded
from ledger.systems.draws.events import DrawResultPublished
from ledger.systems.filing.events import (
    EntryScanned,
    InspectionCancelled,
    InspectionCoding,
    InspectionConcluded,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    OnSiteRecordSigned,
    ResultNotified,
    VisitRated,
)
from projections.systems.records import iso
from projections.tables import Code, Row
from projections.views import FoldView


class TaskState(Fold):
    """What is the stage of this task, and on which day was each step?"""

    task: TaskId
    unit: str = ""
    entity: str = ""
    kind: str = ""
    trigger: str = ""
    counter: str = ""
    matters: tuple[str, ...] = ()
    officers: tuple[str, ...] = ()
    plan: str | None = None
    plan_version: int | None = None
    filing: str | None = None
    joint: str | None = None
    planned_on: date | None = None
    emergency: bool = False
    approved_on: date | None = None
    notice_no: str | None = None
    notified_on: date | None = None
    cancelled_on: date | None = None
    scanned_on: date | None = None
    opened_on: date | None = None
    signed_on: date | None = None
    closed_on: date | None = None
    minutes_on_site: int | None = None
    concluded_on: date | None = None
    result: str | None = None
    lawful_refusal: bool = False
    coding: InspectionCoding | None = None
    result_notified_on: date | None = None
    published_on: date | None = None
    ratings: list[int] = []

    def on_approved(self, event: InspectionTaskApproved, record: Recorded) -> None:
        self._whose(event)
        self.kind, self.trigger, self.counter = event.kind, event.trigger, event.counter
        self.planned_on, self.plan = event.planned_on, event.plan
        self.plan_version, self.filing = event.plan_version, event.filing
        self.joint = event.joint
        self.approved_on = record.occurred_on
        self.emergency = self.emergency or event.emergency
        if self.opened_on is None:
            self.matters, self.officers = event.matters, event.officers

    def on_notified(self, event: InspectionNoticeIssued, record: Recorded) -> None:
        self._whose(event)
        self.notice_no, self.notified_on = event.notice_no, record.occurred_on

    def on_cancelled(self, event: InspectionCancelled, record: Recorded) -> None:
        self._whose(event)
        self.cancelled_on = record.occurred_on

    def on_scanned(self, event: EntryScanned, record: Recorded) -> None:
        self._whose(event)
        self.scanned_on = record.occurred_on

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self._whose(event)
        self.opened_on = record.occurred_on
        self.emergency = self.emergency or event.emergency
        self.matters, self.officers = event.matters, event.officers

    def on_signed(self, event: OnSiteRecordSigned, record: Recorded) -> None:
        self._whose(event)
        self.signed_on = record.occurred_on

    def on_closed(self, event: OnSiteInspectionClosed, record: Recorded) -> None:
        self._whose(event)
        self.closed_on, self.minutes_on_site = record.occurred_on, event.minutes_on_site

    def on_concluded(self, event: InspectionConcluded, record: Recorded) -> None:
        self._whose(event)
        self.concluded_on, self.result = record.occurred_on, event.result
        self.lawful_refusal, self.coding = event.lawful_refusal, event.coding

    def on_result_notified(self, event: ResultNotified, record: Recorded) -> None:
        self._whose(event)
        self.result_notified_on = record.occurred_on

    def on_published(self, event: DrawResultPublished) -> None:
        self._whose(event)
        if event.withhold_reason is None:
            self.published_on = event.published_on

    def on_rated(self, event: VisitRated) -> None:
        self.ratings.append(event.score)

    def _whose(self, event: Any) -> None:
        self.unit, self.entity = event.unit, event.entity

    @property
    def stage(self) -> str:
        """The furthest step taken."""
        if self.cancelled_on and not self.opened_on:
            return "cancelled"
        for stage, day in (
            ("published", self.published_on),
            ("result_notified", self.result_notified_on),
            ("concluded", self.concluded_on),
            ("closed", self.closed_on),
            ("recorded", self.signed_on),
            ("opened", self.opened_on),
            ("notified", self.notified_on),
        ):
            if day is not None:
                return stage
        return "approved" if self.approved_on else "unknown"


TASKS = sa.Table(
    "tasks",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("unit", Code, nullable=False, index=True),
    sa.Column("entity", Code, nullable=False, index=True),
    sa.Column("stage", Code, nullable=False, index=True),
    sa.Column("planned_on", Code),
    sa.Column("approved_on", Code),
    sa.Column("notified_on", Code),
    sa.Column("opened_on", Code, index=True),
    sa.Column("published_on", Code, index=True),
    sa.Column("result", Code, index=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Tasks(FoldView[TaskState]):
    """A row for each task."""

    name = "tasks"
    version = 2
    kind = "task"
    fold = TaskState
    table = TASKS
    tables = (TASKS,)

    def row(self, fold: TaskState, position: int) -> Row:
        return {
            "unit": fold.unit,
            "entity": fold.entity,
            "stage": fold.stage,
            "planned_on": iso(fold.planned_on),
            "approved_on": iso(fold.approved_on),
            "notified_on": iso(fold.notified_on),
            "opened_on": iso(fold.opened_on),
            "published_on": iso(fold.published_on),
            "result": fold.result,
        }
