"""Folds about plans, filings, tasks and visits."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.general.vocabulary import EntityId, FilingId, IrregularVisitId, PlanId, TaskId, UnitId
from ledger.kernel import Fold, Recorded, SubjectFold
from ledger.kernel.versions import in_force
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    EntryScanned,
    FilingAccepted,
    FilingReturned,
    Ground,
    InspectionCancelled,
    InspectionConcluded,
    InspectionNoticeIssued,
    InspectionTaskApproved,
    IrregularVisitReported,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
    OnSiteRecordSigned,
    PlanAmended,
    PlanItem,
    PlanPublished,
    ResultNotified,
    SpecialInspectionFiled,
    SpecialPlanApproved,
    VisitRated,
)

#: The stages of a task in their order; a task may be ``cancelled`` before its visit begins.
Stage = Literal[
    "unknown",
    "approved",
    "notified",
    "opened",
    "recorded",
    "closed",
    "concluded",
    "result_notified",
    "cancelled",
]


class PlanVersion(msgspec.Struct):
    """A version of a plan and the state of its filing."""

    version: int
    items: dict[str, PlanItem]
    source: Recorded
    filed: Recorded | None = None
    accepted: bool = False
    returned: bool = False
    published: bool = False

    @property
    def usable_from(self) -> date | None:
        """The day on which it was filed, unless it was returned (FIL-R1)."""
        return None if self.filed is None or self.returned else self.filed.occurred_on

    def has(self, matters: tuple[str, ...], month: int) -> bool:
        """Return whether it plans all ``matters`` in a month."""
        return all(m in self.items and month in self.items[m].months for m in matters)


class AnnualPlan(SubjectFold):
    """Which versions does this plan have, and which of them are filed?"""

    BEGUN = "versions"

    plan: PlanId
    unit: str = ""
    year: int = 0
    versions: list[PlanVersion] = msgspec.field(default_factory=list)

    def on_approved(self, event: AnnualPlanApproved, record: Recorded) -> None:
        self.unit, self.year = event.unit, event.year
        self.versions.append(PlanVersion(1, {i.matter: i for i in event.items}, record))

    def on_amended(self, event: PlanAmended, record: Recorded) -> None:
        items = dict(self.versions[-1].items)
        for matter in event.diff.removed_matters:
            items.pop(matter, None)
        items.update({item.matter: item for item in event.diff.set_items})
        self.versions.append(PlanVersion(event.version, items, record))

    def on_filed(self, event: AnnualPlanFiled, record: Recorded) -> None:
        self.versions[event.version - 1].filed = record

    def on_accepted(self, event: FilingAccepted) -> None:
        self.versions[event.version - 1].accepted = True

    def on_returned(self, event: FilingReturned) -> None:
        self.versions[event.version - 1].returned = True

    def on_published(self, event: PlanPublished) -> None:
        self.versions[event.version - 1].published = True

    def in_force(self, on: date) -> PlanVersion | None:
        """Return the version that became usable last by a day, or ``None``."""
        return in_force(self.versions, on, lambda version: version.usable_from)

    def filed_on(self, matters: tuple[str, ...], month: int) -> date | None:
        """Return the first day on which ``matters`` were filed for a month, or ``None``."""
        days = (v.usable_from for v in self.versions if v.has(matters, month))
        return min((day for day in days if day is not None), default=None)


class PlanInForce(Fold):
    """Which annual plans does this unit have for this year?"""

    unit: UnitId
    year: int
    plans: dict[str, AnnualPlan] = msgspec.field(default_factory=dict)

    def on_approved(self, event: AnnualPlanApproved, record: Recorded) -> None:
        if event.year == self.year:
            self.plans[event.plan] = AnnualPlan(event.plan)
            self.plans[event.plan].take(record)

    def on_changed(
        self,
        event: PlanAmended | AnnualPlanFiled | FilingAccepted | FilingReturned | PlanPublished,
        record: Recorded,
    ) -> None:
        if event.plan in self.plans:
            self.plans[event.plan].take(record)

    def covering(
        self, matters: tuple[str, ...], planned_on: date, on: date
    ) -> tuple[AnnualPlan, PlanVersion] | None:
        """Return the plan and version usable ``on`` with all ``matters`` in the planned month."""
        for plan in self.plans.values():
            version = plan.in_force(on)
            if version is not None and version.has(matters, planned_on.month):
                return plan, version
        return None

    def months_of(self, matter: str) -> list[int]:
        """Return the months of a matter in the newest versions of the plans, usable or not."""
        newest = [plan.versions[-1].items.get(matter) for plan in self.plans.values()]
        return sorted({month for item in newest if item is not None for month in item.months})


class SpecialPlan(SubjectFold):
    """What was approved for this special campaign?"""

    BEGUN = "approved"

    plan: PlanId
    approved: SpecialPlanApproved | None = None

    def on_approved(self, event: SpecialPlanApproved) -> None:
        self.approved = event


class OwnCampaigns(Fold):
    """How many special campaigns of its own does this unit begin in this year?"""

    unit: UnitId
    year: int
    count: int = 0

    def on_approved(self, event: SpecialPlanApproved) -> None:
        if event.deployed_by == "own" and event.period_from.year == self.year:
            self.count += 1


class SpecialFiling(SubjectFold):
    """What was filed with the unit's legal office under this id?"""

    BEGUN = "filed"

    filing: FilingId
    filed: SpecialInspectionFiled | None = None

    def on_filed(self, event: SpecialInspectionFiled) -> None:
        self.filed = event


