"""Whether like businesses are visited alike: the index of dispersion, and its probability.

If visits fell on the businesses of one grade by chance alone, their number per business would have
a variance near its mean. The index of dispersion, the sum of (n - mean)² / mean, then follows a
chi-square distribution with one degree of freedom less than there are businesses (Fisher, 1925). A
large index says that the visits were concentrated on few; a small one that they were spread evenly.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import erfc, sqrt

import msgspec

#: The fewest businesses and visits from which a test says anything.
FEWEST_BUSINESSES, FEWEST_VISITS = 5, 5
#: Below this probability the visits are called concentrated.
SIGNIFICANT = 0.01


class Spread(msgspec.Struct, frozen=True):
    """The test for one group of like businesses.

    ``index`` and ``freedom``: the statistic and its degrees of freedom. ``p``: the probability of
    an index at least this large by chance alone. ``concentrated``: whether that is below 0.01. All
    of them are ``None`` where there are too few businesses or visits.
    """

    businesses: int
    visits: int
    mean: float
    index: float | None = None
    freedom: int | None = None
    p: float | None = None
    concentrated: bool | None = None


def spread_of(counts: Mapping[int, int]) -> Spread:
    """Return the test of how many businesses had how many visits (``{visits: businesses}``)."""
    businesses = sum(counts.values())
    visits = sum(n * times for n, times in counts.items())
    mean = visits / businesses if businesses else 0.0
    if businesses < FEWEST_BUSINESSES or visits < FEWEST_VISITS:
        return Spread(businesses, visits, round(mean, 4))
    index = sum(times * (n - mean) ** 2 for n, times in counts.items()) / mean
    freedom = businesses - 1
    p = chi_square_tail(index, freedom)
    return Spread(
        businesses, visits, round(mean, 4), round(index, 4), freedom, round(p, 6), p < SIGNIFICANT
    )


def chi_square_tail(value: float, freedom: int) -> float:
    """Return the probability that a chi-square variable is at least ``value``.

    By the cube root of Wilson and Hilferty (1931), good to 0.003 from five degrees of freedom.
    """
    share = 2 / (9 * freedom)
    z = ((value / freedom) ** (1 / 3) - (1 - share)) / sqrt(share)
    return erfc(z / sqrt(2)) / 2
