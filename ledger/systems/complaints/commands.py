"""Commands of complaints: receive, acknowledge, accept, investigate, resolve, give feedback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import msgspec

from ledger.general.findings import finding
from ledger.general.personaldata import personal_data
from ledger.general.roles import HANDLERS, UNIT, roles
from ledger.general.values import VisitLabel
from ledger.general.vocabulary import (
    ComplaintId,
    EntityId,
    IrregularVisitId,
    MatterId,
    Name,
    NamedPerson,
    OfficerId,
    TaskId,
    Text,
    UnitId,
    same_person,
)
from ledger.kernel import (
    Act,
    Event,
    Forbidden,
    Inquiry,
    Malformed,
    OutOfStep,
    Report,
    UnknownReference,
    Value,
    message,
)
from ledger.systems.catalogue.folds import UnitStanding
from ledger.systems.complaints import rules
from ledger.systems.complaints.events import (
    Channel,
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
from ledger.systems.complaints.folds import Complaint, RetaliationFound
from ledger.systems.entities.folds import Registration
from ledger.systems.filing.effects import report_irregular_visit
from ledger.systems.filing.events import IrregularVisitReported
from ledger.systems.filing.folds import IrregularVisit, Task
from ledger.systems.persons.effects import registered
from ledger.systems.persons.events import SealedPerson
from ledger.systems.persons.rules import known_person
from ledger.systems.progress.folds import ReportingUnit
from ledger.vault.sealing import Sealed


class VisitComplainedOf(Value):
    """被投诉的入企行为: the visit that a complaint is about, to be reported as irregular."""

    irregular_visit: IrregularVisitId
    visited_on: date
    task: TaskId | None = None
    matters: tuple[MatterId, ...] = ()
    label: VisitLabel = "inspection"
    scanned: bool = False
    officers_seen: Annotated[int, msgspec.Meta(ge=0)] | None = None
    checklist_or_order_left: bool = False


class ReceiveComplaint(Report):
    """收到投诉: record a complaint about a unit; it is never refused for its content (0.1).

    ``handled_by`` handles the complaint and must not be the accused unit (CMP-R1). By default the
    Justice Bureau handles it, and the reconsideration office handles a complaint about the Justice
    Bureau. ``entity`` is the business that complains or is concerned. ``complainant`` and
    ``contact`` are tokens of persons, never names. The person is registered in another store, or in
    this ledger by a unit that is not accused. ``visit`` reports the visit that the complaint
    is about; ``irregular_visit`` names a visit that was reported before. A unit that receives a
    complaint about itself records what was said, but not who complained (CMP-R2).
    """

    ROLES = roles(
        "entity_rep", "jb_supervisor", "park_committee", "recon_officer", "rlo_assessor", *UNIT
    )
    IN_PERSON = roles("entity_rep")

    complaint: ComplaintId
    channel: Channel
    subject_unit: UnitId
    facts: Text
    anonymous: bool
    office: Name | None = None
    officers: tuple[OfficerId, ...] = ()
    entity: EntityId | None = None
    complainant: NamedPerson | None = None
    contact: NamedPerson | None = None
    visit: VisitComplainedOf | None = None
    irregular_visit: IrregularVisitId | None = None
    handled_by: UnitId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Complaint(self.complaint))
        handler = self.handled_by or rules.handler_of(self.subject_unit)
        inquiry.require(
            handler != self.subject_unit,
            rules.CMP_R1,
            handler=handler,
            complaint=self.complaint,
        )
        _require_handler(inquiry, handler)
        self._check_identity(inquiry)
        self._check_words()
        person = self._registered(inquiry, self.complainant)
        contact_person = self._registered(inquiry, self.contact)
        yield ComplaintReceived(
            complaint=self.complaint,
            unit=handler,
            subject_unit=self.subject_unit,
            channel=self.channel,
            facts=self.facts,
            anonymous=self.anonymous,
            office=self.office,
            officers=self.officers,
        )
        visit = self._visit(inquiry)
        if self.entity or self.complainant or self.contact:
            window = int(inquiry.setting("retaliation_window_cd"))
            yield ComplainantNamed(
                complaint=self.complaint,
                subject_unit=self.subject_unit,
                anonymous=self.anonymous,
                guarded_until=inquiry.days().due(inquiry.on, window, "cd", roll=False).on,
                entity=self.entity,
                complainant=None if person else self.complainant,
                contact=None if contact_person else self.contact,
                irregular_visit=visit.irregular_visit if visit else self.irregular_visit,
                person=person,
                contact_person=contact_person,
            )
        if visit is not None:
            yield from report_irregular_visit(inquiry, visit, "/visit")

    def _check_identity(self, inquiry: Inquiry) -> None:
        named = self.entity or self.complainant or self.contact
        inquiry.require(
            inquiry.actor.unit_id != self.subject_unit or not named,
            rules.CMP_R2,
            what=message("complaints.name"),
        )
        if self.anonymous and (self.complainant or self.contact):
            raise Malformed(
                "complaints.anonymous-must-be-false-complainant-contact-given", pointer="/anonymous"
            )
        if inquiry.actor.role == "entity_rep":
            if self.entity is None:
                raise Malformed("complaints.entity-must-name-business-complains", pointer="/entity")
            if self.anonymous:
                raise Malformed(
                    "complaints.anonymous-must-be-false-complaint-sent-business",
                    pointer="/anonymous",
                )
        if not self.anonymous and not named and inquiry.actor.unit_id != self.subject_unit:
            raise Malformed(
                "complaints.anonymous-must-be-true-none-entity-complainant",
                pointer="/anonymous",
            )

    def _registered(self, inquiry: Inquiry, token: str | None) -> str | None:
        """Return the id of the person registered here under a token; the accused unit must not be
        able to read it.
        """
        person = known_person(inquiry, token)
        if person is None:
            return None
        inquiry.require(
            person.unit != self.subject_unit, rules.CMP_R2, what=message("complaints.name")
        )
        return person.person

    def _check_words(self) -> None:
        if self.entity is not None and self.entity in self.complaint:
            raise Malformed(
                "complaints.complaint-must-not-contain-code-business",
                pointer="/complaint",
            )

    def _visit(self, inquiry: Inquiry) -> IrregularVisitReported | None:
        if self.irregular_visit is not None:
            if self.visit is not None:
                raise Malformed(
                    "complaints.only-one-visit-irregular-visit-may-given", pointer="/visit"
                )
            if self.entity is None:
                raise Malformed("complaints.entity-must-name-business-visited", pointer="/entity")
            inquiry.known(
                IrregularVisit(self.irregular_visit), "complaints.report-visit-field-visit-instead"
            )
        if self.visit is None:
            return None
        if self.entity is None:
            raise Malformed("complaints.entity-must-name-business-visited", pointer="/entity")
        return IrregularVisitReported(
            irregular_visit=self.visit.irregular_visit,
            entity=self.entity,
            # The report comes from the business, whichever office records it.
            reporter="entity",
            visited_on=self.visit.visited_on,
            facts=self.facts,
            unit=self.subject_unit,
            task=self.visit.task,
            matters=self.visit.matters,
            label=self.visit.label,
            scanned=self.visit.scanned,
            officers_seen=self.visit.officers_seen,
            checklist_or_order_left=self.visit.checklist_or_order_left,
        )


class ComplainPublicly(Act):
    """网上投诉: complain about a unit's enforcement without an account.

    The Justice Bureau handles it; the reconsideration office handles a complaint about the Justice
    Bureau. The service seals the complainant (``sealed``) and the facts (``sealed_facts``) before
    anything else reads them, and assigns the id ``complaint``.
    """

    complaint: ComplaintId
    subject_unit: UnitId
    sealed: SealedPerson
    sealed_facts: Sealed

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Complaint(self.complaint))
        handler = rules.handler_of(self.subject_unit)
        _require_body(inquiry, self.subject_unit)
        reachable = self.sealed.contact is not None
        yield ComplaintReceived(
            complaint=self.complaint,
            unit=handler,
            subject_unit=self.subject_unit,
            channel="web",
            anonymous=not reachable,
            sealed_facts=self.sealed_facts,
        )
        yield registered(self.sealed, handler, withheld_from=(self.subject_unit,))
        window = int(inquiry.setting("retaliation_window_cd"))
        # Recorded even without a contact: the tracking number reaches the complainant (CMP-R3).
        yield ComplainantNamed(
            complaint=self.complaint,
            subject_unit=self.subject_unit,
            anonymous=not reachable,
            guarded_until=inquiry.days().due(inquiry.on, window, "cd", roll=False).on,
            person=self.sealed.person,
            contact_person=self.sealed.person if reachable else None,
        )


class AcknowledgeComplaint(Act):
    """告知收到: tell the complainant at once (第一时间) that the complaint was received."""

    # ROLES admits the accused unit; once it knows of the complaint, CMP-R1 refuses it.
    ROLES = HANDLERS

    complaint: ComplaintId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = _handled(inquiry, self.complaint, "received")
        yield ComplaintAcknowledged(
            **_subjects(state),
            days_late=inquiry.days_late(rules.ACKNOWLEDGE, state.received_at),
        )


class AcceptComplaint(Act):
    """受理投诉: accept a complaint; ``allegation`` is what the accused unit is told.

    It must not reveal who complains. Without it the accused unit is not told yet; pass-on-facts
    tells it later.
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    allegation: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = _handled(inquiry, self.complaint, "received", "acknowledged")
        if self.allegation is not None:
            _require_nameless(inquiry, state, self.allegation)
        yield ComplaintAccepted(
            **_subjects(state),
            allegation=self.allegation,
            days_late=_late_acceptance(inquiry, state),
            told=self.allegation is not None or state.accused_told,
        )


