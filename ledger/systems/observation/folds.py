"""Folds about observation periods and soft measures; views store them unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import EntityId, ObservationId, SoftMeasureId
from ledger.kernel import Fold, Recorded, SubjectFold
from ledger.systems.catalogue.events import Domain
from ledger.systems.observation.events import (
    BottomLineBreached,
    CorrectionVerified,
    FourNew,
    Measure,
    ObservationExpired,
    ObservationExtended,
    ObservationGranted,
    ObservationTerminated,
    PenaltyWithinObservationJustified,
    PolicyBasis,
    SoftMeasureTaken,
)
from ledger.systems.penalties.events import CaseFiled


class Observation(SubjectFold):
    """From when to when does this observation period run, and for which activity?"""

    BEGUN = "starts_on"

    observation: ObservationId
    entity: str = ""
    unit: str = ""
    four_new_kind: FourNew | None = None
    activity: str = ""
    policy_basis: PolicyBasis | None = None
    domain: Domain | None = None
    bottom_lines: tuple[str, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None
    #: The day from which the period no longer runs, if it was ended early.
    terminated_on: date | None = None
    terminated_because: str | None = None
    expired_on: date | None = None
    breached: tuple[str, ...] = ()
    #: The issues for which a penalty was justified.
    justified: tuple[str, ...] = ()

    @property
    def stage(self) -> Literal["granted", "expired", "terminated"]:
        """The stage of the period, from the recorded events alone."""
        if self.terminated_on is not None:
            return "terminated"
        return "granted" if self.expired_on is None else "expired"

    def runs(self, on: date) -> bool:
        """Return whether a day lies within the period; the day of termination does not."""
        return (
            self.starts_on is not None
            and self.ends_on is not None
            and self.starts_on <= on <= self.ends_on
            and (self.terminated_on is None or on < self.terminated_on)
        )

    def on_granted(self, event: ObservationGranted) -> None:
        self.entity, self.unit, self.four_new_kind = event.entity, event.unit, event.four_new_kind
        self.activity, self.policy_basis = event.activity, event.policy_basis
        self.domain, self.bottom_lines = event.domain, event.bottom_lines
        self.starts_on, self.ends_on = event.starts_on, event.ends_on

    def on_extended(self, event: ObservationExtended) -> None:
        self.ends_on = event.ends_on

    def on_terminated(self, event: ObservationTerminated) -> None:
        self.terminated_on, self.terminated_because = event.terminated_on, event.because

    def on_expired(self, event: ObservationExpired) -> None:
        self.expired_on = event.expired_on

    def on_breached(self, event: BottomLineBreached) -> None:
        self.breached = (*self.breached, event.line)

    def on_justified(self, event: PenaltyWithinObservationJustified) -> None:
        self.justified = (*self.justified, event.issue)


class ObservationsOf(Fold):
    """Which observation periods has this business had?"""

    entity: EntityId
    periods: dict[str, Observation] = msgspec.field(default_factory=dict)

    def on_event(
        self,
        event: ObservationGranted
        | ObservationExtended
        | ObservationTerminated
        | ObservationExpired
        | PenaltyWithinObservationJustified,
        record: Recorded,
    ) -> None:
        self.periods.setdefault(event.observation, Observation(event.observation)).take(record)

    def running(self, on: date, domain: str | None = None) -> Iterator[Observation]:
        """Yield the periods that run on a day in a domain; ``None`` stands for any domain."""
        for period in self.periods.values():
            if period.runs(on) and domain in (None, period.domain):
                yield period


class SoftMeasure(SubjectFold):
    """What was the issue of this soft measure, and was it corrected?"""

    BEGUN = "measure"

    soft_measure: SoftMeasureId
    entity: str = ""
    unit: str = ""
    measure: Measure | None = None
    issue: str = ""
    facts: str = ""
    observation: str | None = None
    taken_on: date | None = None
    response_due: date | None = None
    verified_on: date | None = None
    evidence: str | None = None
    days_late: int | None = None

    @property
    def stage(self) -> Literal["taken", "corrected"]:
        """``corrected`` once the correction was verified."""
        return "taken" if self.verified_on is None else "corrected"

    def on_taken(self, event: SoftMeasureTaken) -> None:
        self.entity, self.unit, self.measure = event.entity, event.unit, event.measure
        self.issue, self.facts, self.observation = event.issue, event.facts, event.observation
        self.taken_on, self.response_due = event.taken_on, event.response_due

    def on_verified(self, event: CorrectionVerified) -> None:
        self.verified_on, self.evidence = event.verified_on, event.evidence
        self.days_late = event.days_late


class Breach(msgspec.Struct, frozen=True):
    """A breach of a bottom line, with the position of its report."""

    observation: str
    issue: str
    line: str
    unit: str
    breached_on: date
    reported_on: date
    position: int


class Issues(Fold):
    """Which soft measures and which cases followed the violations of this business?

    For each issue the fold holds the uncorrected soft measures since the last case or correction,
    and the day of the newest case.
    """

    entity: EntityId
    measured: dict[str, list[str]] = msgspec.field(default_factory=dict)
    uncorrected: dict[str, list[str]] = msgspec.field(default_factory=dict)
    cases: dict[str, date] = msgspec.field(default_factory=dict)
    breaches: list[Breach] = msgspec.field(default_factory=list)
    #: The observation periods for which OBS-V1 was raised because no case followed a breach.
    found: list[str] = msgspec.field(default_factory=list)

    def on_taken(self, event: SoftMeasureTaken) -> None:
        self.measured.setdefault(event.issue, []).append(event.soft_measure)
        self.uncorrected.setdefault(event.issue, []).append(event.soft_measure)

    def on_verified(self, event: CorrectionVerified) -> None:
        self.uncorrected.pop(event.issue, None)

    def on_case(self, event: CaseFiled, record: Recorded) -> None:
        issue = event.conduct.violation_code
        self.cases[issue] = max(self.cases.get(issue, record.occurred_on), record.occurred_on)
        self.uncorrected.pop(issue, None)

    def on_breached(self, event: BottomLineBreached, record: Recorded) -> None:
        self.breaches.append(
            Breach(
                event.observation,
                event.issue,
                event.line,
                event.unit,
                event.breached_on,
                record.occurred_on,
                record.position,
            )
        )

    def on_found(self, event: FindingRaised) -> None:
        if event.rule_id == "OBS-V1" and "breach" in event.facts:
            self.found.append(str(event.facts["breach"]))

    @property
    def unanswered(self) -> list[Breach]:
        """The breaches after which no case about their issue was filed."""
        return [b for b in self.breaches if self.cases.get(b.issue, date.min) < b.breached_on]

    @property
    def to_review(self) -> list[Breach]:
        """The unanswered breaches for which OBS-V1 was not raised yet."""
        return [b for b in self.unanswered if b.observation not in self.found]

    @property
    def unanswered_since(self) -> date | None:
        """The day on which the first of the breaches to review was reported."""
        return min((b.reported_on for b in self.to_review), default=None)
