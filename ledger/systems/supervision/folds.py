"""Folds of enforcement supervision: visits, findings, documents, proposals and circulars."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import EntityId, FindingId, ProposalId, SupDocId, UnitId
from ledger.kernel import Fold, Recorded, SubjectFold
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionTaskApproved,
    OnSiteInspectionOpened,
)
from ledger.systems.supervision.events import (
    CircularIssued,
    FindingClosed,
    FindingDismissed,
    FindingTold,
    FindingTriaged,
    ProposalDeclined,
    ProposalFollowed,
    RectificationAccepted,
    RectificationRejected,
    SupDocKind,
    SupervisionDocAnswered,
    SupervisionDocIssued,
    SupervisionDocProposed,
    SupervisionDocWithdrawn,
    UnitResponded,
)


class BookedVisits(Fold):
    """How many visits has this unit booked at this business in this cap year, by counter?"""

    entity: EntityId
    unit: UnitId
    year: int
    capped: int = 0
    exempt: int = 0

    def on_approved(self, event: InspectionTaskApproved) -> None:
        self._count(event.planned_on, event.counter, 1)

    def on_cancelled(self, event: InspectionCancelled) -> None:
        self._count(event.planned_on, event.counter, -1)

    def _count(self, planned_on: date, counter: Literal["capped", "exempt"], by: int) -> None:
        if planned_on.year != self.year:
            return
        if counter == "capped":
            self.capped += by
        else:
            self.exempt += by


class VisitMade(msgspec.Struct, frozen=True):
    """One visit to a business: its task, unit, day and matters."""

    task: str
    unit: str
    on: date
    matters: frozenset[str]
    position: int


class VisitsMade(Fold):
    """Which units visited this business, when, and which visits had only a plan as trigger?"""

    entity: EntityId
    visits: list[VisitMade] = msgspec.field(default_factory=list)
    planned: set[str] = msgspec.field(default_factory=set)
    #: The joint visit that a task is part of.
    joint: dict[str, str] = msgspec.field(default_factory=dict)

    def on_approved(self, event: InspectionTaskApproved) -> None:
        if event.trigger == "plan":
            self.planned.add(event.task)
        if event.joint is not None:
            self.joint[event.task] = event.joint

    def together(self, task: str, other: str) -> bool:
        """Return whether two tasks are parts of one joint visit (2.11)."""
        return task in self.joint and self.joint[task] == self.joint.get(other)

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        self.visits.append(
            VisitMade(
                event.task,
                event.unit,
                record.occurred_on,
                frozenset(event.matters),
                record.position,
            )
        )


class FindingState(SubjectFold):
    """What is the state of this finding? After a rejection, response and rectification are open."""

    BEGUN = "raised"

    finding_id: FindingId
    raised: FindingRaised | None = None
    triaged: bool = False
    responded: bool = False
    rectified: bool = False
    ended: Literal["dismissed", "closed"] | None = None
    told: tuple[str, ...] = ()

    @property
    def withheld_from(self) -> tuple[str, ...]:
        """The units that still must not know of the finding."""
        withheld = () if self.raised is None else self.raised.withheld_from
        return tuple(unit for unit in withheld if unit not in self.told)

    @property
    def in_confidence(self) -> bool:
        """Whether the finding is still sealed to its handler."""
        raised = self.raised
        return raised is not None and raised.in_confidence and raised.unit not in self.told

    def on_raised(self, event: FindingRaised) -> None:
        self.raised = event

    def on_told(self, event: FindingTold) -> None:
        # A unit is never told of a confidential finding about itself.
        if event.unit not in event.kept_from():
            self.told = (*self.told, event.unit)

    def on_triaged(self, event: FindingTriaged) -> None:
        self.triaged = True

    def on_responded(self, event: UnitResponded | SupervisionDocAnswered) -> None:
        self.responded = True

    def on_rectified(self, event: RectificationAccepted) -> None:
        self.rectified = True

    def on_rejected(self, event: RectificationRejected) -> None:
        self.responded = self.rectified = False

    def on_dismissed(self, event: FindingDismissed) -> None:
        self.ended = "dismissed"

    def on_closed(self, event: FindingClosed) -> None:
        self.ended = "closed"


class SupervisionDoc(SubjectFold):
    """What does this document demand of which unit, and has the unit answered?"""

    BEGUN = "kind"

    document: SupDocId
    kind: SupDocKind | None = None
    unit: str = ""
    doc_no: str = ""
    demands: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    due_on: date | None = None
    follows: str | None = None
    issued_on: date | None = None
    issued_position: int = 0
    response: str | None = None
    answered_on: date | None = None
    days_late: int | None = None
    withdrawn_on: date | None = None
    withdrawn_because: str | None = None

    @property
    def stage(self) -> Literal["issued", "answered", "withdrawn"]:
        """The stage that the document has reached."""
        if self.withdrawn_on is not None:
            return "withdrawn"
        return "issued" if self.answered_on is None else "answered"

    def on_issued(self, event: SupervisionDocIssued, record: Recorded) -> None:
        self.kind, self.unit, self.doc_no = event.kind, event.unit, event.doc_no
        self.demands, self.findings = event.demands, event.findings
        self.due_on, self.follows = event.due_on, event.follows
        self.issued_on, self.issued_position = record.occurred_on, record.position

    def on_answered(self, event: SupervisionDocAnswered, record: Recorded) -> None:
        self.response, self.answered_on = event.response, record.occurred_on
        self.days_late = event.days_late

    def on_withdrawn(self, event: SupervisionDocWithdrawn, record: Recorded) -> None:
        self.withdrawn_on, self.withdrawn_because = record.occurred_on, event.reason


class Proposal(SubjectFold):
    """Which document does the rule-of-law office propose, and was the proposal followed?"""

    BEGUN = "kind"

    proposal: ProposalId
    unit: str = ""
    kind: SupDocKind | None = None
    demands: tuple[str, ...] = ()
    reason: str = ""
    findings: tuple[str, ...] = ()
    proposed_by: str = ""
    proposed_on: date | None = None
    document: str | None = None
    declined_because: str | None = None
    decided_on: date | None = None

    @property
    def stage(self) -> Literal["unknown", "proposed", "followed", "declined"]:
        """The stage that the proposal has reached."""
        if not self.exists:
            return "unknown"
        if self.document is not None:
            return "followed"
        return "proposed" if self.declined_because is None else "declined"

    def on_proposed(self, event: SupervisionDocProposed, record: Recorded) -> None:
        self.unit, self.kind, self.demands = event.unit, event.kind, event.demands
        self.reason, self.findings = event.reason, event.findings
        self.proposed_by = record.envelope.actor.unit_id
        self.proposed_on = record.occurred_on

    def on_followed(self, event: ProposalFollowed, record: Recorded) -> None:
        self.document, self.decided_on = event.document, record.occurred_on

    def on_declined(self, event: ProposalDeclined, record: Recorded) -> None:
        self.declined_because, self.decided_on = event.reason, record.occurred_on


class Circular(SubjectFold):
    """What was made public under this number?"""

    BEGUN = "kind"

    document: SupDocId
    kind: Literal["circular", "typical_case"] | None = None
    units: tuple[str, ...] = ()
    title: str = ""
    text: str = ""
    issued_on: date | None = None
    url: str | None = None

    def on_issued(self, event: CircularIssued) -> None:
        self.kind, self.units = event.kind, event.units
        self.title, self.text = event.title, event.text
        self.issued_on, self.url = event.issued_on, event.url
