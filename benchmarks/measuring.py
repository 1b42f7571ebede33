"""How things are measured: in turns, so that a machine whose speed drifts slows both alike."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

#: Seconds of work that a round should take at least; shorter ones measure noise.
ROUNDS = 5


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int = ROUNDS
) -> tuple[float, float, float]:
    """The median rate of each and the median of the ratios, pair by pair.

    Each callable does its work once and returns a rate (things per second).
    """
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return (
        median(a for a, _ in pairs),
        median(b for _, b in pairs),
        median(a / b for a, b in pairs),
    )


def report(what: str, ours: float, theirs: float, ratio: float, target: float, unit: str) -> None:
    """Print one line: both rates, the ratio, and the ratio to reach."""
    print(
        f"{what:<58} {ours:>10,.0f} {theirs:>10,.0f} {unit:<9} ratio {ratio:6.2f}"
        f"   (to reach: {target:g})",
        flush=True,
    )
