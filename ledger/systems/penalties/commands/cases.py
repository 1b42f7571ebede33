"""Commands that open, close and refer cases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import (
    CaseId,
    EntityId,
    MatterId,
    Name,
    OfficerId,
    PersonId,
    TaskId,
    Text,
    UnitId,
)
from ledger.kernel import Act, Event, Forbidden, Inquiry, Malformed, OutOfStep, Report, message
from ledger.systems.entities.folds import Registration
from ledger.systems.entities.rules import ceased
from ledger.systems.filing import rules as filing
from ledger.systems.filing.folds import Task
from ledger.systems.leniency import rules as leniency
from ledger.systems.leniency.effects import unlisted_exemption
from ledger.systems.leniency.folds import CaseLeniency
from ledger.systems.observation.rules import require_gentleness_first
from ledger.systems.penalties.commands.payments import late_fee_due
from ledger.systems.penalties.events import (
    CaseClosed,
    CaseFiled,
    CaseSource,
    CloseReason,
    Conduct,
    CriminalReferralMade,
    Liable,
    Party,
    Procedure,
)
from ledger.systems.penalties.folds import Case, Decision, live_decision, open_case
from ledger.systems.persons.rules import known_person
from ledger.systems.process.rules import require_complete

#: Roles that open a case of the ordinary procedure; officers open one on the spot.
_APPROVERS = {"office_head", "unit_head"}


class FileCase(Act):
    """立案: open a case against a business, with the investigators who handle it.

    ``person`` is the token of the citizen whom the case is against; the unit must have registered
    them. ``liable`` says that the party answers for a business that was deregistered. A case
    against a deregistered business without such a party leads to a finding (ENT-V1), and must be
    closed as ``party_ceased``.
    """

    # Officers below the heads may only open and decide cases on the spot; the commands check this.
    ROLES = OFFICERS

    case: CaseId
    entity: EntityId
    unit: UnitId
    conduct: Conduct
    cause: Text
    source: CaseSource
    investigators: Annotated[tuple[OfficerId, ...], msgspec.Meta(max_length=50)]
    procedure: Procedure = "ordinary"
    party: Party = "organisation"
    discovered_on: date | None = None
    task: TaskId | None = None
    matter: MatterId | None = None
    source_ref: Name | None = None
    person: PersonId | None = None
    liable: Liable | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.procedure == "ordinary" and inquiry.actor.role not in _APPROVERS:
            raise Forbidden(
                "penalties.case-ordinary-procedure-must-be-opened-head", role=inquiry.actor.role
            )
        inquiry.new(Case(self.case))
        inquiry.known(Registration(self.entity), "general.register-business-first")
        self._check_person(inquiry)
        discovered_on = self.discovered_on or inquiry.on
        self._check_days(inquiry, discovered_on)
        if self.task is not None:
            task = inquiry.known(Task(self.task))
            if (task.unit, task.entity) != (self.unit, self.entity):
                raise Malformed(
                    "general.task-must-be-visit",
                    pointer="/task",
                    unit=self.unit,
                    entity=self.entity,
                    task=self.task,
                    task_unit=task.unit,
                    task_entity=task.entity,
                )
        matters = []
        if self.matter is not None:
            matters = [
                filing.published_matter(inquiry, self.matter, self.unit, inquiry.on, "penalty")
            ]
        filing.check_officers(
            inquiry, self.unit, self.entity, self.investigators, matters, on=inquiry.on
        )
        require_gentleness_first(
            inquiry,
            self.entity,
            self.conduct.violation_code,
            domain=matters[0].domain if matters else None,
        )
        yield CaseFiled(
            case=self.case,
            entity=self.entity,
            unit=self.unit,
            procedure=self.procedure,
            party=self.party,
            conduct=self.conduct,
            cause=self.cause,
            source=self.source,
            discovered_on=discovered_on,
            filed_on=inquiry.on,
            investigators=tuple(dict.fromkeys(self.investigators)),
            filed_by=inquiry.actor.person_id,
            task=self.task,
            matter=self.matter,
            source_ref=self.source_ref,
            person=self.person,
            liable=self.liable,
        )
        yield from ceased(
            inquiry, unit=self.unit, entity=self.entity, case=self.case, liable=self.liable
        )

    def _check_person(self, inquiry: Inquiry) -> None:
        person = known_person(inquiry, self.person)
        if person is None:
            return
        if self.party != "citizen":
            raise Malformed(
                "penalties.person-must-be-given-only-party-citizen",
                pointer="/person",
                party=self.party,
            )
        if person.unit != self.unit:
            raise Malformed(
                "penalties.person-must-be-registered",
                pointer="/person",
                unit=self.unit,
                person=self.person,
            )

    def _check_days(self, inquiry: Inquiry, discovered_on: date) -> None:
        if self.conduct.last_on < self.conduct.first_on:
            raise Malformed(
                "penalties.last-on-must-not-lie-before-first-on",
                pointer="/conduct/last_on",
                first_on=self.conduct.first_on,
                last_on=self.conduct.last_on,
            )
        if self.conduct.first_on > discovered_on:
            raise Malformed(
                "penalties.first-on-must-not-lie-after-discovery",
                pointer="/conduct/first_on",
                discovered_on=discovered_on,
                first_on=self.conduct.first_on,
            )
        if max(discovered_on, self.conduct.last_on) > inquiry.on:
            raise Malformed(
                "penalties.act-discovery-must-not-lie-after",
                pointer="/conduct",
                on=inquiry.on,
                last_on=self.conduct.last_on,
                discovered_on=discovered_on,
            )


class CloseCase(Act):
    """结案: close a case in which nothing remains to be done."""

    ROLES = OFFICERS

    case: CaseId
    reason: CloseReason
    conclusion: Text
    transferred_to: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = open_case(inquiry, self.case)
        if (self.reason == "transferred") != (self.transferred_to is not None):
            raise Malformed(
                "penalties.transferred-to-must-be-given-reason-transferred-only",
                pointer="/transferred_to",
            )
        if self.reason == "party_ceased":
            self._check_ceased(inquiry, filed)
        if case.held:
            raise OutOfStep("penalties.evidence-still-held-must-be-disposed-first", held=case.held)
        decision = self._decision(inquiry, case)
        if self.reason == "exempt":
            leniency.require_excusable(inquiry, self.case, filed.conduct.excluded)
            leniency.require_education(inquiry, self.case, inquiry.on)
        # The steps of a case that was taken on are in the file of the older system.
        if not case.opening:
            require_complete(inquiry, self.case, procedure=filed.procedure, reason=self.reason)
        closed = CaseClosed(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            reason=self.reason,
            conclusion=self.conclusion,
            closed_on=inquiry.on,
            decision=None if decision is None else decision.decision,
            transferred_to=self.transferred_to,
        )
        yield closed
        if self.reason == "exempt":
            applied = inquiry.read(CaseLeniency(self.case)).applied
            if applied is None or applied.outcome != "exempt":
                yield from unlisted_exemption(inquiry, closed)

    def _check_ceased(self, inquiry: Inquiry, filed: CaseFiled) -> None:
        left = inquiry.read(Registration(filed.entity)).left(inquiry.on)
        if left is None or left.kind != "deregistered" or filed.liable is not None:
            party = (
                filed.entity
                if filed.liable is None
                else message("penalties.its-party", liable=filed.liable)
            )
            raise OutOfStep(
                "penalties.reason-party-ceased-must-be-given-only-nobody",
                case=self.case,
                party=party,
            )

    def _decision(self, inquiry: Inquiry, case: Case) -> Decision | None:
        """Return the decision on which the closing is based, if any."""
        live = live_decision(inquiry, case)
        if self.reason == "executed":
            if live is None:
                raise OutOfStep(
                    "penalties.case-must-decision-effect-closed-executed", case=self.case
                )
            _check_executed(inquiry, live)
            return live
        if self.reason == "party_ceased":
            return live
        if live is not None:
            raise OutOfStep("penalties.decision-still-effect", decision=live.decision)
        if self.reason == "revoked":
            if not case.decisions:
                raise OutOfStep(
                    "penalties.case-must-decision-undone-closed-revoked", case=self.case
                )
            return inquiry.read(Decision(case.decisions[-1]))
        return None


class ReferCriminally(Report):
    """移送涉嫌犯罪案件: report that a case was referred to a criminal authority (Art. 27)."""

    ROLES = roles("office_head", "unit_head")

    case: CaseId
    authority: Name
    doc_no: Name
    crime: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case, filed = open_case(inquiry, self.case)
        inquiry.not_before(filed.filed_on, message("general.case-filed", case=self.case))
        if case.criminal_referral is not None:
            raise OutOfStep(
                "penalties.case-already-referred",
                case=self.case,
                authority=case.criminal_referral.authority,
                referred_on=case.criminal_referral.referred_on,
            )
        yield CriminalReferralMade(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            authority=self.authority,
            doc_no=self.doc_no,
            crime=self.crime,
            referred_on=inquiry.on,
        )


def _check_executed(inquiry: Inquiry, decision: Decision) -> None:
    """Refuse a decision that is not served, or is neither fully paid nor enforced."""
    if decision.served is None:
        raise OutOfStep(
            "penalties.decision-must-be-served-before-case-closed", decision=decision.decision
        )
    if decision.enforced or not decision.fine_fen:
        return
    late_fee = late_fee_due(inquiry, decision, inquiry.on) - decision.late_fee_paid_fen
    left = decision.outstanding(inquiry.on)
    if left or late_fee > 0:
        raise OutOfStep(
            "penalties.decision-must-be-fully-paid-enforced-first",
            decision=decision.decision,
            left=left,
            late_fee=max(0, late_fee),
        )
