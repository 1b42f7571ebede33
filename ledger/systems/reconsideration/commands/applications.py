"""Commands of the application: apply, correct it, accept or refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.general.roles import roles
from ledger.general.vocabulary import (
    DecisionId,
    EntityId,
    MatterId,
    Name,
    NamedPerson,
    ReconId,
    Text,
    UnitId,
)
from ledger.kernel import (
    Act,
    DatedAct,
    Due,
    Event,
    Inquiry,
    Malformed,
    OutOfStep,
    Report,
    UnknownReference,
    message,
)
from ledger.systems.corrections.folds import DecisionStanding
from ledger.systems.persons.rules import known_person
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.commands.cases import at_stage, is_past, organs_case
from ledger.systems.reconsideration.events import (
    Procedure,
    ReconAccepted,
    ReconApplied,
    ReconCorrected,
    ReconCorrectionRequested,
    ReconDeemedAccepted,
    ReconRefused,
    SummaryGround,
)
from ledger.systems.reconsideration.folds import CasesAbout, ReconCase
from ledger.systems.reconsideration.rules import of_case


class ApplyForReconsideration(DatedAct):
    """申请行政复议: apply in time (RCN-R1), while no court has accepted the case (RCN-R2).

    ``known_on`` is the day on which the applicant came to know the act. An applicant who was not
    told of the right to apply sends ``informed`` as false, and in ``rights_known_on`` the day on
    which they learnt of the right. With ``real_estate`` the longer absolute limit applies. The
    organ records an application that was filed with it earlier, with its time in ``occurred_at``; a
    business cannot date its application back. ``applicant`` is the token of a person who is
    registered here or in another store.
    """

    ROLES = roles("entity_rep", "recon_officer")
    ACTS_FOR = "organ"
    ANY_UNIT = roles("entity_rep")
    IN_PERSON = roles("entity_rep")

    recon: ReconId
    decision: DecisionId
    organ: UnitId
    known_on: date
    grounds: Text
    entity: EntityId | None = None
    applicant: NamedPerson | None = None
    informed: bool = True
    rights_known_on: date | None = None
    real_estate: bool = False
    court_case: Name | None = None
    matter: MatterId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        self._check_applicant(inquiry)
        inquiry.new(ReconCase(self.recon))
        standing = self._disputed(inquiry)
        if standing.unit == self.organ:
            raise Malformed(
                "reconsideration.organ-must-not-unit-made-decision",
                pointer="/organ",
                decision=self.decision,
                organ=self.organ,
            )
        inquiry.require(self.court_case is None, rules.RCN_R2, court_case=self.court_case)
        last_day = self._last_day(inquiry, standing.made_on)
        inquiry.require(
            inquiry.on <= last_day, rules.RCN_R1, last_day=last_day, filed_on=inquiry.on
        )
        others = inquiry.read(CasesAbout(self.decision)).cases
        if others:
            raise OutOfStep(
                "reconsideration.decision-already-subject", decision=self.decision, others=others
            )
        person = known_person(inquiry, self.applicant)
        yield ReconApplied(
            recon=self.recon,
            decision=self.decision,
            unit=standing.unit,
            organ=self.organ,
            entity=standing.entity,
            known_on=self.known_on,
            last_day=last_day,
            grounds=self.grounds,
            applicant=None if person else self.applicant,
            matter=self.matter,
            person=person.person if person else None,
        )

    def _check_applicant(self, inquiry: Inquiry) -> None:
        if inquiry.actor.role == "entity_rep" and self.entity is None:
            raise Malformed("reconsideration.entity-must-be-business-applies", pointer="/entity")
        if self.entity is None and self.applicant is None:
            raise Malformed(
                "reconsideration.entity-applicant-must-name-applies", pointer="/applicant"
            )

    def _disputed(self, inquiry: Inquiry) -> DecisionStanding:
        """Return the disputed decision, which must concern the business that applies, if any."""
        hint = message("reconsideration.record-disputed-decision-first")
        standing = inquiry.known(DecisionStanding(self.decision), hint)
        if self.entity not in (None, standing.entity):
            if inquiry.actor.role == "entity_rep":
                # A business must not learn whether a decision about another business exists.
                raise UnknownReference("decision", self.decision, hint)
            raise Malformed(
                "reconsideration.entity-must-be-business-decision-concerns",
                pointer="/entity",
                decision=self.decision,
                entity=standing.entity or message("reconsideration.none"),
            )
        return standing

    def _last_day(self, inquiry: Inquiry, made_on: date | None) -> date:
        """Return the last day to apply (Arts. 20, 21), moved to the next working day if needed."""
        assert made_on is not None
        if not made_on <= self.known_on <= inquiry.on:
            raise Malformed(
                "reconsideration.known-on-must-lie-between-act-application",
                pointer="/known_on",
                made_on=made_on,
                on=inquiry.on,
                known_on=self.known_on,
            )
        if self.informed == (self.rights_known_on is not None):
            raise Malformed(
                "reconsideration.rights-known-on-must-be-given-informed-false-only",
                pointer="/rights_known_on",
            )
        days = inquiry.days()
        start = self.rights_known_on or self.known_on
        ends = [days.due(start, int(inquiry.setting("recon.apply_cd")), "cd")]
        if not self.informed:
            if not self.known_on <= start <= inquiry.on:
                raise Malformed(
                    "reconsideration.rights-known-on-must-lie-between-known-on-application",
                    pointer="/rights_known_on",
                    known_on=self.known_on,
                    on=inquiry.on,
                    start=start,
                )
            months = int(inquiry.setting("recon.apply_uninformed_months"))
            ends.append(days.due(self.known_on, months, "month"))
        absolute = "recon.apply_absolute_years"
        if self.real_estate:
            absolute = "recon.apply_absolute_real_estate_years"
        ends.append(days.due(made_on, 12 * int(inquiry.setting(absolute)), "month"))
        return min(end.on for end in ends)


class RequestApplicationCorrection(Act):
    """补正通知: ask once, in time, for what an application lacks; its period stops (Art. 31)."""

    ROLES = roles("recon_officer")

    recon: ReconId
    missing: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "applied")
        if case.missing is not None:
            raise OutOfStep("reconsideration.correction-already-requested", recon=self.recon)
        assert case.applied_on is not None
        due = inquiry.period("recon.correction_request_wd", case.applied_on)
        if is_past(inquiry, due):
            raise OutOfStep(
                "reconsideration.correction-must-be-requested", on=due.on, given_on=inquiry.on
            )
        yield ReconCorrectionRequested(**of_case(case), missing=self.missing)


class CorrectApplication(Report):
    """补正: supply what an application lacked, or, as the organ, record that it was supplied."""

    ROLES = roles("entity_rep", "recon_officer")
    IN_PERSON = roles("entity_rep")

    recon: ReconId
    entity: EntityId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = inquiry.known(ReconCase(self.recon))
        if inquiry.actor.role == "entity_rep":
            if self.entity is None or self.entity != case.entity:
                raise Malformed(
                    "reconsideration.entity-must-be-business-applied",
                    pointer="/entity",
                    recon=self.recon,
                    entity=self.entity,
                )
        else:
            inquiry.act_for(case.organ)
        at_stage(case, "correcting")
        asked = inquiry.opening(case.correct_at)
        inquiry.not_before(asked.occurred_on, message("reconsideration.correction-requested"))
        due = inquiry.due(rules.CORRECT, asked)
        if is_past(inquiry, due):
            raise OutOfStep(
                "reconsideration.correction-must-be-supplied", on=due.on, given_on=inquiry.on
            )
        yield ReconCorrected(**of_case(case))


class AcceptApplication(Act):
    """受理: accept a case; ``summary_ground`` is the ground for the summary procedure (Art. 53).

    After its last day a case is deemed accepted by law; a late acceptance is recorded as accepted
    on that day, in the ordinary procedure.
    """

    ROLES = roles("recon_officer")

    recon: ReconId
    summary_ground: SummaryGround | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "applied")
        due = _accept_by(inquiry, case)
        if is_past(inquiry, due):
            yield ReconDeemedAccepted(**of_case(case), deemed_on=due.on)
            return
        procedure: Procedure = "ordinary" if self.summary_ground is None else "summary"
        yield ReconAccepted(
            **of_case(case),
            procedure=procedure,
            accepted_on=inquiry.on,
            summary_ground=self.summary_ground,
        )


class RefuseApplication(Act):
    """不予受理: refuse to accept a case, before it is deemed accepted by law."""

    ROLES = roles("recon_officer")

    recon: ReconId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "applied")
        due = _accept_by(inquiry, case)
        if is_past(inquiry, due):
            raise OutOfStep("reconsideration.case-must-be-refused", recon=self.recon, on=due.on)
        yield ReconRefused(**of_case(case), reason=self.reason)


def _accept_by(inquiry: Inquiry, case: ReconCase) -> Due:
    opening = inquiry.opening(case.accept_at)
    rule = rules.running((rules.ACCEPT, rules.ACCEPT_CORRECTED), opening)
    return inquiry.due(rule, opening)
