"""The rules of matters, plans, filings, tasks and the cap, as a program over dictionaries.

No events, folds, tags, selectors or caches: what the ledger is compared with. Each
method answers as the ledger should: ``"recorded"``, a rule id, or the name of another answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

RECORDED = "recorded"
UNKNOWN = "UnknownReference"
OUT_OF_STEP = "OutOfStep"
FORBIDDEN = "Forbidden"
MALFORMED = "Malformed"

#: Certificates of the officers: unit, last day, domains.
OFFICERS = {
    "O1": ("MRB", date(2026, 12, 31), {"food_drug"}),
    "O2": ("MRB", date(2026, 12, 31), {"food_drug"}),
    "O3": ("MRB", date(2026, 6, 30), {"food_drug"}),
    "O4": ("EMB", date(2026, 12, 31), {"food_drug"}),
    "O5": ("EMB", date(2026, 12, 31), {"food_drug"}),
}
#: Caps by grade, and the grades of the businesses.
CAPS = {"A": 1, "B": 1, "C": 2, "D": 4}
GRADES = {"bench:1": "A", "bench:2": "C"}
#: How many days lie between two daily visits of a unit, by grade; A and B name a provision first.
APART = {"A": 180, "B": 90, "C": 30, "D": 0}


@dataclass
class PlainMatter:
    unit: str
    domain: str
    listed_on: date
    published: bool = False
    withdrawn: bool = False


@dataclass
class PlainVersion:
    items: dict[str, set[int]]
    filed: bool = False
    returned: bool = False
    accepted: bool = False


@dataclass
class PlainTask:
    unit: str
    entity: str
    year: int
    counter: str
    filing: str | None = None
    on: date = date.min
    cancelled: bool = False


@dataclass
class PlainRules:
    """The state, and the rules over it."""

    matters: dict[str, PlainMatter] = field(default_factory=dict)
    plans: dict[str, tuple[str, list[PlainVersion]]] = field(default_factory=dict)
    filings: dict[str, tuple[str, str | None, set[str]]] = field(default_factory=dict)
    tasks: dict[str, PlainTask] = field(default_factory=dict)

    def list_matter(
        self, actor: str, unit: str, matter: str, level: str, domain: str, on: date
    ) -> str:
        if actor != unit:
            return FORBIDDEN
        if matter in self.matters:
            return OUT_OF_STEP
        if level == "normative_document":
            return "CAT-R1"
        self.matters[matter] = PlainMatter(unit, domain, on)
        return RECORDED

    def _own_matter(self, actor: str, unit: str, matter: str) -> str | None:
        if actor != unit:
            return FORBIDDEN
        known = self.matters.get(matter)
        if known is None:
            return UNKNOWN
        if known.unit != unit or known.withdrawn:
            return OUT_OF_STEP
        return None

    def publish_matter(self, actor: str, unit: str, matter: str) -> str:
        wrong = self._own_matter(actor, unit, matter)
        if wrong:
            return wrong
        self.matters[matter].published = True
        return RECORDED

    def withdraw_matter(self, actor: str, unit: str, matter: str) -> str:
        wrong = self._own_matter(actor, unit, matter)
        if wrong:
            return wrong
        self.matters[matter].withdrawn = True
        return RECORDED

    def approve_plan(self, actor: str, unit: str, plan: str, items: dict[str, set[int]]) -> str:
        if actor != unit:
            return FORBIDDEN
        if plan in self.plans:
            return OUT_OF_STEP
        if any(matter not in self.matters for matter in items):
            return UNKNOWN
        self.plans[plan] = (unit, [PlainVersion(dict(items))])
        return RECORDED

    def _own_plan(self, actor: str, unit: str, plan: str) -> str | None:
        if actor != unit:
            return FORBIDDEN
        if plan not in self.plans or self.plans[plan][0] != unit:
            return UNKNOWN
        return None

    def amend_plan(self, actor: str, unit: str, plan: str, items: dict[str, set[int]]) -> str:
        wrong = self._own_plan(actor, unit, plan)
        if wrong:
            return wrong
        if any(matter not in self.matters for matter in items):
            return UNKNOWN
        versions = self.plans[plan][1]
        versions.append(PlainVersion({**versions[-1].items, **items}))
        return RECORDED

    def file_plan(self, actor: str, unit: str, plan: str) -> str:
        wrong = self._own_plan(actor, unit, plan)
        if wrong:
            return wrong
        newest = self.plans[plan][1][-1]
        if newest.filed:
            return OUT_OF_STEP
        newest.filed = True
        return RECORDED

    def answer_filing(self, plan: str, accept: bool) -> str:
        if plan not in self.plans:
            return UNKNOWN
        newest = self.plans[plan][1][-1]
        if not newest.filed or newest.returned or newest.accepted:
            return OUT_OF_STEP
        newest.accepted, newest.returned = accept, not accept
        return RECORDED

    def file_special(
        self, actor: str, unit: str, filing: str, entity: str | None, matters: set[str]
    ) -> str:
        if actor != unit:
            return FORBIDDEN
        if filing in self.filings:
            return OUT_OF_STEP
        if any(matter not in self.matters for matter in matters):
            return UNKNOWN
        self.filings[filing] = (unit, entity, matters)
        return RECORDED

    def approve_task(
        self,
        actor: str,
        role: str,
        unit: str,
        task: str,
        entity: str,
        daily: bool,
        matter: str,
        officers: tuple[str, ...],
        today: date,
        planned_on: date,
        filing: str | None,
        prescribed: bool,
    ) -> str:
        if actor != unit:
            return FORBIDDEN
        if task in self.tasks:
            return OUT_OF_STEP
        if planned_on < today:
            return MALFORMED
        if entity not in GRADES:
            return UNKNOWN
        known = self.matters.get(matter)
        if known is None:
            return UNKNOWN
        if not known.published or known.withdrawn:
            return "CAT-R2"
        if known.unit != unit:
            return "CAT-R3"
        if daily and not self._planned(unit, matter, planned_on.month):
            return "FIL-R1"
        if not daily:
            if filing is None:
                return "FIL-R2"
            if filing not in self.filings:
                return UNKNOWN
            by, about, covers = self.filings[filing]
            if by != unit or about not in (None, entity) or matter not in covers:
                return "FIL-R2"
            if any(t.filing == filing and not t.cancelled for t in self.tasks.values()):
                return "FIL-R2"
        if role != "unit_head":
            return "FIL-R4"
        if not self._enough(unit, officers, known.domain, planned_on):
            return "FIL-R6"
        if daily and known.domain == "general":
            return "FIL-R11"
        booked = [
            t
            for t in self.tasks.values()
            if (t.unit, t.entity, t.year, t.cancelled) == (unit, entity, planned_on.year, False)
        ]
        capped = sum(t.counter == "capped" for t in booked)
        exempt = len(booked) - capped
        cap = CAPS[GRADES[entity]]
        if daily and capped >= cap:
            return "SUP-R1"
        if daily and not self._in_manner(unit, entity, planned_on, prescribed):
            return "FIL-R12"
        counter = "capped" if daily else "exempt"
        used = None if daily else filing
        self.tasks[task] = PlainTask(unit, entity, planned_on.year, counter, used, planned_on)
        return "SUP-V1" if not daily and exempt + 1 > 2 * cap else RECORDED

    def _in_manner(self, unit: str, entity: str, on: date, prescribed: bool) -> bool:
        if GRADES[entity] in "AB" and not prescribed:
            return False
        return all(
            abs((on - t.on).days) >= APART[GRADES[entity]]
            for t in self.tasks.values()
            if (t.unit, t.entity, t.counter, t.cancelled) == (unit, entity, "capped", False)
        )

    def _planned(self, unit: str, matter: str, month: int) -> bool:
        for of, versions in self.plans.values():
            if of != unit:
                continue
            usable = [v for v in versions if v.filed and not v.returned]
            if usable and month in usable[-1].items.get(matter, set()):
                return True
        return False

    @staticmethod
    def _enough(unit: str, officers: tuple[str, ...], domain: str, on: date) -> bool:
        if len(set(officers)) < 2:
            return False
        for officer in officers:
            of, until, domains = OFFICERS[officer]
            if of != unit or on > until or (domain != "general" and domain not in domains):
                return False
        return True

    def cancel_task(self, actor: str, task: str) -> str:
        known = self.tasks.get(task)
        if known is None:
            return UNKNOWN
        if known.unit != actor:
            return FORBIDDEN
        if known.cancelled:
            return OUT_OF_STEP
        known.cancelled = True
        return RECORDED
