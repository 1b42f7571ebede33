"""Findings about equal treatment after a decision or the closing of a case: FLX-V1 to FLX-V3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ledger.general.findings import finding
from ledger.kernel import Event, Inquiry
from ledger.systems.leniency import rules
from ledger.systems.leniency.folds import LikeCases, Outcome
from ledger.systems.penalties.events import (
    BenchmarkItem,
    CaseClosed,
    Penalty,
    PenaltyDecided,
    PenaltyType,
)

#: The kinds of penalty that close a business.
_CLOSURES: frozenset[PenaltyType] = frozenset({"closure_order", "suspension_of_business"})


def compare(
    inquiry: Inquiry, decided: PenaltyDecided, item: BenchmarkItem | None
) -> Iterator[Event]:
    """Yield findings about a decision compared with similar ones.

    ``item`` is the benchmark item for its violation, or ``None``.
    """
    if item is not None and decided.leniency is None:
        yield from _against_benchmark(inquiry, decided, item)
    if not _CLOSURES.isdisjoint(decided.types):
        yield from _closures(inquiry, decided)


def unlisted_exemption(inquiry: Inquiry, closed: CaseClosed) -> Iterator[Event]:
    """Yield FLX-V2 for a case that ends without penalty and without an item of the list."""
    yield finding(
        inquiry,
        rules.FLX_V2,
        unit=closed.unit,
        entity=closed.entity,
        case=closed.case,
        why="the case was closed as exempt",
    )


def _against_benchmark(
    inquiry: Inquiry, decided: PenaltyDecided, item: BenchmarkItem
) -> Iterator[Event]:
    short = rules.below(item, Penalty(decided.types, decided.fine_fen))
    if short is not None:
        yield finding(
            inquiry,
            rules.FLX_V2,
            unit=decided.unit,
            entity=decided.entity,
            case=decided.case,
            decision=decided.decision,
            why=str(short),
        )
        return
    tier = next((tier for tier in item.tiers if tier.tier == decided.tier), None)
    if "fine" not in decided.types or tier is None:
        return
    if tier.min_fen <= decided.fine_fen <= tier.max_fen:
        return
    like = [
        outcome.fine_fen
        for outcome in _others(inquiry, decided)
        if outcome.tier == tier.tier and outcome.leniency is None and "fine" in outcome.types
    ]
    yield finding(
        inquiry,
        rules.FLX_V1,
        unit=decided.unit,
        entity=decided.entity,
        case=decided.case,
        decision=decided.decision,
        violation_code=item.violation_code,
        tier=tier.tier,
        fine_fen=decided.fine_fen,
        benchmark_fen=[tier.min_fen, tier.max_fen],
        like_cases=len(like),
        like_fen=[min(like), max(like)] if like else None,
    )


def _closures(inquiry: Inquiry, decided: PenaltyDecided) -> Iterator[Event]:
    blanket = inquiry.setting("leniency.blanket_closure")
    since = decided.decided_on - timedelta(days=int(blanket["window_cd"]))
    closed = {
        outcome.entity: outcome.decision
        for outcome in _others(inquiry, decided)
        if outcome.unit == decided.unit
        and since <= outcome.decided_on <= decided.decided_on
        and not _CLOSURES.isdisjoint(outcome.types)
    }
    closed[decided.entity] = decided.decision
    if len(closed) >= int(blanket["cases"]):
        yield finding(
            inquiry,
            rules.FLX_V3,
            unit=decided.unit,
            entity=decided.entity,
            case=decided.case,
            violation_code=decided.violation_code,
            decisions=sorted(filter(None, closed.values())),
            since=since.isoformat(),
        )


def _others(inquiry: Inquiry, decided: PenaltyDecided) -> Iterator[Outcome]:
    """Yield the other decisions about this type of violation that are in effect."""
    if decided.violation_code is None:
        return
    for outcome in inquiry.read(LikeCases(decided.violation_code)).standing:
        if outcome.decision is not None and outcome.case != decided.case:
            yield outcome
