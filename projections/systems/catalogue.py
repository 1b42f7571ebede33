"""Units, officers and the matter catalogue (执法事项清单, 2.1): their current state."""

from __future__ import annotations

from datetime import date

import msgspec
import sqlalchemy as sa

from ledger.general.vocabulary import MatterId, OfficerId, UnitId
from ledger.kernel import Fold, Recorded
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
from projections.systems.records import iso
from projections.tables import Code, Row
from projections.views import FoldView, subject_table
from projections.words import TextIndex, Texts, named


class MatterVersion(msgspec.Struct):
    """One version of a matter; it is public from the day of its publication."""

    version: int
    listed_on: date
    elements: MatterElements
    reason: str | None = None
    published_on: date | None = None
    url: str | None = None


class Repeal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The repeal of a legal basis of a matter, whole or one article."""

    instrument: str
    article: str | None
    repealed_on: date


class MatterState(Fold):
    """Which versions does this matter have, which are published, and are its bases in force?"""

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
        # Published again at another address, the version keeps its first day.
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
        """Its elements as last published, or as last listed if it was never published."""
        newest = max(self.published or self.versions, default=None)
        version = None if newest is None else self.versions.get(newest)
        return None if version is None else version.elements

    def repealed(self) -> list[Repeal]:
        """Return its legal bases that are, or will be, repealed."""
        elements = self.elements
        repealed_bases = []
        for basis in () if elements is None else elements.bases:
            days = [
                repeal.repealed_on
                for repeal in self.repeals
                if repeal.instrument == basis.instrument and repeal.article in (None, basis.article)
            ]
            if basis.repealed_on is not None:
                days.append(basis.repealed_on)
            if days:
                repealed_bases.append(Repeal(basis.instrument, basis.article, min(days)))
        return repealed_bases

    @property
    def orphaned_on(self) -> date | None:
        """The day from which it has no legal basis left; ``None`` if withdrawn or still based."""
        elements, repealed = self.elements, self.repealed()
        if elements is None or self.withdrawn_on or len(repealed) < len(elements.bases):
            return None
        return max((repeal.repealed_on for repeal in repealed), default=None)

    @property
    def first_published_on(self) -> date | None:
        """The first day on which the matter may be used."""
        return min((day for day, _ in self.published.values()), default=None)

    def history(self) -> list[MatterVersion]:
        """Return the versions in order, each with its publication."""
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
    #: The newest published version, 0 if there is none; newer versions are drafts.
    sa.Column("shown_version", sa.Integer, nullable=False),
    sa.Column("draft_name", sa.Text),
    sa.Column("published", sa.Boolean, nullable=False, index=True),
    sa.Column("withdrawn", sa.Boolean, nullable=False, index=True),
    sa.Column("first_published_on", Code),
    sa.Column("orphaned_on", Code, index=True),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


MATTER_TEXTS = TextIndex("matters")


class Matters(FoldView[MatterState]):
    """A row for each matter, by its newest version."""

    name = "matters"
    version = 4
    kind = "matter"
    fold = MatterState
    table = MATTERS
    search = MATTER_TEXTS
    tables = (MATTERS, *MATTER_TEXTS.tables)

    def texts(self, fold: MatterState) -> Texts:
        names = {number: version.elements.name for number, version in fold.versions.items()}
        shown = [name for number, name in names.items() if number in fold.published]
        drafts = [name for name in names.values() if name not in shown]
        return Texts((fold.matter, *named(*shown)), named(*drafts))

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
    """A row for each matter that was used; shown to no reader, since planned visits are sealed."""

    name = "matter_uses"
    kind = "matter"
    fold = LastUse
    table = MATTER_USES
    tables = (MATTER_USES,)


class UnitState(Fold):
    """What is this unit, and for what was it qualified?"""

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


UNIT_TEXTS = TextIndex("units")


class Units(FoldView[UnitState]):
    """A row for each unit."""

    name = "units"
    version = 1
    kind = "unit"
    fold = UnitState
    table = UNITS
    search = UNIT_TEXTS
    tables = (UNITS, *UNIT_TEXTS.tables)

    def texts(self, fold: UnitState) -> Texts:
        return Texts((fold.unit, *named(*(q.name for q in fold.qualifications))))

    def row(self, fold: UnitState, position: int) -> Row:
        newest = max(fold.qualifications, key=lambda q: q.valid_from, default=None)
        return {
            "name": None if newest is None else newest.name,
            "area": None if newest is None else newest.area,
        }


class OfficerState(Fold):
    """What may this officer do, how often was the officer on site, and who complained?

    That a complaint names an officer is sealed. ``complaints`` are the ids of complaints; their
    outcome is in the view of complaints (2.12).
    """

    officer: OfficerId
    certificates: list[OfficerCertified] = msgspec.field(default_factory=list)
    suspensions: list[OfficerCertificateSuspended] = msgspec.field(default_factory=list)
    conflicts: dict[str, str] = msgspec.field(default_factory=dict)
    visits: int = 0
    #: The number of visits together with each other officer.
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
