"""Folds about corrections and nullifications."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from ledger.general.vocabulary import DecisionId
from ledger.kernel import Fold, Inquiry, Recorded, SubjectFold, Tag
from ledger.kernel.corrections import corrected
from ledger.kernel.folds import Selector
from ledger.kernel.subjects import make_tag
from ledger.systems.corrections.events import (
    DecisionDeclaredVoid,
    DecisionRevoked,
    FieldChange,
    RecordCorrected,
)


class CorrectionsOf(Fold):
    """Which fields of this event have been corrected?

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


def as_it_reads(inquiry: Inquiry, record: Recorded) -> Recorded:
    """Return ``record`` with all its corrections so far.

    Reading them makes the append fail if another correction is recorded at the same time.
    """
    fold = CorrectionsOf(tuple(record.event.tags()), record.envelope.event_id)
    changes = inquiry.read(fold).changes
    return corrected(record, changes) if changes else record


class DecisionStanding(SubjectFold):
    """Is this decision of any system on record, who made it, and is it still in effect?

    The first event about a decision is the decision itself; it names the unit and the business.
    """

    BEGUN = "known"

    decision: DecisionId
    known: bool = False
    unit: str = ""
    entity: str | None = None
    made_on: date | None = None
    violation_code: str | None = None
    #: The number of the decision's document, after corrections.
    doc_no: str | None = None
    ended_on: date | None = None
    ended_by: str = ""

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
