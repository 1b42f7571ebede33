"""Events of natural persons (0.10; 个人信息保护法). None contains personal data in clear text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from ledger.general.vocabulary import PersonId, UnitId
from ledger.kernel import Event, Value
from ledger.kernel.events import Upcaster
from ledger.vault.sealing import Sealed

#: Why the data of a person is erased (个人信息保护法 Art. 47). There is no free text, because it
#: could reveal more than the reason.
ErasureReason = Literal[
    "purpose_achieved",
    "service_ended",
    "retention_expired",
    "consent_withdrawn",
    "unlawful_processing",
    "other_by_law",
]


class SealedPerson(Value):
    """封存的自然人信息: the data of a person, which the service seals before it is recorded."""

    person: PersonId
    name: Sealed
    contact: Sealed | None = None
    id_number: Sealed | None = None


class PersonRegistered(Event):
    """登记自然人: a natural person is registered under a token, with sealed data (0.10).

    ``unit`` recorded the data and may read it. The vault holds the key to ``name``, ``contact``
    (how to reach the person) and ``id_number`` (公民身份号码). Since version 2 ``withheld_from``
    lists the units that must not know of the person, because the person accused them.
    """

    TOPIC: ClassVar[str] = "persons.person-registered"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "sealed"

    person: PersonId
    unit: UnitId
    name: Sealed
    contact: Sealed | None = None
    id_number: Sealed | None = None
    withheld_from: tuple[str, ...] = ()

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of the person."""
        return self.withheld_from

    def known_to(self) -> tuple[str, ...]:
        """Return the unit that recorded the person's data."""
        return (f"handler:{self.unit}",)


class PersonErased(Event):
    """删除个人信息: the data of a person is erased permanently (个人信息保护法 Art. 47).

    The event is recorded before the key is destroyed, so that the destruction can be repeated after
    a crash. ``unit`` is the unit that recorded the data. Since version 2 ``withheld_from`` as in
    ``PersonRegistered``.
    """

    TOPIC: ClassVar[str] = "persons.person-erased"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    person: PersonId
    unit: UnitId
    reason: ErasureReason
    withheld_from: tuple[str, ...] = ()

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of the person."""
        return self.withheld_from
