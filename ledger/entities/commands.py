"""Commands of market entities."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.entities.events import (
    EntityLeftRegister,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from ledger.entities.folds import Registration
from ledger.kernel import Command, Event, Reading
from ledger.vocabulary import EntityId, Name


class RegisterEntity(Command):
    """登记市场主体: make a business known to the ledger, once."""

    entity: EntityId
    identity: Identity

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Registration(self.entity))
        yield EntityRegistered(entity=self.entity, identity=self.identity)


class ReviseEntity(Command):
    """变更市场主体: a registered business is called, or lies, otherwise from now on."""

    entity: EntityId
    identity: Identity
    reason: Name

    def decide(self, ledger: Reading) -> Iterator[Event]:
        known = ledger.known(Registration(self.entity), "Register it first.")
        if known.identity != self.identity:
            yield EntityRevised(entity=self.entity, identity=self.identity, reason=self.reason)


class DelistEntity(Command):
    """市场主体退出: the register no longer lists a business."""

    entity: EntityId
    reason: Name

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if ledger.known(Registration(self.entity)).listed:
            yield EntityLeftRegister(entity=self.entity, reason=self.reason)