class FilingUse(Fold):
    """Which case inspections were approved under this filing?

    Daily tasks do not count, and an emergency needs no filing for its approval (FIL-R5).
    """

    filing: FilingId
    tasks: list[str] = msgspec.field(default_factory=list)

    def on_approved(self, event: InspectionTaskApproved) -> None:
        if event.kind == "case" and not event.emergency:
            self.tasks.append(event.task)


class Task(SubjectFold):
    """What was approved for this inspection, and at which stage is it?"""

    BEGUN = "unit"

    task: TaskId
    stage: Stage = "unknown"
    unit: str = ""
    entity: str = ""
    kind: str = ""
    counter: Literal["capped", "exempt"] = "exempt"
    matters: tuple[str, ...] = ()
    officers: tuple[str, ...] = ()
    planned_on: date | None = None
    draw: str | None = None
    approver: str = ""
    joint: str | None = None
    approved: Recorded | None = None
    notified: Recorded | None = None
    scanned: bool = False
    emergency: bool = False
    ground: Ground | None = None
    opened: Recorded | None = None
    record_signed: bool = False
    closed: Recorded | None = None
    concluded: Recorded | None = None
    result: str | None = None

    def on_approved(self, event: InspectionTaskApproved, record: Recorded) -> None:
        self.approved, self.approver = record, event.approver
        self.unit, self.entity = event.unit, event.entity
        self.kind, self.counter = event.kind, event.counter
        self.planned_on = event.planned_on
        self.draw, self.joint = event.draw, event.joint
        if self.opened is None:
            self.stage = "approved"
            self.matters, self.officers = event.matters, event.officers

    def on_notified(self, event: InspectionNoticeIssued, record: Recorded) -> None:
        self.notified = record
        if self.stage == "approved":
            self.stage = "notified"

    def on_cancelled(self, event: InspectionCancelled) -> None:
        self.stage = "cancelled"

    def on_scanned(self, event: EntryScanned) -> None:
        self.scanned = True

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self.stage = "opened"
        self.unit, self.entity = event.unit, event.entity
        self.matters, self.officers = event.matters, event.officers
        self.emergency, self.ground = event.emergency, event.ground
        self.opened = record

    def on_signed(self, event: OnSiteRecordSigned) -> None:
        self.record_signed = True
        self.stage = "recorded"

    def on_closed(self, event: OnSiteInspectionClosed, record: Recorded) -> None:
        self.stage = "closed"
        self.closed = record

    def on_concluded(self, event: InspectionConcluded, record: Recorded) -> None:
        self.stage = "concluded"
        self.concluded = record
        self.result = event.result

    def on_result_notified(self, event: ResultNotified) -> None:
        self.stage = "result_notified"


class PlannedVisits(Fold):
    """Which approved visits of any unit to this business have not begun?"""

    entity: EntityId
    tasks: dict[str, InspectionTaskApproved] = msgspec.field(default_factory=dict)

    def on_approved(self, event: InspectionTaskApproved) -> None:
        if not event.emergency:  # an emergency is approved after its visit
            self.tasks[event.task] = event

    def on_over(
        self, event: InspectionCancelled | OnSiteInspectionOpened | InspectionConcluded
    ) -> None:
        self.tasks.pop(event.task, None)


class VisitsMade(Fold):
    """On which days did officers of this unit begin a visit to this business?"""

    entity: EntityId
    unit: UnitId
    days: list[date] = msgspec.field(default_factory=list)

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self.days.append(record.occurred_on)


class UndrawnVisits(Fold):
    """On which days does this unit visit this business by daily tasks that no draw selected?

    A visit counts on the day it took place; until then, on the day for which it is planned. A visit
    that was cancelled, or concluded without being opened, does not count.
    """

    entity: EntityId
    unit: UnitId
    days: dict[str, date] = msgspec.field(default_factory=dict)
    opened: dict[str, date] = msgspec.field(default_factory=dict)

    def on_approved(self, event: InspectionTaskApproved) -> None:
        if event.kind == "daily" and event.draw is None:
            self.days[event.task] = self.opened.get(event.task, event.planned_on)

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self.opened[event.task] = record.occurred_on
        if event.task in self.days:
            self.days[event.task] = record.occurred_on

    def on_over(self, event: InspectionCancelled | InspectionConcluded) -> None:
        if event.task not in self.opened:
            self.days.pop(event.task, None)

    def nearest(self, day: date) -> date | None:
        """Return the day of the visit nearest to a day; of two equally near, the earlier."""
        return min(self.days.values(), key=lambda d: (abs(d - day), d), default=None)

    def earliest(self, day: date, interval: int) -> date:
        """Return the first day, ``day`` or later, with ``interval`` days or more to each visit."""
        for visited in sorted(self.days.values()):
            if abs((day - visited).days) < interval:
                day = visited + timedelta(days=interval)
        return day


class VisitRating(Fold):
    """Has the business rated this visit?"""

    task: TaskId
    rated: bool = False

    def on_rated(self, event: VisitRated) -> None:
        self.rated = True


class IrregularVisit(SubjectFold):
    """Was an irregular visit reported under this id?"""

    BEGUN = "reported"

    irregular_visit: IrregularVisitId
    reported: bool = False

    def on_reported(self, event: IrregularVisitReported) -> None:
        self.reported = True
