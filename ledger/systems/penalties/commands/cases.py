"""Cases: opened, provided with evidence, closed."""

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
from ledger.kernel import Act, Event, Forbidden, Malformed, OutOfStep, Reading, Report
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

#: Who opens a case of the ordinary procedure; on the spot, the officers there do.
_APPROVERS = {"office_head", "unit_head"}


class FileCase(Act):
    """立案: open a case against a business, with the investigators who handle it.

    ``person`` stands for the citizen whom it is against, whom the unit has registered; ``liable``
    says that its party answers for a business that was deregistered. Without such a party that is
    found (ENT-V1), and the case closes as ``party_ceased``.
    """

    # The commands let officers open and decide a case on the spot alone.
    ROLES = OFFICERS
    ACTS_FOR = "unit"

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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if self.procedure == "ordinary" and ledger.actor.role not in _APPROVERS:
            raise Forbidden(
                f"a case of the ordinary procedure is opened by the head of the unit or of the "
                f"handling office, not by {ledger.actor.role}."
            )
        ledger.new(Case(self.case))
        ledger.known(Registration(self.entity), "Register the business first.")
        self._check_person(ledger)
        discovered_on = self.discovered_on or ledger.on
        self._check_days(ledger, discovered_on)
        if self.task is not None:
            task = ledger.known(Task(self.task))
            if (task.unit, task.entity) != (self.unit, self.entity):
                raise Malformed(f"task {self.task} is {task.unit}'s at {task.entity}", "/task")
        matters = []
        if self.matter is not None:
            matters = [
                filing.published_matter(ledger, self.matter, self.unit, ledger.on, "penalty")
            ]
        filing.check_officers(
            ledger, self.unit, self.entity, self.investigators, matters, on=ledger.on
        )
        require_gentleness_first(
            ledger,
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
            filed_on=ledger.on,
            investigators=tuple(dict.fromkeys(self.investigators)),
            filed_by=ledger.actor.person_id,
            task=self.task,
            matter=self.matter,
            source_ref=self.source_ref,
            person=self.person,
            liable=self.liable,
        )
        yield from ceased(
            ledger, unit=self.unit, entity=self.entity, case=self.case, liable=self.liable
        )

    def _check_person(self, ledger: Reading) -> None:
        person = known_person(ledger, self.person)
        if person is None:
            return
        if self.party != "citizen":
            raise Malformed("only a case against a citizen is against a person", "/person")
        if person.unit != self.unit:
            raise Malformed(f"{self.unit} has registered no such person", "/person")

    def _check_days(self, ledger: Reading, discovered_on: date) -> None:
        if self.conduct.last_on < self.conduct.first_on:
            raise Malformed("last_on lies before first_on", "/conduct/last_on")
        if self.conduct.first_on > discovered_on:
            raise Malformed("the act began after it was discovered", "/conduct/first_on")
        if max(discovered_on, self.conduct.last_on) > ledger.on:
            raise Malformed("the act or its discovery lies in the future", "/conduct")


class CloseCase(Act):
    """结案: close a case in which nothing is left to be done."""

    ROLES = OFFICERS

    case: CaseId
    reason: CloseReason
    conclusion: Text
    transferred_to: Name | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case, filed = open_case(ledger, self.case)
        if (self.reason == "transferred") != (self.transferred_to is not None):
            raise Malformed(
                "a transferred case says to whom, and no other one does", "/transferred_to"
            )
        if self.reason == "party_ceased":
            self._check_ceased(ledger, filed)
        if case.held:
            raise OutOfStep(f"{', '.join(case.held)} is still held; dispose of it first")
        decision = self._decision(ledger, case)
        if self.reason == "exempt":
            leniency.require_excusable(ledger, self.case, filed.conduct.excluded)
            leniency.require_education(ledger, self.case, ledger.on)
        if not case.opening:  # the steps of one that was taken on stand in the older system's file
            require_complete(ledger, self.case, procedure=filed.procedure, reason=self.reason)
        closed = CaseClosed(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            reason=self.reason,
            conclusion=self.conclusion,
            closed_on=ledger.on,
            decision=None if decision is None else decision.decision,
            transferred_to=self.transferred_to,
        )
        yield closed
        if self.reason == "exempt":
            applied = ledger.read(CaseLeniency(self.case)).applied
            if applied is None or applied.outcome != "exempt":
                yield from unlisted_exemption(ledger, closed)

    def _check_ceased(self, ledger: Reading, filed: CaseFiled) -> None:
        left = ledger.read(Registration(filed.entity)).left(ledger.on)
        if left is None or left.kind != "deregistered" or filed.liable is not None:
            party = filed.entity if filed.liable is None else f"its {filed.liable}"
            raise OutOfStep(
                f"the party of {self.case} has not ceased to exist: {party} can still answer"
            )

    def _decision(self, ledger: Reading, case: Case) -> Decision | None:
        """The decision that the closing rests on, if it rests on one."""
        live = live_decision(ledger, case)
        if self.reason == "executed":
            if live is None:
                raise OutOfStep(f"case {self.case} has no decision in effect to be executed")
            _check_executed(ledger, live)
            return live
        if self.reason == "party_ceased":
            return live
        if live is not None:
            raise OutOfStep(
                f"decision {live.decision} is in effect; close the case when it is executed"
            )
        if self.reason == "revoked":
            if not case.decisions:
                raise OutOfStep(f"case {self.case} has no decision that was undone")
            return ledger.read(Decision(case.decisions[-1]))
        return None


class ReferCriminally(Report):
    """移送涉嫌犯罪案件: report that a case was sent to those who prosecute crimes (Art. 27)."""

    ROLES = roles("office_head", "unit_head")

    case: CaseId
    authority: Name
    doc_no: Name
    crime: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case, filed = open_case(ledger, self.case)
        ledger.not_before(filed.filed_on, f"case {self.case} was filed")
        if case.criminal_referral is not None:
            raise OutOfStep(
                f"case {self.case} was referred to {case.criminal_referral.authority} on "
                f"{case.criminal_referral.referred_on}"
            )
        yield CriminalReferralMade(
            case=self.case,
            entity=filed.entity,
            unit=filed.unit,
            authority=self.authority,
            doc_no=self.doc_no,
            crime=self.crime,
            referred_on=ledger.on,
        )


def _check_executed(ledger: Reading, decision: Decision) -> None:
    """Refuse to call executed what is not: unserved, or unpaid and not enforced either."""
    if decision.served is None:
        raise OutOfStep(f"decision {decision.decision} has not been served")
    if decision.enforced or not decision.fine_fen:
        return
    late_fee = late_fee_due(ledger, decision, ledger.on) - decision.late_fee_paid_fen
    left = decision.outstanding(ledger.on)
    if left or late_fee > 0:
        raise OutOfStep(
            f"of decision {decision.decision} {left} fen of the fine and {max(0, late_fee)} fen of "
            "the late fee are not paid; record the payment or the enforcement first"
        )
