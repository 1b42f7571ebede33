"""Folds about case-file review."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import CaseFileId, CaseId, ReviewBatchId, UnitId
from ledger.kernel import Fold, Recorded, SubjectFold
from ledger.systems.casefiles.events import (
    CaseFileScored,
    IssueRaised,
    Outcome,
    RectificationOrdered,
    RectificationVerified,
    ReviewAnnounced,
    ReviewBatchDrawn,
    ReviewReportPublished,
    Veto,
)
from ledger.systems.catalogue.events import EnforcementUnitQualified
from ledger.systems.penalties.events import CaseClosed, PenaltyDecided


def casefile_id(batch: str, case: str) -> str:
    """Return the id of a case file in a batch; a case may be reviewed again in another batch."""
    return f"{batch}:{case}"


class Scored(msgspec.Struct, frozen=True):
    """The result of the review of one file of a batch."""

    score: int
    outcome: Outcome
    veto: Veto | None


class Batch(SubjectFold):
    """Which files were announced and drawn for this batch, and how far is the review?"""

    batch: ReviewBatchId
    announced: ReviewAnnounced | None = None
    drawn: ReviewBatchDrawn | None = None
    scores: dict[str, Scored] = msgspec.field(default_factory=dict)
    issues: int = 0
    ordered: int = 0
    rectified: int = 0
    report: ReviewReportPublished | None = None

    @property
    def exists(self) -> bool:
        return self.announced is not None or self.drawn is not None

    @property
    def stage(self) -> Literal["unknown", "announced", "drawn", "scored", "reported"]:
        """The stage of the review; ``scored`` once every drawn file has a score."""
        if self.report is not None:
            return "reported"
        if self.drawn is None:
            return "unknown" if self.announced is None else "announced"
        return "scored" if len(self.scores) == len(self.drawn.cases) else "drawn"

    def on_announced(self, event: ReviewAnnounced) -> None:
        self.announced = event

    def on_drawn(self, event: ReviewBatchDrawn) -> None:
        self.drawn = event

    def on_scored(self, event: CaseFileScored) -> None:
        self.scores[event.case] = Scored(event.score, event.outcome, event.veto)

    def on_issue(self, event: IssueRaised) -> None:
        self.issues += 1

    def on_ordered(self, event: RectificationOrdered) -> None:
        self.ordered += 1

    def on_verified(self, event: RectificationVerified) -> None:
        self.rectified += 1

    def on_reported(self, event: ReviewReportPublished) -> None:
        self.report = event


class Issue(msgspec.Struct, frozen=True):
    """A fault that a reviewer found in a file."""

    issue: str
    item: str | None
    raised_on: date


class CaseFile(SubjectFold):
    """How was this file scored, and what has been done about its faults?"""

    BEGUN = "scored"

    casefile: CaseFileId
    scored: CaseFileScored | None = None
    scored_on: date | None = None
    issues: list[Issue] = msgspec.field(default_factory=list)
    ordered: RectificationOrdered | None = None
    ordered_on: date | None = None
    verified: RectificationVerified | None = None
    verified_on: date | None = None

    @property
    def stage(self) -> Literal["unknown", "scored", "rectifying", "rectified"]:
        """The stage of the file in its review."""
        if self.ordered is not None:
            return "rectifying" if self.verified is None else "rectified"
        return "unknown" if self.scored is None else "scored"

    def on_scored(self, event: CaseFileScored, record: Recorded) -> None:
        self.scored, self.scored_on = event, record.occurred_on

    def on_issue(self, event: IssueRaised, record: Recorded) -> None:
        self.issues.append(Issue(event.issue, event.item, record.occurred_on))

    def on_ordered(self, event: RectificationOrdered, record: Recorded) -> None:
        self.ordered, self.ordered_on = event, record.occurred_on
        self.verified = self.verified_on = None

    def on_verified(self, event: RectificationVerified, record: Recorded) -> None:
        self.verified, self.verified_on = event, record.occurred_on


class CaseScore(msgspec.Struct, frozen=True):
    """A score of a case, with the time and the position of its record."""

    score: int
    at: float
    position: int


class ScoresOfCase(Fold):
    """What are the newest scores of this case by its own unit and by another unit?"""

    case: CaseId
    own: CaseScore | None = None
    mutual: CaseScore | None = None

    def on_scored(self, event: CaseFileScored, record: Recorded) -> None:
        score = CaseScore(event.score, record.envelope.occurred_at.timestamp(), record.position)
        if event.mode == "self" and (self.own is None or self.own.at <= score.at):
            self.own = score
        elif event.mode == "mutual" and (self.mutual is None or self.mutual.at <= score.at):
            self.mutual = score


class UnitCases(Fold):
    """Which cases did this unit finish in this year? Each of them has a file.

    A case belongs to the year of its first decision. A case that was closed without a decision
    belongs to the year in which it was closed; it is reviewed too. An open case has no file yet. A
    decision taken over from an older system does not count: the file is in that system until the
    case is closed in this ledger.
    """

    unit: UnitId
    year: int
    decided: dict[str, date] = msgspec.field(default_factory=dict)
    closed: dict[str, date] = msgspec.field(default_factory=dict)

    @property
    def cases(self) -> list[str]:
        """The ids of these cases, sorted."""
        ended = {**self.closed, **self.decided}
        return sorted(case for case, day in ended.items() if day.year == self.year)

    def on_decided(self, event: PenaltyDecided, record: Recorded) -> None:
        if record.opening is not None:
            return
        day = self.decided.get(event.case, event.decided_on)
        self.decided[event.case] = min(day, event.decided_on)

    def on_closed(self, event: CaseClosed) -> None:
        self.closed[event.case] = event.closed_on


class ReviewStanding(SubjectFold):
    """Since when may this unit enforce, and when was one of its files last reviewed?"""

    BEGUN = "known_since"

    unit: UnitId
    qualified: list[EnforcementUnitQualified] = msgspec.field(default_factory=list)
    known_since: date | None = None
    reviewed_on: date | None = None
    found_on: date | None = None

    @property
    def since(self) -> date | None:
        """The day from which the period for the next review counts.

        It is the day of the last review or of the last finding that a review was missing.
        """
        if self.known_since is None:
            return None
        return max(d for d in (self.known_since, self.reviewed_on, self.found_on) if d is not None)

    @property
    def until(self) -> date | None:
        """The last day for which it is qualified; ``None`` while no last day is set."""
        days = [event.valid_to for event in self.qualified]
        return None if not days or None in days else max(d for d in days if d is not None)

    def on_qualified(self, event: EnforcementUnitQualified, record: Recorded) -> None:
        self.qualified.append(event)
        # The ledger has no reviews from before it knew the unit; they must not count as missing.
        known = max(event.valid_from, record.occurred_on)
        self.known_since = min(self.known_since or known, known)

    def on_scored(self, event: CaseFileScored, record: Recorded) -> None:
        self.reviewed_on = max(self.reviewed_on or record.occurred_on, record.occurred_on)

    def on_found(self, event: FindingRaised, record: Recorded) -> None:
        if event.rule_id == "CFR-V2":
            self.found_on = max(self.found_on or record.occurred_on, record.occurred_on)
