"""Commands of approvals: a second person approves or refuses the request of a first person."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ledger.general.countersigning import Countersigned, requested_command
from ledger.general.roles import SIGNING
from ledger.general.vocabulary import ApprovalId, Text, same_person
from ledger.kernel import Act, Event, Fact, Forbidden, Inquiry, OutOfStep
from ledger.systems.approvals.events import ApprovalGiven, ApprovalRefused, ApprovalWithdrawn
from ledger.systems.approvals.folds import Approval
from ledger.systems.handovers.folds import UnitHandovers


class ApproveRequest(Act):
    """批准请求: approve a request of another person; it takes effect in the approver's name (0.3).

    The requested command is checked again against the ledger as it is now, under its own rules.
    People cannot approve their own request (GEN-R1 or the rule of the requested command) or a
    request that was handed over to them.
    """

    ROLES = SIGNING

    approval: ApprovalId

    def decide(self, inquiry: Inquiry) -> Iterator[Event | Fact]:
        request, command = _pending(inquiry, self.approval)
        _require_second(inquiry, request, command)
        yield ApprovalGiven(
            approval=self.approval,
            confidential=request.confidential,
            withheld_from=request.withheld_from,
            requested_by=request.requested_by,
        )
        # The recorded events cite the law that the request cites.
        inquiry.legal_basis += command.legal_basis
        yield from command.decide(_read_for(inquiry, request, command))


class RefuseRequest(Act):
    """不予批准: refuse a request of another person and say why; nothing takes effect."""

    ROLES = SIGNING

    approval: ApprovalId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        request, command = _pending(inquiry, self.approval)
        _require_second(inquiry, request, command)
        command.require_signer(_read_for(inquiry, request, command), request.requested_by)
        yield ApprovalRefused(
            approval=self.approval,
            confidential=request.confidential,
            withheld_from=request.withheld_from,
            requested_by=request.requested_by,
            reason=self.reason,
        )


class WithdrawRequest(Act):
    """撤回请求: withdraw a request; only the person who made it, or who took it over, can do so."""

    ROLES = SIGNING

    approval: ApprovalId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        request, _ = _pending(inquiry, self.approval)
        holder = _holder(inquiry, request)
        actor = inquiry.actor.person_id
        if not (same_person(actor, request.requested_by) or same_person(actor, holder)):
            raise Forbidden(
                "approvals.request-made", approval=self.approval, requested_by=request.requested_by
            )
        yield ApprovalWithdrawn(
            approval=self.approval,
            confidential=request.confidential,
            withheld_from=request.withheld_from,
        )


def _pending(inquiry: Inquiry, approval: str) -> tuple[Approval, Countersigned]:
    """Return the request and the command it asks for; the request must still be pending."""
    request = inquiry.known(Approval(approval), "approvals.get-v1-approvals-lists-pending-requests")
    if request.stage != "pending":
        raise OutOfStep(
            "approvals.request-must-be-pending",
            approval=approval,
            stage=request.stage,
            answered_on=request.answered_on,
            answered_by=request.answered_by,
        )
    try:
        return request, requested_command(request.command, request.body)
    except (KeyError, msgspec.ValidationError) as error:
        raise OutOfStep(
            "approvals.request-made-earlier-version-service-no", approval=approval, error=str(error)
        ) from None


def _holder(inquiry: Inquiry, request: Approval) -> str:
    """Return who holds the request today: handing over duties hands over the requests too."""
    handed = inquiry.read(UnitHandovers(request.unit))
    return handed.holder(request.requested_by, "approvals", inquiry.today)


def _read_for(inquiry: Inquiry, request: Approval, command: Countersigned) -> Inquiry:
    return inquiry.for_request(command, request.requested_by, request.requested_at)


def _require_second(inquiry: Inquiry, request: Approval, command: Countersigned) -> None:
    rule, details = command.same_person(inquiry, request.requested_by)
    same = same_person(inquiry.actor.person_id, request.requested_by)
    inquiry.require(not same, rule, **details)
    if same_person(inquiry.actor.person_id, _holder(inquiry, request)):
        raise Forbidden(
            "approvals.request-handed-over",
            approval=request.approval,
            person=inquiry.actor.person_id,
        )
    if inquiry.actor.role not in command.APPROVERS:
        raise Forbidden(
            "approvals.must-be-answered-one-these-roles",
            name=command.NAME,
            approvers=sorted(command.APPROVERS),
            person=inquiry.actor.person_id,
            role=inquiry.actor.role,
        )
