"""Events of handovers between the people of a unit (人员交接, AB岗)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import Badge, Text, UnitId
from ledger.kernel import Event

#: The systems in which something waits for a person by name: tasks, cases, key supervision, and
#: the requests that a person has made.
Handed = Literal["filing", "penalties", "keylist", "approvals"]
Scope = Annotated[tuple[Handed, ...], msgspec.Meta(max_length=4)]


class DutyHandedOver(Event):
    """职责交接: what waits for ``from_person`` waits for ``to_person``, from that day on.

    ``scope``: of these systems alone; of all when it is empty. ``until`` is the last day of a
    handover for a time (leave, training); without it, it holds until it is taken back. What waits
    already moves, and what comes. Who has acted stays the one who has acted.
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
    """职责收回: from this day on, what waits for ``from_person`` waits for that person again."""

    TOPIC: ClassVar[str] = "handovers.duty-taken-back"

    unit: UnitId
    from_person: Badge
    scope: tuple[Handed, ...] = ()
    taken_back_on: date
