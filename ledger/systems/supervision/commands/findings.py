"""Findings: raised, read, answered, put right, followed up, ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import (
    EntityId,
    FindingId,
    MatterId,
    Name,
    OfficerId,
    Role,
    TaskId,
    Text,
    UnitId,
    same_person,
)
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading, Report, Rule, UnknownReference
from ledger.kernel.rules import rules as declared_rules
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.supervision import rules
from ledger.systems.supervision.events import (
    DirectHandlingStarted,
    FindingClosed,
    FindingDismissed,
    FindingRaised,
    FindingTriaged,
    RectificationAccepted,
    RectificationRejected,
    UnitResponded,
)
from ledger.systems.supervision.folds import FindingState


class RaiseFinding(Report):
    """提出监督发现: a supervisor has found something that the ledger did not raise by itself.

    It names a declared finding rule, a known unit, and evidence that is recorded.
    """

    ROLES = roles("jb_supervisor", "rlo_assessor")

    type: Name
    rule_id: Name
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    unit: UnitId | None = None
    entity: EntityId | None = None
    task: TaskId | None = None
    matter: MatterId | None = None
    officer: OfficerId | None = None
    evidence_events: tuple[int, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        rule = declared_rules().get(self.rule_id)
        if rule is None or rule.kind != "finding":
            raise Malformed(f"{self.rule_id} is no rule that leads to a finding", "/rule_id")
        if self.type != rule.finding_type:
            raise Malformed(f"{self.rule_id} leads to a finding {rule.finding_type}", "/type")
        if self.unit is not None:
            ledger.known(UnitStanding(self.unit), "Qualify the unit first.")
        for position in self.evidence_events:
            if ledger.named_record(position) is None:
                raise UnknownReference("event", str(position), "Name a recorded position.")
        yield FindingRaised(
            finding_id=ledger.name(self.rule_id),
            type=self.type,
            rule_id=self.rule_id,
            auto=False,
            facts=self.facts,
            unit=self.unit,
            entity=self.entity,
            task=self.task,
            matter=self.matter,
            officer=self.officer,
            evidence_events=self.evidence_events,
        )


class TriageFinding(Act):
    """监督分办: read a finding and say how it goes on."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    assessment: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        raised = open_finding(ledger, self.finding_id)
        state = full_state(ledger, raised)
        yield FindingTriaged(
            finding_id=self.finding_id,
            unit=raised.unit,
            assessment=self.assessment,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class DismissFinding(Countersigned):
    """监督发现不成立: set a finding aside; an automatic one needs a second reader (SUP-R3)."""

    ROLES = roles("jb_supervisor")

    NAME: ClassVar[str] = "supervision.dismiss-finding"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset({"jb_supervisor"})

    finding_id: FindingId
    reason: Text

    def needs_second(self, ledger: Reading) -> bool:
        return open_finding(ledger, self.finding_id).auto

    def confidential(self, ledger: Reading) -> bool:
        raised = open_finding(ledger, self.finding_id)
        return raised.confidential or full_state(ledger, raised).in_confidence

    def withheld_from(self, ledger: Reading) -> tuple[str, ...]:
        raised = open_finding(ledger, self.finding_id)
        withheld = full_state(ledger, raised).withheld_from
        return (*withheld, *(raised.kept_from() if raised.confidential else ()))

    def require_signer(self, ledger: Reading, requested_by: str | None) -> None:
        raised = ledger.known(FindingState(self.finding_id)).raised
        assert raised is not None
        officer, person = raised.officer, ledger.actor.person_id
        ledger.require(
            officer is None or not same_person(person, officer),
            rules.GEN_R2,
            person=person,
            one="the officer whom a finding is about",
            other="the one who dismisses it",
        )

    def same_person(self, ledger: Reading, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return rules.SUP_R3, {"reader": person}

    def effect(self, ledger: Reading, requested_by: str | None) -> Iterator[Event]:
        raised = open_finding(ledger, self.finding_id)
        state = full_state(ledger, raised)
        yield FindingDismissed(
            finding_id=self.finding_id,
            unit=raised.unit,
            reason=self.reason,
            second_reader=ledger.actor.person_id,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class RespondToFinding(Report):
    """执法单位回复: the supervised unit answers."""

    ROLES = UNIT
    ACTS_FOR = "unit"

    finding_id: FindingId
    unit: UnitId
    response: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = ledger.known(FindingState(self.finding_id))
        assert state.raised is not None
        if state.raised.confidential:
            # To the unit it does not exist, whoever has let slip its id.
            raise UnknownReference("finding", self.finding_id)
        open_finding(ledger, self.finding_id, unit=self.unit)
        yield UnitResponded(
            finding_id=self.finding_id,
            unit=self.unit,
            response=self.response,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class AcceptRectification(Act):
    """整改认可: the supervisor accepts what the unit has put right."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    note: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        raised = open_finding(ledger, self.finding_id)
        state = full_state(ledger, raised)
        yield RectificationAccepted(
            finding_id=self.finding_id,
            unit=raised.unit,
            note=self.note,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class RejectRectification(Act):
    """退回整改: what the unit has answered or put right does not suffice; it answers once more."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        raised = open_finding(ledger, self.finding_id)
        state = ledger.read(FindingState(self.finding_id))
        if raised.unit is None or not (state.responded or state.rectified):
            raise OutOfStep(f"finding {self.finding_id} has no answer that could be rejected")
        yield RectificationRejected(
            finding_id=self.finding_id,
            unit=raised.unit,
            reason=self.reason,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class StartDirectHandling(Act):
    """督办: the Justice Bureau follows a finding up itself and says until when it has to end."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    demands: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]
    due_on: date

    def decide(self, ledger: Reading) -> Iterator[Event]:
        raised = open_finding(ledger, self.finding_id)
        if raised.unit is None:
            raise OutOfStep(f"finding {self.finding_id} is about no unit")
        if self.due_on <= ledger.on:
            raise Malformed(f"due_on has to lie after {ledger.on}", "/due_on")
        state = full_state(ledger, raised)
        yield DirectHandlingStarted(
            finding_id=self.finding_id,
            unit=raised.unit,
            demands=self.demands,
            due_on=self.due_on,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class CloseFinding(Act):
    """监督发现办结: close a finding that was answered or put right; never one's own."""

    # SUP-R4 refuses a unit that closes its own finding, with the law.
    ROLES = roles("jb_supervisor", *UNIT)

    finding_id: FindingId
    conclusion: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        raised = open_finding(ledger, self.finding_id)
        ledger.require(
            raised.unit is None or raised.unit != ledger.actor.unit_id,
            rules.SUP_R4,
            unit=raised.unit,
        )
        state = ledger.read(FindingState(self.finding_id))
        ledger.require(state.responded or state.rectified, rules.SUP_R2, finding_id=self.finding_id)
        yield FindingClosed(
            finding_id=self.finding_id,
            unit=raised.unit,
            conclusion=self.conclusion,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


def full_state(ledger: Reading, raised: FindingRaised) -> FindingState:
    """Return where a finding stands, also one that the sender may not know of."""
    return ledger.read_true(FindingState(raised.finding_id))


def require_told(raised: FindingRaised) -> None:
    """Refuse to put before a unit a finding of which it never learns."""
    if raised.confidential:
        raise Malformed(
            f"finding {raised.finding_id} is confidential, and the unit would read of it here; "
            "leave it out",
            "/findings",
        )


def open_finding(ledger: Reading, finding_id: str, *, unit: str | None = None) -> FindingRaised:
    """The finding, which has not ended and, if a unit is named, is about that one."""
    state = ledger.known(FindingState(finding_id))
    assert state.raised is not None
    if state.ended is not None:
        raise OutOfStep(f"finding {finding_id} was {state.ended} already")
    if unit not in (None, state.raised.unit):
        raise OutOfStep(f"finding {finding_id} is about {state.raised.unit}, not {unit}")
    return state.raised
