"""Commands of approvals: a second person approves or refuses what a first one requested."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ledger.general.countersigning import Countersigned, requested_command
from ledger.general.roles import SIGNING
from ledger.general.vocabulary import ApprovalId, Text, same_person
from ledger.kernel import Act, Event, Fact, Forbidden, OutOfStep, Reading
from ledger.systems.approvals.events import ApprovalGiven, ApprovalRefused, ApprovalWithdrawn
from ledger.systems.approvals.folds import Approval
from ledger.systems.handovers.folds import UnitHandovers


class ApproveRequest(Act):
    """批准请求: let what another person requested take effect, in the approver's own name (0.3).

    It is checked again as the ledger stands now, and refused under the rules of the requested
    command. Nobody approves their own request (GEN-R1 or the rule of the requested command), nor
    one that was handed over to them.
    """

    ROLES = SIGNING

    approval: ApprovalId

    def decide(self, ledger: Reading) -> Iterator[Event | Fact]:
        request, command = _pending(ledger, self.approval)
        _require_second(ledger, request, command)
        yield ApprovalGiven(
            approval=self.approval,
            confidential=request.confidential,
            withheld_from=request.withheld_from,
            requested_by=request.requested_by,
        )
        # The law that the request cites is cited by what is recorded.
        ledger.legal_basis += command.legal_basis
        yield from command.decide(_read_for(ledger, request, command))


class RefuseRequest(Act):
    """不予批准: say no to what another person requested, and why; nothing takes effect."""

    ROLES = SIGNING

    approval: ApprovalId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        request, command = _pending(ledger, self.approval)
        _require_second(ledger, request, command)
        command.require_signer(_read_for(ledger, request, command), request.requested_by)
        yield ApprovalRefused(
            approval=self.approval,
            confidential=request.confidential,
            withheld_from=request.withheld_from,
            requested_by=request.requested_by,
            reason=self.reason,
        )


class WithdrawRequest(Act):
    """撤回请求: the person who requested something takes the request back."""

    ROLES = SIGNING

    approval: ApprovalId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        request, _ = _pending(ledger, self.approval)
        holder = _holder(ledger, request)
        actor = ledger.actor.person_id
        if not (same_person(actor, request.requested_by) or same_person(actor, holder)):
            raise Forbidden(
                f"request {self.approval} was made by {request.requested_by}; only that person, or "
                "the one to whom that person's requests were handed over, withdraws it. Refuse it "
                "instead."
            )
        yield ApprovalWithdrawn(
            approval=self.approval,
            confidential=request.confidential,
            withheld_from=request.withheld_from,
        )


def _pending(ledger: Reading, approval: str) -> tuple[Approval, Countersigned]:
    """The request, which must wait for an answer, and the command that it asks for."""
    request = ledger.known(Approval(approval), "GET /v1/approvals lists what waits.")
    if request.stage != "pending":
        raise OutOfStep(
            f"request {approval} was {request.stage} on {request.answered_on} by "
            f"{request.answered_by}; it must be pending"
        )
    try:
        return request, requested_command(request.command, request.body)
    except (KeyError, msgspec.ValidationError) as error:
        raise OutOfStep(
            f"request {approval} was made to an earlier version of this service ({error}); it must "
            "be withdrawn and made anew"
        ) from None


def _holder(ledger: Reading, request: Approval) -> str:
    """Whose request it is today: it moves with the duties of the person who made it."""
    handed = ledger.read(UnitHandovers(request.unit))
    return handed.holder(request.requested_by, "approvals", ledger.today)


def _read_for(ledger: Reading, request: Approval, command: Countersigned) -> Reading:
    return ledger.for_request(command, request.requested_by, request.requested_at)


def _require_second(ledger: Reading, request: Approval, command: Countersigned) -> None:
    rule, details = command.same_person(ledger, request.requested_by)
    same = same_person(ledger.actor.person_id, request.requested_by)
    ledger.require(not same, rule, **details)
    if same_person(ledger.actor.person_id, _holder(ledger, request)):
        raise Forbidden(
            f"request {request.approval} was handed over to {ledger.actor.person_id}; somebody "
            "else must answer it"
        )
    if ledger.actor.role not in command.APPROVERS:
        raise Forbidden(
            f"{command.NAME} must be approved by one of {', '.join(sorted(command.APPROVERS))}; "
            f"{ledger.actor.person_id} is {ledger.actor.role}"
        )
