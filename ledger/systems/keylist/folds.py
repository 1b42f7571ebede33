"""Folds about key matters and designated businesses; those that views keep hold plain data."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import (
    DesignationId,
    EntityId,
    Grade,
    KeyDomain,
    MatterId,
    ScreeningId,
    UnitId,
)
from ledger.kernel import Fold, Recorded
from ledger.systems.keylist.events import (
    EndReason,
    GuidanceProvided,
    KeyDesignationEnded,
    KeyDesignationExplained,
    KeyDesignationReviewed,
    KeyMatterDelisted,
    KeyMatterListed,
    KeyUnitDescribed,
    KeyUnitDesignated,
    ListVisibility,
    ScreeningRun,
    TrackingVisitLogged,
)


class Listed(msgspec.Struct):
    """One matter of a key list as it was listed last."""

    unit: str
    risk_assessment: str
    procedure_ref: str
    listed_on: date
    expires_on: date
    delisted_on: date | None = None
    assessments: list[str] = msgspec.field(default_factory=list)

    def in_force(self, on: date) -> bool:
        """Whether it is on the list that day."""
        return on <= self.expires_on and (self.delisted_on is None or on < self.delisted_on)


class KeyList(Fold):
    """Which matters of this domain were put under key supervision, and until when?"""

    domain: KeyDomain
    matters: dict[str, Listed] = msgspec.field(default_factory=dict)

    def on_listed(self, event: KeyMatterListed, record: Recorded) -> None:
        before = self.matters.get(event.matter)
        self.matters[event.matter] = Listed(
            event.unit,
            event.risk_assessment,
            event.procedure_ref,
            record.occurred_on,
            event.expires_on,
            assessments=[*(before.assessments if before else ()), event.risk_assessment],
        )

    def on_delisted(self, event: KeyMatterDelisted, record: Recorded) -> None:
        if event.matter in self.matters:
            self.matters[event.matter].delisted_on = record.occurred_on

    def in_force(self, on: date) -> list[str]:
        """The matters on the list that day."""
        return [matter for matter, listed in self.matters.items() if listed.in_force(on)]


class KeyMatter(Fold):
    """Until when is this matter under key supervision, if it is?"""

    matter: MatterId
    until: date | None = None

    def on_listed(self, event: KeyMatterListed) -> None:
        self.until = event.expires_on

    def on_delisted(self, event: KeyMatterDelisted) -> None:
        self.until = None


class Guidance(msgspec.Struct):
    """One guidance that was given."""

    provided_on: date
    subject: str
    document_ref: str | None = None


class TrackingVisit(msgspec.Struct):
    """One visit that followed up."""

    visited_on: date
    officers: tuple[str, ...]
    summary: str
    task: str | None = None


class Review(msgspec.Struct):
    """One review and what came of it."""

    reviewed_on: date
    outcome: Literal["keep", "remove"]
    grounds: str
    review_on: date | None = None
    days_late: int = 0


class KeyDesignation(Fold):
    """Why is this business under key supervision, until when, and what was done for it?"""

    designation: DesignationId
    unit: str = ""
    entity: str = ""
    matters: tuple[str, ...] = ()
    reason: str = ""
    tracking_officer: str = ""
    guidance_plan: str = ""
    proposed_by: str | None = None
    run: str | None = None
    passed_over: str | None = None
    designated_on: date | None = None
    notice_no: str = ""
    notified_on: date | None = None
    grade: Grade | None = None
    listed_as: ListVisibility = "shared"
    review_on: date | None = None
    guidance: list[Guidance] = msgspec.field(default_factory=list)
    visits: list[TrackingVisit] = msgspec.field(default_factory=list)
    reviews: list[Review] = msgspec.field(default_factory=list)
    ended_on: date | None = None
    end_reason: EndReason | None = None

    @property
    def exists(self) -> bool:
        return self.unit != ""

    @property
    def stage(self) -> Literal["unknown", "designated", "ended"]:
        """Whether anything ended it; that its time is over shows by ``review_on``."""
        if not self.exists:
            return "unknown"
        return "designated" if self.ended_on is None else "ended"

    @property
    def reviewed_away(self) -> bool:
        """Whether a review has removed it, or has confirmed its end."""
        return bool(self.reviews) and self.reviews[-1].outcome == "remove"

    def in_force(self, on: date) -> bool:
        """Whether the business is under key supervision by it that day."""
        return (
            self.review_on is not None
            and on <= self.review_on
            and (self.ended_on is None or on < self.ended_on)
        )

    def on_designated(self, event: KeyUnitDesignated, record: Recorded) -> None:
        self.unit, self.entity, self.matters = event.unit, event.entity, event.matters
        self.designated_on, self.review_on = record.occurred_on, event.review_on
        self.listed_as = event.listed_as
        self._describe(event)

    def on_described(self, event: KeyUnitDescribed) -> None:
        self._describe(event)
        self.run, self.passed_over = event.run, event.passed_over

    def _describe(self, event: KeyUnitDesignated | KeyUnitDescribed) -> None:
        """What the list does not say; a designation of version 1 said it itself."""
        self.reason, self.tracking_officer = event.reason or "", event.tracking_officer or ""
        self.guidance_plan, self.proposed_by = event.guidance_plan or "", event.proposed_by
        self.notice_no, self.notified_on = event.notice_no or "", event.notified_on
        self.grade = event.grade

    def on_guided(self, event: GuidanceProvided) -> None:
        self.guidance.append(Guidance(event.provided_on, event.subject, event.document_ref))

    def on_visited(self, event: TrackingVisitLogged) -> None:
        self.visits.append(
            TrackingVisit(event.visited_on, event.officers, event.summary, event.task)
        )

    def on_reviewed(self, event: KeyDesignationReviewed, record: Recorded) -> None:
        self.reviews.append(
            Review(
                record.occurred_on,
                event.outcome,
                event.grounds or "",
                event.review_on,
                event.days_late,
            )
        )
        if event.review_on is not None:
            self.review_on = event.review_on

    def on_ended(self, event: KeyDesignationEnded) -> None:
        self.ended_on, self.end_reason = event.ended_on, event.reason

    def on_explained(self, event: KeyDesignationExplained) -> None:
        if event.step == "review" and self.reviews:
            self.reviews[-1].grounds = event.says


class Designated(msgspec.Struct):
    """A designation as it bears on others: for which matters, until when, and how it ended."""

    matters: tuple[str, ...]
    review_on: date
    ended_on: date | None = None
    reviewed_away: bool = False

    def in_force(self, on: date) -> bool:
        """Whether it holds that day."""
        return on <= self.review_on and (self.ended_on is None or on < self.ended_on)


class KeyDesignations(Fold):
    """By which designations was this business under key supervision of this unit?"""

    entity: EntityId
    unit: UnitId
    given: dict[str, Designated] = msgspec.field(default_factory=dict)

    def on_designated(self, event: KeyUnitDesignated) -> None:
        self.given[event.designation] = Designated(event.matters, event.review_on)

    def on_reviewed(self, event: KeyDesignationReviewed) -> None:
        designated = self.given[event.designation]
        designated.reviewed_away = event.outcome == "remove"
        if event.review_on is not None:
            designated.review_on = event.review_on

    def on_ended(self, event: KeyDesignationEnded) -> None:
        self.given[event.designation].ended_on = event.ended_on

    def held_for(self, on: date) -> set[str]:
        """The matters for which a designation holds that day."""
        return {m for one in self.given.values() if one.in_force(on) for m in one.matters}

    def in_force(self, on: date) -> bool:
        """Whether any of them holds that day."""
        return any(designated.in_force(on) for designated in self.given.values())

    def lapsed_for(self, matters: set[str], on: date) -> list[str]:
        """The designations for any of ``matters`` that lapsed unreviewed, where none holds."""
        about = {d: one for d, one in self.given.items() if matters & set(one.matters)}
        if any(one.in_force(on) for one in about.values()):
            return []
        return sorted(d for d, one in about.items() if one.ended_on is None)


class DesignationsOf(Fold):
    """Which designations of this business, by whatever unit, has nothing ended?"""

    entity: EntityId
    running: list[str] = msgspec.field(default_factory=list)

    def on_designated(self, event: KeyUnitDesignated) -> None:
        self.running.append(event.designation)

    def on_ended(self, event: KeyDesignationEnded) -> None:
        if event.designation in self.running:
            self.running.remove(event.designation)


class Screening(Fold):
    """Whom did this screening rank: on which day, from which events, by which formula?"""

    screening: ScreeningId
    unit: str = ""
    on: date | None = None
    cutoff_position: int = 0
    formula_version: int = 0
    list_digest: str = ""
    count: int = 0
    screened: int = 0
    area: str | None = None
    line: str | None = None
    run_at: int = 0

    @property
    def exists(self) -> bool:
        return self.unit != ""

    def on_run(self, event: ScreeningRun, record: Recorded) -> None:
        self.unit, self.on, self.run_at = event.unit, event.on, record.position
        self.cutoff_position, self.formula_version = event.cutoff_position, event.formula_version
        self.list_digest, self.count = event.list_digest, event.count
        self.screened, self.area, self.line = event.screened, event.area, event.line
