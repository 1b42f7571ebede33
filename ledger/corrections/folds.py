"""Folds about corrections and nullifications."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec

from ledger.corrections.events import (
    DecisionDeclaredVoid,
    DecisionRevoked,
    FieldChange,
    RecordCorrected,
)
from ledger.kernel import Fold, Reading, Recorded, Tag
from ledger.kernel.corrections import corrected
from ledger.kernel.folds import Selector
from ledger.kernel.subjects import make_tag
from ledger.vocabulary import DecisionId


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


class DecisionStanding(Fold):
    """Is this decision on record, in any system, and what has legally become of it?"""

    decision: DecisionId
    known: bool = False
    ended_on: date | None = None
    ended_by: str = ""

    @property
    def exists(self) -> bool:
        return self.known

    def selector(self) -> Selector:
        return Selector((), (make_tag("decision", self.decision),))

    def take(self, record: Recorded) -> None:
        self.known = True
        if isinstance(record.event, DecisionRevoked | DecisionDeclaredVoid):
            self.ended_on = record.event.effective_on
            self.ended_by = f"{record.event.by}, {record.event.instrument}"
