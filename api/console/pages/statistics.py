"""Statistics: visits against caps and their spread, coverage of draws, grades over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from api.console.shell import Opened, Page

_VISITS, _GRADES, _DRAWS = "/v1/statistics/visits", "/v1/statistics/grades", "/v1/draws"

#: The size of a plot, in the units of its drawing.
WIDTH, HEIGHT = 720, 220
#: The grades in the order in which they lie on each other, the best lowest.
GRADES = ("A", "B", "C", "D")
#: The most draws whose strata are shown.
_MOST = 60


class Band(msgspec.Struct, frozen=True):
    """One grade in the plot of grades: its polygon, from the first month to the last."""

    grade: str
    points: str


class Stratum(msgspec.Struct, frozen=True):
    """A stratum of a draw: the probability that was announced, and the share that was drawn."""

    draw: str
    unit: str
    key: str
    size: int
    quota: int
    probability: float
    inspected: float


async def statistics(page: Opened) -> web.StreamResponse:
    """Show the figures of a year, each with the list behind it."""
    year = page.request.query.get("year", "")
    asked = {"year": year} if year.isascii() and year.isdigit() else {}
    visits, grades, draws = await page.read_all(
        (_VISITS, asked), (_GRADES, None), (_DRAWS, {**asked, "limit": _MOST})
    )
    items = [] if visits is None else visits["items"]
    months = [] if grades is None else grades["items"]
    return await page.render(
        "statistics.html",
        year=visits["year"] if visits else year,
        position=visits["position"] if visits else None,
        items=items,
        units=_by_unit(items),
        most=_most_visited(items),
        months=months,
        bands=bands(months),
        strata=list(_strata(draws["items"] if draws else ())),
        width=WIDTH,
        height=HEIGHT,
    )


def _by_unit(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the sums of each unit over the grades."""
    sums: dict[str, dict[str, Any]] = {}
    for item in items:
        unit = sums.setdefault(
            item["unit"],
            {
                "unit": item["unit"],
                "name": item.get("unit_name") or item["unit"],
                **dict.fromkeys(("businesses", "capped", "exempt", "reached", "beyond"), 0),
            },
        )
        for name in ("businesses", "capped", "exempt", "reached", "beyond"):
            unit[name] += item.get(name, 0)
    return sorted(sums.values(), key=lambda unit: -int(unit["capped"] + unit["exempt"]))


def _most_visited(items: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return at how many businesses a unit made how many visits, over units and grades."""
    counts: dict[int, int] = {}
    for item in items:
        for visits, businesses in item["by_visits"].items():
            counts[int(visits)] = counts.get(int(visits), 0) + businesses
    return sorted(counts.items())


def bands(months: list[dict[str, Any]]) -> list[Band]:
    """Return the polygons of a stacked plot: the share of each grade at the end of each month."""
    if len(months) < 2:
        return []
    step = WIDTH / (len(months) - 1)
    below = [0.0] * len(months)
    drawn = []
    for grade in GRADES:
        above = []
        for floor, month in zip(below, months, strict=True):
            whole = sum(month["grades"].values()) or 1
            above.append(floor + month["grades"].get(grade, 0) / whole)
        upper = [_point(n * step, share) for n, share in enumerate(above)]
        lower = [_point(n * step, share) for n, share in enumerate(below)]
        drawn.append(Band(grade, " ".join([*upper, *reversed(lower)])))
        below = above
    return drawn


def _point(x: float, share: float) -> str:
    return f"{x:.1f},{HEIGHT * (1 - share):.1f}"


def _strata(draws: Iterable[Mapping[str, Any]]) -> Iterable[Stratum]:
    for draw in draws:
        for stratum in draw.get("strata") or ():
            yield Stratum(
                draw["draw"],
                draw.get("unit_name") or draw["unit"],
                stratum["key"],
                stratum["size"],
                stratum["quota"],
                float(stratum.get("inclusion_prob") or 0),
                float(stratum.get("inspected_share") or 0),
            )


PAGES = (
    Page("/console/statistics", statistics, name="statistics", group="oversight", needs=(_VISITS,)),
)
