"""Inspection plans (检查计划, 2.2): annual plans with their versions, and special campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UnsetType

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
from projections.answers import fields_type, shown_type
from projections.tables import Code, Row
from projections.views import FoldView
from projections.words import TextIndex, Texts


class Version(msgspec.Struct):
    """One version: its items or its changes, and the progress of its filing."""

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
    """The public part of one version."""

    published_on: date
    url: str
    items: tuple[PlanItem, ...]


class PlanState(Fold):
    """What does each version of this plan contain?"""

    plan: PlanId
    unit: str = ""
    year: int | None = None
    versions: dict[int, Version] = msgspec.field(default_factory=dict)
    special: SpecialPlanApproved | None = None
    #: Each version as it was published, without later drafts.
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
        # Published again at another address, the version keeps its first day.
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
        """Return the items of a version, after all amendments up to it."""
        items: dict[str, PlanItem] = {}
        for number in sorted(self.versions):
            if number > version:
                break
            amended = self.versions[number]
            for item in amended.items or ():
                items[item.matter] = item
            if amended.diff is not None:
                for matter in amended.diff.removed_matters:
                    items.pop(matter, None)
                items.update({item.matter: item for item in amended.diff.set_items})
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
    #: The newest published version; 0 if there is none.
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
    search = TextIndex("plans")
    tables = (PLANS, *search.tables)

    def texts(self, fold: PlanState) -> Texts:
        special = fold.special
        return Texts((fold.plan,) if special is None else (fold.plan, special.scope))

    def row(self, fold: PlanState, position: int) -> Row:
        return {
            "unit": fold.unit,
            "year": fold.year,
            "special": fold.special is not None,
            "version": max(fold.versions, default=0),
            "shown_version": max(fold.published, default=0),
        }


_PlanVersion: Any = shown_type(Version, called="PlanVersion", version=int)

#: A plan: its newest content and every version; of a special campaign, its approval.
ShownPlan = fields_type(
    PlanState,
    *("plan", "unit"),
    called="ShownPlan",
    version=int,
    year=int | None | UnsetType,
    items=Sequence[PlanItem] | UnsetType,
    versions=list[_PlanVersion] | UnsetType,
    special=shown_type(SpecialPlanApproved, ("plan", "unit"), called="SpecialPlan") | UnsetType,
)


def public_document(plan: PlanState) -> dict[str, Any]:
    """Return the public document of a plan: its newest published version and all earlier ones.

    A special campaign becomes public with its approval; there is no separate publication.
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
    """Return the document of a plan for authorities: its newest content and every version."""
    newest = max(plan.versions, default=0)
    shown: dict[str, Any] = {"plan": plan.plan, "unit": plan.unit, "version": newest}
    if plan.special is not None:
        fields = msgspec.to_builtins(plan.special)
        shown["special"] = {k: v for k, v in fields.items() if k not in ("plan", "unit")}
        return shown
    shown["year"] = plan.year
    shown["items"] = plan.items(newest)
    shown["versions"] = [
        {"version": number, **msgspec.structs.asdict(version)}
        for number, version in sorted(plan.versions.items())
    ]
    return shown
