"""What the commands about a case share: whose it is, where it stands, how late something comes."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Due, OutOfStep, Reading
from ledger.systems.reconsideration import rules
from ledger.systems.reconsideration.folds import ReconCase


def of_organ(ledger: Reading, recon: str) -> ReconCase:
    """The case, for the organ that decides it."""
    case = ledger.known(ReconCase(recon), "Apply for reconsideration first.")
    ledger.act_for(case.organ)
    return case


def organs_case(ledger: Reading, recon: str, *stages: str) -> ReconCase:
    """The case, for the organ that decides it, at one of these stages."""
    return at_stage(of_organ(ledger, recon), *stages)


def respondents_case(ledger: Reading, recon: str, *stages: str) -> ReconCase:
    """The case, for the unit whose act is disputed, at one of these stages."""
    case = ledger.known(ReconCase(recon), "Apply for reconsideration first.")
    ledger.act_for(case.unit)
    return at_stage(case, *stages)


def at_stage(case: ReconCase, *stages: str) -> ReconCase:
    """The case, if it stands at one of these stages. Raises ``OutOfStep``."""
    if case.stage not in stages:
        raise OutOfStep(f"case {case.recon} is {case.stage}, not {' or '.join(stages)}")
    return case


def days_late(ledger: Reading, among: tuple[DeadlineRule, ...], position: int) -> int:
    """Calendar days after the end of the period, under one of these rules, opened there."""
    return ledger.days_late(rules.running(among, ledger.opening(position)), position)


def is_past(ledger: Reading, due: Due) -> bool:
    """Whether a last day is over for certain."""
    return not due.provisional and due.on < ledger.on
