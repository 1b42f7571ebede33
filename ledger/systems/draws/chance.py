"""Exact probabilities in whole numbers and fractions, equal on all machines (DRW-V4, DRW-V6)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb

#: Probabilities are computed as multiples of 2**-_BITS and rounded up. The result is an upper bound
#: with an error below one part in 10**60, the same on every machine.
_BITS = 256

#: Below this value the remaining terms are not summed but estimated by an upper bound.
_NEGLIGIBLE = 1 << 32


def two_sided(trials: int, hits: int, part: int, whole: int) -> Fraction:
    """Return the two-sided exact binomial p of ``hits`` in ``trials``.

    Each trial hits with probability ``part ÷ whole``. The p-value is the probability of all numbers
    of hits that are not more probable than ``hits``. It is an upper bound (see ``_BITS``), so that
    rounding never raises a suspicion. With thousands of trials the exact fraction would have
    millions of digits. Terms are therefore computed relative to the most probable number of hits;
    a few thousand of them are enough.
    """
    if part in (0, whole):
        return Fraction(hits == (trials if part else 0))
    mode = min((trials + 1) * part // whole, trials)
    top = 1 << _BITS
    # Lower and upper bounds of the terms, relative to the most probable one.
    terms = {mode: (top, top)}
    rest = 0
    for step in (1, -1):
        low = high = top
        count = mode
        while 0 <= count + step <= trials:
            if step > 0:
                up, down = (trials - count) * part, (count + 1) * (whole - part)
            else:
                up, down = count * (whole - part), (trials - count + 1) * part
            low, high = low * up // down, -(-high * up // down)
            count += step
            if high < _NEGLIGIBLE and up < down:
                # From here the ratio of neighbours only falls, so a geometric series is a bound.
                rest += -(-high * down // (down - up))
                break
            terms[count] = (low, high)
    seen = terms.get(hits, (0, _NEGLIGIBLE))[1]
    extreme = sum(high for low, high in terms.values() if low <= seen) + rest
    everything = sum(low for low, _ in terms.values())
    return min(Fraction(extreme, everything), Fraction(1))


def pair_recurs(visits: Sequence[tuple[int, int]], times: int) -> Fraction:
    """Return how probable it is that any pair of officers makes ``times`` or more of these visits.

    ``visits`` has for each visit the number of officers and the size of the roster they were drawn
    from. The result is an upper bound: the probability for a given pair, times the number of pairs
    in the smallest roster. It takes into account that any pair could have been the one that recurs.
    """
    if times <= 0:
        return Fraction(1)
    # chances[j]: the probability that a given pair made j of the visits so far.
    none = Fraction(0)
    chances = [Fraction(1)]
    for going, size in visits:
        hit = min(Fraction(1), Fraction(comb(going, 2), comb(max(size, 2), 2)))
        chances = [
            missed * (1 - hit) + met * hit
            for missed, met in zip([*chances, none], [none, *chances], strict=True)
        ]
    pairs = comb(max(min((size for _, size in visits), default=2), 2), 2)
    return min(Fraction(1), pairs * sum(chances[times:], none))


def shown(chance: Fraction, places: int = 6) -> str:
    """Return a probability as a decimal, rounded up so that it is never shown too small."""
    scaled = -(-chance.numerator * 10**places // chance.denominator)
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")
