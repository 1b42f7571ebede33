"""Commands that correct a record or record that a decision is legally undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from ledger.corrections.events import (
    AlteredField,
    DecisionAltered,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
    FieldChange,
    RecordCorrected,
)
from ledger.corrections.folds import DecisionStanding, as_it_reads
from ledger.corrections.rules import GEN_R1
from ledger.kernel import (
    Command,
    DeadlineMissed,
    DeadlineRecomputed,
    Event,
    Forbidden,
    Malformed,
    OutOfStep,
    PolicyVersionAdopted,
    Reading,
    Recorded,
    UnknownReference,
    WorkingCalendarPublished,
)
from ledger.kernel.commands import CLOCK_TOLERANCE
from ledger.kernel.corrections import CorrectionImpossible, corrected
from ledger.vocabulary import DecisionId, EntityId, Name, Text, UnitId

#: What is not corrected but superseded, and how.
SUPERSEDED: Mapping[type[Event], str] = {
    RecordCorrected: "Correct the record that it corrects once more.",
    PolicyVersionAdopted: "Adopt a new version of the policy instead.",
    WorkingCalendarPublished: "Publish a new version of the year's calendar instead.",
    DeadlineMissed: "It follows from the opening record, the policy and the calendar: "
    "correct or supersede those.",
    DeadlineRecomputed: "It follows from the calendars: publish a new version of the year's "
    "calendar instead.",
}


class CorrectRecord(Command):
    """更正记录: what was recorded is not what happened; requested by one and approved by another.

    ``old`` of each change is what the record says now, after earlier corrections.
    """

    target_position: Annotated[int, msgspec.Meta(ge=1)]
    field_changes: Annotated[tuple[FieldChange, ...], msgspec.Meta(min_length=1, max_length=100)]
    reason: Text
    requested_by: Name
    approved_by: Name

    def decide(self, ledger: Reading) -> Iterator[Event]:
        target = ledger.record_at(self.target_position)
        if target is None:
            raise UnknownReference("record", str(self.target_position))
        instead = SUPERSEDED.get(type(target.event))
        if instead is not None:
            raise Malformed(
                f"position {self.target_position} is {target.envelope.type}, which is not "
                f"corrected. {instead}",
                "/target_position",
            )
        ledger.require(
            self.requested_by != self.approved_by,
            GEN_R1,
            requested_by=self.requested_by,
            approved_by=self.approved_by,
            position=self.target_position,
        )
        if ledger.actor.person_id != self.approved_by:
            raise Forbidden(
                f"a correction is sent by who approves it: {self.approved_by}, not "
                f"{ledger.actor.person_id}."
            )
        if ledger.actor.role == "unit_head":
            ledger.act_for(getattr(target.event, "unit", None) or target.envelope.actor.unit_id)
        self._check(as_it_reads(ledger, target))
        yield RecordCorrected(
            target_event_id=target.envelope.event_id,
            target_position=target.position,
            field_changes=self.field_changes,
            reason=self.reason,
            requested_by=self.requested_by,
            approved_by=self.approved_by,
            subjects=tuple(target.event.tags()),
        )

    def _check(self, current: Recorded) -> None:
        for place, change in enumerate(self.field_changes):
            if change.old == change.new:
                raise Malformed(f"{change.path} would not change.", f"/field_changes/{place}/new")
        try:
            result = corrected(current, self.field_changes)
        except CorrectionImpossible as error:
            raise Malformed(str(error), self._pointer(str(error))) from error
        if result.envelope.occurred_at > current.envelope.recorded_at + CLOCK_TOLERANCE:
            raise Malformed(
                "a fact cannot have happened after it was recorded, at "
                f"{current.envelope.recorded_at.isoformat()}.",
                self._pointer("/occurred_at "),
            )

    def _pointer(self, message: str) -> str:
        """Where the change stands that a message begins with; all of them if it names none."""
        for place, change in enumerate(self.field_changes):
            if message.startswith(f"{change.path} "):
                return f"/field_changes/{place}"
        return "/field_changes"


class NullifyDecision(Command):
    """否定决定: record that a competent body revoked or altered a decision, or declared it
    unlawful or void.

    The decision has to be on record, and one that was revoked or declared void has no further
    fate. What the nullification touches (publicity, sanctions, grades) follows in its own system.
    """

    decision: DecisionId
    unit: UnitId
    kind: Literal["revoked", "altered", "declared_unlawful", "declared_void"]
    entity: EntityId | None = None
    by: Name
    instrument: Name
    effective_on: date
    reason: Text
    altered: tuple[AlteredField, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if (self.kind == "altered") != bool(self.altered):
            raise Malformed(
                "say what is altered" if self.kind == "altered" else "nothing is altered by this",
                "/altered",
            )
        standing = ledger.known(
            DecisionStanding(self.decision), "Record the decision before what became of it."
        )
        if standing.ended_on is not None:
            raise OutOfStep(
                f"decision {self.decision} has had no effect since {standing.ended_on}, by "
                f"{standing.ended_by}"
            )
        yield self._event()

    def _event(self) -> Event:
        fields: dict[str, Any] = {
            "decision": self.decision,
            "unit": self.unit,
            "entity": self.entity,
            "by": self.by,
            "instrument": self.instrument,
            "effective_on": self.effective_on,
            "reason": self.reason,
        }
        match self.kind:
            case "revoked":
                return DecisionRevoked(**fields)
            case "altered":
                return DecisionAltered(**fields, altered=self.altered)
            case "declared_unlawful":
                return DecisionDeclaredUnlawful(**fields)
            case "declared_void":
                return DecisionDeclaredVoid(**fields)
