"""Folds about dishonesty determinations, lists, incentives and sanctions."""

from __future__ import annotations

from datetime import date
from typing import Literal, get_args

import msgspec

from ledger.general.vocabulary import (
    DeterminationId,
    EntityId,
    IncentiveId,
    ListFieldId,
    MeasureCatalogueId,
    RecordId,
    SanctionId,
)
from ledger.kernel import Fold, Recorded
from ledger.systems.credit.events import RecordSeverity
from ledger.systems.dishonesty.events import (
    DefenceLapsed,
    DefenceSubmitted,
    DeterminationNotified,
    DishonestyDetermined,
    IncentiveEnded,
    IncentiveGranted,
    IncentivePromised,
    ListCriteria,
    ListCriteriaProposed,
    ListCriteriaPublished,
    ListCriteriaWithdrawn,
    Measure,
    MeasureCataloguePublished,
    SanctionApplied,
    SanctionLifted,
    SeriousListAdded,
    SeriousListRemoved,
)

#: A region has one catalogue of measures: the national base with its own supplement.
CATALOGUE: MeasureCatalogueId = "region"


#: The classes of dishonesty information, the lightest first.
_CLASSES = get_args(RecordSeverity)


def at_least(severity: RecordSeverity | None, least: RecordSeverity) -> bool:
    """Whether information of a class is at least as grave as another class."""
    return severity is not None and _CLASSES.index(severity) >= _CLASSES.index(least)


class Determination(Fold):
    """What was the business told, what did it answer, and what was determined?

    ``answered``: the business itself has sent a defence, beside what the unit says it was handed.
    """

    determination: DeterminationId
    notice: DeterminationNotified | None = None
    notified_on: date | None = None
    defences: list[DefenceSubmitted] = msgspec.field(default_factory=list)
    answered: bool = False
    lapsed_on: date | None = None
    determined: DishonestyDetermined | None = None
    determined_on: date | None = None
    listed: RecordId | None = None
    removed_on: date | None = None

    @property
    def exists(self) -> bool:
        return self.notice is not None

    @property
    def entity(self) -> str:
        return "" if self.notice is None else self.notice.entity

    @property
    def unit(self) -> str:
        return "" if self.notice is None else self.notice.unit

    @property
    def stage(self) -> str:
        """How far it has come."""
        if self.determined is not None:
            if self.listed is None:
                return "determined"
            return "listed" if self.removed_on is None else "removed"
        if self.defences:
            return "defended"
        return "notified" if self.lapsed_on is None else "lapsed"

    def on_notified(self, event: DeterminationNotified, record: Recorded) -> None:
        self.notice, self.notified_on = event, record.occurred_on

    def on_defended(self, event: DefenceSubmitted, record: Recorded) -> None:
        self.defences.append(event)
        self.answered = self.answered or record.envelope.actor.role == "entity_rep"

    def on_lapsed(self, event: DefenceLapsed) -> None:
        self.lapsed_on = event.ended_on

    def on_determined(self, event: DishonestyDetermined, record: Recorded) -> None:
        self.determined, self.determined_on = event, record.occurred_on

    def on_listed(self, event: SeriousListAdded) -> None:
        self.listed = event.record

    def on_removed(self, event: SeriousListRemoved) -> None:
        self.removed_on = event.removed_on


class SeriousListing(Fold):
    """Does this record stand on a serious list?"""

    record: RecordId
    added: SeriousListAdded | None = None
    removed: SeriousListRemoved | None = None

    @property
    def exists(self) -> bool:
        return self.added is not None

    @property
    def stands(self) -> bool:
        """Whether the business is on the list by it."""
        return self.added is not None and self.removed is None

    @property
    def entity(self) -> str:
        return "" if self.added is None else self.added.entity

    @property
    def unit(self) -> str:
        return "" if self.added is None else self.added.unit

    @property
    def list_field(self) -> str:
        return "" if self.added is None else self.added.list_field

    def on_added(self, event: SeriousListAdded) -> None:
        self.added = event

    def on_removed(self, event: SeriousListRemoved) -> None:
        self.removed = event


class CriteriaVersion(msgspec.Struct):
    """One version of the criteria of a list, from their proposal on."""

    proposal: ListCriteria
    proposed_on: date
    url: str
    published_on: date | None = None


