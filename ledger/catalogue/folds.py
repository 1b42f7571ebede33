"""Folds about units, officers and matters."""

from __future__ import annotations

from datetime import date

import msgspec

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
from ledger.kernel import Fold, Recorded
from ledger.vocabulary import EntityId, MatterId, OfficerId, UnitId


class UnitStanding(Fold):
    """May this unit enforce, and since when?"""

    unit: UnitId
    qualifications: list[EnforcementUnitQualified] = msgspec.field(default_factory=list)

    @property
    def exists(self) -> bool:
        return bool(self.qualifications)

    def on_qualified(self, event: EnforcementUnitQualified) -> None:
        self.qualifications.append(event)

    def qualified(self, on: date) -> EnforcementUnitQualified | None:
        """The newest qualification in force on a day."""
        for event in reversed(self.qualifications):
            if event.valid_from <= on and (event.valid_to is None or on <= event.valid_to):
                return event
        return None

    def may_use(self, matter: str, on: date) -> bool:
        """Whether the unit is qualified that day, and for an entrusted one, for that matter."""
        standing = self.qualified(on)
        return standing is not None and (
            standing.kind != "entrusted_org" or matter in standing.entrusted_matters
        )


class OfficerStanding(Fold):
    """Which certificates does this officer hold, and which were suspended?"""

    officer: OfficerId
    certificates: list[OfficerCertified] = msgspec.field(default_factory=list)
    suspensions: list[OfficerCertificateSuspended] = msgspec.field(default_factory=list)

    @property
    def exists(self) -> bool:
        return bool(self.certificates)

    def on_certified(self, event: OfficerCertified) -> None:
        self.certificates.append(event)

    def on_suspended(self, event: OfficerCertificateSuspended) -> None:
        self.suspensions.append(event)

    def barred(self, on: date, unit: str, domains: set[str]) -> str | None:
        """Why the officer may not inspect for ``unit`` in ``domains`` that day, or ``None``."""
        if not self.certificates:
            return "holds no certificate"
        of_unit = [c for c in self.certificates if c.unit == unit]
        if not of_unit:
            return f"is not certified for unit {unit}"
        valid = [c for c in of_unit if c.valid_from <= on <= c.valid_to]
        if not valid:
            newest = max(of_unit, key=lambda c: c.valid_to)
            return f"held a certificate from {newest.valid_from} to {newest.valid_to} only"
        for s in self.suspensions:
            if s.suspended_from <= on and (s.suspended_to is None or on <= s.suspended_to):
                return f"has been suspended since {s.suspended_from}"
        held = {domain for c in valid for domain in c.domains}
        missing = domains - held
        return f"is not certified for {', '.join(sorted(missing))}" if missing else None


class OfficerConflict(Fold):
    """Has this officer a declared or upheld conflict with this business?"""

    officer: OfficerId
    entity: EntityId
    reason: str | None = None

    def on_declared(self, event: OfficerConflictDeclared) -> None:
        self.reason = event.reason

    def on_ended(self, event: OfficerConflictEnded) -> None:
        self.reason = None


class Matter(Fold):
    """What does the catalogue say of this matter, and is it published?"""

    matter: MatterId
    unit: str = ""
    version: int = 0
    elements: MatterElements | None = None
    listed: Recorded | None = None
    published: dict[int, date] = msgspec.field(default_factory=dict)
    withdrawn_on: date | None = None

    @property
    def exists(self) -> bool:
        return self.elements is not None

    def on_listed(self, event: MatterListed, record: Recorded) -> None:
        self.unit = event.unit
        self.version = 1
        self.elements = event.elements
        self.listed = record

    def on_revised(self, event: MatterRevised, record: Recorded) -> None:
        self.version = event.version
        self.elements = event.elements
        self.listed = record

    def on_published(self, event: MatterPublished) -> None:
        self.published[event.version] = event.published_on

    def on_withdrawn(self, event: MatterWithdrawn, record: Recorded) -> None:
        self.withdrawn_on = record.occurred_on

    def in_force(self, on: date) -> bool:
        """Whether some version was published by that day and the matter not withdrawn."""
        return any(day <= on for day in self.published.values()) and (
            self.withdrawn_on is None or on < self.withdrawn_on
        )


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
