"""Folds about the log's own events."""

from __future__ import annotations

import msgspec

from ledger.kernel import Fold, Recorded
from ledger.transparency.events import KeyRotated, LogId


class KeyRotations(Fold):
    """At which position was each new key of a log announced?"""

    log: LogId
    recorded: dict[str, int] = msgspec.field(default_factory=dict)

    def on_rotated(self, event: KeyRotated, record: Recorded) -> None:
        self.recorded[event.new] = record.position
