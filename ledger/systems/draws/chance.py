"""How improbable something is, exactly: whole numbers and fractions, so that nobody's machine
decides otherwise (DRW-V4, DRW-V6).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb

#: Probabilities are carried as multiples of 2**-BITS and rounded up: the answer is an upper bound
#: that is off by less than one part in 10**60, on every machine by the same amount.
_BITS = 256

#: Where a term is this small, what lies beyond it is bounded and no longer summed.
_NEGLIGIBLE = 1 << 32


def two_sided(trials: int, hits: int, part: int, whole: int) -> Fraction:
    """The two-sided exact binomial p: how probable is what is no more probable than ``hits``?

    Of ``trials``, each hits with probability ``part ÷ whole``. An upper bound (see ``_BITS``), so
    that nobody is suspected by rounding. With thousands of trials the exact fraction would have
    millions of digits; relative to the most probable number of hits a few thousand terms are all.
    """
    if part in (0, whole):
        return Fraction(hits == (trials if part else 0))
    mode = min((trials + 1) * part // whole, trials)
    top = 1 << _BITS
    # Terms as (lowest, highest) they can be, relative to the most probable one.
    terms = {mode: (top, top)}
    rest = 0
    for step in (1, -1):
        low = high = top
        at = mode
        while 0 <= at + step <= trials:
            if step > 0:
                up, down = (trials - at) * part, (at + 1) * (whole - part)
            else:
                up, down = at * (whole - part), (trials - at + 1) * part
            low, high = low * up // down, -(-high * up // down)
            at += step
            if high < _NEGLIGIBLE and up < down:
                # The ratio of neighbours only falls from here: a geometric series bounds them.
                rest += -(-high * down // (down - up))
                break
            terms[at] = (low, high)
    seen = terms.get(hits, (0, _NEGLIGIBLE))[1]
    extreme = sum(high for low, high in terms.values() if low <= seen) + rest
    everything = sum(low for low, _ in terms.values())
    return min(Fraction(extreme, everything), Fraction(1))


def pair_recurs(visits: Sequence[tuple[int, int]], times: int) -> Fraction:
    """How probable is it that some one pair of officers comes ``times`` or more in these visits?

    ``visits``: for each, how many officers went and from how many they were drawn. Each pair of the
    smallest roster may be the one that recurs, so the chance of one is taken as often as there are
    pairs: an upper bound, so that nobody is suspected by having been looked for.
    """
    if times <= 0:
        return Fraction(1)
    # The chance of j visits by one given pair, visit after visit.
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
    """A probability as a decimal, rounded up: what is shown is never less than what was decided."""
    scaled = -(-chance.numerator * 10**places // chance.denominator)
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")
