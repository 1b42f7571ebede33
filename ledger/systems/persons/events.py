"""Events of natural persons (0.10; 个人信息保护法). None says anything about one in clear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from ledger.general.vocabulary import PersonId, UnitId
from ledger.kernel import Event, Value
from ledger.kernel.events import Upcaster
from ledger.vault.sealing import Sealed

#: Why what is known of a person is erased (个人信息保护法 Art. 47). Never in words of one's own:
#: they would say more than why.
ErasureReason = Literal[
    "purpose_achieved",
    "service_ended",
    "retention_expired",
    "consent_withdrawn",
    "unlawful_processing",
    "other_by_law",
]


class SealedPerson(Value):
    """封存的自然人信息: a person's data as the service seals it before anything is recorded."""

    person: PersonId
    name: Sealed
    contact: Sealed | None = None
    id_number: Sealed | None = None


class PersonRegistered(Event):
    """登记自然人: somebody is known by a token; what is known of them is sealed (0.10).

    ``unit`` took it down and may read it. The key to ``name``, ``contact`` (how they are reached)
    and ``id_number`` (公民身份号码) lies in the vault. Since version 2 ``withheld_from`` are the
    units that may not know of the person: those that the person accused when registered.
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
        """The units that may not know of the person."""
        return self.withheld_from

    def known_to(self) -> tuple[str, ...]:
        """Every authority of the unit that took the person's data down."""
        return (f"handler:{self.unit}",)


class PersonErased(Event):
    """删除个人信息: what is known of a person is erased for good (个人信息保护法 Art. 47).

    Recorded first: it is what has the key destroyed, however often that is begun. ``unit`` took
    the person's data down. Since version 2 ``withheld_from`` as in ``PersonRegistered``.
    """

    TOPIC: ClassVar[str] = "persons.person-erased"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    person: PersonId
    unit: UnitId
    reason: ErasureReason
    withheld_from: tuple[str, ...] = ()

    def kept_from(self) -> tuple[str, ...]:
        """The units that may not know of the person."""
        return self.withheld_from
