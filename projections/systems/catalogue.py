"""Units, officers and the matter catalogue (执法事项清单, 2.1) as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec
import sqlalchemy as sa

from ledger.general.vocabulary import MatterId, OfficerId, UnitId
from ledger.kernel import Command, Fold, Recorded
from ledger.kernel.days import add_months
from ledger.systems.catalogue.commands import ReviewIdleMatter
from ledger.systems.catalogue.events import (
    BasisRepealed,
    EnforcementUnitQualified,
    MatterCode,
    MatterCodesAssigned,
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
from ledger.systems.catalogue.folds import LastUse
from ledger.systems.complaints.events import ComplaintReceived
from ledger.systems.filing.events import OnSiteInspectionOpened
from projections.follower import Views
from projections.systems.policies import value_in_force
from projections.systems.records import iso
from projections.tables import Code, Row
from projections.views import FoldView, subject_table


class MatterVersion(msgspec.Struct):
    """One version of a matter; public from the day it was published."""

    version: int
    listed_on: date
    elements: MatterElements
    reason: str | None = None
    published_on: date | None = None
    url: str | None = None


class Repeal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A repeal that took the ground from under a matter, or a part of it."""

    instrument: str
    article: str | None
    repealed_on: date


class MatterState(Fold):
    """Which versions has this matter had, which of them is published, and is it law still?"""

    matter: MatterId
    unit: str = ""
    versions: dict[int, MatterVersion] = msgspec.field(default_factory=dict)
    published: dict[int, tuple[date, str]] = msgspec.field(default_factory=dict)
    withdrawn_on: date | None = None
    withdrawn_because: str | None = None
    repeals: list[Repeal] = msgspec.field(default_factory=list)
    codes: tuple[MatterCode, ...] = ()

    def on_listed(self, event: MatterListed, record: Recorded) -> None:
        self.unit = event.unit
        self.versions[1] = MatterVersion(1, record.occurred_on, event.elements)

    def on_revised(self, event: MatterRevised, record: Recorded) -> None:
        self.versions[event.version] = MatterVersion(
            event.version, record.occurred_on, event.elements, event.reason
        )

    def on_published(self, event: MatterPublished) -> None:
        # Published again, at another address, it is no newer.
        since, _ = self.published.get(event.version, (event.published_on, ""))
        self.published[event.version] = (since, event.url)

    def on_coded(self, event: MatterCodesAssigned) -> None:
        self.codes = event.codes

    def on_withdrawn(self, event: MatterWithdrawn, record: Recorded) -> None:
        self.withdrawn_on, self.withdrawn_because = record.occurred_on, event.reason

    def on_repealed(self, event: BasisRepealed) -> None:
        self.repeals.append(Repeal(event.law, event.article, event.repealed_on))

    @property
    def elements(self) -> MatterElements | None:
        """What it says now: as last published, or as listed if it never was."""
        newest = max(self.published or self.versions, default=None)
        version = None if newest is None else self.versions.get(newest)
        return None if version is None else version.elements

    def repealed(self) -> list[Repeal]:
        """Its bases that are or will be law no more."""
        elements = self.elements
        found = []
        for basis in () if elements is None else elements.bases:
            days = [
                repeal.repealed_on
                for repeal in self.repeals
                if repeal.instrument == basis.instrument and repeal.article in (None, basis.article)
            ]
            if basis.repealed_on is not None:
                days.append(basis.repealed_on)
            if days:
                found.append(Repeal(basis.instrument, basis.article, min(days)))
        return found

    @property
    def orphaned_on(self) -> date | None:
        """The day from which no law carries it, if there is one and it was not withdrawn."""
        elements, repealed = self.elements, self.repealed()
        if elements is None or self.withdrawn_on or len(repealed) < len(elements.bases):
            return None
        return max((one.repealed_on for one in repealed), default=None)

    @property
    def first_published_on(self) -> date | None:
        """Since when it may be used."""
        return min((day for day, _ in self.published.values()), default=None)

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
    #: The newest version that was published, 0 if none was: others are drafts.
    sa.Column("shown_version", sa.Integer, nullable=False),
    sa.Column("draft_name", sa.Text),
    sa.Column("published", sa.Boolean, nullable=False, index=True),
    sa.Column("withdrawn", sa.Boolean, nullable=False, index=True),
    sa.Column("first_published_on", Code),
    sa.Column("orphaned_on", Code, index=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class Matters(FoldView[MatterState]):
    """A row for each matter, as its newest version says."""

    name = "matters"
    version = 4
    kind = "matter"
    fold = MatterState
    table = MATTERS
    tables = (MATTERS,)

    def row(self, fold: MatterState, position: int) -> Row:
        newest, shown = max(fold.versions, default=0), max(fold.published, default=0)
        drafted = fold.versions[newest].elements if newest else None
        elements = fold.elements
        return {
            "unit": fold.unit,
            "name": None if elements is None else elements.name,
            "act_kind": None if elements is None else elements.act_kind,
            "domain": None if elements is None else elements.domain,
            "version": newest,
            "shown_version": shown,
            "draft_name": None if drafted is None else drafted.name,
            "published": bool(fold.published) and fold.withdrawn_on is None,
            "withdrawn": fold.withdrawn_on is not None,
            "first_published_on": iso(fold.first_published_on),
            "orphaned_on": iso(fold.orphaned_on),
        }


MATTER_USES = subject_table("matter_uses", "used_on", "found_idle_on")


class MatterUses(FoldView[LastUse]):
    """A row for each matter that was used; shown to nobody, since visits are sealed until made."""

    name = "matter_uses"
    kind = "matter"
    fold = LastUse
    table = MATTER_USES
    tables = (MATTER_USES,)


def idle_matters(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """The inspection matters that have lain unused for years (CAT-V2)."""
    with views.reading() as connection:
        years = value_in_force(connection, "catalogue.idle_years", today)
        if years is None:
            return
        since = sa.func.coalesce(MATTER_USES.c.used_on, MATTERS.c.first_published_on)
        found = MATTER_USES.c.found_idle_on
        rows = connection.execute(
            sa.select(MATTERS.c.key, since.label("since"))
            .outerjoin(MATTER_USES, MATTER_USES.c.key == MATTERS.c.key)
            .where(
                MATTERS.c.act_kind == "inspection",
                sa.not_(MATTERS.c.withdrawn),
                since < add_months(today, -12 * int(years)).isoformat(),
                sa.or_(found.is_(None), found <= since),
            )
            .order_by(MATTERS.c.key)
        )
        for row in rows.all():
            yield ReviewIdleMatter(matter=row.key), f"idle:{row.key}:{row.since}"


class UnitState(Fold):
    """What is this unit, and what was it qualified for?"""

    unit: UnitId
    qualifications: list[EnforcementUnitQualified] = msgspec.field(default_factory=list)

    def on_qualified(self, event: EnforcementUnitQualified) -> None:
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
    """What may this officer do, how often was the officer on site, and who complained of that?

    That a complaint names an officer is sealed: ``complaints`` are their ids, and what came of them
    stands with the complaints (2.12).
    """

    officer: OfficerId
    certificates: list[OfficerCertified] = msgspec.field(default_factory=list)
    suspensions: list[OfficerCertificateSuspended] = msgspec.field(default_factory=list)
    conflicts: dict[str, str] = msgspec.field(default_factory=dict)
    visits: int = 0
    #: How often together with each other officer.
    pairs: dict[str, int] = msgspec.field(default_factory=dict)
    complaints: list[str] = msgspec.field(default_factory=list)

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

    def on_complaint(self, event: ComplaintReceived) -> None:
        self.complaints.append(event.complaint)


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
