"""Events of dishonesty determinations, lists, incentives and sanctions (2.4c)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from ledger.kernel import Event
from ledger.vocabulary import EntityId, Name, RecordId, SanctionId, Text, UnitId


class SanctionApplied(Event):
    """失信惩戒: a measure of the catalogue is applied to a business (国办发〔2020〕49号).

    ``catalogue_version`` is the version of the measure catalogue in force; ``record`` the credit
    record on which the sanction rests, whose end ends it too (DIS-R5, DIS-V1).
    """

    TOPIC: ClassVar[str] = "dishonesty.sanction-applied"
    VISIBILITY = "shared"

    sanction: SanctionId
    entity: EntityId
    unit: UnitId
    record: RecordId
    measure: Name
    catalogue_version: int
    applied_on: date
    until: date | None = None
    note: Text | None = None


class SanctionLifted(Event):
    """解除惩戒: a sanction ends; by itself together with the record on which it rests."""

    TOPIC: ClassVar[str] = "dishonesty.sanction-lifted"
    VISIBILITY = "shared"

    sanction: SanctionId
    entity: EntityId
    unit: UnitId
    record: RecordId
    reason: Literal["repaired", "revoked", "removed", "expired", "correction"]
    lifted_on: date
    note: Text | None = None
