"""Commands that end a case, and that follow up what the respondent must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import Name, ReconId, Text
from ledger.kernel import Act, Event, Inquiry, Malformed, OutOfStep, Report, message
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

#: The nullification that each outcome causes; other outcomes leave the act unchanged.
_NULLIFIES: Mapping[Outcome, NullificationKind] = {
    "alter": "altered",
    "revoke": "revoked",
    "partly_revoke": "altered",
    "declare_unlawful": "declared_unlawful",
    "declare_void": "declared_void",
}
#: Outcomes that need evidence; an act that is deemed to have none cannot get them (Art. 70).
_NEED_EVIDENCE: frozenset[Outcome] = frozenset({"maintain", "alter", "dismiss_claim"})
_ALTERING: frozenset[Outcome] = frozenset({"alter", "partly_revoke"})


class DecideCase(Act):
    """复议决定: decide the case; everything based on the act ends in the same append.

    ``content`` is the complete new content of a penalty that is altered or partly revoked.
    ``altered`` lists the altered fields of a penalty, or describes the alteration of another act.
    ``procedural`` means that the act is revoked only for its procedure. ``perform_by`` is the last
    day for the respondent to perform an order. ``third_party_evidence`` means that a third party
    supplied the evidence that a silent respondent did not (Art. 70). ``third_party_opposed`` means
    that a third party applied for the opposite (Art. 63).
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

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open")
        standing = inquiry.known(DecisionStanding(case.decision))
        self._check_form(inquiry, case, standing)
        act = inquiry.read(Decision(case.decision))
        content = self._content(inquiry, act) if self.outcome in _ALTERING else None
        undone = _NULLIFIES.get(self.outcome)
        shown = act.published is not None and act.withdrawn is None
        yield ReconDecided(
            **of_case(case),
            outcome=self.outcome,
            instrument=self.instrument,
            decided_on=inquiry.on,
            reasons=self.reasons,
            altered=self.altered,
            procedural=self.procedural,
            withdraw=undone is not None and shown and content is None,
            perform_by=self.perform_by,
            matter=case.matter,
            days_late=days_late(inquiry, rules.DECIDE, case.decide_at),
            content=content,
        )
        if undone is not None:
            yield from nullify(
                inquiry,
                standing,
                undone,
                by=case.organ,
                instrument=self.instrument,
                effective_on=inquiry.on,
                reason=self.reasons,
                altered=self.altered,
                before=act.content,
                content=content,
                recon=self.recon,
            )
        yield from self._repeated(inquiry, case)

    def _check_form(self, inquiry: Inquiry, case: ReconCase, standing: DecisionStanding) -> None:
        alters = bool(self.altered) or self.content is not None
        if (self.outcome in _ALTERING) != alters:
            raise Malformed(
                "reconsideration.altered-content-must-be-given-outcome-alters",
                pointer="/altered",
            )
        if self.procedural and self.outcome not in REVOKING:
            raise Malformed(
                "reconsideration.procedural-must-be-given-only-act-revoked",
                pointer="/procedural",
                outcome=self.outcome,
            )
        if self.outcome == "order_perform" and self.perform_by is None:
            raise Malformed(
                "reconsideration.perform-by-must-be-given-outcome-order-perform",
                pointer="/perform_by",
            )
        if self.perform_by is not None and self.perform_by <= inquiry.on:
            raise Malformed(
                "reconsideration.perform-by-must-lie-after-today",
                pointer="/perform_by",
                on=inquiry.on,
                perform_by=self.perform_by,
            )
        if case.copy_sent_on is None:
            raise OutOfStep(
                "reconsideration.copy-case-must-be-sent-respondent-first", recon=self.recon
            )
        if case.replied_on is None and case.reply_missing_on is None:
            raise OutOfStep("reconsideration.case-must-not-decided-yet", recon=self.recon)
        silent = case.replied_on is None and not self.third_party_evidence
        if silent and self.outcome in _NEED_EVIDENCE:
            raise OutOfStep("reconsideration.outcome-must-not", outcome=self.outcome)
        if self.outcome in _NULLIFIES and standing.ended_on is not None:
            raise OutOfStep(
                "reconsideration.decision-must-still-effect-outcome",
                decision=case.decision,
                outcome=self.outcome,
                ended_on=standing.ended_on,
                ended_by=standing.ended_by,
            )

    def _content(self, inquiry: Inquiry, act: Decision) -> PenaltyContent | None:
        """Return the complete altered content of a penalty, which must not be heavier (RCN-R3)."""
        content = altered_content(act, self.content, self.altered)
        if content is None or act.content is None or not act.exists:
            return None
        require_content(content, act.decided.decided_on, "/content")
        if msgspec.structs.replace(content, basis=()) == act.content:
            raise Malformed(
                "reconsideration.content-must-differ-present-content-penalty", pointer="/content"
            )
        # The altered penalty is classed by the same rules as the original one.
        require_class(
            inquiry,
            content,
            procedure=act.decided.procedure,
            sector=act.decided.sector,
            decided_on=act.decided.decided_on,
            basis=bool(content.basis),
        )
        reason = worse(act.content, content)
        inquiry.require(
            self.third_party_opposed or reason is None,
            rules.RCN_R3,
            reason=reason,
            field=self.altered[0].field if self.altered else "content",
            before=msgspec.to_builtins(act.content),
            after=msgspec.to_builtins(content),
        )
        return content

    def _repeated(self, inquiry: Inquiry, case: ReconCase) -> Iterator[Event]:
        if case.matter is None or self.outcome not in REVOKING:
            return
        times = [
            *inquiry.read(RevokedOnMatter(case.matter, case.unit)).instruments,
            self.instrument,
        ]
        if len(times) >= int(inquiry.setting("recon.repeated_revocations")):
            yield finding(
                inquiry,
                rules.RCN_V3,
                unit=case.unit,
                matter=case.matter,
                times=len(times),
                instruments=times,
            )


