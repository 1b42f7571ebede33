"""How a case ends, and what the respondent has to do afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import Name, ReconId, Text
from ledger.kernel import Act, Event, Malformed, OutOfStep, Reading, Report
from ledger.systems.corrections.effects import NullificationKind, altered_content, nullify
from ledger.systems.corrections.events import AlteredField
from ledger.systems.corrections.folds import DecisionStanding
from ledger.systems.penalties.events import PenaltyContent
from ledger.systems.penalties.folds import Decision
from ledger.systems.penalties.rules import require_class, require_content, worse
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.commands.cases import days_late, organs_case, respondents_case
from ledger.systems.reconsideration.events import (
    OpinionCorrectionReported,
    OpinionLetterIssued,
    Outcome,
    ReconDecided,
    ReconDecisionServed,
    ReconMediated,
    ReconNonPerformance,
    ReconPerformed,
    ReconTerminated,
    TerminationGround,
)
from ledger.systems.reconsideration.folds import REVOKING, ReconCase, RevokedOnMatter
from ledger.systems.reconsideration.rules import of_case
from ledger.systems.supervision.findings import finding

#: What an outcome makes of the act; the others leave it as it is.
_NULLIFIES: Mapping[Outcome, NullificationKind] = {
    "alter": "altered",
    "revoke": "revoked",
    "partly_revoke": "altered",
    "declare_unlawful": "declared_unlawful",
    "declare_void": "declared_void",
}
#: What cannot be decided about an act that is deemed to have no evidence (Art. 70).
_NEED_EVIDENCE: frozenset[Outcome] = frozenset({"maintain", "alter", "dismiss_claim"})
_ALTERING: frozenset[Outcome] = frozenset({"alter", "partly_revoke"})


class DecideCase(Act):
    """复议决定: decide what becomes of the act; what rests on it ends in the same append.

    ``content`` says what a penalty that is altered or partly revoked consists of, whole;
    ``altered`` says field by field what is altered of it, or in words of another act.
    ``procedural``: an act is revoked for its procedure alone; ``perform_by``: until when the
    respondent has to do what is ordered. ``third_party_evidence``: somebody else has shown what a
    silent respondent did not (Art. 70); ``third_party_opposed``: somebody else applied for the
    contrary (Art. 63).
    """

    ROLES = roles("recon_officer")

    recon: ReconId
    outcome: Outcome
    instrument: Name
    reasons: Text
    content: PenaltyContent | None = None
    altered: Annotated[tuple[AlteredField, ...], msgspec.Meta(max_length=100)] = ()
    procedural: bool = False
    perform_by: date | None = None
    third_party_evidence: bool = False
    third_party_opposed: bool = False

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open")
        standing = ledger.known(DecisionStanding(case.decision))
        self._check_form(ledger, case, standing)
        act = ledger.read(Decision(case.decision))
        content = self._content(ledger, act) if self.outcome in _ALTERING else None
        undone = _NULLIFIES.get(self.outcome)
        shown = act.published is not None and act.withdrawn is None
        yield ReconDecided(
            **of_case(case),
            outcome=self.outcome,
            instrument=self.instrument,
            decided_on=ledger.on,
            reasons=self.reasons,
            altered=self.altered,
            procedural=self.procedural,
            withdraw=undone is not None and shown and content is None,
            perform_by=self.perform_by,
            matter=case.matter,
            days_late=days_late(ledger, rules.DECIDE, case.decide_at),
            content=content,
        )
        if undone is not None:
            yield from nullify(
                ledger,
                standing,
                undone,
                by=case.organ,
                instrument=self.instrument,
                effective_on=ledger.on,
                reason=self.reasons,
                altered=self.altered,
                before=act.content,
                content=content,
                recon=self.recon,
            )
        yield from self._repeated(ledger, case)

    def _check_form(self, ledger: Reading, case: ReconCase, standing: DecisionStanding) -> None:
        said = bool(self.altered) or self.content is not None
        if (self.outcome in _ALTERING) != said:
            raise Malformed("say what is altered, of what is altered or partly revoked", "/altered")
        if self.procedural and self.outcome not in REVOKING:
            raise Malformed("only what is revoked is revoked for its procedure", "/procedural")
        if self.outcome == "order_perform" and self.perform_by is None:
            raise Malformed("say by when the respondent has to perform", "/perform_by")
        if self.perform_by is not None and self.perform_by <= ledger.on:
            raise Malformed(f"perform_by does not lie after {ledger.on}", "/perform_by")
        if case.copy_sent_on is None:
            raise OutOfStep(f"the respondent of case {self.recon} was not asked yet")
        if case.replied_on is None and case.reply_missing_on is None:
            raise OutOfStep(f"the respondent of case {self.recon} may still reply")
        silent = case.replied_on is None and not self.third_party_evidence
        if silent and self.outcome in _NEED_EVIDENCE:
            raise OutOfStep(
                f"the respondent was silent: without a third party's evidence the act has none and "
                f"{self.outcome} is no outcome (Art. 70)"
            )
        if self.outcome in _NULLIFIES and standing.ended_on is not None:
            raise OutOfStep(
                f"decision {case.decision} has had no effect since {standing.ended_on}, by "
                f"{standing.ended_by}"
            )

    def _content(self, ledger: Reading, act: Decision) -> PenaltyContent | None:
        """The whole content of a penalty that is altered, which is no worse (RCN-R3)."""
        content = altered_content(act, self.content, self.altered)
        if content is None or act.content is None or act.decided is None:
            return None
        require_content(content, act.decided.decided_on, "/content")
        if msgspec.structs.replace(content, basis=()) == act.content:
            raise Malformed("the content must differ from the one before", "/content")
        # What the act itself was classed by classes what it becomes.
        require_class(
            ledger,
            content,
            procedure=act.decided.procedure,
            sector=act.decided.sector,
            decided_on=act.decided.decided_on,
            basis=bool(content.basis),
        )
        reason = worse(act.content, content)
        ledger.require(
            self.third_party_opposed or reason is None,
            rules.RCN_R3,
            reason=reason,
            field=self.altered[0].field if self.altered else "content",
            before=msgspec.to_builtins(act.content),
            after=msgspec.to_builtins(content),
        )
        return content

    def _repeated(self, ledger: Reading, case: ReconCase) -> Iterator[Event]:
        if case.matter is None or self.outcome not in REVOKING:
            return
        times = [
            *ledger.read(RevokedOnMatter(case.matter, case.unit)).instruments,
            self.instrument,
        ]
        if len(times) >= int(ledger.setting("recon.repeated_revocations")):
            yield finding(
                ledger,
                rules.RCN_V3,
                unit=case.unit,
                matter=case.matter,
                times=len(times),
                instruments=times,
            )


class MediateCase(Act):
    """调解: the parties have agreed; the organ's document on it ends the case (Art. 73)."""

    ROLES = roles("recon_officer")

    recon: ReconId
    instrument: Name
    agreed: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open")
        yield ReconMediated(
            **of_case(case),
            instrument=self.instrument,
            agreed=self.agreed,
            days_late=days_late(ledger, rules.DECIDE, case.decide_at),
        )


