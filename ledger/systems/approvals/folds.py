"""Folds about approvals."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec

from ledger.general.countersigning import ApprovalRequested
from ledger.general.vocabulary import ApprovalId
from ledger.kernel import Recorded, SubjectFold
from ledger.systems.approvals.events import ApprovalGiven, ApprovalRefused, ApprovalWithdrawn

Stage = Literal["pending", "approved", "refused", "withdrawn"]


class Approval(SubjectFold):
    """Which command was requested, by whom, and what was the answer?"""

    BEGUN = "requested_on"

    approval: ApprovalId
    command: str = ""
    body: dict[str, Any] = msgspec.field(default_factory=dict)
    unit: str = ""
    requested_by: str = ""
    requested_on: date | None = None
    requested_at: int = 0
    confidential: bool = False
    withheld_from: tuple[str, ...] = ()
    stage: Stage = "pending"
    answered_by: str | None = None
    answered_on: date | None = None
    reason: str | None = None

    def on_requested(self, event: ApprovalRequested, record: Recorded) -> None:
        self.command, self.body = event.command, event.body
        self.confidential, self.withheld_from = event.confidential, event.withheld_from
        self.unit = record.envelope.actor.unit_id
        self.requested_by = record.envelope.actor.person_id
        self.requested_on, self.requested_at = record.occurred_on, record.position

    def on_given(self, event: ApprovalGiven, record: Recorded) -> None:
        self._answered("approved", record)

    def on_refused(self, event: ApprovalRefused, record: Recorded) -> None:
        self._answered("refused", record)
        self.reason = event.reason

    def on_withdrawn(self, event: ApprovalWithdrawn, record: Recorded) -> None:
        self._answered("withdrawn", record)

    def _answered(self, stage: Stage, record: Recorded) -> None:
        self.stage = stage
        self.answered_by = record.envelope.actor.person_id
        self.answered_on = record.occurred_on
