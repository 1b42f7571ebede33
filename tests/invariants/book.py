"""What the rulebook's text says of plain facts (2.3, 2.4d, 2.17): written from it, not from the
program, and slow.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.invariants.facts import Known

GRADES = "ABCD"
_FOREVER = date.max
#: 特定严重失信信息 counts as serious for grades.
_SERIOUS = ("serious", "special_serious")
#: ``dishonesty.regime`` (§3): its last day, and the months of the longest publicity by class.
_REGIMES: tuple[tuple[date, dict[str, int]], ...] = (
    (date(2023, 4, 30), {"minor": 12, "general": 12, "serious": 36, "special_serious": 36}),
    (date(2026, 3, 31), {"minor": 36, "general": 36, "serious": 36}),
    (date.max, {"minor": 3, "general": 12, "serious": 36}),
)
#: From here on the more favourable of two regimes applies to what was determined before.
_TRANSITION = date(2026, 4, 1)
#: What never ought to have counted.
_NEVER = ("revoked", "correction")
_NEGATIVE = ("penalty", "commitment_breach", "abnormal_list", "serious_list")


def months(day: date, count: int) -> date:
    """The day so many months from a day, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass
class CreditRecord:
    """One credit record and what became of it."""

    name: str
    position: int
    entity: str
    kind: str
    determined_on: date
    severity: str | None
    public: bool
    result: str | None
    fulfilled: bool
    decision: str | None
    doc_no: str
    started_on: date | None = None
    max_until: date | None = None
    end: tuple[str, date] | None = None
    #: The classes that it had since it was shown.
    classes: list[str] = field(default_factory=list)
    #: First and last day without it, of repairs that were undone.
    gaps: list[tuple[date, date]] = field(default_factory=list)
    pauses: list[tuple[date, date]] = field(default_factory=list)
    #: Whether it ever ended by repair or its longest publicity.
    was_over: bool = False

    @property
    def serious(self) -> bool:
        return self.kind == "serious_list" or self.severity in _SERIOUS

    def last_day(self) -> date | None:
        """The last day of its longest publicity: by the regime of its determination, and by a later
        one where that is more favourable; an alteration never makes it later.
        """
        if self.started_on is None:
            return None
        days = []
        for severity in self.classes:
            own = next(table for last, table in _REGIMES if self.determined_on <= last)
            if severity in own:
                days.append(months(self.determined_on, own[severity]))
            new = _REGIMES[-1][1]
            if self.determined_on < _TRANSITION and severity in new:
                # It grants nothing before its own day.
                by_then = _TRANSITION - timedelta(1)
                days.append(max(months(self.determined_on, new[severity]), by_then))
        return min(days, default=None)

    def counts(self, day: date) -> bool:
        """Repaired or expired: until its end; revoked or void: never counted."""
        if self.end is not None and (self.end[0] in _NEVER or self.end[1] <= day):
            return False
        if any(first <= day <= last for first, last in self.gaps):
            return False
        return self.determined_on <= day <= (self.max_until or _FOREVER)

    def in_publicity(self, day: date) -> bool:
        return (
            self.counts(day)
            and self.started_on is not None
            and self.started_on <= day
            and not any(first <= day <= last for first, last in self.pauses)
        )

    def shown(self, day: date) -> bool:
        """Whether the public may read it on a day."""
        if not self.public:
            return False
        if self.severity is None and self.started_on is None:
            return self.counts(day)
        return self.in_publicity(day)

    def negative(self, day: date, within: int) -> bool:
        """Whether it speaks against the business: determined so many months before at most."""
        if self.severity is None and self.kind not in _NEGATIVE:
            return False
        if self.end is not None and self.end[0] in _NEVER:
            return False
        repaired = self.end is not None and self.end[0] != "max_reached" and self.end[1] <= day
        gone = repaired or any(first <= day <= last for first, last in self.gaps)
        return not gone and months(day, -within) < self.determined_on <= day


def records(facts: Iterable[Known]) -> dict[str, CreditRecord]:
    """Every credit record, by its id."""
    found: dict[str, CreditRecord] = {}
    for fact in facts:
        body, what = fact.body, fact.type
        if what == "credit.credit-record-entered":
            found[body["record"]] = CreditRecord(
                body["record"],
                fact.position,
                body["entity"],
                body["kind"],
                date.fromisoformat(body["determined_on"]),
                body.get("severity"),
                body["public"],
                body.get("result"),
                body.get("fulfilled", False),
                body.get("decision"),
                body["instrument"]["doc_no"],
            )
            continue
        record = found.get(body.get("record", ""))
        if record is None:
            continue
        if what == "credit.credit-record-altered":
            record.severity = body["severity"]
            if record.started_on is not None and record.severity is not None:
                record.classes.append(record.severity)
            record.doc_no = body.get("doc_no") or record.doc_no
        elif what == "credit.publicity-started":
            record.started_on, record.max_until = fact.day("started_on"), fact.day("max_until")
            record.classes = [] if record.severity is None else [record.severity]
        elif what == "credit.publicity-bounds-moved":
            record.max_until = fact.day("max_until")
        elif what == "credit.publicity-terminated":
            record.end = body["reason"], date.fromisoformat(body["terminated_on"])
            record.was_over |= body["reason"] in ("repaired", "max_reached")
        elif what == "credit.publicity-reinstated":
            record.end = None
            back = date.fromisoformat(body["reinstated_on"])
            record.gaps.append((date.fromisoformat(body["ended_on"]), back - timedelta(1)))
        elif what == "credit.publicity-suspended":
            first = date.fromisoformat(body["suspended_on"])
            record.pauses.append((first, fact.day("until") or _FOREVER))
        elif what == "credit.publicity-resumed":
            again = date.fromisoformat(body["resumed_on"])
            record.pauses = [
                (first, again - timedelta(1) if first <= again <= last else last)
                for first, last in record.pauses
            ]
    return found