class MediateCase(Act):
    """调解: end the case with a document on the agreement of the parties (Art. 73)."""

    ROLES = roles("recon_officer")

    recon: ReconId
    instrument: Name
    agreed: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open")
        yield ReconMediated(
            **of_case(case),
            instrument=self.instrument,
            agreed=self.agreed,
            days_late=days_late(inquiry, rules.DECIDE, case.decide_at),
        )


class TerminateCase(Act):
    """终止: end the case without a decision (Art. 41), for example after a withdrawal."""

    ROLES = roles("recon_officer")

    recon: ReconId
    ground: TerminationGround
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "applied", "correcting", "open", "suspended")
        yield ReconTerminated(**of_case(case), ground=self.ground, reason=self.reason)


class ServeReconDecision(Report):
    """送达复议决定: record that the decision was served; it must be carried out from then on."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "decided")
        inquiry.not_before(
            case.decided_on, message("reconsideration.case-decided", recon=self.recon)
        )
        act = inquiry.read(Decision(case.decision))
        newest = act.altered_by[-1] if act.altered_by else None
        fine_fen = act.fine_fen
        if newest is None or newest.recon != self.recon or newest.content is None or act.undone:
            yield ReconDecisionServed(
                **of_case(case), served_on=inquiry.on, perform_by=case.perform_by
            )
            return
        daily = str(inquiry.setting("penalty.late_fee_daily")) if fine_fen else None
        yield ReconDecisionServed(
            **of_case(case),
            served_on=inquiry.on,
            perform_by=case.perform_by,
            altered=True,
            withdraw=act.to_withdraw is not None,
            fine_fen=fine_fen,
            pay_by=inquiry.period("penalty.pay_cd", inquiry.on).on if fine_fen else None,
            late_fee_daily=daily,
        )


class ReportPerformance(Report):
    """履行复议决定: report, as the respondent, that the order was performed."""

    ROLES = UNIT

    recon: ReconId
    done: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = respondents_case(inquiry, self.recon, "served")
        inquiry.not_before(
            case.served_on, message("reconsideration.decision-served", recon=self.recon)
        )
        if case.performed_on is not None:
            raise OutOfStep(
                "reconsideration.case-already-performed",
                recon=self.recon,
                performed_on=case.performed_on,
            )
        late = 0
        if case.perform_by is not None:
            late = inquiry.days_late(rules.PERFORM, case.served_at)
        yield ReconPerformed(**of_case(case), done=self.done, days_late=late)


class ReportNonPerformance(Report):
    """不履行复议决定: record, as the organ, that an order was not performed in time."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "served")
        if case.perform_by is None or inquiry.on <= case.perform_by:
            raise OutOfStep(
                "reconsideration.case-must-overdue-order",
                recon=self.recon,
                perform_by=case.perform_by or message("reconsideration.not-set"),
            )
        if case.performed_on is not None or case.not_performed_by is not None:
            raise OutOfStep(
                "reconsideration.already-recorded-whether-order-case-performed", recon=self.recon
            )
        yield ReconNonPerformance(**of_case(case), due_on=case.perform_by)


class IssueOpinionLetter(Act):
    """行政复议意见书: ask the respondent to correct a practice and report on it (Art. 76)."""

    ROLES = roles("recon_officer")

    recon: ReconId
    doc_no: Name
    demands: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open", "decided", "served", "mediated")
        if any(opinion.reported_on is None for opinion in case.opinions):
            raise OutOfStep(
                "reconsideration.respondent-case-must-report-last-letter", recon=self.recon
            )
        yield OpinionLetterIssued(**of_case(case), doc_no=self.doc_no, demands=self.demands)


class ReportOpinionCorrection(Act):
    """意见书整改报告: report what was corrected after an opinion letter."""

    ROLES = UNIT

    recon: ReconId
    report: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = inquiry.own(ReconCase(self.recon))
        waiting = [opinion for opinion in case.opinions if opinion.reported_on is None]
        if not waiting:
            raise OutOfStep(
                "reconsideration.case-must-opinion-letter-without-report", recon=self.recon
            )
        yield OpinionCorrectionReported(
            **of_case(case),
            report=self.report,
            days_late=days_late(inquiry, (rules.REPORT,), waiting[0].at),
        )
