"""The grade of a business (信用分级, 2.4d, 2.17): one pure function of what is known of it.

``CreditGrade`` is the question that all ask: commands, the clock, rosters, the profile, and every
what-if. It looks at records, at what was assessed elsewhere and at what was set by hand; what the
local rule was announced to give (``source`` ``local_rule``) is no input.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from hashlib import sha256
from operator import attrgetter
from typing import Literal

import msgspec
from msgspec.structs import replace

from ledger.general.vocabulary import Grade
from ledger.kernel import Event, Recorded, budget
from ledger.kernel.days import add_months
from ledger.systems.credit.folds import CreditRecords, Record
from ledger.systems.grading.events import CreditGradeAssigned, Factor

#: The grade of a business that nobody has graded: "else B" (2.4d).
UNGRADED: Grade = "B"

#: After how many months a negative record weighs less: then a grade may change though nothing
#: happens.
_FADES = (12, 24)
_ONE_DAY = timedelta(days=1)


class Assigned(msgspec.Struct, frozen=True, array_like=True):
    """One assessment or announcement, and where it stands."""

    event: CreditGradeAssigned
    position: int

    @property
    def order(self) -> tuple[date, int]:
        """By when it was so, and only among equals by position."""
        return self.event.assessed_on, self.position

    @property
    def announces(self) -> bool:
        """Whether it only says what the local rule gave."""
        return self.event.source == "local_rule"


_ORDER = attrgetter("order")
_ASSESSED_ON = attrgetter("event.assessed_on")


class Derived(msgspec.Struct, frozen=True):
    """A grade on a day and why: by an ``assessment`` that holds, or by the ``local_rule``."""

    grade: Grade
    factors: tuple[Factor, ...]
    by: Literal["assessment", "local_rule"]
    assessment: CreditGradeAssigned | None = None


class CreditGrade(CreditRecords):
    """Which grade has this business on a day, by all that is known of it, and why?"""

    #: In their order.
    assigned: list[Assigned] = msgspec.field(default_factory=list)

    def on_assigned(self, event: CreditGradeAssigned, record: Recorded) -> None:
        insort(self.assigned, Assigned(event, record.position), key=_ORDER)

    def on(self, day: date) -> Grade:
        """The grade on a day."""
        return self.derived(day).grade

    def derived(self, day: date) -> Derived:
        """The grade on a day, with what it rests on.

        The newest override or outside assessment not after the day holds while every record that it
        names counts; a later serious record that it does not name opens the local rule where that
        gives a worse grade. Without one that holds the local rule decides.
        """
        newest = self.assessment(day)
        if newest is None or not self._holds(newest, day):
            return Derived(*local_grade(self, day), "local_rule")
        event = newest.event
        if self._later_serious(newest, day):
            grade, factors = local_grade(self, day)
            if grade > event.grade:
                return Derived(grade, factors, "local_rule", event)
        return Derived(event.grade, event.factors, "assessment", event)

    def assessment(self, day: date) -> Assigned | None:
        """The newest override or outside assessment not after a day."""
        return self._newest(day, announced=False)

    def announced(self, day: date) -> CreditGradeAssigned | None:
        """What was last said of its grade on a day, assessed or announced."""
        newest = self._newest(day, announced=True)
        return None if newest is None else newest.event

    def announcement(self, day: date, *, by_clock: bool = False) -> CreditGradeAssigned | None:
        """What is to be announced of a day: its grade, unless that was said already.

        The clock announces nothing of a business that nobody has graded and that is B.
        """
        derived, said = self.derived(day), self.announced(day)
        if derived.by == "assessment":
            known = said is None or said.grade == derived.grade
        elif said is None:
            known = by_clock and derived.grade == UNGRADED
        else:
            known = said.grade == derived.grade and (
                said.source != "local_rule" or said.inputs_hash == inputs_hash(derived.factors)
            )
        if known:
            return None
        return _announcement(self.entity, derived.grade, _announced_factors(derived), day)

    def following(self, events: Sequence[Event], today: date) -> Iterator[CreditGradeAssigned]:
        """What is to be announced after changes of its records that were recorded just now.

        Today and each day of which the local rule was announced are derived again from all records;
        the days are named whose grade is another one by these changes, and those of which was said
        what rests on one of these records.
        """
        changed = {getattr(event, "record", None) for event in events}
        after = self._with(events)
        days = {one.event.assessed_on for one in self.assigned if one.announces}
        for day in sorted({d for d in days if d <= today} | {today}):
            derived, said = after.derived(day), after.announced(day)
            if derived.grade == (UNGRADED if said is None else said.grade):
                continue
            named = said is not None and any(f.record in changed for f in said.factors)
            if derived.grade == self.on(day) and not named:
                continue  # by nothing of this
            event = _announcement(self.entity, derived.grade, _announced_factors(derived), day)
            insort(after.assigned, Assigned(event, _NEWEST), key=_ORDER)
            yield event

    def _with(self, events: Iterable[Event]) -> CreditGrade:
        """The same business, as if these events about its records had just been recorded."""
        records = {
            name: replace(record, gaps=[*record.gaps], pauses=[*record.pauses])
            for name, record in self.records.items()
        }
        for event in events:
            name = getattr(event, "record", None)
            if name in records:
                records[name].apply(event)
        return CreditGrade(self.entity, records, list(self.assigned))

    def changes(self) -> set[date]:
        """The days on which the grade may change without anything being recorded."""
        days = {one.event.assessed_on for one in self.assigned if not one.announces}
        for record in self.records.values():
            days.update(_days_of(record))
        return days

    def holds_until(self, day: date) -> date:
        """The last day until which the grade of a day stays, if nothing is recorded."""
        return min((d for d in self.changes() if d > day), default=date.max) - _ONE_DAY

    def _newest(self, day: date, *, announced: bool) -> Assigned | None:
        """The newest assessment not after a day; where ``announced``, of announcements too."""
        for place in range(bisect_right(self.assigned, day, key=_ASSESSED_ON), 0, -1):
            one = self.assigned[place - 1]
            if announced or not one.announces:
                return one
        return None

    def _holds(self, assessed: Assigned, day: date) -> bool:
        named = {factor.record for factor in assessed.event.factors if factor.record is not None}
        return all(name in self.records and self.records[name].counts(day) for name in named)

    def _later_serious(self, assessed: Assigned, day: date) -> bool:
        named = {factor.record for factor in assessed.event.factors}
        return any(
            (record.serious or record.says.kind == "serious_list")
            and name not in named
            and (record.says.determined_on, record.position) > assessed.order
            and record.counts(day)
            for name, record in self.records.items()
            if record.says is not None
        )


#: After everything that is recorded.
_NEWEST = 2**62


def local_grade(records: CreditRecords, on: date) -> tuple[Grade, tuple[Factor, ...]]:
    """The grade that the local fallback rule gives on a day, and its factors (2.4d).

    D: on the serious list, or serious information that is not repaired. C: general information in
    publicity, on the abnormal list, or a commitment breached less than 12 months ago. A: nothing
    negative for 24 months and something good: an inspection without issue, a commitment kept.
    Else B.
    """
    # Asked for many days, and each looks at all records.
    budget.check()
    weights = [weigh(record, on) for record in records.by_age()]
    severe = tuple(one.severe for one in weights if one.severe is not None)
    if severe:
        return "D", severe
    elevated = [one.elevated for one in weights if one.elevated is not None]
    elevated += [one.breached for one in weights if one.breached is not None]
    if elevated:
        return "C", tuple(elevated)
    good = {one.good.kind: one.good for one in weights if one.good is not None}
    negative = any(one.negative for one in weights)
    clean = () if negative else (Factor(kind="no_negative_24_months"),)
    return ("A" if clean and good else "B"), (*clean, *good.values())


class Weight(msgspec.Struct, frozen=True):
    """What one record says to the local rule on a day, and whether it ``counts`` at all."""

    counts: bool = False
    severe: Factor | None = None
    elevated: Factor | None = None
    #: A commitment that was breached less than 12 months ago.
    breached: Factor | None = None
    good: Factor | None = None
    negative: bool = False


def weigh(record: Record, on: date) -> Weight:
    """What a record says to the local rule on a day (2.4d)."""
    says, name = record.says, record.record
    assert says is not None
    negative = record.negative_within(add_months(on, -24), on)
    breached = None
    if negative and says.kind == "commitment_breach" and says.determined_on > add_months(on, -12):
        breached = Factor(kind="breached_commitment", record=name)
    if not record.counts(on):
        return Weight(breached=breached, negative=negative)
    severe = elevated = good = None
    if says.kind == "serious_list":
        severe = Factor(kind="serious_list", record=name)
    elif record.serious:
        severe = Factor(kind="serious_record", record=name)
    elif says.kind == "abnormal_list":
        elevated = Factor(kind="abnormal_list", record=name)
    elif says.severity == "general" and record.in_publicity(on):
        elevated = Factor(kind="general_record", record=name)
    elif says.kind == "inspection_result" and says.result == "no_issue":
        good = Factor(kind="no_issue_inspection", record=name)
    elif says.kind == "commitment" and says.fulfilled:
        good = Factor(kind="fulfilled_commitment", record=name)
    return Weight(True, severe, elevated, breached, good, negative)


def _announced_factors(derived: Derived) -> tuple[Factor, ...]:
    """Why it is announced: where an assessment holds again, that one and not its own factors."""
    if derived.by == "local_rule":
        return derived.factors
    assert derived.assessment is not None
    return (Factor(kind="external_assessment", says=derived.assessment.scheme),)


def _announcement(
    entity: str, grade: Grade, factors: tuple[Factor, ...], day: date
) -> CreditGradeAssigned:
    return CreditGradeAssigned(
        entity=entity,
        scheme="local",
        grade=grade,
        assessed_on=day,
        source="local_rule",
        factors=factors,
        inputs_hash=inputs_hash(factors),
    )


def _days_of(record: Record) -> Iterator[date]:
    """The days on which what a record says to grades may change."""
    if (says := record.says) is None:
        return
    yield says.determined_on
    if record.negative:
        for fades in (add_months(says.determined_on, months) for months in _FADES):
            # What was determined on a 29 February fades the day after the month's last day.
            yield from (fades, fades + _ONE_DAY)
    if record.started is not None:
        yield record.started.started_on
        if record.started.max_until is not None:
            yield record.started.max_until + _ONE_DAY
    if record.ended is not None:
        yield record.ended.terminated_on
    for pause in (*record.pauses, *record.gaps):
        yield pause.first
        if pause.last is not None:
            yield pause.last + _ONE_DAY


def inputs_hash(factors: tuple[Factor, ...]) -> str:
    """SHA-256 over the canonical JSON of factors: keys sorted, UTF-8, no spaces."""
    return sha256(msgspec.json.encode(factors, order="sorted")).hexdigest()
