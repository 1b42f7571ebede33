"""Folds about natural persons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

import msgspec

from ledger.general.vocabulary import PersonId
from ledger.kernel import Event, Fold, Inquiry, RecordCorrected, Recorded, SubjectFold
from ledger.kernel.folds import Selector
from ledger.kernel.subjects import make_tag
from ledger.systems.persons.events import ErasureReason, PersonErased, PersonRegistered
from ledger.vault.sealing import Sealed


class Person(SubjectFold):
    """Is this person registered, by which unit, and was their data erased?"""

    BEGUN = "registered_on"

    person: PersonId
    unit: str = ""
    registered_on: date | None = None
    name: Sealed | None = None
    contact: Sealed | None = None
    id_number: Sealed | None = None
    withheld_from: tuple[str, ...] = ()
    erased_on: date | None = None
    reason: ErasureReason | None = None

    @property
    def stage(self) -> str:
        """``known`` while the data can be read, then ``erased``."""
        return "erased" if self.erased_on is not None else "known"

    def on_registered(self, event: PersonRegistered, record: Recorded) -> None:
        self.unit, self.registered_on = event.unit, record.occurred_on
        self.name, self.contact, self.id_number = event.name, event.contact, event.id_number
        self.withheld_from = event.withheld_from

    def on_erased(self, event: PersonErased, record: Recorded) -> None:
        self.erased_on, self.reason = record.occurred_on, event.reason


class Proceeding(msgspec.Struct, frozen=True):
    """A kind of proceeding that persons take part in; the system that has it registers it here.

    ``opened_by`` names the person, and ``name_of`` returns the proceeding's id from it.
    ``conductor`` returns the unit that conducts a proceeding, or ``None`` once it is over.
    """

    kind: str
    opened_by: type[Event]
    name_of: Callable[[Any], str]
    conductor: Callable[[Inquiry, str], str | None]


#: Every kind of proceeding that persons take part in, by the event that opens it.
PROCEEDINGS: dict[type[Event], Proceeding] = {}


def involve_persons(proceeding: Proceeding) -> None:
    """Register a kind of proceeding that persons take part in."""
    PROCEEDINGS[proceeding.opened_by] = proceeding


class Involvements(Fold):
    """Which proceedings involve this person? ``names`` has their ids by kind."""

    ANY_MENTION: ClassVar[bool] = True

    person: PersonId
    names: dict[str, list[str]] = msgspec.field(default_factory=dict)

    def of(self, opened_by: type[Event]) -> list[str]:
        """Return the ids of the proceedings that events of a type open.

        Raises ``KeyError`` for a type that no proceeding registered.
        """
        return self.names.get(PROCEEDINGS[opened_by].kind, [])

    def selector(self) -> Selector:
        topics = sorted(event.TOPIC for event in PROCEEDINGS)
        return Selector((*topics, RecordCorrected.TOPIC), (make_tag("person", self.person),))

    def take(self, record: Recorded) -> None:
        proceeding = PROCEEDINGS.get(type(record.event))
        if proceeding is not None:
            names = self.names.setdefault(proceeding.kind, [])
            names.append(proceeding.name_of(record.event))
