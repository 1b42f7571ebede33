"""Commands of complaints: receive, acknowledge, accept, look into, resolve, answer (2.12)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import msgspec

from ledger.general.personaldata import personal_data
from ledger.general.roles import HANDLERS, UNIT, roles
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
    Malformed,
    OutOfStep,
    Reading,
    Report,
    UnknownReference,
    Value,
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
from ledger.systems.filing.events import IrregularVisitReported, VisitLabel
from ledger.systems.filing.folds import IrregularVisit, Task
from ledger.systems.persons.effects import registered
from ledger.systems.persons.events import SealedPerson
from ledger.systems.persons.rules import known_person
from ledger.systems.progress.folds import ReportingUnit
from ledger.systems.supervision.findings import finding
from ledger.vault.sealing import Sealed


class VisitComplainedOf(Value):
    """被投诉的入企行为: the visit that a complaint is about; reported as irregular with it."""

    irregular_visit: IrregularVisitId
    visited_on: date
    task: TaskId | None = None
    matters: tuple[MatterId, ...] = ()
    label: VisitLabel = "inspection"
    scanned: bool = False
    officers_seen: Annotated[int, msgspec.Meta(ge=0)] | None = None
    checklist_or_order_left: bool = False


class ReceiveComplaint(Report):
    """收到投诉: take down a complaint about a unit; never refused for what it says (0.1).

    ``handled_by`` takes it up, and is never the unit accused (CMP-R1); by default it is the
    Justice Bureau, and the reconsideration office for a complaint about the Justice Bureau
    itself. ``entity`` is the business that complains or is concerned; ``complainant`` and
    ``contact`` are tokens for a person, who stays unnamed here: one registered here, but not by
    the unit accused, or known to another store. ``visit`` reports the visit that it is about;
    ``irregular_visit`` names one that was reported before. A unit at whose window somebody
    complains of it takes down what is said, and not by whom (CMP-R2).
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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Complaint(self.complaint))
        handler = self.handled_by or rules.handler_of(self.subject_unit)
        ledger.require(
            handler != self.subject_unit,
            rules.CMP_R1,
            handler=handler,
            complaint=self.complaint,
        )
        _require_handler(ledger, handler)
        self._check_identity(ledger)
        self._check_words()
        person = self._registered(ledger, self.complainant)
        contact_person = self._registered(ledger, self.contact)
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
        visit = self._visit(ledger)
        if self.entity or self.complainant or self.contact:
            window = int(ledger.setting("retaliation_window_cd"))
            yield ComplainantNamed(
                complaint=self.complaint,
                subject_unit=self.subject_unit,
                anonymous=self.anonymous,
                guarded_until=ledger.days().due(ledger.on, window, "cd", roll=False).on,
                entity=self.entity,
                complainant=None if person else self.complainant,
                contact=None if contact_person else self.contact,
                irregular_visit=visit.irregular_visit if visit else self.irregular_visit,
                person=person,
                contact_person=contact_person,
            )
        if visit is not None:
            yield from report_irregular_visit(ledger, visit, "/visit")

    def _check_identity(self, ledger: Reading) -> None:
        named = self.entity or self.complainant or self.contact
        ledger.require(
            ledger.actor.unit_id != self.subject_unit or not named,
            rules.CMP_R2,
            what="the name",
        )
        if self.anonymous and (self.complainant or self.contact):
            raise Malformed("an anonymous complaint names nobody", "/anonymous")
        if ledger.actor.role == "entity_rep":
            if self.entity is None:
                raise Malformed("say for which business you complain", "/entity")
            if self.anonymous:
                raise Malformed(
                    "what is sent with the business's own token is not anonymous; the unit accused "
                    "is not told by whom it is all the same",
                    "/anonymous",
                )
        if not self.anonymous and not named and ledger.actor.unit_id != self.subject_unit:
            raise Malformed("say who complains, or that it is anonymous", "/anonymous")

    def _registered(self, ledger: Reading, token: str | None) -> str | None:
        """The token, if a person is registered here under it whom the unit accused cannot read."""
        person = known_person(ledger, token)
        if person is None:
            return None
        ledger.require(person.unit != self.subject_unit, rules.CMP_R2, what="the name")
        return person.person

    def _check_words(self) -> None:
        if self.entity is not None and self.entity in self.complaint:
            raise Malformed("the unit accused reads the id; it names no business", "/complaint")

    def _visit(self, ledger: Reading) -> IrregularVisitReported | None:
        if self.irregular_visit is not None:
            if self.visit is not None:
                raise Malformed("name a reported visit or report one, not both", "/visit")
            if self.entity is None:
                raise Malformed("say at which business the visit was", "/entity")
            ledger.known(IrregularVisit(self.irregular_visit), "Report it in visit.")
        if self.visit is None:
            return None
        if self.entity is None:
            raise Malformed("say at which business the visit was", "/entity")
        return IrregularVisitReported(
            irregular_visit=self.visit.irregular_visit,
            entity=self.entity,
            # It comes from the business, through whomever it was taken down.
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
    """网上投诉: complain of a unit's enforcement without an account.

    By default the Justice Bureau handles it, a complaint about the Justice Bureau the
    reconsideration office. What was said and by whom is sealed by the service before anything else
    sees it; ``complaint``, ``sealed`` and ``sealed_facts`` are what it makes of that.
    """

    complaint: ComplaintId
    subject_unit: UnitId
    sealed: SealedPerson
    sealed_facts: Sealed

    def decide(self, ledger: Reading) -> Iterator[Event]:
        ledger.new(Complaint(self.complaint))
        handler = rules.handler_of(self.subject_unit)
        _require_body(ledger, self.subject_unit)
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
        window = int(ledger.setting("retaliation_window_cd"))
        # Named even without a contact: the tracking number reaches its holder (CMP-R3).
        yield ComplainantNamed(
            complaint=self.complaint,
            subject_unit=self.subject_unit,
            anonymous=not reachable,
            guarded_until=ledger.days().due(ledger.on, window, "cd", roll=False).on,
            person=self.sealed.person,
            contact_person=self.sealed.person if reachable else None,
        )


class AcknowledgeComplaint(Act):
    """告知收到: tell whoever complains that it was received, 第一时间."""

    # CMP-R1 refuses the unit accused, with the law, once it knows of the complaint.
    ROLES = HANDLERS

    complaint: ComplaintId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = _handled(ledger, self.complaint, "received")
        yield ComplaintAcknowledged(
            **_subjects(state),
            days_late=ledger.days_late(rules.ACKNOWLEDGE, state.received_at),
        )


class AcceptComplaint(Act):
    """受理投诉: look into it; ``allegation`` is what the unit accused is told, and not by whom.

    Without it the unit accused is not told yet: ``pass-on-facts`` does that.
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    allegation: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = _handled(ledger, self.complaint, "received", "acknowledged")
        if self.allegation is not None:
            _require_nameless(ledger, state, self.allegation)
        yield ComplaintAccepted(
            **_subjects(state),
            allegation=self.allegation,
            days_late=_late_acceptance(ledger, state),
            told=self.allegation is not None or state.accused_told,
        )


class PassOnFacts(Act):
    """移交投诉事实: tell another body what a complaint says, and not by whom (CMP-R2).

    ``to`` may be the unit accused; until then it is answered as if there were no complaint.
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    to: UnitId
    facts: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = _handled(ledger, self.complaint, "received", "acknowledged", "accepted", "resolved")
        if self.to == state.unit:
            raise Malformed(f"{self.to} handles the complaint, and has its facts", "/to")
        if state.told.get(self.to) == self.facts:
            raise OutOfStep(f"{self.to} was told this of complaint {self.complaint} already")
        if self.to != state.subject_unit:
            _require_handler(ledger, self.to)
        _require_nameless(ledger, state, self.facts)
        yield FactsPassedOn(**_subjects(state), to=self.to, facts=self.facts)


class RefuseComplaint(Act):
    """不予受理: do not look into it; whoever can be reached is told why (CMP-R3)."""

    ROLES = HANDLERS

    complaint: ComplaintId
    reason: Text
    feedback_text: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = _handled(ledger, self.complaint, "received", "acknowledged")
        _require_feedback(ledger, state, self.feedback_text)
        yield ComplaintNotAccepted(
            **_subjects(state),
            reason=self.reason,
            days_late=_late_acceptance(ledger, state),
        )
        yield from _informed(state, self.feedback_text)


class TransferComplaint(Act):
    """转办投诉: hand it to the body that is competent, never to the unit accused (CMP-R1).

    Passed on again it gains no time, and after that time it is not passed on at all; the Justice
    Bureau may take it back then, with a period of its own.
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    to: UnitId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        back = ledger.actor.role == "jb_supervisor" and self.to == ledger.actor.unit_id
        state = _handled(ledger, self.complaint, "received", "acknowledged", by_its_unit=not back)
        ledger.require(
            self.to != state.subject_unit,
            rules.CMP_R1,
            handler=self.to,
            complaint=self.complaint,
        )
        if self.to == state.unit:
            raise Malformed(f"{self.to} handles it already", "/to")
        _require_handler(ledger, self.to)
        again = bool(state.handled_before) and not back
        if again and _late_acceptance(ledger, state):
            raise OutOfStep(
                f"the time to accept {self.complaint} is over: accept it, or refuse it; the "
                "Justice Bureau may take it back"
            )
        yield ComplaintTransferred(
            **_subjects(state),
            to=self.to,
            reason=self.reason,
            counted_from=state.counted_from if again else ledger.on,
        )


class TakeInvestigationStep(Report):
    """调查: record one step of looking into a complaint."""

    ROLES = HANDLERS

    complaint: ComplaintId
    step: Step
    shown: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = _handled(ledger, self.complaint, "accepted")
        ledger.not_before(state.accepted_on, f"{self.complaint} was accepted")
        yield InvestigationStepTaken(**_subjects(state), step=self.step, shown=self.shown)


class ResolveComplaint(Act):
    """办结投诉: say what came of it; what was right is a finding against the unit at once.

    ``remedy`` is what the unit accused has to put right, and reads. Whoever can be reached is told
    in ``feedback_text`` (CMP-R3).
    """

    ROLES = HANDLERS

    complaint: ComplaintId
    outcome: Outcome
    remedy: Text | None = None
    feedback_text: Text | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = _handled(ledger, self.complaint, "accepted")
        right = self.outcome != "no"
        if right and self.remedy is None:
            raise Malformed("say what the unit has to put right", "/remedy")
        if self.remedy is not None:
            _require_nameless(ledger, state, self.remedy)
        _require_feedback(ledger, state, self.feedback_text)
        yield ComplaintResolved(
            **_subjects(state),
            outcome=self.outcome,
            remedy=self.remedy,
            days_late=ledger.days_late(rules.RESOLVE, state.accepted_at),
            told=right or state.accused_told,
        )
        yield from _informed(state, self.feedback_text)
        if right:
            yield finding(
                ledger,
                rules.CMP_V3,
                unit=state.subject_unit,
                evidence=(state.accepted_at,),
                complaint=self.complaint,
                outcome=self.outcome,
                allegation=state.told.get(state.subject_unit, self.remedy),
            )


class GiveComplaintFeedback(Report):
    """投诉人评价: whoever complained says once whether the outcome satisfies.

    A business for itself; whoever handles it for a person who said so there.
    """

    ROLES = roles("entity_rep", *HANDLERS)
    IN_PERSON = roles("entity_rep")

    complaint: ComplaintId
    satisfied: bool
    comment: Text | None = None
    entity: EntityId | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = ledger.known(Complaint(self.complaint))
        if ledger.actor.role != "entity_rep":
            state = _handled(ledger, self.complaint, "resolved", "not_accepted")
        elif state.anonymous or self.entity is None or self.entity != state.entity:
            raise Forbidden(f"complaint {self.complaint} is not {self.entity}'s")
        if state.feedback_text is None:
            raise OutOfStep(f"nobody was told yet what came of complaint {self.complaint}")
        if state.satisfied is not None:
            raise OutOfStep(f"complaint {self.complaint} has been commented on already")
        yield ComplainantFeedbackGiven(
            **_subjects(state), satisfied=self.satisfied, comment=self.comment
        )


class ExamineInspection(Report):
    """防止打击报复: is an inspection by the unit accused soon after the complaint? (CMP-V1).

    Asked by the clock about each that is approved or opened, and not by the unit's own command:
    whatever that recorded beside itself would tell the unit who complained.
    """

    ROLES = roles("ledger_clock")

    complaint: ComplaintId
    task: TaskId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        state = ledger.known(Complaint(self.complaint))
        task = ledger.known(Task(self.task))
        if (task.unit, task.entity) != (state.subject_unit, state.entity):
            raise Malformed(
                f"task {self.task} is no visit of {state.subject_unit} to who complained", "/task"
            )
        begun = min(
            (record for record in (task.approved, task.opened) if record is not None),
            key=lambda record: record.envelope.occurred_at,
        )
        received = ledger.record_at(state.received_at)
        visited_on = task.opened.occurred_on if task.opened is not None else task.planned_on
        assert received is not None
        assert visited_on is not None
        assert state.received_on is not None
        assert state.guarded_until is not None
        before = begun.envelope.occurred_at <= received.envelope.occurred_at
        if before or visited_on > state.guarded_until or task.stage == "cancelled":
            return
        if ledger.read(RetaliationFound(self.task)).found:
            return
        ledger.setting("retaliation_window_cd", on=state.received_on)
        yield finding(
            ledger,
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


def _require_handler(ledger: Reading, unit: str) -> None:
    """Refuse a body that is none: the complaint would lie with nobody."""
    if unit != ledger.actor.unit_id:
        _require_body(ledger, unit)


def _require_body(ledger: Reading, unit: str) -> None:
    """Refuse a unit that is none of the region's."""
    policy = ledger.policy("complaint.handlers")
    named = () if policy is None else policy.value["units"]
    if unit in named:
        return
    if not ledger.read(UnitStanding(unit)).exists and not ledger.read(ReportingUnit(unit)).exists:
        raise UnknownReference(
            "unit",
            unit,
            f"The unit must be one of {', '.join(named) or 'your own unit'}, a qualified unit, or "
            "one that reports each month.",
        )


def _handled(ledger: Reading, complaint: str, *stages: str, by_its_unit: bool = True) -> Complaint:
    """The complaint, for whoever handles it, at one of these stages (CMP-R1)."""
    state = ledger.known(Complaint(complaint), "Receive it first.")
    accused = [state.subject_unit] if state.subject_unit == ledger.actor.unit_id else []
    accused += [one for one in state.officers if same_person(one, ledger.actor.person_id)]
    ledger.require(
        not accused, rules.CMP_R1, handler=next(iter(accused), None), complaint=complaint
    )
    if by_its_unit:
        ledger.act_for(state.unit)
    if state.stage not in stages:
        raise OutOfStep(f"complaint {complaint} is {state.stage}, not {' or '.join(stages)}")
    return state


def _subjects(state: Complaint) -> dict[str, Any]:
    """What every event of a complaint says first."""
    return {
        "complaint": state.complaint,
        "unit": state.unit,
        "subject_unit": state.subject_unit,
    }


def _late_acceptance(ledger: Reading, state: Complaint) -> int:
    rule = rules.ACCEPT_TRANSFERRED if state.handled_before else rules.ACCEPT
    return ledger.days_late(rule, state.clock_at)


def _require_nameless(ledger: Reading, state: Complaint, text: str) -> None:
    """Refuse words for the unit accused by which it could tell who complained (CMP-R2)."""
    what = personal_data(text)
    said = text.casefold()
    kept: dict[str, str | None] = {
        "the token": state.complainant,
        "the contact": state.contact,
        "the report": state.irregular_visit,
        "the credit code": state.entity,
    }
    if state.entity is not None:
        identity = ledger.read(Registration(state.entity)).identity
        kept["the name"] = None if identity is None else identity.name
    for kind, value in kept.items():
        if value is not None and value.casefold() in said:
            what = kind
    ledger.require(what is None, rules.CMP_R2, what=what)


def _require_feedback(ledger: Reading, state: Complaint, text: str | None) -> None:
    ledger.require(text is not None or not state.reachable, rules.CMP_R3, complaint=state.complaint)


def _informed(state: Complaint, text: str | None) -> Iterator[Event]:
    if text is not None:
        yield ComplainantInformed(**_subjects(state), feedback_text=text)
