"""The case between its acceptance and its end: copy, reply, hearing, rest, incidental review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, ClassVar

from ledger.general.countersigning import Countersigned
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import Badge, Name, ReconId, Role, Sha256, Text
from ledger.kernel import Act, Due, Event, OutOfStep, Reading, Report, Rule
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.commands.cases import (
    days_late,
    is_past,
    of_organ,
    organs_case,
    respondents_case,
)
from ledger.systems.reconsideration.events import (
    Evidence,
    IncidentalReviewConcluded,
    IncidentalReviewRequested,
    IncidentalReviewTransferred,
    ReconCopySent,
    ReconExtended,
    ReconHearingHeld,
    ReconReplyReceived,
    ReconResumed,
    ReconSuspended,
    SuspensionGround,
)
from ledger.systems.reconsideration.folds import Incidental, ReconCase
from ledger.systems.reconsideration.rules import of_case
from ledger.systems.supervision import rules as supervision


class SendCopy(Act):
    """发送申请书副本: send the application to the respondent, which has to reply."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open", "suspended")
        if case.copy_sent_on is not None:
            raise OutOfStep(f"the copy was sent on {case.copy_sent_on}")
        assert case.procedure is not None
        yield ReconCopySent(
            **of_case(case),
            procedure=case.procedure,
            days_late=days_late(ledger, rules.COPY, case.begun_at),
        )


class SubmitReply(Act):
    """答复: reply to the application, with the evidence on which the act was based (RCN-R4)."""

    ROLES = UNIT

    recon: ReconId
    reply: Text
    evidence: tuple[Evidence, ...] = ()

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = respondents_case(ledger, self.recon, "open", "suspended")
        if case.copy_sent_on is None:
            raise OutOfStep(f"the copy of case {self.recon} has not been sent yet")
        if case.replied_on is not None:
            raise OutOfStep(f"the reply in case {self.recon} was received on {case.replied_on}")
        assert case.applied_on is not None
        for one in self.evidence:
            ledger.require(
                one.gathered_on <= case.applied_on,
                rules.RCN_R4,
                evidence=one.name,
                gathered_on=one.gathered_on,
                begun_on=case.applied_on,
            )
        yield ReconReplyReceived(
            **of_case(case),
            reply=self.reply,
            evidence=self.evidence,
            days_late=days_late(ledger, rules.REPLY, case.copy_at),
        )


class SuspendCase(Act):
    """中止: let the case rest; the days that are left of its period stay."""

    ROLES = roles("recon_officer")

    recon: ReconId
    ground: SuspensionGround
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open")
        due = decide_by(ledger, case)
        yield ReconSuspended(
            **of_case(case),
            ground=self.ground,
            reason=self.reason,
            days_left=max(0, (due.on - ledger.on).days),
        )


