"""Questions about the log that the ledger itself answers."""

from __future__ import annotations

import msgspec

from ledger.kernel import Fold, Recorded
from ledger.transparency.events import KeyRotated, LogId


class KeyRotations(Fold):
    """At which positions was it recorded that a log is going to be signed with another key?"""

    log: LogId
    recorded: dict[str, int] = msgspec.field(default_factory=dict)

    def on_rotated(self, event: KeyRotated, record: Recorded) -> None:
        self.recorded[event.new] = record.position
