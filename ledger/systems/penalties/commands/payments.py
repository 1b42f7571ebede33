"""Commands that record, defer and enforce the payment of a fine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import DecisionId, Fen, Name, Text
from ledger.kernel import Act, DatedAct, Due, Event, Inquiry, Malformed, OutOfStep, Report, message
from ledger.systems.penalties import rules
from ledger.systems.penalties.events import (
    EnforcementApplied,
    FinePaid,
    InstalmentPaid,
    PaymentDeferred,
    PenaltyDecided,
)
from ledger.systems.penalties.folds import Decision, require_in_effect


class RecordPayment(Report):
    """缴纳罚款: record a payment to the bank, towards the fine and the late fee."""

    ROLES = OFFICERS

    decision: DecisionId
    receipt_no: Name
    amount_fen: Fen = 0
    late_fee_fen: Fen = 0

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        decision, decided = _payable(inquiry, self.decision)
        assert decision.served is not None
        inquiry.not_before(
            decision.served.served_on, message("penalties.decision-served", decision=self.decision)
        )
        if not self.amount_fen and not self.late_fee_fen:
            raise Malformed(
                "penalties.amount-fen-late-fee-fen-must-be-above-0", pointer="/amount_fen"
            )
        left = decision.outstanding(inquiry.on) - self.amount_fen
        if left < 0:
            raise Malformed(
                "penalties.amount-fen-must-be-most-outstanding-part-fine",
                pointer="/amount_fen",
                left=left + self.amount_fen,
                amount_fen=self.amount_fen,
            )
        late_fee = late_fee_due(inquiry, decision, inquiry.on)
        if decision.late_fee_paid_fen + self.late_fee_fen > late_fee:
            raise Malformed(
                "penalties.late-fee-fen-must-be-most-outstanding-late-fee",
                pointer="/late_fee_fen",
                late_fee=max(0, late_fee - decision.late_fee_paid_fen),
                late_fee_fen=self.late_fee_fen,
            )
        # A later payment of the late fee alone is an instalment; the fine is paid already.
        paid = FinePaid if self.amount_fen and not left else InstalmentPaid
        yield paid(
            decision=self.decision,
            case=decided.case,
            entity=decided.entity,
            unit=decided.unit,
            paid_on=inquiry.on,
            amount_fen=self.amount_fen,
            late_fee_fen=self.late_fee_fen,
            outstanding_fen=left,
            late_fee_due_fen=late_fee,
            receipt_no=self.receipt_no,
            # The business pays late, not a unit, so a day before the takeover counts too.
            days_late=inquiry.days_after(replace(pay_by(inquiry, decision), judged=True)),
        )


class DeferPayment(Act):
    """批准暂缓或分期缴纳: let a business that cannot pay in time pay later or in instalments."""

    ROLES = roles("unit_head")

    decision: DecisionId
    until: date
    reason: Text
    in_instalments: bool = False

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        decision, decided = _payable(inquiry, self.decision)
        if not decision.outstanding(inquiry.on):
            raise OutOfStep("penalties.fine-decision-already-paid", decision=self.decision)
        if self.until <= inquiry.on:
            raise Malformed(
                "penalties.until-must-lie-after-day-approval",
                pointer="/until",
                on=inquiry.on,
                until=self.until,
            )
        yield PaymentDeferred(
            decision=self.decision,
            case=decided.case,
            entity=decided.entity,
            unit=decided.unit,
            approved_on=inquiry.on,
            until=self.until,
            in_instalments=self.in_instalments,
            reason=self.reason,
            approved_by=inquiry.actor.person_id,
        )


class ApplyEnforcement(DatedAct):
    """强制执行: enforce a decision that the business did not perform in time."""

    ROLES = roles("unit_head", "office_head")

    decision: DecisionId
    by: Literal["court", "auction", "deduction", "own_power"]
    request_no: Annotated[Name, msgspec.Meta(description="Number of the application or order.")]

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        decision, decided = served_decision(inquiry, self.decision)
        if decision.fine_fen and inquiry.on <= (last := pay_by(inquiry, decision).on):
            raise OutOfStep("penalties.business-may-pay-until", last=last)
        yield EnforcementApplied(
            decision=self.decision,
            case=decided.case,
            entity=decided.entity,
            unit=decided.unit,
            applied_on=inquiry.on,
            by=self.by,
            request_no=self.request_no,
        )


def own_decision(inquiry: Inquiry, decision_id: str) -> tuple[Decision, PenaltyDecided]:
    """Return the decision, which must be recorded and made by the actor's unit."""
    decision = inquiry.own(Decision(decision_id), "general.record-decision-first")
    return decision, decision.decided


def served_decision(inquiry: Inquiry, decision_id: str) -> tuple[Decision, PenaltyDecided]:
    """Return a decision of the actor's unit that is served and in effect, or refuse it."""
    decision, decided = own_decision(inquiry, decision_id)
    if decision.served is None:
        raise OutOfStep("penalties.decision-must-be-served-first", decision=decision_id)
    require_in_effect(decision)
    return decision, decided


def pay_by(inquiry: Inquiry, decision: Decision) -> Due:
    """Return the last day of payment, with deferrals."""
    deferred = [Due(deferral.until, False, "") for deferral in decision.deferrals]
    return max([first_pay_by(inquiry, decision), *deferred], key=lambda due: due.on)


def first_pay_by(inquiry: Inquiry, decision: Decision) -> Due:
    """Return the last day of payment by law, without deferrals.

    The period for an altered fine runs from the service of the alteration; before that nothing is
    due.
    """
    if decision.awaits_service:
        return Due(inquiry.on, False, "")
    newest = decision.altered_by[-1] if decision.altered_by else None
    if newest is None or newest.content is None:
        return rules.due(inquiry, rules.PAY, decision.served_at)
    rule = rules.PAY_ALTERED_ELSEWHERE if newest.recon is None else rules.PAY_ALTERED
    return rules.due(inquiry, rule, decision.altered_at)


def late_fee_due(inquiry: Inquiry, decision: Decision, on: date) -> int:
    """Return the late fee accrued by a day, in fen."""
    return decision.late_fee(first_pay_by(inquiry, decision).on, on)


def _payable(inquiry: Inquiry, decision_id: str) -> tuple[Decision, PenaltyDecided]:
    decision, decided = served_decision(inquiry, decision_id)
    if not decision.fine_fen:
        raise OutOfStep("penalties.decision-must-include-fine-paid", decision=decision_id)
    return decision, decided
