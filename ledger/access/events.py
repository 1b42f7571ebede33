"""Events of the access ledger (0.9, 4.2 no. 11). None of them stands in the main ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from ledger.kernel import Event, subject
from ledger.kernel.events import Upcaster
from ledger.vocabulary import EntityId, Name, PersonId, Text, UnitId

RuleId = Annotated[str, subject("rule", pattern=r"^[A-Z]{3}-[A-Z][0-9]{1,3}$", examples=["FIL-R4"])]


class CommandRefused(Event):
    """命令被拒: a rule refused what somebody asked for; the main ledger is as it was.

    The actor is whoever asked, ``unit`` the unit acted for. ``refused_command`` is the id of the
    command: the same request repeated under one Idempotency-Key has one id, and is noted each time.
    Since version 2 ``withheld_from`` are the units that may not know of what the command named.
    """

    TOPIC: ClassVar[str] = "access.command-refused"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    unit: UnitId
    command: Name
    rule: RuleId
    message: Text
    refused_command: Name
    policy_key: Name | None = None
    policy_version: int | None = None
    entity: EntityId | None = None
    withheld_from: tuple[str, ...] = ()


class ReferenceUnknown(Event):
    """查无此项: somebody named what does not exist, or what they may not know of.

    Both are taken down alike, so that neither the time of the answer nor this ledger tells them
    apart. ``kind`` is the kind of subject; its id is the sender's own word and is not written down.
    ``unit`` is the sender's.
    """

    TOPIC: ClassVar[str] = "access.reference-unknown"

    unit: UnitId
    command: Name
    kind: Name


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 named no person."""
    return body


class RecordsConsulted(Event):
    """查阅记录: a supervisor looked at something; noted before the answer is given.

    ``route`` is the kind of resource, ``asked`` the path and query that were sent, without words
    of the asker's own: `withheld` stands for what the ledger does not have as a subject and is no
    number, date or word of the resource. Whoever asks for what is sealed of a ``person`` is noted
    too, supervisor or not. Since version 3 ``withheld_from`` are the units that may not know of
    what was looked at.
    """

    TOPIC: ClassVar[str] = "access.records-consulted"
    VERSION = 3
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was, 2: dict}

    unit: UnitId
    route: Name
    asked: Text
    entity: EntityId | None = None
    person: PersonId | None = None
    withheld_from: tuple[str, ...] = ()
