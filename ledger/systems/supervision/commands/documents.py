"""Commands on the documents of supervisors: notices, decisions, circulars, referrals, more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.findings import FindingRaised
from ledger.general.personaldata import require_impersonal
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import FindingId, Name, OfficerId, ProposalId, SupDocId, Text, UnitId
from ledger.kernel import Act, DatedAct, Event, Inquiry, Malformed, OutOfStep, Report
from ledger.systems.catalogue.folds import OfficerStanding, UnitStanding
from ledger.systems.penalties.rules import PUB_R1
from ledger.systems.supervision import rules
from ledger.systems.supervision.commands.findings import open_finding, require_told
from ledger.systems.supervision.events import (
    CircularIssued,
    FindingTold,
    ProposalDeclined,
    ProposalFollowed,
    PublicInterviewHeld,
    ReferredToDiscipline,
    SupDocKind,
    SupervisionDocAnswered,
    SupervisionDocIssued,
    SupervisionDocProposed,
    SupervisionDocWithdrawn,
)
from ledger.systems.supervision.folds import Circular, FindingState, Proposal, SupervisionDoc

Findings = Annotated[tuple[FindingId, ...], msgspec.Meta(max_length=200)]


class ProposeSupervisionDoc(Act):
    """建议制发监督文书: propose that the Justice Bureau send a unit a document (2.18).

    The Justice Bureau issues the document (``IssueSupervisionDoc``), changed or unchanged, or
    declines the proposal.
    """

    ROLES = roles("rlo_assessor")
    ACTS_FOR = ""

    proposal: ProposalId
    kind: SupDocKind
    unit: UnitId
    demands: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]
    reason: Text
    findings: Findings = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.new(Proposal(self.proposal))
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        for finding_id in self.findings:
            require_told(open_finding(inquiry, finding_id, unit=self.unit))
        yield SupervisionDocProposed(
            proposal=self.proposal,
            unit=self.unit,
            kind=self.kind,
            demands=self.demands,
            reason=self.reason,
            findings=self.findings,
        )


class DeclineProposal(Act):
    """不采纳建议: decline a proposal, with the reason."""

    ROLES = roles("jb_supervisor")

    proposal: ProposalId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        proposal = _open_proposal(inquiry, self.proposal)
        yield ProposalDeclined(proposal=self.proposal, unit=proposal.unit, reason=self.reason)


class IssueSupervisionDoc(Act):
    """制发监督文书: send a notice, an opinion or a decision to a unit.

    It may name open findings about the unit; the unit's answer then answers them too. A decision
    states its ``due_on``; answers to a notice or an opinion fall due by policy. ``proposal`` is the
    proposal of the rule-of-law office that the document follows.
    """

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    document: SupDocId
    kind: SupDocKind
    unit: UnitId
    doc_no: Name
    demands: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]
    findings: Findings = ()
    due_on: date | None = None
    follows: SupDocId | None = None
    proposal: ProposalId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _new_document(inquiry, self.document)
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        if (self.kind == "decision") != (self.due_on is not None):
            raise Malformed(
                "supervision.due-on-must-be-given-decision-only",
                pointer="/due_on",
            )
        if self.due_on is not None and self.due_on <= inquiry.on:
            raise Malformed(
                "supervision.due-on-must-lie-after-today",
                pointer="/due_on",
                on=inquiry.on,
                due_on=self.due_on,
            )
        for finding_id in self.findings:
            require_told(open_finding(inquiry, finding_id, unit=self.unit))
        if self.follows is not None:
            earlier = inquiry.known(SupervisionDoc(self.follows))
            if earlier.unit != self.unit:
                raise OutOfStep(
                    "supervision.follows-must-be-document-sent",
                    unit=self.unit,
                    follows=self.follows,
                    earlier_unit=earlier.unit,
                )
        if self.proposal is not None:
            proposed = _open_proposal(inquiry, self.proposal)
            if proposed.unit != self.unit:
                raise OutOfStep(
                    "supervision.proposal-must-be-about",
                    unit=self.unit,
                    proposal=self.proposal,
                    proposed_unit=proposed.unit,
                )
        yield SupervisionDocIssued(
            document=self.document,
            kind=self.kind,
            unit=self.unit,
            doc_no=self.doc_no,
            demands=self.demands,
            findings=self.findings,
            due_on=self.due_on,
            follows=self.follows,
        )
        if self.proposal is not None:
            yield ProposalFollowed(proposal=self.proposal, unit=self.unit, document=self.document)
        yield from _told(inquiry, self.findings, self.unit)


def _open_proposal(inquiry: Inquiry, proposal_id: str) -> Proposal:
    """Return a proposal that is not decided yet."""
    proposal = inquiry.known(Proposal(proposal_id), "supervision.name-proposal-rule-of-law-office")
    if proposal.stage != "proposed":
        raise OutOfStep(
            "supervision.proposal-already",
            proposal=proposal_id,
            stage=proposal.stage,
            decided_on=proposal.decided_on,
        )
    return proposal


class AnswerSupervisionDoc(Report):
    """答复监督文书: answer a document, and with it the findings that it names."""

    ROLES = UNIT

    document: SupDocId
    unit: UnitId
    response: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        document = _pending(inquiry, self.document)
        if document.unit != self.unit:
            raise OutOfStep(
                "supervision.document-must-be-one-sent",
                unit=self.unit,
                document=self.document,
                document_unit=document.unit,
            )
        issued = inquiry.opening(document.issued_position)
        assert document.kind is not None
        if inquiry.at < issued.envelope.occurred_at:
            raise OutOfStep(
                "supervision.answer-must-not-dated-before-document",
                document=self.document,
                issued_on=document.issued_on,
            )
        due = inquiry.due(rules.response_deadline(document.kind), issued)
        yield SupervisionDocAnswered(
            document=self.document,
            unit=self.unit,
            response=self.response,
            # Findings that have ended since are not answered any more.
            findings=tuple(
                finding_id
                for finding_id in document.findings
                if inquiry.read(FindingState(finding_id)).ended is None
            ),
            days_late=inquiry.days_after(due),
        )


class WithdrawSupervisionDoc(Act):
    """撤回监督文书: withdraw a document that should not have been sent."""

    ROLES = roles("jb_supervisor")

    document: SupDocId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        document = _pending(inquiry, self.document)
        yield SupervisionDocWithdrawn(
            document=self.document, unit=document.unit, reason=self.reason
        )


class RecordPublicInterview(Report):
    """公开约谈: record an interview with the leaders of a unit; ``occurred_at`` says when."""

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    unit: UnitId
    attended_by: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=50)]
    raised: Text
    findings: Findings = ()
    undertaken: Text | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        for raised in _about(inquiry, self.findings, self.unit):
            require_told(raised)
        yield PublicInterviewHeld(
            unit=self.unit,
            attended_by=self.attended_by,
            raised=self.raised,
            findings=self.findings,
            undertaken=self.undertaken,
        )
        yield from _told(inquiry, self.findings, self.unit)


class IssueCircular(Act):
    """发布通报或典型案例: publish what units did, without personal data (PUB-R1)."""

    ROLES = roles("jb_supervisor")

    document: SupDocId
    kind: Literal["circular", "typical_case"]
    units: Annotated[tuple[UnitId, ...], msgspec.Meta(min_length=1, max_length=100)]
    title: Name
    text: Text
    url: Name | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        _new_document(inquiry, self.document)
        for unit in self.units:
            inquiry.known(UnitStanding(unit), "general.qualify-unit-first")
        require_impersonal(inquiry, PUB_R1, self.title, self.text)
        yield CircularIssued(
            document=self.document,
            kind=self.kind,
            units=self.units,
            title=self.title,
            text=self.text,
            issued_on=inquiry.on,
            url=self.url,
        )


class ReferToDiscipline(DatedAct):
    """移送纪检监察机关: refer clues about people of a unit to the discipline authority."""

    ROLES = roles("jb_supervisor")
    ACTS_FOR = ""

    unit: UnitId
    referred_to: Name
    doc_no: Name
    facts: Text
    officers: Annotated[tuple[OfficerId, ...], msgspec.Meta(max_length=50)] = ()
    findings: Findings = ()

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        inquiry.known(UnitStanding(self.unit), "general.qualify-unit-first")
        _about(inquiry, self.findings, self.unit)
        for officer in self.officers:
            standing = inquiry.known(OfficerStanding(officer), "supervision.name-certified-officer")
            if self.unit not in standing.units:
                raise OutOfStep(
                    "supervision.officers-must-be-officers", unit=self.unit, officer=officer
                )
        yield ReferredToDiscipline(
            unit=self.unit,
            referred_to=self.referred_to,
            doc_no=self.doc_no,
            facts=self.facts,
            officers=self.officers,
            findings=self.findings,
        )


def _new_document(inquiry: Inquiry, document: str) -> None:
    inquiry.new(SupervisionDoc(document))
    inquiry.new(Circular(document))


def _pending(inquiry: Inquiry, document_id: str) -> SupervisionDoc:
    document = inquiry.known(SupervisionDoc(document_id), "supervision.issue-document-first")
    if document.stage != "issued":
        raise OutOfStep("supervision.document-already", document=document_id, stage=document.stage)
    return document


def _told(inquiry: Inquiry, findings: tuple[str, ...], unit: str) -> Iterator[Event]:
    """Disclose to the unit those findings that were withheld from it until now."""
    for finding_id in findings:
        withheld = inquiry.read(FindingState(finding_id)).withheld_from
        if unit in withheld:
            others = tuple(other for other in withheld if other != unit)
            yield FindingTold(finding_id=finding_id, unit=unit, withheld_from=others)


def _about(inquiry: Inquiry, findings: tuple[str, ...], unit: str) -> list[FindingRaised]:
    """Return the findings, ended or not, all of which must be about the unit."""
    about = []
    for finding_id in findings:
        raised = inquiry.known(FindingState(finding_id)).raised
        assert raised is not None
        if raised.unit != unit:
            raise OutOfStep(
                "supervision.finding-must-be-about",
                finding=finding_id,
                unit=unit,
                raised_unit=raised.unit,
            )
        about.append(raised)
    return about
