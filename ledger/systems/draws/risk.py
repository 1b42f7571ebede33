"""The risk of a business in points, with the facts that they come from.

Only published facts count, so that a business can compute its own class. Findings against units,
complaints, ratings and requests for reconsideration do not count. The policy ``draw.risk_formula``
gives the risk classes of rosters; ``key.screening_formula`` gives the ranks of businesses that are
screened for key supervision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from ledger.general.values import Result
from ledger.general.vocabulary import Grade
from ledger.kernel.days import add_months

RiskClass = Literal["low", "mid", "high"]
GroundKind = Literal["grade", "key_domain", "breach", "unmet_order", "report"]

#: Results of visits that found a violation.
_BREACHES = frozenset({"issue_corrected_on_spot", "order_to_correct", "case_filed"})
#: Results that show that earlier orders of the same unit are fulfilled.
_RIGHT = frozenset({"no_issue", "issue_corrected_on_spot"})


class PublishedVisit(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The result of a unit's visit, published by the event at ``position``.

    ``reported`` says that a third party's report led to the visit.
    """

    found_on: date
    unit: str
    result: Result
    position: int = 0
    reported: bool = False


class Ground(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reason for some points of a business.

    ``events`` are the positions of the events that show it; ``says`` is the grade or the line of
    business.
    """

    kind: GroundKind
    points: int
    says: str | None = None
    events: tuple[int, ...] = ()


def risk_points(
    formula: Mapping[str, Any],
    grade: Grade,
    line: str | None,
    visits: Iterable[PublishedVisit],
    on: date,
) -> int:
    """Return the points of a business on a day, by a value of ``draw.risk_formula``."""
    return sum(ground.points for ground in risk_grounds(formula, grade, line, visits, on))


def risk_grounds(
    formula: Mapping[str, Any],
    grade: Grade,
    line: str | None,
    visits: Iterable[PublishedVisit],
    on: date,
) -> Iterator[Ground]:
    """Yield the reasons for the points of a business on a day.

    ``formula`` is a value of ``draw.risk_formula`` or of ``key.screening_formula``; the latter also
    counts visits that followed a report. Reasons that give no points are left out.
    """
    if points := int(formula["grade"][grade]):
        yield Ground("grade", points, grade)
    if line is not None and any(word in line for word in formula["key_lines"]):
        yield Ground("key_domain", int(formula["key_domain"]), line)
    known = sorted(
        (visit for visit in visits if visit.found_on <= on),
        key=lambda visit: (visit.found_on, visit.position),
    )
    since = add_months(on, -int(formula["breach_months"]))
    breaches = [v for v in known if v.result in _BREACHES and v.found_on > since]
    yield from _ground(formula, "breach", breaches)
    yield from _ground(formula, "unmet_order", _unmet_orders(known))
    if "report" in formula:
        yield from _ground(formula, "report", [visit for visit in breaches if visit.reported])


def _unmet_orders(known: Iterable[PublishedVisit]) -> list[PublishedVisit]:
    """Return the visits with orders that no later visit of the same unit found fulfilled."""
    unmet: dict[str, list[PublishedVisit]] = {}
    for visit in known:
        if visit.result == "order_to_correct":
            unmet.setdefault(visit.unit, []).append(visit)
        elif visit.result in _RIGHT:
            unmet.pop(visit.unit, None)
    return [visit for visits in unmet.values() for visit in visits]


def _ground(
    formula: Mapping[str, Any], kind: GroundKind, visits: list[PublishedVisit]
) -> Iterator[Ground]:
    points = min(len(visits) * int(formula[kind]), int(formula[f"{kind}_max"]))
    if points:
        yield Ground(kind, points, events=tuple(sorted(visit.position for visit in visits)))


def risk_class(formula: Mapping[str, Any], points: int) -> RiskClass:
    """Return the risk class of a number of points."""
    if points >= int(formula["high_from"]):
        return "high"
    return "mid" if points >= int(formula["mid_from"]) else "low"
