"""Folds about natural persons."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

import msgspec

from ledger.general.vocabulary import PersonId
from ledger.kernel import Fold, Recorded
from ledger.systems.complaints.events import ComplainantNamed
from ledger.systems.penalties.events import CaseFiled
from ledger.systems.persons.events import ErasureReason, PersonErased, PersonRegistered
from ledger.systems.reconsideration.events import ReconApplied
from ledger.vault.sealing import Sealed


class Person(Fold):
    """Is this person known, to whom, and was what is known of them erased?"""

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
    def exists(self) -> bool:
        return self.registered_on is not None

    @property
    def stage(self) -> str:
        """Whether what is known can still be read."""
        return "erased" if self.erased_on is not None else "known"

    def on_registered(self, event: PersonRegistered, record: Recorded) -> None:
        self.unit, self.registered_on = event.unit, record.occurred_on
        self.name, self.contact, self.id_number = event.name, event.contact, event.id_number
        self.withheld_from = event.withheld_from

    def on_erased(self, event: PersonErased, record: Recorded) -> None:
        self.erased_on, self.reason = record.occurred_on, event.reason


class Involvements(Fold):
    """In which proceedings does this person stand: complaints, reconsiderations, penalty cases?"""

    ANY_MENTION: ClassVar[bool] = True

    person: PersonId
    complaints: list[str] = msgspec.field(default_factory=list)
    recons: list[str] = msgspec.field(default_factory=list)
    cases: list[str] = msgspec.field(default_factory=list)

    def on_complained(self, event: ComplainantNamed) -> None:
        self.complaints.append(event.complaint)

    def on_applied(self, event: ReconApplied) -> None:
        self.recons.append(event.recon)

    def on_filed(self, event: CaseFiled) -> None:
        self.cases.append(event.case)
