"""Folds about penalty decisions."""

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
    DecisionPublished,
    DecisionWithdrawn,
    PenaltyDecided,
    PenaltyServed,
    WithdrawalReason,
)
from ledger.reconsideration.events import ReconDecided
from ledger.vocabulary import DecisionId

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
