"""Checks shared by the commands about a case: who may act, its stage, how late an act is."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Due, Inquiry, OutOfStep
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.folds import ReconCase


def of_organ(inquiry: Inquiry, recon: str) -> ReconCase:
    """Return the case if the actor acts for the organ that decides it."""
    case = inquiry.known(ReconCase(recon), "reconsideration.apply-reconsideration-first")
    inquiry.act_for(case.organ)
    return case


def organs_case(inquiry: Inquiry, recon: str, *stages: str) -> ReconCase:
    """Return the case if the actor acts for the organ and it is at one of these stages."""
    return at_stage(of_organ(inquiry, recon), *stages)


def respondents_case(inquiry: Inquiry, recon: str, *stages: str) -> ReconCase:
    """Return the case if the actor acts for the respondent and it is at one of these stages."""
    case = inquiry.own(ReconCase(recon), "reconsideration.apply-reconsideration-first")
    return at_stage(case, *stages)


def at_stage(case: ReconCase, *stages: str) -> ReconCase:
    """Return the case if it is at one of these stages. Raises ``OutOfStep``."""
    if case.stage not in stages:
        raise OutOfStep(
            "reconsideration.case-must-be", recon=case.recon, stages=stages, stage=case.stage
        )
    return case


def days_late(inquiry: Inquiry, among: tuple[DeadlineRule, ...], position: int) -> int:
    """Return the days after the end of a period, which the event at ``position`` opened."""
    return inquiry.days_late(rules.running(among, inquiry.opening(position)), position)


def is_past(inquiry: Inquiry, due: Due) -> bool:
    """Return whether a last day has passed and is not provisional."""
    return not due.provisional and due.on < inquiry.on