class ResumeCase(Act):
    """恢复审理: go on with the case for the days that were left."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "suspended")
        assert case.days_left is not None
        yield ReconResumed(
            **of_case(case),
            days_left=case.days_left,
            due_on=ledger.days().due(ledger.on, case.days_left, "cd").on,
        )


class ExtendCase(Countersigned):
    """延长期限: take longer over a complex case, once, approved by another person (Art. 62)."""

    ROLES = roles("recon_officer")

    NAME: ClassVar[str] = "reconsideration.extend-case"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset({"recon_officer"})

    recon: ReconId
    reason: Text

    def require_signer(self, ledger: Reading, requested_by: str | None) -> None:
        of_organ(ledger, self.recon)

    def same_person(self, ledger: Reading, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return supervision.GEN_R2, {
            "person": person,
            "one": "the one who asks",
            "other": "the one who approves",
        }

    def effect(self, ledger: Reading, requested_by: str | None) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open")
        if case.extended_until is not None:
            raise OutOfStep(f"case {self.recon} was extended once, until {case.extended_until}")
        due = decide_by(ledger, case)
        if is_past(ledger, due):
            raise OutOfStep(f"case {self.recon} was to be decided by {due.on}")
        start, left = _period(ledger, case)
        further = int(_procedure(ledger, case)["extend_cd"])
        if not further:
            raise OutOfStep(f"the {case.procedure} procedure is not extended")
        yield ReconExtended(
            **of_case(case),
            reason=self.reason,
            approved_by=ledger.actor.person_id,
            due_on=ledger.days().due(start, left + further, "cd").on,
        )


class RecordReconHearing(Report):
    """听证: report that the case was heard."""

    ROLES = roles("recon_officer")

    recon: ReconId
    host: Badge
    record_digest: Sha256
    respondent_attended: bool

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open")
        ledger.not_before(case.accepted_on, f"case {self.recon} was accepted")
        yield ReconHearingHeld(
            **of_case(case),
            host=self.host,
            record_digest=self.record_digest,
            respondent_attended=self.respondent_attended,
        )


class RequestIncidentalReview(Report):
    """附带审查: the applicant disputes the normative document behind the act, too.

    ``competent``: whether the organ may decide on it itself; else it passes it on.
    """

    ROLES = roles("recon_officer")

    recon: ReconId
    document_no: Name
    competent: bool

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open", "suspended")
        ledger.not_before(case.accepted_on, f"case {self.recon} was accepted")
        if case.incidental is not None:
            raise OutOfStep(f"document {case.incidental.document_no} is reviewed in this case")
        yield IncidentalReviewRequested(
            **of_case(case), document_no=self.document_no, competent=self.competent
        )


class TransferIncidentalReview(Act):
    """转送附带审查: pass the document on to the body that may decide on it."""

    ROLES = roles("recon_officer")

    recon: ReconId
    to: Name

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open", "suspended")
        review = _reviewed(case)
        if review.competent or review.to is not None:
            raise OutOfStep(
                "the organ decides on it itself" if review.competent else f"{review.to} has it"
            )
        yield IncidentalReviewTransferred(
            **of_case(case),
            document_no=review.document_no,
            to=self.to,
            days_late=days_late(ledger, (rules.PASS_ON,), review.clock_at),
        )


class ConcludeIncidentalReview(Report):
    """附带审查结论: record whether the document is lawful, by the organ or the body that has it."""

    ROLES = roles("recon_officer")

    recon: ReconId
    lawful: bool
    opinion: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = organs_case(ledger, self.recon, "open", "suspended")
        review = _reviewed(case)
        if not review.competent and review.to is None:
            raise OutOfStep("the organ may not decide on it; pass it on first")
        ledger.not_before(
            ledger.opening(review.clock_at).occurred_on, f"{review.document_no} came to be reviewed"
        )
        yield IncidentalReviewConcluded(
            **of_case(case),
            document_no=review.document_no,
            lawful=self.lawful,
            opinion=self.opinion,
            days_late=days_late(ledger, (rules.REVIEW, rules.ANSWER), review.clock_at),
        )


def decide_by(ledger: Reading, case: ReconCase) -> Due:
    """When the case has to be decided, by the period that runs now."""
    opening = ledger.opening(case.decide_at)
    return ledger.due(rules.running(rules.DECIDE, opening), opening)


def _period(ledger: Reading, case: ReconCase) -> tuple[date, int]:
    """From which day the period for deciding runs, and for how many calendar days."""
    opening = ledger.opening(case.decide_at)
    if isinstance(opening.event, ReconResumed):
        return opening.occurred_on, opening.event.days_left
    assert case.accepted_on is not None
    return case.accepted_on, int(_procedure(ledger, case)["decide_cd"])


def _procedure(ledger: Reading, case: ReconCase) -> dict[str, int]:
    periods: dict[str, int] = ledger.setting(f"recon.{case.procedure}", on=case.accepted_on)
    return periods


def _reviewed(case: ReconCase) -> Incidental:
    if case.incidental is None:
        raise OutOfStep(f"no document is reviewed in case {case.recon}")
    if case.incidental.lawful is not None:
        raise OutOfStep(f"the review of {case.incidental.document_no} is concluded")
    return case.incidental
