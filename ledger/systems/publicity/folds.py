"""Folds about publicity."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Literal

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import AnnualStatsId, DecisionId, UnitId
from ledger.kernel import Fold, Recorded, SubjectFold, civil_date
from ledger.systems.catalogue.events import ActKind, EnforcementUnitQualified
from ledger.systems.corrections.events import Nullification
from ledger.systems.penalties.events import DecisionPublished
from ledger.systems.publicity.events import (
    ActDecided,
    ActPublished,
    ActServed,
    ActWithdrawn,
    AnnualFigures,
    AnnualStatsFellDue,
    AnnualStatsPublished,
    ExAntePublished,
)


class Published(msgspec.Struct, frozen=True, omit_defaults=True):
    """One item of ex-ante publicity, as last published."""

    title: str
    url: str
    digest: str
    published_on: date


class ExAnte(Fold):
    """What has this unit published ex ante, item by item?"""

    unit: UnitId
    items: dict[str, Published] = msgspec.field(default_factory=dict)

    def on_published(self, event: ExAntePublished) -> None:
        known = self.items.get(event.item)
        if known is None or known.published_on <= event.published_on:
            self.items[event.item] = Published(
                event.title, event.url, event.digest, event.published_on
            )


class DecidedAct(SubjectFold):
    """How far has this act (other than a penalty) come: served, published, withdrawn?"""

    BEGUN = "kind"

    decision: DecisionId
    unit: str = ""
    entity: str | None = None
    kind: ActKind | None = None
    matter: str | None = None
    doc_no: str | None = None
    decided_on: date | None = None
    decided_position: int = 0
    withheld_because: str | None = None
    served_on: date | None = None
    summary: str | None = None
    redactions: tuple[str, ...] = ()
    url: str | None = None
    published_on: date | None = None
    days_late: int | None = None
    nullified_on: date | None = None
    withdrawn_on: date | None = None
    explanation: str | None = None

    @property
    def stage(self) -> Literal["decided", "served", "published", "withdrawn"]:
        """The stage that the act has reached."""
        if self.withdrawn_on is not None:
            return "withdrawn"
        if self.published_on is not None:
            return "published"
        return "decided" if self.served_on is None else "served"

    @property
    def public(self) -> bool:
        """Whether the act was ever published; after a withdrawal its page says so."""
        return self.published_on is not None

    def on_decided(self, event: ActDecided, record: Recorded) -> None:
        self.unit, self.entity, self.kind = event.unit, event.entity, event.kind
        self.matter, self.doc_no, self.decided_on = event.matter, event.doc_no, event.decided_on
        self.decided_position = record.position
        self.withheld_because = event.withheld_because

    def on_served(self, event: ActServed) -> None:
        self.served_on = event.served_on

    def on_published(self, event: ActPublished) -> None:
        self.summary, self.redactions, self.url = event.summary, event.redactions, event.url
        self.published_on, self.days_late = event.published_on, event.days_late

    def on_nullified(self, event: Nullification) -> None:
        self.nullified_on = event.effective_on

    def on_withdrawn(self, event: ActWithdrawn) -> None:
        self.withdrawn_on, self.explanation = event.withdrawn_on, event.explanation


class AnnualStats(SubjectFold):
    """Are the figures of this unit for this year due, and were they published?"""

    BEGUN = "unit"

    stats: AnnualStatsId
    unit: str = ""
    year: int = 0
    due_on: date | None = None
    published_on: date | None = None
    days_late: int | None = None
    figures: AnnualFigures | None = None
    url: str | None = None

    @property
    def public(self) -> bool:
        """Whether the figures are published."""
        return self.published_on is not None

    def on_due(self, event: AnnualStatsFellDue) -> None:
        self.unit, self.year, self.due_on = event.unit, event.year, event.due_on

    def on_published(self, event: AnnualStatsPublished) -> None:
        self.unit, self.year = event.unit, event.year
        self.published_on, self.days_late = event.published_on, event.days_late
        self.figures, self.url = event.figures, event.url


class YearOfDecisions(msgspec.Struct):
    """How many decisions a unit published in a year, and how many of them with redactions."""

    published: int = 0
    redacted: int = 0

    def is_pattern(self, share: str) -> bool:
        """Return whether two or more, and more than ``share`` of them, have redactions."""
        return self.redacted > 1 and Fraction(self.redacted, self.published) > Fraction(share)


class PublicityRecord(Fold):
    """How does this unit fulfil its duties of publicity?

    ``known_since`` is the day on which the ledger first knew it as an enforcing unit; earlier
    duties are not checked. ``years`` counts published decisions, penalties and others.
    ``called_for`` is the last year whose figures became due. ``redacting`` are the years with a
    finding PUB-V3, ``unwithdrawn`` the decisions with a finding PUB-V2.
    """

    unit: UnitId
    known_since: date | None = None
    years: dict[int, YearOfDecisions] = msgspec.field(default_factory=dict)
    called_for: int = 0
    redacting: list[int] = msgspec.field(default_factory=list)
    unwithdrawn: list[str] = msgspec.field(default_factory=list)

    def on_qualified(self, event: EnforcementUnitQualified, record: Recorded) -> None:
        if self.known_since is None:
            self.known_since = civil_date(record.envelope.recorded_at)

    def on_published(self, event: DecisionPublished | ActPublished) -> None:
        year = self.years.setdefault(event.published_on.year, YearOfDecisions())
        year.published += 1
        year.redacted += bool(event.redactions)

    def on_due(self, event: AnnualStatsFellDue) -> None:
        self.called_for = max(self.called_for, event.year)

    def on_found(self, event: FindingRaised) -> None:
        if event.rule_id == "PUB-V3":
            self.redacting.append(int(event.facts["year"]))
        elif event.rule_id == "PUB-V2":
            self.unwithdrawn.append(str(event.facts["decision"]))
