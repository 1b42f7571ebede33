"""Events of delegated powers (乡镇街道赋权; 行政处罚法 Art. 24)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import DelegationId, MatterId, Name, Text, UnitId
from ledger.kernel import Event

#: The power that a decision delegates; inspection only if the decision says so.
Power = Literal["penalty", "inspection"]
Powers = Annotated[tuple[Power, ...], msgspec.Meta(min_length=1, max_length=2)]


class PowerDelegated(Event):
    """赋权: a published provincial decision allows a township to act under matters of other units.

    The delegation is valid from ``valid_from`` to ``valid_to``, both included. ``division_note``
    says which tasks stay with the units that listed the matters.
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
    """暂停赋权: the delegation is suspended from ``since`` to ``until``, both included.

    ``until=None`` means that the suspension has no last day yet.
    """

    TOPIC: ClassVar[str] = "delegations.delegation-suspended"
    VISIBILITY = "public"

    delegation: DelegationId
    unit: UnitId
    since: date
    until: date | None = None
    reason: Text


class DelegationResumed(Event):
    """恢复赋权: the township may act under the delegation again, from ``resumed_on`` on.

    Every suspension in effect that day ends with the day before, also one with a last day.
    """

    TOPIC: ClassVar[str] = "delegations.delegation-resumed"
    VISIBILITY = "public"

    delegation: DelegationId
    unit: UnitId
    resumed_on: date
    reason: Text


class DelegationEnded(Event):
    """收回赋权: the delegation was withdrawn; ``ended_on`` is the first day without it."""

    TOPIC: ClassVar[str] = "delegations.delegation-ended"
    VISIBILITY = "public"

    delegation: DelegationId
    unit: UnitId
    ended_on: date
    reason: Text


class DelegationAssessed(Event):
    """赋权评估: a regular assessment of how the township uses the power (定期评估).

    ``result`` is the proposal: keep, adjust or withdraw the delegation.
    """

    TOPIC: ClassVar[str] = "delegations.delegation-assessed"

    delegation: DelegationId
    unit: UnitId
    assessed_on: date
    result: Literal["keep", "adjust", "withdraw"]
    says: Text
