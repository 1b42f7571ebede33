"""Statistics over all businesses: visits against caps, their spread, and grades over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import PRIVATE, asked, caught_up
from api.http.naming import names_of_units
from api.http.reader import AUTHORITIES, Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from projections.explain.burden import BOOKINGS, Burdens, Limit, limits
from projections.explain.spread import Spread, spread_of
from projections.systems.grading import LocalGrades, grades_by_month
from projections.systems.policies import Policies
from projections.tables import Connection


class VisitFigures(msgspec.Struct, frozen=True, omit_defaults=True):
    """The visits of a unit at the businesses of one grade in a year, against their cap.

    ``by_visits``: at how many businesses there were how many visits; ``capped`` and ``exempt``
    visits, those made on clues, count alike. ``reached``: businesses whose cap is used up;
    ``beyond``: those above it. ``spread``: whether like businesses were visited alike, those of the
    grade without a visit included.
    """

    unit: str
    grade: str
    businesses: int
    capped: int
    exempt: int
    by_visits: dict[int, int]
    spread: Spread
    reached: int = 0
    beyond: int = 0
    cap: int | None = None
    unit_name: str | None = None


class VisitStatistics(msgspec.Struct, frozen=True):
    """The figures of a year, as of ``position`` of the ledger."""

    year: int
    position: int
    items: tuple[VisitFigures, ...]


class GradeMonth(msgspec.Struct, frozen=True):
    """How many businesses had each announced grade at the end of a month."""

    month: str
    grades: dict[str, int]


class GradeStatistics(msgspec.Struct, frozen=True):
    """The months in which a grade was announced, as of ``position`` of the ledger."""

    position: int
    items: tuple[GradeMonth, ...]


async def visit_statistics(request: web.Request) -> web.Response:
    """The visits of a year by unit and grade: how many, against the cap, and how evenly spread.

    A unit is shown its own figures; the Justice Bureau and the unit count planned visits too, all
    others those that took place. `/v1/supervision/visits` lists the businesses behind each figure.
    """
    reader = await reader_of(request)
    year = query_value(request, "year", int, reader.today.year)
    await caught_up(request, Policies.name)
    await caught_up(request, LocalGrades.name)
    follower = await caught_up(request, Burdens.name)

    def ask() -> VisitStatistics:
        known = limits(follower.views, reader.today)
        with follower.views.reading() as connection:
            position = follower.views.place(connection, Burdens.name)
            counted = _counted(connection, reader, year)
            graded = _graded(connection, year)
            names = names_of_units(connection, {unit for unit, _ in counted})
        figures = tuple(
            _figures(
                (unit, grade),
                counts,
                graded.get(grade, 0),
                known.get((unit, year, grade), Limit()),
                names.get(unit),
            )
            for (unit, grade), counts in sorted(counted.items())
        )
        return VisitStatistics(year, position, figures)

    return json_response(await asked(ask), headers=PRIVATE)


Counts = Mapping[tuple[int, int], int]


def _counted(
    connection: Connection, reader: Reader, year: int
) -> dict[tuple[str, str], Counter[tuple[int, int]]]:
    """Return at how many businesses there were how many capped and exempt visits, by group."""
    table = BOOKINGS.c
    counters = (
        (table.capped, table.exempt) if reader.plans else (table.capped_made, table.exempt_made)
    )
    groups: defaultdict[tuple[str, str], Counter[tuple[int, int]]] = defaultdict(Counter)
    for unit, grade, capped, exempt, n in connection.execute(
        sa.select(table.unit, table.grade, *counters, sa.func.count())
        .where(table.year == year, reader.concerned(table.unit), counters[0] + counters[1] > 0)
        .group_by(table.unit, table.grade, *counters)
    ):
        groups[unit, grade][capped, exempt] += n
    return groups


def _graded(connection: Connection, year: int) -> Mapping[str, int]:
    """Return how many businesses had each announced grade at the end of a year."""
    by_month = grades_by_month(connection)
    last = max((month for month in by_month if month <= f"{year}-12"), default=None)
    return {} if last is None else by_month[last]


def _figures(
    group: tuple[str, str], counts: Counts, of_grade: int, limit: Limit, name: str | None
) -> VisitFigures:
    unit, grade = group
    by_visits: Counter[int] = Counter()
    for (capped, exempt), n in counts.items():
        by_visits[capped + exempt] += n
    visited = by_visits.total()
    cap = limit.capped
    return VisitFigures(
        unit=unit,
        grade=grade,
        businesses=visited,
        capped=sum(capped * n for (capped, _), n in counts.items()),
        exempt=sum(exempt * n for (_, exempt), n in counts.items()),
        by_visits=dict(sorted(by_visits.items())),
        spread=spread_of({**by_visits, 0: max(0, of_grade - visited)}),
        reached=sum(n for (capped, _), n in counts.items() if cap is not None and capped >= cap),
        beyond=sum(n for (capped, _), n in counts.items() if cap is not None and capped > cap),
        cap=cap,
        unit_name=name,
    )


async def grade_statistics(request: web.Request) -> web.Response:
    """How many businesses had each announced grade, month by month.

    A business counts from its first assessment or announcement; one that was never graded counts as
    B under a cap, but is not counted here.
    """
    follower = await caught_up(request, LocalGrades.name)

    def ask() -> GradeStatistics:
        with follower.views.reading() as connection:
            position = follower.views.place(connection, LocalGrades.name)
            months = grades_by_month(connection)
        return GradeStatistics(position, tuple(GradeMonth(m, g) for m, g in months.items()))

    return json_response(await asked(ask), headers=PRIVATE)


def _resource(path: str, handler: Any, returns: Any, *query: Parameter) -> Resource:
    return Resource(
        path,
        handler,
        returns=returns,
        roles=AUTHORITIES,
        query=(*query, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
        group="supervision",
    )


RESOURCES = (
    _resource(
        "/v1/statistics/visits",
        visit_statistics,
        VisitStatistics,
        Parameter("year", int, "the cap year; by default the current one"),
    ),
    _resource("/v1/statistics/grades", grade_statistics, GradeStatistics),
)
