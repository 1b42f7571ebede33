"""Conditions of the procedure that a case must meet before its decision (PEN-R1 to PEN-R5)."""

from __future__ import annotations

from ledger.kernel import Inquiry, message
from ledger.kernel.days import add_months
from ledger.systems.penalties import rules
from ledger.systems.penalties.commands.hearings import last_day_to_request
from ledger.systems.penalties.events import CaseFiled, Penalty, PriorNoticeServed
from ledger.systems.penalties.folds import Case, Decision, Violations
from ledger.systems.penalties.rules import heavier


def require_procedure(inquiry: Inquiry, case: Case, penalty: Penalty) -> None:
    """Refuse a decision that the procedure does not support.

    The checks follow the order of a case: the limitation period, the penalties that the procedure
    allows, the notice and the hearing of the business, and an earlier fine for the same act.
    """
    filed = case.filed
    assert filed is not None
    # A refusal under PEN-R1 names the version that set the periods.
    inquiry.setting("penalty.hearing")
    _require_in_time(inquiry, filed)
    if filed.procedure == "summary":
        _require_summary(inquiry, filed, penalty)
    if filed.procedure == "summary" and not case.notices:
        _require_heard(inquiry, case, None)
    else:
        # A written notice binds the summary procedure too: the business must be heard on it first.
        _require_told(inquiry, case, penalty)
    if penalty.fine_fen:
        _require_fined_once(inquiry, case, filed)


def _require_in_time(inquiry: Inquiry, filed: CaseFiled) -> None:
    limitation = inquiry.setting("penalty.limitation")
    kind = "serious" if filed.conduct.serious_harm else "ordinary"
    limit = add_months(filed.conduct.last_on, int(limitation[f"{kind}_months"]))
    inquiry.require(
        filed.discovered_on <= limit,
        rules.PEN_R4,
        case=filed.case,
        last_on=filed.conduct.last_on,
        discovered_on=filed.discovered_on,
        limit=limit,
    )


def _require_summary(inquiry: Inquiry, filed: CaseFiled, penalty: Penalty) -> None:
    most = int(inquiry.setting("penalty.summary_max")[f"{filed.party}_fen"])
    reason = None
    others = set(penalty.types) - {"warning", "fine"}
    if others:
        reason = message("penalties.must-be-decided-ordinary-procedure", others=sorted(others))
    elif penalty.fine_fen > most:
        reason = message("penalties.fine-fen", fine_fen=penalty.fine_fen)
    inquiry.require(
        reason is None,
        rules.PEN_R5,
        case=filed.case,
        party=filed.party,
        max_fen=most,
        reason=reason,
    )


def _require_told(inquiry: Inquiry, case: Case, penalty: Penalty) -> None:
    served = [notice for notice in case.notices if notice.served_on <= inquiry.on]
    inquiry.require(
        served, rules.PEN_R1, case=case.case, reason=message("penalties.no-prior-notice-served")
    )
    notice = served[-1]
    _require_heard(inquiry, case, notice)
    if notice.hearing_right:
        _require_hearing(inquiry, case, notice)
    more = heavier(Penalty(notice.types, notice.fine_fen), penalty)
    if case.defended_on is not None and case.defended_on <= inquiry.on:
        inquiry.require(more is None, rules.PEN_R3, case=case.case, reason=more)
    inquiry.require(
        more is None,
        rules.PEN_R1,
        case=case.case,
        reason=message("penalties.penalty-must-not-heavier-prior-notice", more=more),
    )


def _require_heard(inquiry: Inquiry, case: Case, notice: PriorNoticeServed | None) -> None:
    """Require that the business made a statement after this notice, or waived it."""
    number = 0 if notice is None else notice.notice
    heard = any(s.notice == number and s.heard_on <= inquiry.on for s in case.statements)
    waived = any(
        w.notice == number and "statement" in w.rights and w.waived_on <= inquiry.on
        for w in case.waived
    )
    inquiry.require(
        heard or waived,
        rules.PEN_R1,
        case=case.case,
        reason=message("penalties.business-not-heard-did-not-waive"),
    )


def _require_hearing(inquiry: Inquiry, case: Case, notice: PriorNoticeServed) -> None:
    """Require that a hearing requested in time was held, or that the time to request passed."""
    number = notice.notice
    if any(h.notice == number and h.held_on <= inquiry.on for h in case.hearings):
        return
    asked = any(r.notice == number and not r.days_late for r in case.requested)
    inquiry.require(
        not asked,
        rules.PEN_R1,
        case=case.case,
        reason=message("penalties.business-requested-hearing-not-held-yet"),
    )
    if any(
        w.notice == number and "hearing" in w.rights and w.waived_on <= inquiry.on
        for w in case.waived
    ):
        return
    last = last_day_to_request(inquiry, case).on
    inquiry.require(
        last < inquiry.on,
        rules.PEN_R1,
        case=case.case,
        reason=message("penalties.business-may-still-request-hearing-until", last=last),
    )


def _require_fined_once(inquiry: Inquiry, case: Case, filed: CaseFiled) -> None:
    violations = inquiry.read(Violations(filed.entity))
    for other in violations.same_act(case.case):
        for name in other.decisions:
            decision = inquiry.read(Decision(name))
            inquiry.require(
                decision.undone is not None or not decision.fine_fen,
                rules.PEN_R2,
                case=case.case,
                decision=name,
                unit=other.unit,
            )
