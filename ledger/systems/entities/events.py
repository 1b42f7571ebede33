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

#: 注销、吊销营业执照、迁出: how a business left the register.
Leaving = Literal["deregistered", "licence_revoked", "moved_out"]


#: 相对人类别: the kind of party; a natural person is not a business.
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
    """Name, address and other properties of a business, as its register states them.

    ``party_type`` is its kind of party, ``industry`` its code by GB/T 4754.
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
    """Return a body of version 1 unchanged; the fields added since have defaults."""
    return body


class EntityRegistered(Event):
    """市场主体登记: a business was registered under its USCC or a legacy register number (0.10).

    ``oddity`` is set if the check character of the id is wrong (GB 32100), or if the id looks like
    the identity number of a person; ``register_ref`` then names the register that shows this id.
    Since version 3 ``identity`` may have party type and industry.
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
    """市场主体变更: the register entry of a business changed (a change, not a corrected mistake).

    Since version 2 ``identity`` may have party type and industry.
    """

    TOPIC: ClassVar[str] = "entities.entity-revised"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"identity"})

    entity: EntityId
    identity: Identity
    reason: Name


#: 证件类型 (GA/T 2000.156): the type of a person's identity document.
IdType = Literal["01", "02", "03", "04", "05"]


class LegalRepresentativeRecorded(Event):
    """法定代表人: the legal representative of a business since a day, with sealed data (0.10).

    ``person`` is registered in the same append; ``unit`` recorded the data and may read it.
    ``id_type``: 01 identity card, 02 passport, 03 Hong Kong and Macao permit, 04 Taiwan permit, 05
    permanent residence permit.
    """

    TOPIC: ClassVar[str] = "entities.legal-representative-recorded"
    VISIBILITY = "sealed"

    entity: EntityId
    unit: UnitId
    person: PersonId
    since: date
    id_type: IdType = "01"

    def kept_from(self) -> tuple[str, ...]:
        """Return no unit: the person was just registered, so no unit can be accused by them."""
        return ()


class EntityLeftRegister(Event):
    """市场主体退出登记: the register no longer lists the business.

    ``left_on`` is the first day on which it is not listed; without it the day of the event counts.
    ``kind`` is ``None`` if the register does not say how it left: in imports, and in version 1.
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
    """市场主体重新登记: the register lists a business again from ``listed_on``.

    ``annuls`` is the day of a leaving that was annulled (撤销注销登记): legally the business never
    left on that day.
    """

    TOPIC: ClassVar[str] = "entities.entity-reentered"
    VISIBILITY = "public"

    entity: EntityId
    listed_on: date
    reason: Name
    annuls: date | None = None