class ListField(Fold):
    """Which criteria has the serious list of this field had, and are any in force?"""

    list_field: ListFieldId
    unit: str = ""
    versions: dict[int, CriteriaVersion] = msgspec.field(default_factory=dict)
    withdrawn_on: date | None = None

    @property
    def exists(self) -> bool:
        return bool(self.versions)

    @property
    def latest(self) -> int:
        """The number of the newest version, 0 if there is none."""
        return max(self.versions, default=0)

    def on_proposed(self, event: ListCriteriaProposed, record: Recorded) -> None:
        self.unit = event.unit
        self.versions[event.version] = CriteriaVersion(
            event.proposal, record.occurred_on, event.url
        )

    def on_published(self, event: ListCriteriaPublished, record: Recorded) -> None:
        self.versions[event.version].published_on = record.occurred_on
        self.withdrawn_on = None

    def on_withdrawn(self, event: ListCriteriaWithdrawn, record: Recorded) -> None:
        self.withdrawn_on = record.occurred_on

    def in_force(self, on: date) -> int | None:
        """The newest version published by a day, unless all were withdrawn by then."""
        if self.withdrawn_on is not None and self.withdrawn_on <= on:
            return None
        published = [
            number
            for number, version in self.versions.items()
            if version.published_on is not None and version.published_on <= on
        ]
        return max(published, default=None)


class MeasureCatalogue(Fold):
    """Which versions of the catalogue of measures are there?"""

    catalogue: MeasureCatalogueId
    versions: list[MeasureCataloguePublished] = msgspec.field(default_factory=list)

    @property
    def latest(self) -> int:
        """The number of the newest version, 0 if there is none."""
        return max((version.version for version in self.versions), default=0)

    def on_published(self, event: MeasureCataloguePublished) -> None:
        self.versions.append(event)

    def in_force(self, on: date) -> MeasureCataloguePublished | None:
        """The version in force on a day: of those in effect the newest by its day (2.17)."""
        return max(
            (version for version in self.versions if version.effective_from <= on),
            key=lambda version: (version.effective_from, version.version),
            default=None,
        )

    def item(self, version: int, name: str) -> Measure | None:
        """A measure as one version of the catalogue has it."""
        items = (one for each in self.versions if each.version == version for one in each.items)
        return next((item for item in items if item.measure == name), None)

    def measure(self, name: str, on: date) -> tuple[int, Measure | None]:
        """A measure of the version in force on a day, and the number of that version."""
        version = self.in_force(on)
        if version is None:
            return 0, None
        found = (item for item in version.items if item.measure == name)
        return version.version, next(found, None)


class Incentive(Fold):
    """Was this incentive promised, is it applied, and has it ended?"""

    incentive: IncentiveId
    promised: IncentivePromised | None = None
    granted: IncentiveGranted | None = None
    ended: IncentiveEnded | None = None

    @property
    def exists(self) -> bool:
        return self.promised is not None or self.granted is not None

    @property
    def entity(self) -> str:
        return self._of.entity if self._of is not None else ""

    @property
    def unit(self) -> str:
        return self._of.unit if self._of is not None else ""

    @property
    def measure(self) -> str:
        return self._of.measure if self._of is not None else ""

    @property
    def stage(self) -> Literal["promised", "granted", "ended"]:
        """How far it has come."""
        if self.ended is not None:
            return "ended"
        return "promised" if self.granted is None else "granted"

    @property
    def _of(self) -> IncentivePromised | IncentiveGranted | None:
        return self.promised or self.granted

    def on_promised(self, event: IncentivePromised) -> None:
        self.promised = event

    def on_granted(self, event: IncentiveGranted) -> None:
        self.granted = event

    def on_ended(self, event: IncentiveEnded) -> None:
        self.ended = event


class Sanction(Fold):
    """What is this sanction, and is it alive?"""

    sanction: SanctionId
    applied: SanctionApplied | None = None
    lifted: SanctionLifted | None = None

    @property
    def exists(self) -> bool:
        return self.applied is not None

    @property
    def alive(self) -> bool:
        """Whether it was applied and not lifted."""
        return self.applied is not None and self.lifted is None

    @property
    def entity(self) -> str:
        return "" if self.applied is None else self.applied.entity

    @property
    def unit(self) -> str:
        return "" if self.applied is None else self.applied.unit

    @property
    def record(self) -> str:
        return "" if self.applied is None else self.applied.record

    @property
    def measure(self) -> str:
        return "" if self.applied is None else self.applied.measure

    def on_applied(self, event: SanctionApplied) -> None:
        self.applied = event

    def on_lifted(self, event: SanctionLifted) -> None:
        self.lifted = event


class Sanctions(Fold):
    """Which sanctions has this business had, and which of them are alive?"""

    entity: EntityId
    applied: dict[str, SanctionApplied] = msgspec.field(default_factory=dict)
    lifted: dict[str, SanctionLifted] = msgspec.field(default_factory=dict)

    def on_applied(self, event: SanctionApplied) -> None:
        self.applied[event.sanction] = event

    def on_lifted(self, event: SanctionLifted) -> None:
        self.lifted[event.sanction] = event

    def resting_on(self, record: str) -> list[SanctionApplied]:
        """The sanctions alive that rest on a credit record."""
        return [
            sanction
            for name, sanction in self.applied.items()
            if name not in self.lifted and sanction.record == record
        ]
