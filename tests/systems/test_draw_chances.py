"""How improbable something is: against the definition, term by term."""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.systems.draws.chance import pair_recurs, shown, two_sided

TINY = Fraction(1, 10**60)


def by_definition(trials: int, hits: int, part: int, whole: int) -> Fraction:
    """The sum of the probabilities that are no larger than that of ``hits``."""
    terms = [comb(trials, k) * part**k * (whole - part) ** (trials - k) for k in range(trials + 1)]
    return Fraction(sum(t for t in terms if t <= terms[hits]), sum(terms))


@given(st.data())
def test_the_binomial_is_the_one_of_the_definition(data: st.DataObject) -> None:
    trials = data.draw(st.integers(1, 80))
    whole = data.draw(st.integers(1, 40))
    hits, part = data.draw(st.integers(0, trials)), data.draw(st.integers(0, whole))
    expected = by_definition(trials, hits, part, whole)
    assert expected <= two_sided(trials, hits, part, whole) <= expected + TINY


@pytest.mark.parametrize(
    ("trials", "hits", "part", "whole", "p"),
    [
        (10, 10, 1, 2, Fraction(2, 1024)),  # all or none
        (3, 0, 1, 2, Fraction(1, 4)),  # 0 or 3
        (4, 0, 1, 4, Fraction(81 + 54 + 12 + 1, 256)),  # all but 1, which is likelier
        (5, 5, 1, 1, Fraction(1)),
        (5, 4, 1, 1, Fraction(0)),
        (5, 1, 0, 1, Fraction(0)),
    ],
)
def test_the_binomial_by_hand(trials: int, hits: int, part: int, whole: int, p: Fraction) -> None:
    assert p <= two_sided(trials, hits, part, whole) <= p + TINY


def test_a_million_trials_take_no_million_terms() -> None:
    started = time.process_time()  # what others do meanwhile does not count
    assert two_sided(1_000_000, 200_000, 1, 5) == 1
    assert two_sided(1_000_000, 100_000, 1, 5) < TINY
    # Three standard deviations of 400 away: 0.27 % of a normal distribution.
    assert Fraction(26, 10_000) < two_sided(1_000_000, 201_200, 1, 5) < Fraction(28, 10_000)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("rosters", [[3, 3], [4, 3, 4], [5, 5, 5]])
def test_a_pair_recurs_as_often_as_counting_says(rosters: list[int]) -> None:
    """All ways in which the visits could have gone, one by one, for one pair of the smallest."""
    for times in range(len(rosters) + 2):
        ways = list(product(*(range(comb(size, 2)) for size in rosters)))
        hits = sum(way.count(0) >= times for way in ways)
        some = Fraction(hits, len(ways)) * comb(min(rosters), 2)
        assert pair_recurs([(2, size) for size in rosters], times) == min(Fraction(1), some)


def test_two_officers_are_no_choice() -> None:
    assert pair_recurs([(2, 2)] * 3, 3) == 1


@given(st.fractions(0, 1))
def test_what_is_shown_is_never_less(chance: Fraction) -> None:
    assert chance <= Fraction(shown(chance)) <= chance + Fraction(1, 10**6)
