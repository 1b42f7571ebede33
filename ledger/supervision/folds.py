"""Folds of enforcement supervision: the frequency cap and the life of a finding."""

from __future__ import annotations

from datetime import date
from typing import Literal

from ledger.filing.events import InspectionCancelled, InspectionTaskApproved
from ledger.kernel import Fold
from ledger.supervision.events import (
    FindingClosed,
    FindingDismissed,
    FindingRaised,
    FindingTriaged,
    RectificationAccepted,
    UnitResponded,
)
from ledger.vocabulary import EntityId, FindingId, UnitId


class BookedVisits(Fold):
    """How many visits has this unit booked at this business in this cap year, by counter?"""

    entity: EntityId
    unit: UnitId
    year: int
    capped: int = 0
    exempt: int = 0

    def on_approved(self, event: InspectionTaskApproved) -> None:
        self._count(event.planned_on, event.counter, 1)

    def on_cancelled(self, event: InspectionCancelled) -> None:
        self._count(event.planned_on, event.counter, -1)

    def _count(self, planned_on: date, counter: Literal["capped", "exempt"], by: int) -> None:
        if planned_on.year != self.year:
            return
        if counter == "capped":
            self.capped += by
        else:
            self.exempt += by


class FindingState(Fold):
    """Where does this finding stand?"""

    finding_id: FindingId
    raised: FindingRaised | None = None
    triaged: bool = False
    responded: bool = False
    rectified: bool = False
    ended: Literal["dismissed", "closed"] | None = None

    @property
    def exists(self) -> bool:
        return self.raised is not None

    def on_raised(self, event: FindingRaised) -> None:
        self.raised = event

    def on_triaged(self, event: FindingTriaged) -> None:
        self.triaged = True

    def on_responded(self, event: UnitResponded) -> None:
        self.responded = True

    def on_rectified(self, event: RectificationAccepted) -> None:
        self.rectified = True

    def on_dismissed(self, event: FindingDismissed) -> None:
        self.ended = "dismissed"

    def on_closed(self, event: FindingClosed) -> None:
        self.ended = "closed"
