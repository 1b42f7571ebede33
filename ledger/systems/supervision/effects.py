"""The findings that a visit raises: duplicate visits, and visits by several units."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from ledger.general.findings import finding
from ledger.kernel import Event, Inquiry
from ledger.systems.supervision import rules
from ledger.systems.supervision.folds import VisitMade, VisitsMade


def visit_opened(
    inquiry: Inquiry, *, unit: str, entity: str, task: str, matters: Collection[str]
) -> Iterator[Event]:
    """Yield the findings about a visit of ``unit`` on the day of the command.

    If the visit is reported late, a visit after it may turn out to be the duplicate.
    """
    made = inquiry.read(VisitsMade(entity))
    this = VisitMade(task, unit, inquiry.on, frozenset(matters), 0)
    yield from _duplicate(inquiry, made, this, entity)
    yield from _multi_head(inquiry, made, this, entity)


def _duplicate(inquiry: Inquiry, made: VisitsMade, this: VisitMade, entity: str) -> Iterator[Event]:
    """Yield SUP-D1 (重复检查): same unit, same matter, same year, without a new trigger."""
    same = [
        visit
        for visit in made.visits
        if visit.unit == this.unit
        and visit.on.year == this.on.year
        and visit.matters & this.matters
    ]
    before = [visit for visit in same if visit.on <= this.on]
    # Without an earlier visit, the next visit counted as the first until now.
    again = this if before else min(same, key=_by_day, default=this)
    earlier = before or ([this] if again is not this else [])
    if earlier and again.task in made.planned:
        yield finding(
            inquiry,
            rules.SUP_D1,
            unit=this.unit,
            entity=entity,
            task=again.task,
            evidence=tuple(visit.position for visit in same),
            visited_on=again.on.isoformat(),
            visited_before=sorted(visit.on.isoformat() for visit in earlier),
            matters=sorted(set().union(*(v.matters & again.matters for v in earlier))),
        )


def _multi_head(
    inquiry: Inquiry, made: VisitsMade, this: VisitMade, entity: str
) -> Iterator[Event]:
    """Yield SUP-D2 (多头检查): another unit visited the business within the window."""
    window = int(inquiry.setting("multi_head_window_cd"))
    others = [
        visit
        for visit in made.visits
        if visit.unit != this.unit
        and abs((visit.on - this.on).days) <= window
        and not made.together(visit.task, this.task)
    ]
    if others:
        yield finding(
            inquiry,
            rules.SUP_D2,
            unit=this.unit,
            entity=entity,
            task=this.task,
            evidence=tuple(visit.position for visit in others),
            visited_on=this.on.isoformat(),
            others=sorted({visit.unit for visit in others}),
            nearest_days=min(abs((visit.on - this.on).days) for visit in others),
            window_days=window,
        )


def _by_day(visit: VisitMade) -> date:
    return visit.on
