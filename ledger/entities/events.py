"""Events of market entities (市场主体)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.kernel import Event, Value
from ledger.kernel.events import Upcaster
from ledger.vocabulary import EntityId, Name, Oddity, Text

Area = Annotated[str, msgspec.Meta(min_length=1, max_length=120, description="park or district")]

#: 注销、吊销营业执照、迁出: in which way a business left the register.
Leaving = Literal["deregistered", "licence_revoked", "moved_out"]


class Identity(Value, omit_defaults=True):
    """What a business is called and where it is; only what its register says."""

    name: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    address: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    area: Area | None = None
    line: Annotated[str, msgspec.Meta(max_length=200, description="line of business")] | None = None
    registered_on: str | None = None
    details: dict[str, str] = msgspec.field(default_factory=dict)


def _unsaid(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say it; the field's default reads so."""
    return body


class EntityRegistered(Event):
    """市场主体登记: a business is known, under its USCC or a legacy register number (0.10).

    ``oddity``: its id has another check character than GB 32100 gives, or reads as somebody's
    number; ``register_ref`` then says which register shows it so.
    """

    TOPIC: ClassVar[str] = "entities.entity-registered"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _unsaid}
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"identity"})

    entity: EntityId
    identity: Identity
    register_ref: Text | None = None
    oddity: Oddity | None = None


class EntityRevised(Event):
    """市场主体变更: its register says something else from now on (a change, not a mistake)."""

    TOPIC: ClassVar[str] = "entities.entity-revised"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"identity"})

    entity: EntityId
    identity: Identity
    reason: Name


class EntityLeftRegister(Event):
    """市场主体退出登记: the register no longer lists the business.

    ``left_on``: the first day on which it does not; the day of the event where it is not said.
    ``kind`` is ``None`` where the register does not say which: in imports, and in version 1.
    """

    TOPIC: ClassVar[str] = "entities.entity-left-register"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _unsaid}
    VISIBILITY = "public"

    entity: EntityId
    reason: Name
    kind: Leaving | None = None
    left_on: date | None = None


class EntityReentered(Event):
    """市场主体重新登记: the register lists a business again from ``listed_on`` on.

    ``annuls``: the leaving of that day was annulled (撤销注销登记); the business had never left.
    """

    TOPIC: ClassVar[str] = "entities.entity-reentered"
    VISIBILITY = "public"

    entity: EntityId
    listed_on: date
    reason: Name
    annuls: date | None = None
