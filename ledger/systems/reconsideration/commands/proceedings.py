"""Commands between acceptance and end: copy, reply, hearing, suspension, incidental review."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, ClassVar

from ledger.general.countersigning import Countersigned
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import Badge, Name, ReconId, Role, Sha256, Text
from ledger.kernel import Act, Due, Event, Inquiry, OutOfStep, Report, Rule, message
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
    """发送申请书副本: send the application to the respondent, which must reply."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open", "suspended")
        if case.copy_sent_on is not None:
            raise OutOfStep(
                "reconsideration.copy-case-already-sent",
                recon=self.recon,
                copy_sent_on=case.copy_sent_on,
            )
        assert case.procedure is not None
        yield ReconCopySent(
            **of_case(case),
            procedure=case.procedure,
            days_late=days_late(inquiry, rules.COPY, case.begun_at),
        )


class SubmitReply(Act):
    """答复: reply to the application, with the evidence on which the act was based (RCN-R4)."""

    ROLES = UNIT

    recon: ReconId
    reply: Text
    evidence: tuple[Evidence, ...] = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = respondents_case(inquiry, self.recon, "open", "suspended")
        if case.copy_sent_on is None:
            raise OutOfStep("reconsideration.copy-case-must-be-sent-before-reply", recon=self.recon)
        if case.replied_on is not None:
            raise OutOfStep(
                "reconsideration.reply-case-already-received",
                recon=self.recon,
                replied_on=case.replied_on,
            )
        assert case.applied_on is not None
        for exhibit in self.evidence:
            inquiry.require(
                exhibit.gathered_on <= case.applied_on,
                rules.RCN_R4,
                evidence=exhibit.name,
                gathered_on=exhibit.gathered_on,
                begun_on=case.applied_on,
            )
        yield ReconReplyReceived(
            **of_case(case),
            reply=self.reply,
            evidence=self.evidence,
            days_late=days_late(inquiry, rules.REPLY, case.copy_at),
        )


class SuspendCase(Act):
    """中止: suspend the case; the remaining days of its period are kept."""

    ROLES = roles("recon_officer")

    recon: ReconId
    ground: SuspensionGround
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open")
        due = decide_by(inquiry, case)
        yield ReconSuspended(
            **of_case(case),
            ground=self.ground,
            reason=self.reason,
            days_left=max(0, (due.on - inquiry.on).days),
        )


class ResumeCase(Act):
    """恢复审理: resume the case for the remaining days."""

    ROLES = roles("recon_officer")

    recon: ReconId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "suspended")
        assert case.days_left is not None
        yield ReconResumed(
            **of_case(case),
            days_left=case.days_left,
            due_on=inquiry.days().due(inquiry.on, case.days_left, "cd").on,
        )


class ExtendCase(Countersigned):
    """延长期限: extend a complex case once, with the approval of another person (Art. 62)."""

    ROLES = roles("recon_officer")

    NAME: ClassVar[str] = "reconsideration.extend-case"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset({"recon_officer"})

    recon: ReconId
    reason: Text

    def require_signer(self, inquiry: Inquiry, requested_by: str | None) -> None:
        of_organ(inquiry, self.recon)

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return supervision.GEN_R2, {
            "person": person,
            "one": message("reconsideration.requester-extension"),
            "other": message("reconsideration.approver"),
        }

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open")
        if case.extended_until is not None:
            raise OutOfStep(
                "reconsideration.case-already-extended-until",
                recon=self.recon,
                extended_until=case.extended_until,
            )
        due = decide_by(inquiry, case)
        if is_past(inquiry, due):
            raise OutOfStep(
                "reconsideration.case-decided-must-be-extended-day", recon=self.recon, on=due.on
            )
        start, left = _period(inquiry, case)
        further = int(_procedure(inquiry, case)["extend_cd"])
        if not further:
            raise OutOfStep(
                "reconsideration.case-procedure-cannot-extended", procedure=case.procedure
            )
        yield ReconExtended(
            **of_case(case),
            reason=self.reason,
            approved_by=inquiry.actor.person_id,
            due_on=inquiry.days().due(start, left + further, "cd").on,
        )