class PassOnFacts(Act):
    """移交投诉事实: tell another body what a complaint says, but not who complains (CMP-R2).

    ``to`` can be the accused unit. Before it is told, it is answered as if the complaint did not
    exist.
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    to: UnitId
    facts: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = _handled(
            inquiry, self.complaint, "received", "acknowledged", "accepted", "resolved"
        )
        if self.to == state.unit:
            raise Malformed("complaints.must-be-another-body", pointer="/to", to=self.to)
        if state.told.get(self.to) == self.facts:
            raise OutOfStep(
                "complaints.told-these-facts-complaint-already",
                to=self.to,
                complaint=self.complaint,
            )
        if self.to != state.subject_unit:
            _require_handler(inquiry, self.to)
        _require_nameless(inquiry, state, self.facts)
        yield FactsPassedOn(**_subjects(state), to=self.to, facts=self.facts)


class RefuseComplaint(Act):
    """不予受理: decline a complaint; a complainant who can be reached is told why (CMP-R3)."""

    ROLES = HANDLERS

    complaint: ComplaintId
    reason: Text
    feedback_text: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = _handled(inquiry, self.complaint, "received", "acknowledged")
        _require_feedback(inquiry, state, self.feedback_text)
        yield ComplaintNotAccepted(
            **_subjects(state),
            reason=self.reason,
            days_late=_late_acceptance(inquiry, state),
        )
        yield from _informed(state, self.feedback_text)


class TransferComplaint(Act):
    """转办投诉: transfer a complaint to the competent body, never to the accused unit (CMP-R1).

    A second transfer does not extend the time to accept the complaint, and is not possible after
    that time. The Justice Bureau can then take the complaint back, with a new full period.
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    to: UnitId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        back = inquiry.actor.role == "jb_supervisor" and self.to == inquiry.actor.unit_id
        state = _handled(inquiry, self.complaint, "received", "acknowledged", by_its_unit=not back)
        inquiry.require(
            self.to != state.subject_unit,
            rules.CMP_R1,
            handler=self.to,
            complaint=self.complaint,
        )
        if self.to == state.unit:
            raise Malformed(
                "complaints.must-be-another-body-handles-complaint-already",
                pointer="/to",
                to=self.to,
            )
        _require_handler(inquiry, self.to)
        again = bool(state.handled_before) and not back
        if again and _late_acceptance(inquiry, state):
            raise OutOfStep(
                "complaints.time-accept-over-cannot-transferred", complaint=self.complaint
            )
        yield ComplaintTransferred(
            **_subjects(state),
            to=self.to,
            reason=self.reason,
            counted_from=state.counted_from if again else inquiry.on,
        )


