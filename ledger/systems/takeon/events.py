"""Events of a take-on: the facts of an older system are taken on (启用日, 期初事项, 2.18).

Each fact is also recorded by the events of its own system, with their true days and with the day of
the takeover in their provenance (``Provenance.opening``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal

from ledger.general.vocabulary import (
    Badge,
    DutyId,
    EntityId,
    Name,
    OlderId,
    OpeningFactId,
    TakeOnId,
    TakeOnSourceId,
    Text,
    UnitId,
)
from ledger.kernel import Event, LegalRef, Visibility

FactKind = Literal["penalty", "commitment", "designation", "deadline"]
#: The system to which an open deadline of an older system belongs.
Concern = Literal[
    "penalty",
    "publicity",
    "complaint",
    "reconsideration",
    "supervision",
    "filing",
    "repair",
    "other",
]


def fact_id(takeon: str, kind: FactKind, ref: str) -> str:
    """Return the id of one fact of an older system, from its kind and its id there."""
    return f"{takeon}/{kind}/{ref}"


class TakeOnOpened(Event):
    """启用日: this ledger takes over from an older system, ``source``, on ``day``.

    From now on opening facts can be entered until the take-on is closed. Deadlines up to ``day``
    belong to the older system and are not checked here.
    """

    TOPIC: ClassVar[str] = "takeon.take-on-opened"
    VISIBILITY = "shared"

    takeon: TakeOnId
    source: TakeOnSourceId
    unit: UnitId
    day: date
    says: Text


class OpeningFactTakenOn(Event):
    """期初事项: one fact of an older system was entered by one person and confirmed by another.

    ``ref`` is its id in the older system; ``began`` is its subject here, as ``kind:id``. The event
    of the fact itself follows in the same append.
    """

    TOPIC: ClassVar[str] = "takeon.opening-fact-taken-on"

    fact: OpeningFactId
    takeon: TakeOnId
    kind: FactKind
    ref: OlderId
    unit: UnitId
    began: str
    entered_by: Badge
    confirmed_by: Badge
    entity: EntityId | None = None
    confidential: bool = False
    withheld_from: tuple[str, ...] = ()

    def visibility(self) -> Visibility:
        """Return ``sealed`` for a confidential fact, so that its takeover does not reveal it."""
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of the fact."""
        return self.withheld_from


class TakeOnClosed(Event):
    """启用完成: the take-on is complete, and no further facts can be entered.

    ``facts`` counts the facts that were taken on, without confidential ones.
    """

    TOPIC: ClassVar[str] = "takeon.take-on-closed"
    VISIBILITY = "shared"

    takeon: TakeOnId
    unit: UnitId
    facts: int
    entered_by: Badge
    confirmed_by: Badge


class OpenDeadlineTakenOn(Event):
    """期初期限: a unit must still perform a duty from an older system by ``due_on``.

    ``says`` describes the duty, ``basis`` is its law, ``concerns`` the system to which it belongs.
    ``due_on`` is a stated day, so calendars do not move it. A complaint is always ``confidential``.
    """

    TOPIC: ClassVar[str] = "takeon.open-deadline-taken-on"
    CORRECTABLE = frozenset({"says", "due_on"})

    duty: DutyId
    unit: UnitId
    concerns: Concern
    says: Text
    started_on: date
    due_on: date
    basis: LegalRef
    entity: EntityId | None = None
    confidential: bool = False
    withheld_from: tuple[str, ...] = ()

    def visibility(self) -> Visibility:
        """Return ``sealed`` for a confidential duty: only its unit and the bureau may read it."""
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of the duty."""
        return self.withheld_from


class OpenDutyPerformed(Event):
    """期初期限履行: the unit has performed a duty from an older system.

    ``days_late`` counts calendar days after ``due_on``, if that was after the takeover.
    """

    TOPIC: ClassVar[str] = "takeon.open-duty-performed"
    CORRECTABLE = frozenset({"evidence"})

    duty: DutyId
    unit: UnitId
    evidence: tuple[Name, ...]
    entity: EntityId | None = None
    days_late: int = 0
    confidential: bool = False
    withheld_from: tuple[str, ...] = ()

    def visibility(self) -> Visibility:
        """Return the visibility of the duty."""
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of the duty."""
        return self.withheld_from


#: The kind of subject that each kind of fact creates in this ledger.
BEGINS: Mapping[FactKind, str] = {
    "penalty": "decision",
    "commitment": "commitment",
    "designation": "designation",
    "deadline": "duty",
}