class RecordReconHearing(Report):
    """听证: report that a hearing was held in the case."""

    ROLES = roles("recon_officer")

    recon: ReconId
    host: Badge
    record_digest: Sha256
    respondent_attended: bool

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open")
        inquiry.not_before(
            case.accepted_on, message("reconsideration.case-accepted", recon=self.recon)
        )
        yield ReconHearingHeld(
            **of_case(case),
            host=self.host,
            record_digest=self.record_digest,
            respondent_attended=self.respondent_attended,
        )


class RequestIncidentalReview(Report):
    """附带审查: record that the applicant also disputes the normative document behind the act.

    ``competent`` says whether the organ may review the document itself; otherwise it must transfer
    the document.
    """

    ROLES = roles("recon_officer")

    recon: ReconId
    document_no: Name
    competent: bool

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open", "suspended")
        inquiry.not_before(
            case.accepted_on, message("reconsideration.case-accepted", recon=self.recon)
        )
        if case.incidental is not None:
            raise OutOfStep(
                "reconsideration.document-already-under-review",
                document_no=case.incidental.document_no,
                recon=self.recon,
            )
        yield IncidentalReviewRequested(
            **of_case(case), document_no=self.document_no, competent=self.competent
        )


class TransferIncidentalReview(Act):
    """转送附带审查: transfer the document to the body that may review it."""

    ROLES = roles("recon_officer")

    recon: ReconId
    to: Name

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open", "suspended")
        review = _reviewed(case)
        if review.competent or review.to is not None:
            raise OutOfStep(
                message("reconsideration.organ-must-review-document-itself")
                if review.competent
                else message("reconsideration.document-already-transferred", to=review.to)
            )
        yield IncidentalReviewTransferred(
            **of_case(case),
            document_no=review.document_no,
            to=self.to,
            days_late=days_late(inquiry, (rules.PASS_ON,), review.clock_at),
        )


class ConcludeIncidentalReview(Report):
    """附带审查结论: record whether the reviewed document is lawful."""

    ROLES = roles("recon_officer")

    recon: ReconId
    lawful: bool
    opinion: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = organs_case(inquiry, self.recon, "open", "suspended")
        review = _reviewed(case)
        if not review.competent and review.to is None:
            raise OutOfStep("reconsideration.document-must-be-transferred-first")
        inquiry.not_before(
            inquiry.opening(review.clock_at).occurred_on,
            message("reconsideration.review-began", document_no=review.document_no),
        )
        yield IncidentalReviewConcluded(
            **of_case(case),
            document_no=review.document_no,
            lawful=self.lawful,
            opinion=self.opinion,
            days_late=days_late(inquiry, (rules.REVIEW, rules.ANSWER), review.clock_at),
        )


def decide_by(inquiry: Inquiry, case: ReconCase) -> Due:
    """Return the last day to decide the case, by the period that runs now."""
    opening = inquiry.opening(case.decide_at)
    return inquiry.due(rules.running(rules.DECIDE, opening), opening)


def _period(inquiry: Inquiry, case: ReconCase) -> tuple[date, int]:
    """Return the first day of the period to decide, and its length in calendar days."""
    opening = inquiry.opening(case.decide_at)
    if isinstance(opening.event, ReconResumed):
        return opening.occurred_on, opening.event.days_left
    assert case.accepted_on is not None
    return case.accepted_on, int(_procedure(inquiry, case)["decide_cd"])


def _procedure(inquiry: Inquiry, case: ReconCase) -> dict[str, int]:
    periods: dict[str, int] = inquiry.setting(f"recon.{case.procedure}", on=case.accepted_on)
    return periods


def _reviewed(case: ReconCase) -> Incidental:
    if case.incidental is None:
        raise OutOfStep(
            "reconsideration.incidental-review-must-be-requested-first-case", recon=case.recon
        )
    if case.incidental.lawful is not None:
        raise OutOfStep(
            "reconsideration.review-already-concluded", document_no=case.incidental.document_no
        )
    return case.incidental
