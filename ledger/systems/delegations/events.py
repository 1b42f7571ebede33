"""Events of delegated powers (乡镇街道赋权; 行政处罚法 Art. 24)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import DelegationId, MatterId, Name, Text, UnitId
from ledger.kernel import Event

#: What a decision delegates: penalties, or inspection where it is meant.
Power = Literal["penalty", "inspection"]
Powers = Annotated[tuple[Power, ...], msgspec.Meta(min_length=1, max_length=2)]


class PowerDelegated(Event):
    """赋权: a published provincial decision lets a township act under matters of others.

    From ``valid_from`` to ``valid_to``, both included. ``division_note`` says what the units whose
    matters they are keep for themselves.
    """

    TOPIC: ClassVar[str] = "delegations.power-delegated"
    VISIBILITY = "public"

    delegation: DelegationId
    unit: UnitId
    matters: tuple[MatterId, ...]
    powers: Powers
    decision_ref: Name
    valid_from: date
    valid_to: date
    division_note: Text


class DelegationSuspended(Event):
    """暂停赋权: the township may not act under it from ``since`` to ``until``, both included.

    ``until=None``: until it is resumed or ends.
    """

    TOPIC: ClassVar[str] = "delegations.delegation-suspended"
    VISIBILITY = "public"

    delegation: DelegationId
    unit: UnitId
    since: date
    until: date | None = None
    reason: Text


class DelegationResumed(Event):
    """恢复赋权: from ``resumed_on`` on the township may act under it again, before its last day.

    It ends every suspension in effect that day, also one that has a last day of its own.
    """

    TOPIC: ClassVar[str] = "delegations.delegation-resumed"
    VISIBILITY = "public"

    delegation: DelegationId
    unit: UnitId
    resumed_on: date
    reason: Text


class DelegationEnded(Event):
    """收回赋权: from ``ended_on`` on the township may not act under it any more."""

    TOPIC: ClassVar[str] = "delegations.delegation-ended"
    VISIBILITY = "public"

    delegation: DelegationId
    unit: UnitId
    ended_on: date
    reason: Text


class DelegationAssessed(Event):
    """赋权评估: whether the township carries the power, as the province asks (定期评估)."""

    TOPIC: ClassVar[str] = "delegations.delegation-assessed"

    delegation: DelegationId
    unit: UnitId
    assessed_on: date
    result: Literal["keep", "adjust", "withdraw"]
    says: Text
