"""The grade of a business (信用分级, 2.4d, 2.17), as a pure function of its events.

Commands, the clock, rosters, the profile and simulations all ask ``CreditGrade``. It considers
credit records, outside assessments and grades set by hand. Announcements of the local rule
(``source`` ``local_rule``) are results, so it does not consider them.
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

#: The grade of a business without an assessment: "else B" (2.4d).
UNGRADED: Grade = "B"

#: After these months a negative record weighs less, so that a grade may change without an event.
_FADES = (12, 24)
_ONE_DAY = timedelta(days=1)


class Assigned(msgspec.Struct, frozen=True, array_like=True):
    """One assessment or announcement, and its position in the ledger."""

    event: CreditGradeAssigned
    position: int

    @property
    def order(self) -> tuple[date, int]:
        """The sort key: first the day of the assessment, then the position."""
        return self.event.assessed_on, self.position

    @property
    def announces(self) -> bool:
        """Whether it only announces the result of the local rule."""
        return self.event.source == "local_rule"


_ORDER = attrgetter("order")
_ASSESSED_ON = attrgetter("event.assessed_on")


class Derived(msgspec.Struct, frozen=True):
    """A grade on a day and its ground: a valid ``assessment``, or the ``local_rule``."""

    grade: Grade
    factors: tuple[Factor, ...]
    by: Literal["assessment", "local_rule"]
    assessment: CreditGradeAssigned | None = None


class CreditGrade(CreditRecords):
    """Which grade has this business on a day, and why?"""

    #: All assessments and announcements, sorted by ``Assigned.order``.
    assigned: list[Assigned] = msgspec.field(default_factory=list)

    def on_assigned(self, event: CreditGradeAssigned, record: Recorded) -> None:
        insort(self.assigned, Assigned(event, record.position), key=_ORDER)

    def on(self, day: date) -> Grade:
        """Return the grade on a day."""
        return self.derived(day).grade

    def derived(self, day: date) -> Derived:
        """Return the grade on a day and its ground.

        The newest override or outside assessment up to the day is valid while every record that it
        names counts. If a serious record came later and the assessment does not name it, the local
        rule decides where it gives a worse grade. Without a valid assessment the local rule
        decides.
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
        """Return the newest override or outside assessment up to a day."""
        return self._newest(day, announced=False)

    def announced(self, day: date) -> CreditGradeAssigned | None:
        """Return the last assessment or announcement up to a day."""
        newest = self._newest(day, announced=True)
        return None if newest is None else newest.event

    def announcement(self, day: date, *, by_clock: bool = False) -> CreditGradeAssigned | None:
        """Return the announcement of the grade on a day, or ``None`` if it is known already.

        The clock does not announce grade B of a business that was never graded.
        """
        derived, last = self.derived(day), self.announced(day)
        if derived.by == "assessment":
            known = last is None or last.grade == derived.grade
        elif last is None:
            known = by_clock and derived.grade == UNGRADED
        else:
            known = last.grade == derived.grade and (
                last.source != "local_rule" or last.inputs_hash == inputs_hash(derived.factors)
            )
        if known:
            return None
        return _announcement(self.entity, derived.grade, _announced_factors(derived), day)

    def following(self, events: Sequence[Event], today: date) -> Iterator[CreditGradeAssigned]:
        """Yield the announcements that follow from events about the business's records.

        The grade is derived again for today and for each day with an announced grade of the local
        rule. A day is announced anew if the events changed its grade, or if its last announcement
        rests on one of the changed records and gave a different grade.
        """
        changed = {getattr(event, "record", None) for event in events}
        after = self._with(events)
        days = {entry.event.assessed_on for entry in self.assigned if entry.announces}
        for day in sorted({d for d in days if d <= today} | {today}):
            derived, last = after.derived(day), after.announced(day)
            if derived.grade == (UNGRADED if last is None else last.grade):
                continue
            named = last is not None and any(f.record in changed for f in last.factors)
            if derived.grade == self.on(day) and not named:
                continue  # these events did not cause the difference
            event = _announcement(self.entity, derived.grade, _announced_factors(derived), day)
            insort(after.assigned, Assigned(event, _NEWEST), key=_ORDER)
            yield event

    def _with(self, events: Iterable[Event]) -> CreditGrade:
        """Return a copy of this fold after these events about the business's records."""
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
        """Return the days on which the grade may change without a new event."""
        days = {entry.event.assessed_on for entry in self.assigned if not entry.announces}
        for record in self.records.values():
            days.update(_days_of(record))
        return days

    def holds_until(self, day: date) -> date:
        """Return the last day on which the grade of ``day`` still holds without new events."""
        return min((d for d in self.changes() if d > day), default=date.max) - _ONE_DAY

    def _newest(self, day: date, *, announced: bool) -> Assigned | None:
        """Return the newest assessment up to a day; with ``announced``, also announcements."""
        for index in range(bisect_right(self.assigned, day, key=_ASSESSED_ON), 0, -1):
            entry = self.assigned[index - 1]
            if announced or not entry.announces:
                return entry
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
            if record.exists
        )


#: A position after all recorded events.
_NEWEST = 2**62


def local_grade(records: CreditRecords, on: date) -> tuple[Grade, tuple[Factor, ...]]:
    """Return the grade that the local fallback rule gives on a day, and its factors (2.4d).

    D: on the serious list, or serious information that is not repaired. C: general information in
    publicity, on the abnormal list, or a commitment breached less than 12 months ago. A: no
    negative record for 24 months, and an inspection without issue or a fulfilled commitment.
    B: all other cases.
    """
    # Callers ask for many days, and each call reads all records.
    budget.check()
    weights = [weigh(record, on) for record in records.by_age()]
    severe = tuple(weight.severe for weight in weights if weight.severe is not None)
    if severe:
        return "D", severe
    elevated = [weight.elevated for weight in weights if weight.elevated is not None]
    elevated += [weight.breached for weight in weights if weight.breached is not None]
    if elevated:
        return "C", tuple(elevated)
    good = {weight.good.kind: weight.good for weight in weights if weight.good is not None}
    negative = any(weight.negative for weight in weights)
    clean = () if negative else (Factor(kind="no_negative_24_months"),)
    return ("A" if clean and good else "B"), (*clean, *good.values())


class Weight(msgspec.Struct, frozen=True):
    """The factors that one record gives to the local rule on a day; ``counts``: whether any."""

    counts: bool = False
    severe: Factor | None = None
    elevated: Factor | None = None
    #: A commitment that was breached less than 12 months ago.
    breached: Factor | None = None
    good: Factor | None = None
    negative: bool = False


def weigh(record: Record, on: date) -> Weight:
    """Return the factors that a record gives to the local rule on a day (2.4d)."""
    says, name = record.says, record.record
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
    """Return the factors to announce; for an assessment, its scheme instead of its factors."""
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
    """Yield the days on which the factors of a record may change."""
    if not record.exists:
        return
    says = record.says
    yield says.determined_on
    if record.negative:
        for fades in (add_months(says.determined_on, months) for months in _FADES):
            # A record of 29 February fades the day after the last day of the target month.
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
    """Return SHA-256 over the canonical JSON of factors: keys sorted, UTF-8, no spaces."""
    return sha256(msgspec.json.encode(factors, order="sorted")).hexdigest()
