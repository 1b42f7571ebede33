"""Folds about market entities."""

from __future__ import annotations

from ledger.entities.events import EntityLeftRegister, EntityRegistered, EntityRevised, Identity
from ledger.kernel import Fold
from ledger.vocabulary import EntityId


class Registration(Fold):
    """Is this business registered, and under which name?"""

    entity: EntityId
    identity: Identity | None = None
    listed: bool = False

    @property
    def exists(self) -> bool:
        return self.identity is not None

    def on_known(self, event: EntityRegistered | EntityRevised) -> None:
        self.identity = event.identity
        self.listed = True

    def on_left(self, event: EntityLeftRegister) -> None:
        self.listed = False
