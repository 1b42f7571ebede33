"""Events of handovers between the people of a unit (人员交接, AB岗)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import Badge, Text, UnitId
from ledger.kernel import Event

#: The systems that assign work to a person by name: tasks, cases, key supervision, and requests
#: for approval that the person has made.
Handed = Literal["filing", "penalties", "keylist", "approvals"]
Scope = Annotated[tuple[Handed, ...], msgspec.Meta(max_length=4)]


class DutyHandedOver(Event):
    """职责交接: from ``since`` on, the work assigned to ``from_person`` waits for ``to_person``.

    ``scope`` names the systems concerned; an empty scope means all. ``until`` is the last day of a
    temporary handover (leave, training); without it, the handover holds until it is taken back.
    It covers present and future work. It does not change who is on record for acts already done.
    """

    TOPIC: ClassVar[str] = "handovers.duty-handed-over"

    unit: UnitId
    from_person: Badge
    to_person: Badge
    scope: tuple[Handed, ...] = ()
    since: date
    until: date | None = None
    reason: Text


class DutyTakenBack(Event):
    """职责收回: from this day on, the work of ``from_person`` waits for that person again."""

    TOPIC: ClassVar[str] = "handovers.duty-taken-back"

    unit: UnitId
    from_person: Badge
    scope: tuple[Handed, ...] = ()
    taken_back_on: date
