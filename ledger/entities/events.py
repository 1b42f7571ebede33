"""Events of market entities (市场主体)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from ledger.kernel import Event, Value
from ledger.vocabulary import EntityId, Name

Area = Annotated[str, msgspec.Meta(min_length=1, max_length=120, description="park or district")]


class Identity(Value, omit_defaults=True):
    """What a business is called and where it is; only what its register says."""

    name: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    address: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    area: Area | None = None
    line: Annotated[str, msgspec.Meta(max_length=200, description="line of business")] | None = None
    registered_on: str | None = None
    details: dict[str, str] = msgspec.field(default_factory=dict)


class EntityRegistered(Event):
    """市场主体登记: a business is known, under its USCC or a legacy register number (0.10)."""

    TOPIC: ClassVar[str] = "entities.entity-registered"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"identity"})

    entity: EntityId
    identity: Identity


class EntityRevised(Event):
    """市场主体变更: its register says something else from now on (a change, not a mistake)."""

    TOPIC: ClassVar[str] = "entities.entity-revised"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"identity"})

    entity: EntityId
    identity: Identity
    reason: Name


class EntityLeftRegister(Event):
    """市场主体退出登记: the register no longer lists the business."""

    TOPIC: ClassVar[str] = "entities.entity-left-register"
    VISIBILITY = "public"

    entity: EntityId
    reason: Name
