"""Units, officers and the matter catalogue (执法事项清单, 2.1) as they stand."""

from __future__ import annotations

from datetime import date

import msgspec
import sqlalchemy as sa

from ledger.catalogue.events import (
    EnforcementUnitQualified,
    MatterElements,
    MatterListed,
    MatterPublished,
    MatterRevised,
    MatterWithdrawn,
    OfficerCertificateSuspended,
    OfficerCertified,
    OfficerConflictDeclared,
    OfficerConflictEnded,
)
from ledger.filing.events import OnSiteInspectionOpened
from ledger.kernel import Fold, Recorded
from ledger.vocabulary import MatterId, OfficerId, UnitId
from projections.tables import Code, Row
from projections.views import FoldView


class MatterVersion(msgspec.Struct):
    """One version of a matter; public from the day it was published."""

    version: int
    listed_on: date
    elements: MatterElements
    reason: str | None = None
    published_on: date | None = None
    url: str | None = None


class MatterState(Fold):
    """Which versions has this matter had, and which of them is published?"""

    matter: MatterId
    unit: str = ""
    versions: dict[int, MatterVersion] = msgspec.field(default_factory=dict)
    published: dict[int, tuple[date, str]] = msgspec.field(default_factory=dict)
    withdrawn_on: date | None = None
    withdrawn_because: str | None = None

    def on_listed(self, event: MatterListed, record: Recorded) -> None:
        self.unit = event.unit
        self.versions[1] = MatterVersion(1, record.occurred_on, event.elements)

    def on_revised(self, event: MatterRevised, record: Recorded) -> None:
        self.versions[event.version] = MatterVersion(
            event.version, record.occurred_on, event.elements, event.reason
        )

    def on_published(self, event: MatterPublished) -> None:
        self.published[event.version] = (event.published_on, event.url)

    def on_withdrawn(self, event: MatterWithdrawn, record: Recorded) -> None:
        self.withdrawn_on, self.withdrawn_because = record.occurred_on, event.reason

    def history(self) -> list[MatterVersion]:
        """The versions in order, each with its publication."""
        return [
            msgspec.structs.replace(
                version,
                published_on=self.published.get(number, (None, None))[0],
                url=self.published.get(number, (None, None))[1],
            )
            for number, version in sorted(self.versions.items())
        ]


MATTERS = sa.Table(
    "matters",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("unit", Code, nullable=False, index=True),
    sa.Column("name", sa.Text),
    sa.Column("act_kind", Code, index=True),
    sa.Column("domain", Code, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("published", sa.Boolean, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Matters(FoldView[MatterState]):
    """A row for each matter, as its newest version says."""

    name = "matters"
    version = 1
    kind = "matter"
    fold = MatterState
    table = MATTERS
    tables = (MATTERS,)

    def row(self, fold: MatterState, position: int) -> Row:
        newest = max(fold.versions, default=0)
        elements = fold.versions[newest].elements if newest else None
        return {
            "unit": fold.unit,
            "name": None if elements is None else elements.name,
            "act_kind": None if elements is None else elements.act_kind,
            "domain": None if elements is None else elements.domain,
            "version": newest,
            "published": bool(fold.published),
            "withdrawn": fold.withdrawn_on is not None,
        }


class UnitState(Fold):
    """What is this unit, and what was it qualified for?"""

    unit: UnitId
    qualifications: list[EnforcementUnitQualified] = msgspec.field(default_factory=list)

    def on_qualified(self, event: EnforcementUnitQualified) -> None:
        # A unit may appear in another's entrustment; that says nothing about itself.
        if event.unit == self.unit:
            self.qualifications.append(event)


UNITS = sa.Table(
    "units",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("area", Code),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Units(FoldView[UnitState]):
    """A row for each unit."""

    name = "units"
    version = 1
    kind = "unit"
    fold = UnitState
    table = UNITS
    tables = (UNITS,)

    def row(self, fold: UnitState, position: int) -> Row:
        newest = max(fold.qualifications, key=lambda q: q.valid_from, default=None)
        return {
            "name": None if newest is None else newest.name,
            "area": None if newest is None else newest.area,
        }


class OfficerState(Fold):
    """What may this officer do, and how often was the officer on site?"""

    officer: OfficerId
    certificates: list[OfficerCertified] = msgspec.field(default_factory=list)
    suspensions: list[OfficerCertificateSuspended] = msgspec.field(default_factory=list)
    conflicts: dict[str, str] = msgspec.field(default_factory=dict)
    visits: int = 0
    #: How often together with each other officer.
    pairs: dict[str, int] = msgspec.field(default_factory=dict)

    def on_certified(self, event: OfficerCertified) -> None:
        self.certificates.append(event)

    def on_suspended(self, event: OfficerCertificateSuspended) -> None:
        self.suspensions.append(event)

    def on_conflict(self, event: OfficerConflictDeclared) -> None:
        self.conflicts[event.entity] = event.reason

    def on_conflict_ended(self, event: OfficerConflictEnded) -> None:
        self.conflicts.pop(event.entity, None)

    def on_visit(self, event: OnSiteInspectionOpened) -> None:
        self.visits += 1
        for other in event.officers:
            if other != self.officer:
                self.pairs[other] = self.pairs.get(other, 0) + 1


OFFICERS = sa.Table(
    "officers",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("unit", Code, index=True),
    sa.Column("visits", sa.Integer, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Officers(FoldView[OfficerState]):
    """A row for each officer."""

    name = "officers"
    version = 1
    kind = "officer"
    fold = OfficerState
    table = OFFICERS
    tables = (OFFICERS,)

    def row(self, fold: OfficerState, position: int) -> Row:
        newest = max(fold.certificates, key=lambda c: c.valid_to, default=None)
        return {"unit": None if newest is None else newest.unit, "visits": fold.visits}
