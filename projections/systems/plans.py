"""Inspection plans (检查计划, 2.2): annual plans with their versions, and special campaigns."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.general.vocabulary import PlanId
from ledger.kernel import Fold, Recorded
from ledger.systems.filing.events import (
    AnnualPlanApproved,
    AnnualPlanFiled,
    FilingAccepted,
    FilingReturned,
    PlanAmended,
    PlanDiff,
    PlanItem,
    PlanPublished,
    SpecialPlanApproved,
)
from projections.tables import Code, Row
from projections.views import FoldView


class Version(msgspec.Struct):
    """One version: what it says, or changes, and how far its filing went."""

    approved_on: date | None = None
    items: tuple[PlanItem, ...] | None = None
    diff: PlanDiff | None = None
    reason: str | None = None
    filed_on: date | None = None
    accepted_on: date | None = None
    returned_on: date | None = None
    return_reasons: str | None = None
    published_on: date | None = None
    url: str | None = None


class Published(msgspec.Struct, frozen=True):
    """What everybody reads of one version."""

    published_on: date
    url: str
    items: tuple[PlanItem, ...]


class PlanState(Fold):
    """What does this plan say in each version?"""

    plan: PlanId
    unit: str = ""
    year: int | None = None
    versions: dict[int, Version] = msgspec.field(default_factory=dict)
    special: SpecialPlanApproved | None = None
    #: Each version as it was published, whatever was drafted since.
    published: dict[int, Published] = msgspec.field(default_factory=dict)

    def on_approved(self, event: AnnualPlanApproved, record: Recorded) -> None:
        self.unit, self.year = event.unit, event.year
        version = self._version(1)
        version.approved_on, version.items = record.occurred_on, event.items

    def on_amended(self, event: PlanAmended, record: Recorded) -> None:
        self.unit = event.unit
        version = self._version(event.version)
        version.approved_on, version.diff = record.occurred_on, event.diff
        version.reason = event.reason

    def on_filed(self, event: AnnualPlanFiled) -> None:
        self._version(event.version).filed_on = event.filed_on

    def on_accepted(self, event: FilingAccepted, record: Recorded) -> None:
        self._version(event.version).accepted_on = record.occurred_on

    def on_returned(self, event: FilingReturned, record: Recorded) -> None:
        version = self._version(event.version)
        version.returned_on, version.return_reasons = record.occurred_on, event.reasons

    def on_published(self, event: PlanPublished, record: Recorded) -> None:
        version = self._version(event.version)
        # Published again, at another address, it is no newer.
        version.published_on = version.published_on or record.occurred_on
        version.url = event.url
        self.unit = event.unit
        items = event.items or tuple(self.items(event.version))
        self.published[event.version] = Published(version.published_on, event.url, items)

    def on_special(self, event: SpecialPlanApproved) -> None:
        self.unit, self.special = event.unit, event

    def _version(self, number: int) -> Version:
        return self.versions.setdefault(number, Version())

    def items(self, version: int) -> list[PlanItem]:
        """The items of a version, after all amendments up to it."""
        items: dict[str, PlanItem] = {}
        for number in sorted(self.versions):
            if number > version:
                break
            one = self.versions[number]
            for item in one.items or ():
                items[item.matter] = item
            if one.diff is not None:
                for matter in one.diff.removed_matters:
                    items.pop(matter, None)
                items.update({item.matter: item for item in one.diff.set_items})
        return list(items.values())


PLANS = sa.Table(
    "plans",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("unit", Code, nullable=False, index=True),
    sa.Column("year", sa.Integer, index=True),
    sa.Column("special", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    #: The newest version that was published; 0 while none was.
    sa.Column("shown_version", sa.Integer, nullable=False, index=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Plans(FoldView[PlanState]):
    """A row for each plan."""

    name = "plans"
    version = 3
    kind = "plan"
    fold = PlanState
    table = PLANS
    tables = (PLANS,)

    def row(self, fold: PlanState, position: int) -> Row:
        return {
            "unit": fold.unit,
            "year": fold.year,
            "special": fold.special is not None,
            "version": max(fold.versions, default=0),
            "shown_version": max(fold.published, default=0),
        }


def public_document(plan: PlanState) -> dict[str, Any]:
    """A plan as everybody reads it: its newest published version, and each one before.

    A campaign is public as it is approved: no later act publishes it.
    """
    if plan.special is not None:
        return document(plan)
    newest = max(plan.published)
    return {
        "plan": plan.plan,
        "unit": plan.unit,
        "version": newest,
        "year": plan.year,
        "items": plan.published[newest].items,
        "versions": [
            {"version": number, **msgspec.structs.asdict(version)}
            for number, version in sorted(plan.published.items())
        ],
    }


def document(plan: PlanState) -> dict[str, Any]:
    """A plan as the authorities read it: what it says now, and every version."""
    newest = max(plan.versions, default=0)
    shown: dict[str, Any] = {"plan": plan.plan, "unit": plan.unit, "version": newest}
    if plan.special is not None:
        said = msgspec.to_builtins(plan.special)
        shown["special"] = {k: v for k, v in said.items() if k not in ("plan", "unit")}
        return shown
    shown["year"] = plan.year
    shown["items"] = plan.items(newest)
    shown["versions"] = [
        {"version": number, **msgspec.structs.asdict(version)}
        for number, version in sorted(plan.versions.items())
    ]
    return shown
