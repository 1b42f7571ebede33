"""Folds about penalty cases and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from ledger.corrections.events import (
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
    Nullification,
)
from ledger.kernel import Event, Fold, Recorded
from ledger.penalties.events import (
    CaseClosed,
    CaseFiled,
    CollectiveDiscussionHeld,
    DecisionPublished,
    DecisionWithdrawn,
    EvidenceAdded,
    EvidenceDisposed,
    HearingAnnounced,
    HearingHeld,
    HearingRequested,
    PenaltyDecided,
    PenaltyServed,
    PriorNoticeServed,
    SeizureExtended,
    StatementHeard,
    StatementWaived,
    WithdrawalReason,
)
from ledger.reconsideration.events import ReconDecided
from ledger.vocabulary import CaseId, DecisionId, EvidenceId

_REASONS: Mapping[type[Event], WithdrawalReason] = {
    DecisionAltered: "altered",
    DecisionRevoked: "revoked",
    DecisionDeclaredUnlawful: "unlawful",
    DecisionDeclaredVoid: "void",
}


class Nullified(msgspec.Struct, frozen=True):
    """What became of a decision: how, since when, by which document."""

    reason: WithdrawalReason
    since: date
    instrument: str


class Decision(Fold):
    """How far has this decision come: served, published, withdrawn?

    ``reconsidered``: a reconsideration undid it while it was public, and its withdrawal is a
    deadline with a finding of its own (RCN-V2).
    """

    decision: DecisionId
    recorded: Recorded | None = None
    decided: PenaltyDecided | None = None
    served: PenaltyServed | None = None
    published: DecisionPublished | None = None
    nullified: Nullified | None = None
    withdrawn: DecisionWithdrawn | None = None
    reconsidered: bool = False

    @property
    def exists(self) -> bool:
        return self.decided is not None

    @property
    def undone(self) -> Nullified | None:
        """What took its effect away; an altered decision still has effect."""
        altered = self.nullified is not None and self.nullified.reason == "altered"
        return None if altered else self.nullified

    def on_decided(self, event: PenaltyDecided, record: Recorded) -> None:
        self.recorded, self.decided = record, event

    def on_served(self, event: PenaltyServed) -> None:
        self.served = event

    def on_published(self, event: DecisionPublished) -> None:
        self.published = event

    def on_nullified(self, event: Nullification) -> None:
        self.nullified = Nullified(_REASONS[type(event)], event.effective_on, event.instrument)

    def on_reconsidered(self, event: ReconDecided) -> None:
        self.reconsidered = self.reconsidered or event.withdraw

    def on_withdrawn(self, event: DecisionWithdrawn) -> None:
        self.withdrawn = event


class Case(Fold):
    """What has been done in this case so far, and by whom?

    Notices, statements and hearings stand in the order in which they were recorded; ``evidence``
    names each piece with the day on which it was collected. Each ``…_at`` is a place in the ledger.
    """

    case: CaseId
    filed: CaseFiled | None = None
    filed_at: int = 0
    evidence: dict[str, date] = msgspec.field(default_factory=dict)
    held: list[str] = msgspec.field(default_factory=list)
    notices: list[PriorNoticeServed] = msgspec.field(default_factory=list)
    noticed_at: int = 0
    statements: list[StatementHeard] = msgspec.field(default_factory=list)
    waived: StatementWaived | None = None
    requested: HearingRequested | None = None
    announced: HearingAnnounced | None = None
    hearings: list[HearingHeld] = msgspec.field(default_factory=list)
    discussions: list[CollectiveDiscussionHeld] = msgspec.field(default_factory=list)
    decisions: list[str] = msgspec.field(default_factory=list)
    closed: CaseClosed | None = None

    @property
    def exists(self) -> bool:
        return self.filed is not None

    @property
    def stage(self) -> str:
        """How far it has come."""
        if self.closed is not None:
            return "closed"
        if self.decisions:
            return "decided"
        if self.hearings:
            return "hearing_held"
        if self.requested is not None:
            return "hearing_requested"
        if self.statements or self.waived is not None:
            return "heard"
        if self.notices:
            return "notified"
        return "filed" if self.filed is not None else "unknown"

    def on_filed(self, event: CaseFiled, record: Recorded) -> None:
        self.filed, self.filed_at = event, record.position

    def on_evidence(self, event: EvidenceAdded) -> None:
        self.evidence[event.evidence] = event.collected_on
        if event.measure != "none":
            self.held.append(event.evidence)

    def on_disposed(self, event: EvidenceDisposed) -> None:
        if event.evidence in self.held:
            self.held.remove(event.evidence)

    def on_noticed(self, event: PriorNoticeServed, record: Recorded) -> None:
        self.notices.append(event)
        self.noticed_at = record.position

    def on_heard(self, event: StatementHeard) -> None:
        self.statements.append(event)

    def on_waived(self, event: StatementWaived) -> None:
        self.waived = event

    def on_requested(self, event: HearingRequested) -> None:
        self.requested = event

    def on_announced(self, event: HearingAnnounced) -> None:
        self.announced = event

    def on_hearing(self, event: HearingHeld) -> None:
        self.hearings.append(event)

    def on_discussed(self, event: CollectiveDiscussionHeld) -> None:
        self.discussions.append(event)

    def on_decided(self, event: PenaltyDecided) -> None:
        self.decisions.append(event.decision)

    def on_closed(self, event: CaseClosed) -> None:
        self.closed = event


class Piece(Fold):
    """What is this piece of evidence, and is it still held?"""

    evidence: EvidenceId
    added: EvidenceAdded | None = None
    added_at: int = 0
    extended: SeizureExtended | None = None
    extended_at: int = 0
    disposed: EvidenceDisposed | None = None

    @property
    def exists(self) -> bool:
        return self.added is not None

    def on_added(self, event: EvidenceAdded, record: Recorded) -> None:
        self.added, self.added_at = event, record.position

    def on_extended(self, event: SeizureExtended, record: Recorded) -> None:
        self.extended, self.extended_at = event, record.position

    def on_disposed(self, event: EvidenceDisposed) -> None:
        self.disposed = event
