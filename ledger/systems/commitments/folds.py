"""Folds about credit commitments."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import CommitmentId
from ledger.kernel import Fold, Recorded
from ledger.systems.commitments.events import (
    CommitmentBreached,
    CommitmentFulfilled,
    CommitmentMade,
    CommitmentType,
    Obligation,
)


class Commitment(Fold):
    """What was promised to whom, and which obligations are performed, breached or open?"""

    commitment: CommitmentId
    entity: str = ""
    unit: str = ""
    type: CommitmentType | None = None
    public: bool = False
    made_on: date | None = None
    obligations: dict[str, Obligation] = msgspec.field(default_factory=dict)
    fulfilled: dict[str, date] = msgspec.field(default_factory=dict)
    late: dict[str, int] = msgspec.field(default_factory=dict)
    breached: dict[str, date] = msgspec.field(default_factory=dict)

    @property
    def exists(self) -> bool:
        return self.type is not None

    @property
    def open(self) -> list[str]:
        """The obligations that are neither performed nor breached."""
        return [o for o in self.obligations if o not in self.fulfilled and o not in self.breached]

    @property
    def stage(self) -> Literal["open", "fulfilled", "breached"]:
        """Breached once any obligation is; fulfilled when every one is performed."""
        if self.breached:
            return "breached"
        return "open" if self.open else "fulfilled"

    def on_made(self, event: CommitmentMade, record: Recorded) -> None:
        self.entity, self.unit, self.type = event.entity, event.unit, event.type
        self.public, self.made_on = event.public, record.occurred_on
        self.obligations = {one.obligation: one for one in event.obligations}

    def on_fulfilled(self, event: CommitmentFulfilled, record: Recorded) -> None:
        self.fulfilled[event.obligation] = record.occurred_on
        if event.days_late:
            self.late[event.obligation] = event.days_late

    def on_breached(self, event: CommitmentBreached, record: Recorded) -> None:
        self.breached[event.obligation] = record.occurred_on
