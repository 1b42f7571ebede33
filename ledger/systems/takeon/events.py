"""Events of a take-on: an older system hands over what it holds (启用日, 期初事项, 2.18).

What is taken on is recorded by the events of the system that it belongs to, with their true days
and with the day of the takeover in their provenance (``Provenance.opening``).
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
#: What an open deadline of an older system belongs to.
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
    """The id of one fact of an older system: its kind and its id there."""
    return f"{takeon}/{kind}/{ref}"


class TakeOnOpened(Event):
    """启用日: this ledger takes over from an older system, ``source``, on ``day``.

    From then on opening facts can be entered until the take-on is closed. What was due by ``day``
    was the older system's to see done and is not judged here.
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

    ``ref`` is its id in the older system, ``began`` what it is here, as ``kind:id``. The fact
    itself stands behind this, in the same append.
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
        """What is told in confidence is not announced by its takeover."""
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of the fact."""
        return self.withheld_from


class TakeOnClosed(Event):
    """启用完成: everything that the older system held is taken on; it takes no more.

    ``facts`` counts what was taken on, but for what was taken on in confidence.
    """

    TOPIC: ClassVar[str] = "takeon.take-on-closed"
    VISIBILITY = "shared"

    takeon: TakeOnId
    unit: UnitId
    facts: int
    entered_by: Badge
    confirmed_by: Badge


class OpenDeadlineTakenOn(Event):
    """期初期限: something that an older system asked of a unit is still to be done, by ``due_on``.

    ``says`` is what, ``basis`` the law that asks for it, ``concerns`` the system that it belongs
    to. ``due_on`` is stated, and no calendar moves it. A complaint is always ``confidential``.
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
        """What is told in confidence is its unit's and the Justice Bureau's."""
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of it."""
        return self.withheld_from


class OpenDutyPerformed(Event):
    """期初期限履行: what an open deadline of an older system asked for is done.

    ``days_late`` counts calendar days after its day, if that was judged here.
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
        """As what asked for it."""
        return "sealed" if self.confidential else "restricted"

    def kept_from(self) -> tuple[str, ...]:
        """Return the units that must not know of it."""
        return self.withheld_from


#: The kind of subject that each kind of fact begins here.
BEGINS: Mapping[FactKind, str] = {
    "penalty": "decision",
    "commitment": "commitment",
    "designation": "designation",
    "deadline": "duty",
}
