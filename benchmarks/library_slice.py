"""FIL-R1 with its plan and SUP-R1 with its cap, in the library's own shape.

The kernel's shape of the same two rules is ``ledger.systems.filing.commands.ApproveTask`` with the
folds ``PlanInForce`` and ``BookedVisits``. This one is what decision 0002 compares with, and what
the benchmark of decisions runs beside the kernel.
"""

from __future__ import annotations

from datetime import date

from eventsourcing.dcb.domain import Selector, Slice
from eventsourcing.dcb.msgpack import Decision
from eventsourcing.domain import event


class PlanApproved(Decision):
    plan: str
    unit: str
    year: int
    months: dict[str, list[int]]


class PlanAmended(Decision):
    plan: str
    unit: str
    version: int
    months: dict[str, list[int]]


class PlanFiled(Decision):
    plan: str
    unit: str
    version: int
    filed_on: date


class PlanReturned(Decision):
    plan: str
    unit: str
    version: int


class TaskApproved(Decision):
    task: str
    unit: str
    entity: str
    matter: str
    planned_on: date
    plan_version: int


class TaskCancelled(Decision):
    task: str
    unit: str
    entity: str
    planned_on: date


class Refused(Exception):
    """A rule was broken; the first argument is its id."""


class ApproveTaskSlice(Slice[Decision]):
    """The two rules as one slice: boundary, folds and decision, each written out by hand."""

    def __init__(
        self, task: str, unit: str, entity: str, matter: str, planned_on: date, on: date, cap: int
    ) -> None:
        self.task, self.unit, self.entity = task, unit, entity
        self.matter, self.planned_on, self.on = matter, planned_on, on
        # The cap is a policy: reading it in here too would add a third boundary, a third set of
        # folds and the day arithmetic of versions; it is handed in, and so it is not guarded.
        self.cap = cap
        self.used = 0
        self.plans_of_year: set[str] = set()
        self.versions: dict[tuple[str, int], dict[str, list[int]]] = {}
        self.filed: dict[tuple[str, int], date] = {}
        self.returned: set[tuple[str, int]] = set()

    def consistency_boundary(self) -> list[Selector]:
        return [
            Selector(
                types=[PlanApproved, PlanAmended, PlanFiled, PlanReturned],
                tags=[f"unit:{self.unit}"],
            ),
            Selector(
                types=[TaskApproved, TaskCancelled],
                tags=[f"entity:{self.entity}", f"unit:{self.unit}"],
            ),
        ]

    @event(PlanApproved)
    def _(self, plan: str, year: int, months: dict[str, list[int]]) -> None:
        if year == self.planned_on.year:
            self.plans_of_year.add(plan)
            self.versions[(plan, 1)] = months

    @event(PlanAmended)
    def _(self, plan: str, version: int, months: dict[str, list[int]]) -> None:
        if plan in self.plans_of_year:
            self.versions[(plan, version)] = months

    @event(PlanFiled)
    def _(self, plan: str, version: int, filed_on: date) -> None:
        self.filed[(plan, version)] = filed_on

    @event(PlanReturned)
    def _(self, plan: str, version: int) -> None:
        self.returned.add((plan, version))

    @event(TaskApproved)
    def _(self, planned_on: date) -> None:
        if planned_on.year == self.planned_on.year:
            self.used += 1

    @event(TaskCancelled)
    def _(self, planned_on: date) -> None:
        if planned_on.year == self.planned_on.year:
            self.used -= 1

    def execute(self) -> None:
        usable = [
            (key, months)
            for key, months in self.versions.items()
            if key in self.filed and self.filed[key] <= self.on and key not in self.returned
        ]
        covering = None
        for plan in self.plans_of_year:
            newest = max((key for key, _ in usable if key[0] == plan), default=None)
            if newest and self.planned_on.month in self.versions[newest].get(self.matter, []):
                covering = newest
        if covering is None:
            raise Refused("FIL-R1")
        if self.used >= self.cap:
            raise Refused("SUP-R1")
        self.trigger_event(
            TaskApproved,
            tags=[f"entity:{self.entity}", f"unit:{self.unit}", f"task:{self.task}"],
            task=self.task,
            unit=self.unit,
            entity=self.entity,
            matter=self.matter,
            planned_on=self.planned_on,
            plan_version=covering[1],
        )


class Given(Slice[Decision]):
    """Records what is given, unconditionally: the tags have to be written out here once more."""

    def __init__(self, decision: Decision, tags: list[str]) -> None:
        self.decision, self.tags = decision, tags

    def consistency_boundary(self) -> list[Selector]:
        return [Selector(tags=["nothing:has-this-tag"])]

    def execute(self) -> None:
        self.trigger_event(type(self.decision), tags=self.tags, **self.decision.as_dict())
