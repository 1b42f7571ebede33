"""Folds about tokens: which were requested, and which are valid."""

from __future__ import annotations

from typing import Literal

from ledger.access.events import (
    TokenGranted,
    TokenId,
    TokenRequestDeclined,
    TokenRequested,
    TokenRequestId,
    TokenRevoked,
)
from ledger.kernel import Fold, Recorded, SubjectFold


class TokenRequest(SubjectFold):
    """Who requested which token in this request, and was it granted or declined?"""

    BEGUN = "requested"

    request: TokenRequestId
    requested: TokenRequested | None = None
    requested_by: str = ""
    approved_by: str = ""
    declined: bool = False

    @property
    def state(self) -> Literal["pending", "granted", "declined"]:
        """The state of the request."""
        if self.approved_by:
            return "granted"
        return "declined" if self.declined else "pending"

    def on_requested(self, event: TokenRequested, record: Recorded) -> None:
        self.requested, self.requested_by = event, record.envelope.actor.person_id

    def on_granted(self, event: TokenGranted, record: Recorded) -> None:
        self.approved_by = record.envelope.actor.person_id

    def on_declined(self, event: TokenRequestDeclined) -> None:
        self.declined = True


class TokenStanding(Fold):
    """Was this token granted, and revoked?"""

    token: TokenId
    granted: bool = False
    revoked: bool = False

    def on_granted(self, event: TokenGranted) -> None:
        self.granted = True

    def on_revoked(self, event: TokenRevoked) -> None:
        self.revoked = True