class TerminateCase(Act):
    """终止: end the case without a decision (Art. 41), as when the applicant withdraws."""

    ROLES = roles("recon_officer")

    recon: ReconId
    ground: TerminationGround
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "applied", "correcting", "open", "suspended")
        yield ReconTerminated(**of_case(case), ground=self.ground, reason=self.reason)


class ServeReconDecision(Report):
    """送达复议决定: the parties have the decision; from here on it is carried out."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "decided")
        ledger.not_before(case.decided_on, f"case {self.recon} was decided")
        act = ledger.read(Decision(case.decision))
        newest = act.altered_by[-1] if act.altered_by else None
        fine_fen = act.fine_fen
        if newest is None or newest.recon != self.recon or newest.content is None or act.undone:
            yield ReconDecisionServed(
                **of_case(case), served_on=ledger.on, perform_by=case.perform_by
            )
            return
        daily = str(ledger.setting("penalty.late_fee_daily")) if fine_fen else None
        yield ReconDecisionServed(
            **of_case(case),
            served_on=ledger.on,
            perform_by=case.perform_by,
            altered=True,
            withdraw=act.to_withdraw is not None,
            fine_fen=fine_fen,
            pay_by=ledger.period("penalty.pay_cd", ledger.on).on if fine_fen else None,
            late_fee_daily=daily,
        )


class ReportPerformance(Report):
    """履行复议决定: the respondent reports that it has done what was ordered."""

    ROLES = UNIT

    recon: ReconId
    done: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = respondents_case(ledger, self.recon, "served")
        ledger.not_before(case.served_on, f"the decision of {self.recon} was served")
        if case.performed_on is not None:
            raise OutOfStep(f"case {self.recon} was carried out on {case.performed_on}")
        late = 0
        if case.perform_by is not None:
            late = ledger.days_late(rules.PERFORM, case.served_at)
        yield ReconPerformed(**of_case(case), done=self.done, days_late=late)


class ReportNonPerformance(Report):
    """不履行复议决定: the organ records that what it ordered was not done by its day."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "served")
        if case.perform_by is None or ledger.on <= case.perform_by:
            raise OutOfStep(f"nothing of case {self.recon} is overdue")
        if case.performed_on is not None or case.not_performed_by is not None:
            raise OutOfStep(f"what became of case {self.recon} is recorded")
        yield ReconNonPerformance(**of_case(case), due_on=case.perform_by)


class IssueOpinionLetter(Act):
    """行政复议意见书: ask the respondent to put a practice right and to report on it (Art. 76)."""

    ROLES = roles("recon_officer")

    recon: ReconId
    doc_no: Name
    demands: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open", "decided", "served", "mediated")
        if any(opinion.reported_on is None for opinion in case.opinions):
            raise OutOfStep("the respondent has not reported on the last letter yet")
        yield OpinionLetterIssued(**of_case(case), doc_no=self.doc_no, demands=self.demands)


class ReportOpinionCorrection(Act):
    """意见书整改报告: report what was put right after an opinion letter."""

    ROLES = UNIT

    recon: ReconId
    report: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = ledger.known(ReconCase(self.recon))
        ledger.act_for(case.unit)
        waiting = [opinion for opinion in case.opinions if opinion.reported_on is None]
        if not waiting:
            raise OutOfStep(f"no letter of case {self.recon} waits for a report")
        yield OpinionCorrectionReported(
            **of_case(case),
            report=self.report,
            days_late=days_late(ledger, (rules.REPORT,), waiting[0].at),
        )
