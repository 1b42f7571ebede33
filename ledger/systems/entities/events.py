"""Events of market entities (市场主体)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import EntityId, Name, Oddity, PersonId, Text, UnitId
from ledger.kernel import Event, Value
from ledger.kernel.events import Upcaster

Area = Annotated[str, msgspec.Meta(min_length=1, max_length=120, description="park or district")]

#: 注销、吊销营业执照、迁出: in which way a business left the register.
Leaving = Literal["deregistered", "licence_revoked", "moved_out"]


#: 相对人类别: what kind of party a business is; a natural person is no business.
PartyType = Literal["legal_person", "unincorporated", "individual_business"]
#: 行业代码 (GB/T 4754): a section, or a division, group or class with or without its section.
IndustryCode = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(?:[A-T]|[A-T]?[0-9]{2,4})(?![\s\S])",
        description="industry by GB/T 4754",
        examples=["H6210"],
    ),
]


class Identity(Value, omit_defaults=True):
    """What a business is called and where it is; only what its register says.

    ``party_type`` is the kind of party that it is, ``industry`` its code by GB/T 4754.
    """

    name: Annotated[str, msgspec.Meta(max_length=300)] | None = None
    address: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    area: Area | None = None
    line: Annotated[str, msgspec.Meta(max_length=200, description="line of business")] | None = None
    registered_on: str | None = None
    details: dict[str, str] = msgspec.field(default_factory=dict)
    party_type: PartyType | None = None
    industry: IndustryCode | None = None


def _unsaid(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say it; the field's default reads so."""
    return body


class EntityRegistered(Event):
    """市场主体登记: a business is known, under its USCC or a legacy register number (0.10).

    ``oddity``: its id has another check character than GB 32100 gives, or reads as somebody's
    number; ``register_ref`` then says which register shows it so. Since version 3 ``identity`` can
    say party type and industry.
    """

    TOPIC: ClassVar[str] = "entities.entity-registered"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _unsaid, 2: dict}
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"identity"})

    entity: EntityId
    identity: Identity
    register_ref: Text | None = None
    oddity: Oddity | None = None


class EntityRevised(Event):
    """市场主体变更: its register says something else from now on (a change, not a mistake).

    Since version 2 ``identity`` can say party type and industry.
    """

    TOPIC: ClassVar[str] = "entities.entity-revised"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"identity"})

    entity: EntityId
    identity: Identity
    reason: Name


#: 证件类型 (GA/T 2000.156): the document by which a person is known.
IdType = Literal["01", "02", "03", "04", "05"]


class LegalRepresentativeRecorded(Event):
    """法定代表人: who speaks for a business by law since a day; a person with sealed data (0.10).

    ``person`` is registered with it; ``unit`` took the data down and may read it. ``id_type``: 01
    identity card, 02 passport, 03 Hong Kong and Macao permit, 04 Taiwan permit, 05 permanent
    residence permit.
    """

    TOPIC: ClassVar[str] = "entities.legal-representative-recorded"
    VISIBILITY = "sealed"

    entity: EntityId
    unit: UnitId
    person: PersonId
    since: date
    id_type: IdType = "01"

    def kept_from(self) -> tuple[str, ...]:
        """No unit: the person is registered together with this, and has complained of nobody."""
        return ()


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
