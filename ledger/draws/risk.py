"""Risk classes: what the ledger itself says of a business, in points (``draw.risk_formula``).

Nothing else counts: no finding against a unit, no complaint, no rating, and not that somebody asked
for reconsideration. What is counted is published, so that a business can reckon its class itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from ledger.filing.events import Result
from ledger.kernel.days import add_months
from ledger.vocabulary import Grade

RiskClass = Literal["low", "mid", "high"]

#: Results that say that a rule was broken.
_BREACHES = frozenset({"issue_corrected_on_spot", "order_to_correct", "case_filed"})
#: Results after which an earlier order of the same unit is met.
_RIGHT = frozenset({"no_issue", "issue_corrected_on_spot"})


class PublishedVisit(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one visit of a unit found, as published."""

    found_on: date
    unit: str
    result: Result


def risk_points(
    formula: Mapping[str, Any],
    grade: Grade,
    line: str | None,
    visits: Iterable[PublishedVisit],
    on: date,
) -> int:
    """The points of a business on a day, by a value of ``draw.risk_formula``."""
    points = int(formula["grade"][grade])
    if line is not None and any(word in line for word in formula["key_lines"]):
        points += int(formula["key_domain"])
    since = add_months(on, -int(formula["breach_months"]))
    known = sorted((one for one in visits if one.found_on <= on), key=lambda one: one.found_on)
    breaches = sum(one.result in _BREACHES and one.found_on > since for one in known)
    points += min(breaches * int(formula["breach"]), int(formula["breach_max"]))
    #: Of each unit, its orders that no later visit of it has found to be met.
    unmet: dict[str, int] = {}
    for visit in known:
        if visit.result == "order_to_correct":
            unmet[visit.unit] = unmet.get(visit.unit, 0) + 1
        elif visit.result in _RIGHT:
            unmet.pop(visit.unit, None)
    orders = sum(unmet.values())
    return points + min(orders * int(formula["unmet_order"]), int(formula["unmet_order_max"]))


def risk_class(formula: Mapping[str, Any], points: int) -> RiskClass:
    """The class that so many points make."""
    if points >= int(formula["high_from"]):
        return "high"
    return "mid" if points >= int(formula["mid_from"]) else "low"
