"""Commands that raise, triage, answer, follow up and end findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.findings import FindingRaised
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
from ledger.kernel import (
    Act,
    Event,
    Inquiry,
    Malformed,
    OutOfStep,
    Report,
    Rule,
    UnknownReference,
    message,
)
from ledger.kernel.rules import rule_of
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.supervision import rules
from ledger.systems.supervision.events import (
    DirectHandlingStarted,
    FindingClosed,
    FindingDismissed,
    FindingTriaged,
    RectificationAccepted,
    RectificationRejected,
    UnitResponded,
)
from ledger.systems.supervision.folds import FindingState


class RaiseFinding(Report):
    """提出监督发现: raise a finding that the ledger did not raise automatically.

    The command must name a declared finding rule, a known unit and recorded evidence.
    """

    ROLES = roles("jb_supervisor", "rlo_assessor")
    ACTS_FOR = ""

    type: Name
    rule_id: Name
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    unit: UnitId | None = None
    entity: EntityId | None = None
    task: TaskId | None = None
    matter: MatterId | None = None
    officer: OfficerId | None = None
    evidence_events: tuple[int, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        rule = rule_of(self.rule_id)
        if rule is None or rule.kind != "finding":
            raise Malformed(
                "supervision.rule-id-must-be-rule-raises-findings",
                pointer="/rule_id",
                rule=self.rule_id,
            )
        if self.type != rule.finding_type:
            raise Malformed(
                "supervision.type-must-be",
                pointer="/type",
                finding_type=rule.finding_type,
                rule=self.rule_id,
                type=self.type,
            )
        if self.unit is not None:
            inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        for position in self.evidence_events:
            if inquiry.named_record(position) is None:
                raise UnknownReference(
                    "event", str(position), "general.name-position-recorded-event"
                )
        yield FindingRaised(
            finding_id=inquiry.name(self.rule_id),
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
    """监督分办: read a finding and decide how it is handled."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    assessment: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        raised = open_finding(inquiry, self.finding_id)
        state = full_state(inquiry, raised)
        yield FindingTriaged(
            finding_id=self.finding_id,
            unit=raised.unit,
            assessment=self.assessment,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class DismissFinding(Countersigned):
    """监督发现不成立: dismiss a finding; an automatic one needs two supervisors (SUP-R3)."""

    ROLES = roles("jb_supervisor")

    NAME: ClassVar[str] = "supervision.dismiss-finding"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset({"jb_supervisor"})

    finding_id: FindingId
    reason: Text

    def needs_second(self, inquiry: Inquiry) -> bool:
        return open_finding(inquiry, self.finding_id).auto

    def confidential(self, inquiry: Inquiry) -> bool:
        raised = open_finding(inquiry, self.finding_id)
        return raised.confidential or full_state(inquiry, raised).in_confidence

    def withheld_from(self, inquiry: Inquiry) -> tuple[str, ...]:
        raised = open_finding(inquiry, self.finding_id)
        withheld = full_state(inquiry, raised).withheld_from
        return (*withheld, *(raised.kept_from() if raised.confidential else ()))

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        raised = inquiry.known(FindingState(self.finding_id)).raised
        assert raised is not None
        officer, person = raised.officer, inquiry.actor.person_id
        inquiry.require(
            officer is None or not same_person(person, officer),
            rules.GEN_R2,
            person=person,
            one=message("supervision.officer-whom-finding-about"),
            other=message("supervision.person-dismisses"),
        )

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return rules.SUP_R3, {"reader": person}

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        raised = open_finding(inquiry, self.finding_id)
        state = full_state(inquiry, raised)
        yield FindingDismissed(
            finding_id=self.finding_id,
            unit=raised.unit,
            reason=self.reason,
            second_reader=inquiry.actor.person_id,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class RespondToFinding(Report):
    """执法单位回复: answer a finding, as the supervised unit."""

    ROLES = UNIT

    finding_id: FindingId
    unit: UnitId
    response: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = inquiry.known(FindingState(self.finding_id))
        assert state.raised is not None
        if state.raised.confidential:
            # The unit must not learn that the finding exists, even if it knows the id.
            raise UnknownReference("finding", self.finding_id)
        open_finding(inquiry, self.finding_id, unit=self.unit)
        yield UnitResponded(
            finding_id=self.finding_id,
            unit=self.unit,
            response=self.response,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class AcceptRectification(Act):
    """整改认可: accept what the unit has corrected."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    note: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        raised = open_finding(inquiry, self.finding_id)
        state = full_state(inquiry, raised)
        yield RectificationAccepted(
            finding_id=self.finding_id,
            unit=raised.unit,
            note=self.note,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class RejectRectification(Act):
    """退回整改: reject an insufficient answer or correction; the unit must answer again."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        raised = open_finding(inquiry, self.finding_id)
        state = inquiry.read(FindingState(self.finding_id))
        if raised.unit is None or not (state.responded or state.rectified):
            raise OutOfStep(
                "supervision.finding-must-answer-correction-reject", finding=self.finding_id
            )
        yield RectificationRejected(
            finding_id=self.finding_id,
            unit=raised.unit,
            reason=self.reason,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class StartDirectHandling(Act):
    """督办: follow up a finding as the Justice Bureau, and set the day by which it must end."""

    ROLES = roles("jb_supervisor")

    finding_id: FindingId
    demands: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]
    due_on: date

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        raised = open_finding(inquiry, self.finding_id)
        if raised.unit is None:
            raise OutOfStep("supervision.finding-must-be-about-unit", finding=self.finding_id)
        if self.due_on <= inquiry.on:
            raise Malformed(
                "supervision.due-on-must-lie-after-today",
                pointer="/due_on",
                on=inquiry.on,
                due_on=self.due_on,
            )
        state = full_state(inquiry, raised)
        yield DirectHandlingStarted(
            finding_id=self.finding_id,
            unit=raised.unit,
            demands=self.demands,
            due_on=self.due_on,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


class CloseFinding(Act):
    """监督发现办结: close a finding about another unit that was answered or corrected."""

    # SUP-R4, not ROLES, refuses a unit that closes its own finding, so that the law is cited.
    ROLES = roles("jb_supervisor", *UNIT)

    finding_id: FindingId
    conclusion: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        raised = open_finding(inquiry, self.finding_id)
        inquiry.require(
            raised.unit is None or raised.unit != inquiry.actor.unit_id,
            rules.SUP_R4,
            unit=raised.unit,
        )
        state = inquiry.read(FindingState(self.finding_id))
        inquiry.require(
            state.responded or state.rectified, rules.SUP_R2, finding_id=self.finding_id
        )
        yield FindingClosed(
            finding_id=self.finding_id,
            unit=raised.unit,
            conclusion=self.conclusion,
            withheld_from=state.withheld_from,
            in_confidence=state.in_confidence,
        )


def full_state(inquiry: Inquiry, raised: FindingRaised) -> FindingState:
    """Return the state of a finding, including one that the sender may not know of."""
    return inquiry.read_true(FindingState(raised.finding_id))


def require_told(raised: FindingRaised) -> None:
    """Refuse a document that would reveal a confidential finding to the unit."""
    if raised.confidential:
        raise Malformed(
            "supervision.findings-must-not-include",
            pointer="/findings",
            finding=raised.finding_id,
        )


def open_finding(inquiry: Inquiry, finding_id: str, *, unit: str | None = None) -> FindingRaised:
    """Return a finding that has not ended and is about ``unit``, if given."""
    state = inquiry.known(FindingState(finding_id))
    assert state.raised is not None
    if state.ended is not None:
        raise OutOfStep("supervision.finding-already", finding=finding_id, ended=state.ended)
    if unit not in (None, state.raised.unit):
        raise OutOfStep(
            "supervision.finding-must-be-about",
            finding=finding_id,
            unit=unit,
            raised_unit=state.raised.unit,
        )
    return state.raised
