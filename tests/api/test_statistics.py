"""Figures over all businesses: visits against caps, whether they are spread evenly, and grades."""

from __future__ import annotations

from collections import Counter
from math import exp
from pathlib import Path
from typing import Any

import pytest

from projections.explain.spread import chi_square_tail, spread_of
from tests.scenarios.world import World
from tests.test_questions import tell


@pytest.mark.parametrize("freedom", [6, 20, 100])
@pytest.mark.parametrize("share", [0.6, 1.0, 1.5, 2.2])
def test_the_probability_is_that_of_the_distribution(freedom: int, share: float) -> None:
    """For an even number of degrees the tail is a finite sum, with which it agrees."""
    value = share * freedom
    term = total = exp(-value / 2)
    for k in range(1, freedom // 2):
        term *= value / 2 / k
        total += term
    assert chi_square_tail(value, freedom) == pytest.approx(total, abs=0.003)


def test_visits_at_few_of_many_are_concentrated() -> None:
    """Twenty visits at two of a hundred businesses are; one each at twenty of them are not."""
    assert spread_of({0: 98, 10: 2}).concentrated is True
    assert spread_of({0: 80, 1: 20}).concentrated is False
    few = spread_of({0: 2, 5: 1})
    assert (few.index, few.p, few.concentrated) == (None, None, None)


async def test_figures_are_those_of_the_lists(tmp_path: Path) -> None:
    """Visits add up to those of the list behind them; grades to the businesses that have one."""
    async with World(tmp_path) as world:
        await tell(world)
        listed = await world.get("JB", "/v1/supervision/visits", year=2026, limit=500)
        answer = await world.get("JB", "/v1/statistics/visits", year=2026)
        figures: dict[tuple[str, str], dict[str, Any]] = {
            (one["unit"], one["grade"]): one for one in answer["items"]
        }
        assert figures
        for counter in ("capped", "exempt"):
            sums: Counter[tuple[str, str]] = Counter()
            for row in listed["items"]:
                sums[row["unit"], row["grade"]] += row[counter]
            assert sums == {key: one[counter] for key, one in figures.items() if one[counter]} | {
                key: 0 for key, n in sums.items() if not n
            }
        for one in figures.values():
            assert sum(one["by_visits"].values()) == one["businesses"]
            assert one["spread"]["businesses"] >= one["businesses"]
        assert answer["position"] == world.recorder.head()
        own = await world.get("EMB head", "/v1/statistics/visits", year=2026)
        assert {one["unit"] for one in own["items"]} <= {"EMB"}
        months = (await world.get("JB", "/v1/statistics/grades"))["items"]
        assert [one["month"] for one in months] == sorted({one["month"] for one in months})
        profiles = [
            (await world.get("JB", f"/v1/entities/{item['entity']}/profile"))
            for item in (await world.get("JB", "/v1/entities", limit=500))["items"]
        ]
        assert 0 < sum(months[-1]["grades"].values()) <= len(profiles)
        await world.hidden("public", "/v1/statistics/visits", 403)
        await world.hidden("E-A", "/v1/statistics/grades", 403)
