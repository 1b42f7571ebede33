"""Folds about complaints."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import ComplaintId, TaskId
from ledger.kernel import Fold, Inquiry, Recorded, SubjectFold
from ledger.systems.complaints.events import (
    ComplainantFeedbackGiven,
    ComplainantInformed,
    ComplainantNamed,
    ComplaintAccepted,
    ComplaintAcknowledged,
    ComplaintNotAccepted,
    ComplaintReceived,
    ComplaintResolved,
    ComplaintTransferred,
    FactsPassedOn,
    InvestigationStepTaken,
    Outcome,
    Step,
)
from ledger.systems.persons.folds import Proceeding, involve_persons

Stage = Literal["unknown", "received", "acknowledged", "accepted", "not_accepted", "resolved"]


class StepTaken(msgspec.Struct, frozen=True):
    """A step of an investigation: its day, the unit that took it and its result."""

    on: date
    unit: str
    step: Step
    shown: str


class Complaint(SubjectFold):
    """What does this complaint say, who handles it, and at which stage is it?

    ``unit`` handles it now. Each ``…_at`` is a position in the ledger; at ``clock_at`` the period
    for acceptance began. ``told`` maps each body that was told of the complaint to the newest text
    it was given. ``accepted_openly`` and ``resolved_openly`` say whether the accused unit was told
    of the acceptance and of the result.
    """

    BEGUN = "received_on"

    complaint: ComplaintId
    unit: str = ""
    subject_unit: str = ""
    channel: str = ""
    facts: str = ""
    #: Whether the facts are sealed. Authorized readers must then request them separately.
    facts_sealed: bool = False
    anonymous: bool = False
    office: str | None = None
    officers: tuple[str, ...] = ()
    received_on: date | None = None
    received_at: int = 0
    clock_at: int = 0
    counted_from: date | None = None
    entity: str | None = None
    complainant: str | None = None
    contact: str | None = None
    irregular_visit: str | None = None
    guarded_until: date | None = None
    handled_before: list[str] = msgspec.field(default_factory=list)
    acknowledged_on: date | None = None
    accepted_on: date | None = None
    accepted_at: int = 0
    allegation: str | None = None
    told: dict[str, str] = msgspec.field(default_factory=dict)
    accepted_openly: bool = False
    resolved_openly: bool = False
    not_accepted_on: date | None = None
    reason: str | None = None
    steps: list[StepTaken] = msgspec.field(default_factory=list)
    resolved_on: date | None = None
    outcome: Outcome | None = None
    remedy: str | None = None
    feedback_text: str | None = None
    satisfied: bool | None = None
    comment: str | None = None

    @property
    def stage(self) -> Stage:
        """The stage of the complaint."""
        if self.resolved_on is not None:
            return "resolved"
        if self.not_accepted_on is not None:
            return "not_accepted"
        if self.accepted_on is not None:
            return "accepted"
        if self.acknowledged_on is not None:
            return "acknowledged"
        return "received" if self.exists else "unknown"

    @property
    def accused_told(self) -> bool:
        """Whether the accused unit knows of the complaint."""
        return self.subject_unit in self.told or self.accepted_openly or self.resolved_openly

    @property
    def informed(self) -> str:
        """The bodies that were told of the complaint, as one text ``|A||B|``."""
        accused = [self.subject_unit] if self.accused_told else []
        return "".join(f"|{unit}|" for unit in sorted({*self.told, *accused}))

    @property
    def told_stage(self) -> Stage:
        """The stage, as far as the accused unit was told."""
        if self.resolved_openly:
            return "resolved"
        return "accepted" if self.accepted_openly else "received"

    @property
    def told_outcome(self) -> Outcome | None:
        """The result, as far as the accused unit was told."""
        return self.outcome if self.resolved_openly else None

    @property
    def reachable(self) -> bool:
        """Whether the complainant can be told the result (CMP-R3)."""
        return bool(self.contact or self.complainant or (self.entity and not self.anonymous))

    def on_received(self, event: ComplaintReceived, record: Recorded) -> None:
        self.unit, self.subject_unit = event.unit, event.subject_unit
        self.channel, self.anonymous = event.channel, event.anonymous
        self.facts, self.facts_sealed = event.facts or "", event.sealed_facts is not None
        self.office, self.officers = event.office, event.officers
        self.received_on = record.occurred_on
        self.received_at = self.clock_at = record.position

    def on_named(self, event: ComplainantNamed) -> None:
        self.entity, self.irregular_visit = event.entity, event.irregular_visit
        self.complainant = event.person or event.complainant
        self.contact = event.contact_person or event.contact
        self.guarded_until = event.guarded_until

    def on_acknowledged(self, event: ComplaintAcknowledged, record: Recorded) -> None:
        self.acknowledged_on = record.occurred_on

    def on_accepted(self, event: ComplaintAccepted, record: Recorded) -> None:
        self.accepted_on, self.accepted_at = record.occurred_on, record.position
        self.allegation, self.accepted_openly = event.allegation, event.told
        if event.allegation is not None:
            self.told[self.subject_unit] = event.allegation

    def on_passed_on(self, event: FactsPassedOn) -> None:
        self.told[event.to] = event.facts

    def on_not_accepted(self, event: ComplaintNotAccepted, record: Recorded) -> None:
        self.not_accepted_on, self.reason = record.occurred_on, event.reason

    def on_transferred(self, event: ComplaintTransferred, record: Recorded) -> None:
        self.handled_before.append(self.unit)
        self.unit, self.clock_at = event.to, record.position
        self.counted_from = event.counted_from or record.occurred_on

    def on_step(self, event: InvestigationStepTaken, record: Recorded) -> None:
        self.steps.append(StepTaken(record.occurred_on, event.unit, event.step, event.shown))

    def on_resolved(self, event: ComplaintResolved, record: Recorded) -> None:
        self.resolved_on = record.occurred_on
        self.outcome, self.remedy = event.outcome, event.remedy
        self.resolved_openly = event.told

    def on_informed(self, event: ComplainantInformed) -> None:
        self.feedback_text = event.feedback_text

    def on_answered(self, event: ComplainantFeedbackGiven) -> None:
        self.satisfied, self.comment = event.satisfied, event.comment


class RetaliationFound(Fold):
    """Was this inspection already reported as possible retaliation (CMP-V1)?"""

    task: TaskId
    found: bool = False

    def on_raised(self, event: FindingRaised) -> None:
        self.found = self.found or event.rule_id == "CMP-V1"


def _conductor(inquiry: Inquiry, complaint: str) -> str | None:
    """Return the unit that handles a complaint, or ``None`` once it is answered."""
    received = inquiry.read(Complaint(complaint))
    return None if received.stage in {"resolved", "not_accepted"} else received.unit


involve_persons(
    Proceeding("complaint", ComplainantNamed, lambda event: event.complaint, _conductor)
)