def grade(facts: Iterable[Known], entity: str, day: date) -> str:
    """The grade of a business on a day, by what these facts say."""
    facts = list(facts)
    own = {name: r for name, r in records(facts).items() if r.entity == entity}
    assessments = [
        (date.fromisoformat(fact.body["assessed_on"]), fact.position, fact.body)
        for fact in facts
        if fact.type == "grading.credit-grade-assigned"
        and fact.body["entity"] == entity
        and fact.body["source"] != "local_rule"
        and fact.body["assessed_on"] <= day.isoformat()
    ]
    if not assessments:
        return _local(own.values(), day)
    *order, newest = max(assessments, key=lambda one: one[:2])
    named = {factor["record"] for factor in newest["factors"] if factor.get("record") is not None}
    if not all(name in own and own[name].counts(day) for name in named):
        return _local(own.values(), day)
    later = (
        r.serious and r.counts(day) and (r.determined_on, r.position) > tuple(order)
        for name, r in own.items()
        if name not in named
    )
    given = str(newest["grade"])
    return max(given, _local(own.values(), day)) if any(later) else given


def _local(own: Iterable[CreditRecord], day: date) -> str:
    """The local rule (2.4d)."""
    own = list(own)
    counted = [record for record in own if record.counts(day)]
    if any(record.serious for record in counted):
        return "D"
    if (
        any(record.severity == "general" and record.in_publicity(day) for record in counted)
        or any(record.kind == "abnormal_list" for record in counted)
        or any(record.kind == "commitment_breach" and record.negative(day, 12) for record in own)
    ):
        return "C"
    good = any(record.result == "no_issue" or record.fulfilled for record in counted)
    return "A" if good and not any(record.negative(day, 24) for record in own) else "B"


def listed(facts: Iterable[Known], entity: str, day: date) -> bool:
    """Whether the register lists a business on a day."""
    moves: list[tuple[date, int, bool]] = []
    for fact in facts:
        if fact.get("entity") != entity:
            continue
        if fact.type == "entities.entity-registered":
            moves.append((fact.on, fact.position, True))
        elif fact.type == "entities.entity-left-register":
            moves.append((fact.day("left_on") or fact.on, fact.position, False))
        elif fact.type == "entities.entity-reentered":
            if fact.get("annuls") is not None:
                # It had never left on that day.
                moves = [m for m in moves if m[2] or m[0].isoformat() != fact.get("annuls")]
            moves.append((date.fromisoformat(fact.body["listed_on"]), fact.position, True))
    return max((move for move in moves if move[0] <= day), default=(day, 0, False))[2]


@dataclass
class Visit:
    """One task: for whom, under which cap, and how far it came."""

    name: str
    approved: Known
    over: bool = False
    cancelled: bool = False

    @property
    def under(self) -> tuple[str, str, int]:
        """The cap that it counts under: of which unit, for whom, in which year."""
        body = self.approved.body
        return body["unit"], body["entity"], int(body["planned_on"][:4])

    @property
    def capped(self) -> bool:
        return bool(self.approved.body["counter"] == "capped")


def visits(facts: Iterable[Known]) -> dict[str, Visit]:
    """Every task that was approved."""
    found: dict[str, Visit] = {}
    begun: set[str] = set()
    for fact in facts:
        name = str(fact.get("task", ""))
        if fact.type == "filing.inspection-task-approved":
            found[name] = Visit(name, fact, over=name in begun)
        elif fact.type == "filing.inspection-cancelled" and name in found:
            found[name].over = found[name].cancelled = True
        elif fact.type in ("filing.on-site-inspection-opened", "filing.inspection-concluded"):
            # What an emergency began is approved afterwards.
            begun.add(name)
            if name in found:
                found[name].over = True
    return found


def drawn_whole(facts: Iterable[Known], draw: str | None, entity: str) -> bool:
    """Whether a draw took everybody of the business's stratum."""
    if draw is None:
        return False
    ratios: dict[str, Any] = {}
    stratum = None
    for fact in facts:
        if fact.get("draw") != draw:
            continue
        if fact.type == "draws.draw-announced":
            ratios = {s["key"]: s["ratio"] for s in fact.body["strata"]}
        elif fact.type == "draws.draw-target-selected" and fact.get("entity") == entity:
            stratum = fact.body["stratum"]
    return stratum is not None and float(ratios.get(stratum, 0)) == 1.0
