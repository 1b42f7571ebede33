"""Measurement in turns, so that changes in the machine's speed affect both sides equally."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

#: The shortest round in seconds; shorter rounds would measure noise.
ROUNDS = 5


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int = ROUNDS
) -> tuple[float, float, float]:
    """Return the median rate of both sides and the median of the ratios per pair.

    Each callable does its work once and returns a rate per second.
    """
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return (
        median(a for a, _ in pairs),
        median(b for _, b in pairs),
        median(a / b for a, b in pairs),
    )


def report(what: str, ours: float, theirs: float, ratio: float, target: float, unit: str) -> None:
    """Print one line: both rates, their ratio, and the target ratio."""
    print(
        f"{what:<58} {ours:>10,.0f} {theirs:>10,.0f} {unit:<9} ratio {ratio:6.2f}"
        f"   (to reach: {target:g})",
        flush=True,
    )
