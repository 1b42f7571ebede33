"""Folds about corrections and nullifications."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

import msgspec

from ledger.catalogue.folds import OfficerStanding
from ledger.corrections.events import (
    DecisionDeclaredVoid,
    DecisionRevoked,
    FieldChange,
    RecordCorrected,
)
from ledger.kernel import Fold, Reading, Recorded, Tag, UnknownReference, subject
from ledger.kernel.corrections import corrected
from ledger.kernel.folds import Selector
from ledger.kernel.subjects import make_tag
from ledger.vocabulary import DecisionId, Role


class CorrectionsOf(Fold):
    """What has been corrected of this event?

    ``subjects`` are the event's tags; every correction of it carries them all.
    """

    subjects: tuple[Tag, ...]
    event_id: UUID
    changes: list[FieldChange] = msgspec.field(default_factory=list)

    def selector(self) -> Selector:
        return Selector((RecordCorrected.TOPIC,), self.subjects)

    def on_corrected(self, event: RecordCorrected) -> None:
        if event.target_event_id == self.event_id:
            self.changes.extend(event.field_changes)


def as_it_reads(ledger: Reading, record: Recorded) -> Recorded:
    """``record`` with all corrections so far; the decision depends on there being no other."""
    fold = CorrectionsOf(tuple(record.event.tags()), record.envelope.event_id)
    changes = ledger.read(fold).changes
    return corrected(record, changes) if changes else record


PersonId = Annotated[str, subject("actor", hideable=False)]

#: Who is nobody's second person: machines, and those for whom no authority answers.
_NO_OFFICIALS: frozenset[Role] = frozenset(
    {"entity_rep", "public", "subscriber_system", "ledger_clock", "operator"}
)


class KnownPerson(Fold):
    """Has this person recorded anything here, as an official?"""

    person: PersonId
    known: bool = False

    @property
    def exists(self) -> bool:
        return self.known

    def selector(self) -> Selector:
        """All topics: whatever somebody recorded carries the name."""
        return Selector((), (make_tag("actor", self.person),))

    def take(self, record: Recorded) -> None:
        self.known = self.known or record.envelope.actor.role not in _NO_OFFICIALS


def require_known(ledger: Reading, person: str) -> None:
    """Refuse a second person who has recorded nothing here and holds no certificate.

    Raises ``UnknownReference``.
    """
    # BUG(second-person): the second person is named and known, but has signed nothing: the sender
    # can name a colleague who never heard of it. Two commands would mend that: the one requests,
    # and the other, with a token of their own, approves.
    if ledger.read(OfficerStanding(person)).exists or ledger.read(KnownPerson(person)).exists:
        return
    raise UnknownReference(
        "person",
        person,
        "Name somebody who has recorded something here, or a certified officer.",
    )


class DecisionStanding(Fold):
    """Is this decision on record, in any system, whose is it, and what has become of it?

    What is recorded of it first is the decision itself, which says its unit and its business.
    """

    decision: DecisionId
    known: bool = False
    unit: str = ""
    entity: str | None = None
    made_on: date | None = None
    violation_code: str | None = None
    #: The number of its document, as corrected.
    doc_no: str | None = None
    ended_on: date | None = None
    ended_by: str = ""

    @property
    def exists(self) -> bool:
        return self.known

    def selector(self) -> Selector:
        return Selector((), (make_tag("decision", self.decision),))

    def take(self, record: Recorded) -> None:
        if not self.known:
            self.unit = getattr(record.event, "unit", None) or record.envelope.actor.unit_id
            self.entity = getattr(record.event, "entity", None)
            self.made_on = record.occurred_on
            self.violation_code = getattr(record.event, "violation_code", None)
            self.doc_no = getattr(record.event, "doc_no", None)
        self.known = True
        if isinstance(record.event, DecisionRevoked | DecisionDeclaredVoid):
            self.ended_on = record.event.effective_on
            self.ended_by = f"{record.event.by}, {record.event.instrument}"