class TakeInvestigationStep(Report):
    """调查: record one step of the investigation of a complaint."""

    ROLES = HANDLERS

    complaint: ComplaintId
    step: Step
    shown: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = _handled(inquiry, self.complaint, "accepted")
        inquiry.not_before(
            state.accepted_on, message("complaints.accepted", complaint=self.complaint)
        )
        yield InvestigationStepTaken(**_subjects(state), step=self.step, shown=self.shown)


class ResolveComplaint(Act):
    """办结投诉: record the outcome of a complaint; a substantiated one is a finding at once.

    ``remedy`` says what the accused unit must correct, and the unit reads it. A complainant who can
    be reached is told ``feedback_text`` (CMP-R3).
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    outcome: Outcome
    remedy: Text | None = None
    feedback_text: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = _handled(inquiry, self.complaint, "accepted")
        right = self.outcome != "no"
        if right and self.remedy is None:
            raise Malformed(
                "complaints.remedy-must-say-what-unit-must",
                pointer="/remedy",
                outcome=self.outcome,
            )
        if self.remedy is not None:
            _require_nameless(inquiry, state, self.remedy)
        _require_feedback(inquiry, state, self.feedback_text)
        yield ComplaintResolved(
            **_subjects(state),
            outcome=self.outcome,
            remedy=self.remedy,
            days_late=inquiry.days_late(rules.RESOLVE, state.accepted_at),
            told=right or state.accused_told,
        )
        yield from _informed(state, self.feedback_text)
        if right:
            yield finding(
                inquiry,
                rules.CMP_V3,
                unit=state.subject_unit,
                evidence=(state.accepted_at,),
                complaint=self.complaint,
                outcome=self.outcome,
                allegation=state.told.get(state.subject_unit, self.remedy),
            )


class GiveComplaintFeedback(Report):
    """投诉人评价: record once whether the complainant is satisfied with the outcome.

    A business says so itself; for a person, the unit that handles the complaint records it.
    """

    ROLES = roles("entity_rep", *HANDLERS)
    IN_PERSON = roles("entity_rep")

    complaint: ComplaintId
    satisfied: bool
    comment: Text | None = None
    entity: EntityId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = inquiry.known(Complaint(self.complaint))
        if inquiry.actor.role != "entity_rep":
            state = _handled(inquiry, self.complaint, "resolved", "not_accepted")
        elif state.anonymous or self.entity is None or self.entity != state.entity:
            raise Forbidden(
                "complaints.only-business-made-complaint-under-name", complaint=self.complaint
            )
        if state.feedback_text is None:
            raise OutOfStep(
                "complaints.complainant-must-be-told-result-complaint-before",
                complaint=self.complaint,
            )
        if state.satisfied is not None:
            raise OutOfStep(
                "complaints.feedback-complaint-recorded-already", complaint=self.complaint
            )
        yield ComplainantFeedbackGiven(
            **_subjects(state), satisfied=self.satisfied, comment=self.comment
        )


class ExamineInspection(Report):
    """防止打击报复: find an inspection by the accused unit soon after the complaint (CMP-V1).

    The clock sends this for each inspection that is approved or opened. The unit's own command does
    not check it, because a finding recorded with that command would tell the unit who complained.
    """

    ROLES = roles("ledger_clock")

    complaint: ComplaintId
    task: TaskId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        state = inquiry.known(Complaint(self.complaint))
        task = inquiry.known(Task(self.task))
        if (task.unit, task.entity) != (state.subject_unit, state.entity):
            raise Malformed(
                "complaints.task-must-be-visit-complainant",
                pointer="/task",
                subject_unit=state.subject_unit,
                task=self.task,
            )
        begun = min(
            (record for record in (task.approved, task.opened) if record is not None),
            key=lambda record: record.envelope.occurred_at,
        )
        received = inquiry.record_at(state.received_at)
        visited_on = task.opened.occurred_on if task.opened is not None else task.planned_on
        assert received is not None
        assert visited_on is not None
        assert state.received_on is not None
        assert state.guarded_until is not None
        before = begun.envelope.occurred_at <= received.envelope.occurred_at
        if before or visited_on > state.guarded_until or task.stage == "cancelled":
            return
        if inquiry.read(RetaliationFound(self.task)).found:
            return
        inquiry.setting("retaliation_window_cd", on=state.received_on)
        yield finding(
            inquiry,
            rules.CMP_V1,
            unit=task.unit,
            task=self.task,
            evidence=(state.received_at, begun.position),
            complaint=self.complaint,
            business=task.entity,
            received_on=state.received_on.isoformat(),
            visited_on=visited_on.isoformat(),
            days=(visited_on - state.received_on).days,
        )


def _require_handler(inquiry: Inquiry, unit: str) -> None:
    """Refuse an unknown unit, because then nobody would handle the complaint."""
    if unit != inquiry.actor.unit_id:
        _require_body(inquiry, unit)


def _require_body(inquiry: Inquiry, unit: str) -> None:
    """Refuse a unit that does not belong to the region."""
    policy = inquiry.policy("complaint.handlers")
    named = () if policy is None else policy.value["units"]
    if unit in named:
        return
    if not inquiry.read(UnitStanding(unit)).exists and not inquiry.read(ReportingUnit(unit)).exists:
        raise UnknownReference(
            "unit",
            unit,
            message(
                "complaints.unit-must-be-one-qualified-unit-one",
                named=named or message("complaints.own-unit"),
            ),
        )


def _handled(inquiry: Inquiry, complaint: str, *stages: str, by_its_unit: bool = True) -> Complaint:
    """Return the complaint, at one of these stages, for the unit that handles it (CMP-R1)."""
    state = inquiry.known(Complaint(complaint), "complaints.receive-first")
    accused = [state.subject_unit] if state.subject_unit == inquiry.actor.unit_id else []
    accused += [person for person in state.officers if same_person(person, inquiry.actor.person_id)]
    inquiry.require(
        not accused, rules.CMP_R1, handler=next(iter(accused), None), complaint=complaint
    )
    if by_its_unit:
        inquiry.act_for(state.unit)
    if state.stage not in stages:
        raise OutOfStep(
            "complaints.complaint-must-be", complaint=complaint, stages=stages, stage=state.stage
        )
    return state


def _subjects(state: Complaint) -> dict[str, Any]:
    """Return the fields that all events of a complaint have."""
    return {
        "complaint": state.complaint,
        "unit": state.unit,
        "subject_unit": state.subject_unit,
    }


def _late_acceptance(inquiry: Inquiry, state: Complaint) -> int:
    rule = rules.ACCEPT_TRANSFERRED if state.handled_before else rules.ACCEPT
    return inquiry.days_late(rule, state.clock_at)


def _require_nameless(inquiry: Inquiry, state: Complaint, text: str) -> None:
    """Refuse a text for the accused unit that reveals who complained (CMP-R2)."""
    revealed = personal_data(text)
    folded = text.casefold()
    secrets: dict[str, str | None] = {
        "complaints.token": state.complainant,
        "complaints.contact": state.contact,
        "complaints.report": state.irregular_visit,
        "complaints.credit-code": state.entity,
    }
    if state.entity is not None:
        identity = inquiry.read(Registration(state.entity)).identity
        secrets["complaints.name"] = None if identity is None else identity.name
    for kind, value in secrets.items():
        if value is not None and value.casefold() in folded:
            revealed = message(kind)
    inquiry.require(revealed is None, rules.CMP_R2, what=revealed)


def _require_feedback(inquiry: Inquiry, state: Complaint, text: str | None) -> None:
    inquiry.require(
        text is not None or not state.reachable, rules.CMP_R3, complaint=state.complaint
    )


def _informed(state: Complaint, text: str | None) -> Iterator[Event]:
    if text is not None:
        yield ComplainantInformed(**_subjects(state), feedback_text=text)
