"""Payment of a fine, and what is done when it is not paid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from ledger.general.roles import OFFICERS, roles
from ledger.general.vocabulary import DecisionId, Fen, Name, Text
from ledger.kernel import Act, DatedAct, Due, Event, Malformed, OutOfStep, Reading, Report
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
    """缴纳罚款: record what was paid to the bank, towards the fine and towards the late fee."""

    ROLES = OFFICERS

    decision: DecisionId
    receipt_no: Name
    amount_fen: Fen = 0
    late_fee_fen: Fen = 0

    def decide(self, ledger: Reading) -> Iterator[Event]:
        decision, decided = _payable(ledger, self.decision)
        assert decision.served is not None
        ledger.not_before(decision.served.served_on, f"decision {self.decision} was served")
        if not self.amount_fen and not self.late_fee_fen:
            raise Malformed("nothing was paid", "/amount_fen")
        left = decision.outstanding(ledger.on) - self.amount_fen
        if left < 0:
            raise Malformed(
                f"only {left + self.amount_fen} fen of the fine are outstanding", "/amount_fen"
            )
        late_fee = late_fee_due(ledger, decision, ledger.on)
        if decision.late_fee_paid_fen + self.late_fee_fen > late_fee:
            raise Malformed(
                f"the late fee is {late_fee} fen, of which {decision.late_fee_paid_fen} are paid",
                "/late_fee_fen",
            )
        # What is left of the late fee when the fine is paid is an instalment of it.
        paid = FinePaid if self.amount_fen and not left else InstalmentPaid
        yield paid(
            decision=self.decision,
            case=decided.case,
            entity=decided.entity,
            unit=decided.unit,
            paid_on=ledger.on,
            amount_fen=self.amount_fen,
            late_fee_fen=self.late_fee_fen,
            outstanding_fen=left,
            late_fee_due_fen=late_fee,
            receipt_no=self.receipt_no,
            # Who pays late is the business: also where its day passed before a takeover.
            days_late=ledger.days_after(replace(pay_by(ledger, decision), judged=True)),
        )


class DeferPayment(Act):
    """批准暂缓或分期缴纳: the business cannot pay in time, and the head of the unit lets it."""

    ROLES = roles("unit_head")

    decision: DecisionId
    until: date
    reason: Text
    in_instalments: bool = False

    def decide(self, ledger: Reading) -> Iterator[Event]:
        decision, decided = _payable(ledger, self.decision)
        if not decision.outstanding(ledger.on):
            raise OutOfStep(f"the fine of decision {self.decision} is paid")
        if self.until <= ledger.on:
            raise Malformed("until lies before the day of the approval", "/until")
        yield PaymentDeferred(
            decision=self.decision,
            case=decided.case,
            entity=decided.entity,
            unit=decided.unit,
            approved_on=ledger.on,
            until=self.until,
            in_instalments=self.in_instalments,
            reason=self.reason,
            approved_by=ledger.actor.person_id,
        )


class ApplyEnforcement(DatedAct):
    """强制执行: what the business does not do by itself is enforced, once its time is over."""

    ROLES = roles("unit_head", "office_head")

    decision: DecisionId
    by: Literal["court", "auction", "deduction", "own_power"]
    request_no: Annotated[Name, msgspec.Meta(description="of the application or order")]

    def decide(self, ledger: Reading) -> Iterator[Event]:
        decision, decided = served_decision(ledger, self.decision)
        if decision.fine_fen and ledger.on <= (last := pay_by(ledger, decision).on):
            raise OutOfStep(f"the business may pay until {last}")
        yield EnforcementApplied(
            decision=self.decision,
            case=decided.case,
            entity=decided.entity,
            unit=decided.unit,
            applied_on=ledger.on,
            by=self.by,
            request_no=self.request_no,
        )


def own_decision(ledger: Reading, decision_id: str) -> tuple[Decision, PenaltyDecided]:
    """The decision, which has to exist and to be one of the actor's unit."""
    decision = ledger.known(Decision(decision_id), "Record the decision first.")
    assert decision.decided is not None
    ledger.act_for(decision.decided.unit)
    return decision, decision.decided


def served_decision(ledger: Reading, decision_id: str) -> tuple[Decision, PenaltyDecided]:
    """A decision of the actor's unit that is served and in effect. Raises ``OutOfStep``."""
    decision, decided = own_decision(ledger, decision_id)
    if decision.served is None:
        raise OutOfStep(f"decision {decision_id} has not been served")
    require_in_effect(decision)
    return decision, decided


def pay_by(ledger: Reading, decision: Decision) -> Due:
    """The last day of payment, as deferred."""
    deferred = [Due(deferral.until, False, "") for deferral in decision.deferrals]
    return max([first_pay_by(ledger, decision), *deferred], key=lambda due: due.on)


def first_pay_by(ledger: Reading, decision: Decision) -> Due:
    """The last day of payment by the law alone.

    An altered fine is to be paid from the service of what altered it; nothing is due before.
    """
    if decision.awaits_service:
        return Due(ledger.on, False, "")
    newest = decision.altered_by[-1] if decision.altered_by else None
    if newest is None or newest.content is None:
        return rules.due(ledger, rules.PAY, decision.served_at)
    rule = rules.PAY_ALTERED_ELSEWHERE if newest.recon is None else rules.PAY_ALTERED
    return rules.due(ledger, rule, decision.altered_at)


def late_fee_due(ledger: Reading, decision: Decision, on: date) -> int:
    """The late fee accrued by a day, in fen."""
    return decision.late_fee(first_pay_by(ledger, decision).on, on)


def _payable(ledger: Reading, decision_id: str) -> tuple[Decision, PenaltyDecided]:
    decision, decided = served_decision(ledger, decision_id)
    if not decision.fine_fen:
        raise OutOfStep(f"decision {decision_id} fines nothing")
    return decision, decided
