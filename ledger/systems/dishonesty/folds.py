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
from ledger.kernel import Fold, Recorded, SubjectFold
from ledger.kernel.versions import VersionsFold, in_force
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

#: The only catalogue of measures of the region: the national list and its local supplement.
CATALOGUE: MeasureCatalogueId = "region"


#: The classes of dishonesty information, the least serious first.
_CLASSES = get_args(RecordSeverity)


def at_least(severity: RecordSeverity | None, least: RecordSeverity) -> bool:
    """Return whether a class is at least as serious as another one; ``None`` never is."""
    return severity is not None and _CLASSES.index(severity) >= _CLASSES.index(least)


class Determination(SubjectFold):
    """What was the business told, what did it answer, and what was determined?

    ``answered`` is true if the business itself sent a defence. Other ``defences`` were recorded by
    the unit that received them.
    """

    BEGUN = "notice"

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
    def entity(self) -> str:
        return "" if self.notice is None else self.notice.entity

    @property
    def unit(self) -> str:
        return "" if self.notice is None else self.notice.unit

    @property
    def stage(self) -> Literal["notified", "lapsed", "defended", "determined", "listed", "removed"]:
        """The stage of the determination."""
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


class SeriousListing(SubjectFold):
    """Is the business on a serious list because of this record?"""

    BEGUN = "added"

    record: RecordId
    added: SeriousListAdded | None = None
    removed: SeriousListRemoved | None = None

    @property
    def stands(self) -> bool:
        """Whether the business is still on the list because of this record."""
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
    """A version of the criteria of a list, proposed and possibly published."""

    proposal: ListCriteria
    proposed_on: date
    url: str
    published_on: date | None = None


class ListField(SubjectFold):
    """Which criteria did the serious list of this field have, and are any in force?"""

    BEGUN = "versions"

    list_field: ListFieldId
    unit: str = ""
    versions: dict[int, CriteriaVersion] = msgspec.field(default_factory=dict)
    withdrawn_on: date | None = None

    @property
    def latest(self) -> int:
        """The number of the newest version, or 0."""
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
        """Return the version published last by a day, or ``None`` if withdrawn by then."""
        if self.withdrawn_on is not None and self.withdrawn_on <= on:
            return None
        return in_force(self.versions, on, lambda number: self.versions[number].published_on)


class MeasureCatalogue(VersionsFold[MeasureCataloguePublished]):
    """Which versions of the catalogue of measures were published?"""

    catalogue: MeasureCatalogueId

    def on_published(self, event: MeasureCataloguePublished) -> None:
        self.versions.append(event)

    def item(self, version: int, name: str) -> Measure | None:
        """Return a measure of a version of the catalogue, or ``None``."""
        items = (item for each in self.versions if each.version == version for item in each.items)
        return next((item for item in items if item.measure == name), None)

    def measure(self, name: str, on: date) -> tuple[int, Measure | None]:
        """Return the number of the version in force on a day, and a measure of it or ``None``."""
        version = self.in_force(on)
        if version is None:
            return 0, None
        matches = (item for item in version.items if item.measure == name)
        return version.version, next(matches, None)


class Incentive(SubjectFold):
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
        """The stage of the incentive."""
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


class Sanction(SubjectFold):
    """What is this sanction, and is it in force?"""

    BEGUN = "applied"

    sanction: SanctionId
    applied: SanctionApplied | None = None
    lifted: SanctionLifted | None = None

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
    """Which sanctions were applied to this business, and which are in force?"""

    entity: EntityId
    applied: dict[str, SanctionApplied] = msgspec.field(default_factory=dict)
    lifted: dict[str, SanctionLifted] = msgspec.field(default_factory=dict)

    def on_applied(self, event: SanctionApplied) -> None:
        self.applied[event.sanction] = event

    def on_lifted(self, event: SanctionLifted) -> None:
        self.lifted[event.sanction] = event

    def resting_on(self, record: str) -> list[SanctionApplied]:
        """Return the sanctions in force that are based on a credit record."""
        return [
            sanction
            for name, sanction in self.applied.items()
            if name not in self.lifted and sanction.record == record
        ]
