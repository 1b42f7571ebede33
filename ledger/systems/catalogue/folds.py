"""Folds about units, officers and matters."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import EntityId, LawId, MatterId, OfficerId, UnitId
from ledger.kernel import Fold, Message, Recorded, SubjectFold, message
from ledger.kernel.versions import in_force
from ledger.systems.catalogue.events import (
    Basis,
    BasisRepealed,
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
from ledger.systems.filing.events import InspectionTaskApproved, OnSiteInspectionOpened


class UnitStanding(SubjectFold):
    """May this unit enforce, and since when?"""

    BEGUN = "qualifications"

    unit: UnitId
    qualifications: list[EnforcementUnitQualified] = msgspec.field(default_factory=list)

    def on_qualified(self, event: EnforcementUnitQualified) -> None:
        self.qualifications.append(event)

    def qualified(self, on: date) -> EnforcementUnitQualified | None:
        """Return the qualification in force on a day; of several the newest one (2.17)."""
        holding = [
            event
            for event in reversed(self.qualifications)
            if event.valid_from <= on and (event.valid_to is None or on <= event.valid_to)
        ]
        return max(holding, key=lambda event: event.valid_from, default=None)

    def may_use(self, matter: str, on: date) -> bool:
        """Return whether the unit may use a matter on a day.

        An entrusted unit may use only the matters that were entrusted to it.
        """
        standing = self.qualified(on)
        return standing is not None and (
            standing.kind != "entrusted_org" or matter in standing.entrusted_matters
        )

    def has_power(self, matter: Matter, elements: MatterElements, on: date) -> bool:
        """Return whether the unit may use a matter, its own, delegated or entrusted, on a day."""
        standing = self.qualified(on)
        return self.may_use(matter.matter, on) and (
            self.unit in (matter.unit, elements.delegated_to)
            or (standing is not None and standing.entrusted_by == matter.unit)
        )


class OfficerStanding(SubjectFold):
    """Which certificates does this officer hold, and which were suspended?"""

    BEGUN = "certificates"

    officer: OfficerId
    certificates: list[OfficerCertified] = msgspec.field(default_factory=list)
    suspensions: list[OfficerCertificateSuspended] = msgspec.field(default_factory=list)

    @property
    def units(self) -> set[str]:
        return {certificate.unit for certificate in self.certificates}

    def on_certified(self, event: OfficerCertified) -> None:
        self.certificates.append(event)

    def on_suspended(self, event: OfficerCertificateSuspended) -> None:
        self.suspensions.append(event)

    def barred(self, on: date, unit: str, domains: set[str]) -> Message | None:
        """Return why the officer may not inspect for ``unit`` in ``domains``, or ``None``."""
        if not self.certificates:
            return message("catalogue.holds-no-certificate")
        of_unit = [c for c in self.certificates if c.unit == unit]
        if not of_unit:
            return message("catalogue.not-certified-unit", unit=unit)
        valid = [c for c in of_unit if c.valid_from <= on <= c.valid_to]
        if not valid:
            newest = max(of_unit, key=lambda c: c.valid_to)
            return message(
                "catalogue.held-certificate-only",
                valid_from=newest.valid_from,
                valid_to=newest.valid_to,
            )
        for s in self.suspensions:
            if s.suspended_from <= on and (s.suspended_to is None or on <= s.suspended_to):
                return message("catalogue.been-suspended-since", suspended_from=s.suspended_from)
        held = {domain for c in valid for domain in c.domains}
        missing = domains - held
        return message("catalogue.not-certified", missing=sorted(missing)) if missing else None

    def valid_numbers(self, on: date, units: Collection[str]) -> set[str]:
        """Return the numbers of the certificates for any of ``units`` that are valid on a day."""
        return {
            c.cert_no
            for c in self.certificates
            if c.unit in units and c.valid_from <= on <= c.valid_to
        }


class OfficerConflict(Fold):
    """Does this officer have a declared or upheld conflict of interest with this business?"""

    officer: OfficerId
    entity: EntityId
    reason: str | None = None

    def on_declared(self, event: OfficerConflictDeclared) -> None:
        self.reason = event.reason

    def on_ended(self, event: OfficerConflictEnded) -> None:
        self.reason = None


class Matter(SubjectFold):
    """What are the elements of this matter, and which of its versions are published?

    ``version`` and ``elements`` are the newest, published or not. An act is judged by the version
    ``in_force_on`` its day.
    """

    BEGUN = "versions"

    matter: MatterId
    unit: str = ""
    version: int = 0
    versions: dict[int, MatterElements] = msgspec.field(default_factory=dict)
    listed: Recorded | None = None
    published: dict[int, date] = msgspec.field(default_factory=dict)
    withdrawn_on: date | None = None

    @property
    def elements(self) -> MatterElements | None:
        return self.versions.get(self.version)

    def on_listed(self, event: MatterListed, record: Recorded) -> None:
        self.unit = event.unit
        self.version = 1
        self.versions[1] = event.elements
        self.listed = record

    def on_revised(self, event: MatterRevised, record: Recorded) -> None:
        self.version = event.version
        self.versions[event.version] = event.elements
        self.listed = record

    def on_published(self, event: MatterPublished) -> None:
        # Publishing the same version again at another address does not change its first day.
        self.published.setdefault(event.version, event.published_on)

    def on_withdrawn(self, event: MatterWithdrawn, record: Recorded) -> None:
        self.withdrawn_on = record.occurred_on

    def in_force_on(self, day: date) -> MatterElements | None:
        """Return the newest version published by ``day``, or ``None`` if withdrawn by then."""
        version = in_force(self.published, day, self.published.get)
        if version is None or (self.withdrawn_on is not None and self.withdrawn_on <= day):
            return None
        return self.versions.get(version)


class Repeals(Fold):
    """Which articles of this instrument were repealed, and when?

    The article ``None`` stands for the whole instrument.
    """

    law: LawId
    articles: dict[str | None, date] = msgspec.field(default_factory=dict)

    def on_repealed(self, event: BasisRepealed) -> None:
        known = self.articles.get(event.article, event.repealed_on)
        self.articles[event.article] = min(known, event.repealed_on)

    def of(self, basis: Basis) -> date | None:
        """Return the first day on which a basis is no longer law, or ``None`` if not recorded."""
        days = [self.articles[a] for a in (None, basis.article) if a in self.articles]
        if basis.repealed_on is not None:
            days.append(basis.repealed_on)
        return min(days, default=None)


class MattersOn(Fold):
    """Which matters in use are based on this instrument?"""

    instrument: str
    matters: dict[str, Matter] = msgspec.field(default_factory=dict)

    def on_changed(
        self,
        event: MatterListed | MatterRevised | MatterPublished | MatterWithdrawn,
        record: Recorded,
    ) -> None:
        self.matters.setdefault(event.matter, Matter(event.matter)).take(record)

    def resting(self, article: str | None, on: date) -> dict[str, tuple[str, list[Basis]]]:
        """Return the matters based on ``article`` (``None``: any), with their unit and those bases.

        A matter counts with its published elements, or as listed if it was never published.
        """
        by_matter = {}
        for matter in self.matters.values():
            elements = matter.in_force_on(on) if matter.published else matter.elements
            if elements is None or matter.withdrawn_on is not None:
                continue
            bases = [
                basis
                for basis in elements.bases
                if basis.instrument == self.instrument and article in (None, basis.article)
            ]
            if bases:
                by_matter[matter.matter] = (matter.unit, bases)
        return by_matter


class RepealsFound(Fold):
    """Which repealed bases of this matter were already reported as findings (CAT-V1)?"""

    matter: MatterId
    bases: set[str] = msgspec.field(default_factory=set)

    def on_found(self, event: FindingRaised) -> None:
        if event.rule_id == "CAT-V1":
            self.bases.update(event.facts.get("repealed", ()))


class LastUse(Fold):
    """When was this matter last used for an inspection, and when was it last found to be idle?"""

    matter: MatterId
    used_on: date | None = None
    found_idle_on: date | None = None

    def on_used(
        self, event: InspectionTaskApproved | OnSiteInspectionOpened, record: Recorded
    ) -> None:
        self.used_on = max(self.used_on or record.occurred_on, record.occurred_on)

    def on_found(self, event: FindingRaised, record: Recorded) -> None:
        if event.rule_id == "CAT-V2":
            self.found_idle_on = record.occurred_on


class SameMatter(Fold):
    """Which units list an inspection matter of this name for this class of businesses?"""

    name: str
    entity_class: str
    units: dict[str, str] = msgspec.field(default_factory=dict)

    def on_listed(self, event: MatterListed | MatterRevised) -> None:
        elements = event.elements
        same = (
            elements.act_kind == "inspection"
            and elements.name == self.name
            and elements.entity_class == self.entity_class
        )
        if same:
            self.units[event.matter] = event.unit
        else:
            self.units.pop(event.matter, None)

    def on_withdrawn(self, event: MatterWithdrawn) -> None:
        self.units.pop(event.matter, None)
