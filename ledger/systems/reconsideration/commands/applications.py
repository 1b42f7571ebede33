"""The application: when it may be made, what it lacks, whether it is taken up."""

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
    Malformed,
    OutOfStep,
    Reading,
    Report,
    UnknownReference,
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
    """申请行政复议: within 60 days of knowing the act (RCN-R1), while no court has it (RCN-R2).

    ``known_on``: when the applicant came to know the act. Whoever was not told of the right to
    apply says so with ``informed`` and when they learnt of it in ``rights_known_on``.
    ``real_estate``: the longer absolute limit holds. The organ records what was filed with it
    earlier, with ``occurred_at``; a business applies now. ``applicant`` is the token of a person,
    registered here or known to another store.
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

    def decide(self, ledger: Reading) -> Iterator[Event]:
        self._check_applicant(ledger)
        ledger.new(ReconCase(self.recon))
        standing = self._disputed(ledger)
        if standing.unit == self.organ:
            raise Malformed(f"decision {self.decision} is {self.organ}'s own", "/organ")
        ledger.require(self.court_case is None, rules.RCN_R2, court_case=self.court_case)
        last_day = self._last_day(ledger, standing.made_on)
        ledger.require(ledger.on <= last_day, rules.RCN_R1, last_day=last_day, filed_on=ledger.on)
        others = ledger.read(CasesAbout(self.decision)).cases
        if others:
            raise OutOfStep(
                f"decision {self.decision} is the subject of {', '.join(others)}; join that case"
            )
        person = known_person(ledger, self.applicant)
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

    def _check_applicant(self, ledger: Reading) -> None:
        if ledger.actor.role == "entity_rep" and self.entity is None:
            raise Malformed("say for which business you apply", "/entity")
        if self.entity is None and self.applicant is None:
            raise Malformed("say who applies, in entity or applicant", "/applicant")

    def _disputed(self, ledger: Reading) -> DecisionStanding:
        """The decision, which concerns the business that applies, if one does."""
        hint = "Record the decision that is disputed first."
        standing = ledger.known(DecisionStanding(self.decision), hint)
        if self.entity not in (None, standing.entity):
            if ledger.actor.role == "entity_rep":
                # To a business the decision about another is as unknown as one not on record.
                raise UnknownReference("decision", self.decision, hint)
            raise Malformed(
                f"decision {self.decision} concerns {standing.entity or 'no business'}; somebody "
                "else whom it affects applies with the organ, as applicant",
                "/entity",
            )
        return standing

    def _last_day(self, ledger: Reading, made_on: date | None) -> date:
        """The last day for applying (Arts. 20, 21), moved to a working day where it is none."""
        assert made_on is not None
        if not made_on <= self.known_on <= ledger.on:
            raise Malformed(
                f"the act is of {made_on} and this is {ledger.on}; known_on lies outside",
                "/known_on",
            )
        if self.informed == (self.rights_known_on is not None):
            raise Malformed(
                "rights_known_on is for those who were not informed, and for all of them",
                "/rights_known_on",
            )
        days = ledger.days()
        start = self.rights_known_on or self.known_on
        ends = [days.due(start, int(ledger.setting("recon.apply_cd")), "cd")]
        if not self.informed:
            if not self.known_on <= start <= ledger.on:
                raise Malformed("rights_known_on lies outside the time since", "/rights_known_on")
            months = int(ledger.setting("recon.apply_uninformed_months"))
            ends.append(days.due(self.known_on, months, "month"))
        absolute = "recon.apply_absolute_years"
        if self.real_estate:
            absolute = "recon.apply_absolute_real_estate_years"
        ends.append(days.due(made_on, 12 * int(ledger.setting(absolute)), "month"))
        return min(end.on for end in ends)


class RequestApplicationCorrection(Act):
    """补正通知: say, once and in time, what an application lacks; its period stops (Art. 31)."""

    ROLES = roles("recon_officer")

    recon: ReconId
    missing: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "applied")
        if case.missing is not None:
            raise OutOfStep("what an application lacks is said once (一次性告知)")
        assert case.applied_on is not None
        due = ledger.period("recon.correction_request_wd", case.applied_on)
        if is_past(ledger, due):
            raise OutOfStep(f"a correction could be asked for until {due.on}")
        yield ReconCorrectionRequested(**of_case(case), missing=self.missing)


class CorrectApplication(Report):
    """补正: supply what was missing; the organ records it when it has it."""

    ROLES = roles("entity_rep", "recon_officer")
    IN_PERSON = roles("entity_rep")

    recon: ReconId
    entity: EntityId | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = ledger.known(ReconCase(self.recon))
        if ledger.actor.role == "entity_rep":
            if self.entity is None or self.entity != case.entity:
                raise Malformed(f"case {self.recon} is not {self.entity}'s", "/entity")
        else:
            ledger.act_for(case.organ)
        at_stage(case, "correcting")
        asked = ledger.opening(case.correct_at)
        ledger.not_before(asked.occurred_on, "what was missing was asked for")
        due = ledger.due(rules.CORRECT, asked)
        if is_past(ledger, due):
            raise OutOfStep(f"what was missing could be supplied until {due.on} (Art. 31)")
        yield ReconCorrected(**of_case(case))


class AcceptApplication(Act):
    """受理: take the case up; ``summary_ground`` says why by the summary procedure (Art. 53).

    Whatever comes after the last day is recorded as what the law has made of it: accepted, on that
    day, by the ordinary procedure.
    """

    ROLES = roles("recon_officer")

    recon: ReconId
    summary_ground: SummaryGround | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "applied")
        due = _accept_by(ledger, case)
        if is_past(ledger, due):
            yield ReconDeemedAccepted(**of_case(case), deemed_on=due.on)
            return
        procedure: Procedure = "ordinary" if self.summary_ground is None else "summary"
        yield ReconAccepted(
            **of_case(case),
            procedure=procedure,
            accepted_on=ledger.on,
            summary_ground=self.summary_ground,
        )


class RefuseApplication(Act):
    """不予受理: do not take the case up, while that can still be decided."""

    ROLES = roles("recon_officer")

    recon: ReconId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "applied")
        due = _accept_by(ledger, case)
        if is_past(ledger, due):
            raise OutOfStep(f"case {self.recon} is deemed accepted since {due.on} (Art. 30)")
        yield ReconRefused(**of_case(case), reason=self.reason)


def _accept_by(ledger: Reading, case: ReconCase) -> Due:
    opening = ledger.opening(case.accept_at)
    rule = rules.running((rules.ACCEPT, rules.ACCEPT_CORRECTED), opening)
    return ledger.due(rule, opening)
