"""Folds about dishonesty determinations, lists, incentives and sanctions."""

from __future__ import annotations

import msgspec

from ledger.dishonesty.events import SanctionApplied, SanctionLifted
from ledger.kernel import Fold
from ledger.vocabulary import EntityId


class Sanctions(Fold):
    """Which sanctions has this business had, and which of them are alive?"""

    entity: EntityId
    applied: dict[str, SanctionApplied] = msgspec.field(default_factory=dict)
    lifted: dict[str, SanctionLifted] = msgspec.field(default_factory=dict)

    def on_applied(self, event: SanctionApplied) -> None:
        self.applied[event.sanction] = event

    def on_lifted(self, event: SanctionLifted) -> None:
        self.lifted[event.sanction] = event

    def resting_on(self, record: str) -> list[SanctionApplied]:
        """The sanctions alive that rest on a credit record."""
        return [
            sanction
            for name, sanction in self.applied.items()
            if name not in self.lifted and sanction.record == record
        ]
