"""A profile that takes one event after another, and the changes of each event to its document.

The cost of an event depends on what it touches and not on the size of the profile: an item of the
document is rendered again only when an event touches it, and sums are updated by the difference.
The items are rendered by the same functions as the whole document.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from ledger.kernel import Event, Recorded
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
)
from ledger.systems.grading.events import CreditGradeAssigned
from ledger.systems.grading.folds import Assigned
from ledger.systems.joint.events import JointVisitHeld
from projections.explain.arrivals import arrivals
from projections.profiles.changes import Change, difference, numbered
from projections.profiles.fold import CreditProfile
from projections.profiles.law import Law
from projections.profiles.parts import Visit
from projections.profiles.rendering import (
    as_json,
    booking,
    by_newest,
    came,
    cap_document,
    grade_document,
    head,
    inspection_document,
    manner_of,
    record_document,
    stands,
    upcoming,
    visit_document,
)
from projections.profiles.standing import NOTHING, SECTIONS, Section, Sight
from projections.systems.graded import GradeOfDay, GradingEvent

_NO_BURDEN = came(())

#: Events in which registers report the business itself.
_OF_REGISTERS = EntityRegistered | EntityRevised | EntityLeftRegister | EntityReentered

_order = attrgetter("order")
_assessed_on = attrgetter("event.assessed_on")

#: The part of a document that an event touched.
_Sparse = dict[str, Any]

#: The day of an arrival, and the joint visit or task that it belongs to.
_Group = tuple[date, str]


class _Said(NamedTuple):
    """The part of a violation reported by a register that the sums count."""

    inspection: str | None
    corrected: bool
    severity: str | None
    found_on: date | None


#: For each section, the event field that names one of its items.
_STANDING = {
    "commitments": "commitment",
    "serious_list": "record",
    "key_designations": "designation",
    "determinations": "determination",
    "incentives": "incentive",
    "sanctions": "sanction",
    "observation_periods": "observation",
}

_NAMING = ("task", "inspection", "violation", "recon", *dict.fromkeys(_STANDING.values()))


@cache
def _names(event: type[Event]) -> tuple[str, ...]:
    """Return the fields by which events of a type name items of the document."""
    return tuple(name for name in _NAMING if name in event.__struct_fields__)


class _Touched(msgspec.Struct):
    """The ids of the items that an event may have changed, by kind of item."""

    records: set[str]
    violation: str | None
    dispute: str | None
    standing: list[tuple[Section, str]]
    #: Whether the grade of some day, or the head of the document, may have changed.
    grade: bool = False
    head: bool = False
    visits: set[str] = msgspec.field(default_factory=set)
    inspections: set[str] = msgspec.field(default_factory=set)
    groups: set[_Group] = msgspec.field(default_factory=set)
    bookings: set[tuple[int, str]] = msgspec.field(default_factory=set)
    #: The assessments that moved, as indexes: the first, and the one after the last.
    grades: tuple[int, int] | None = None


class Following:
    """The profile of a business, with the changes that each event makes to its document.

    The parameters are those of ``render``.
    """

    def __init__(
        self,
        entity: str,
        sight: Sight,
        law: Law,
        *,
        on: date | None = None,
        today: date | None = None,
    ) -> None:
        self.profile = CreditProfile(entity)
        self._sight, self._audience = sight, sight.audience
        self._law = law
        self._on = on
        self._today = today
        self._sections = [section for section in SECTIONS if sight.audience in section.readers]
        # Items as they are shown, by their ids; items that are not shown are absent.
        self._records: dict[str, Any] = {}
        self._visits: dict[str, tuple[date, str, Any]] = {}
        self._inspections: dict[str, tuple[date, str, Any]] = {}
        self._standing: dict[str, dict[str, Any]] = {section.name: {} for section in self._sections}
        self._caps: dict[tuple[int, str], Any] = {}
        # The contributions of items to sums, and the sums.
        self._ends: dict[str, str] = {}
        self._ended: Counter[str] = Counter()
        self._repaired: set[str] = set()
        self._disputes: set[str] = set()
        self._violations: dict[str, _Said] = {}
        self._severities: Counter[str] = Counter()
        self._corrected = 0
        self._found_on: list[date] = []
        self._at: dict[str, list[int]] = {}
        self._imported: set[str] = set()
        self._upcoming: set[str] = set()
        self._booked: dict[str, tuple[int, str, int, int]] = {}
        self._bookings: dict[tuple[int, str], list[int]] = {}
        self._group: dict[str, _Group] = {}
        self._groups: dict[_Group, set[str]] = {}
        self._days: dict[str, set[date]] = {}
        self._burdens: dict[_Group, dict[str, int]] = {}
        self._burden: Counter[str] = Counter(_NO_BURDEN)
        #: The grades of the days that the document shows.
        self._kept: dict[date, GradeOfDay] = {}
        self._tell_head()
        self._tell_grade()
        self._tell_counts()

    @property
    def _day(self) -> date:
        """The day whose grade the document shows."""
        return self._on or self._today or self.profile.seen_on

    def take(self, record: Recorded) -> list[Change]:
        """Apply one event to the profile and return its changes to the document."""
        day = self._day
        self.profile.take(record)
        touched = self._touched(record)
        if self._day != day:
            self._touch_grade(touched)
            touched.records |= {
                name for name, entry in self.profile.records.items() if entry.turns(day, self._day)
            }
        before = self._sparse(touched, taken=False)
        self._refresh(touched)
        return difference(before, self._sparse(touched, taken=True))

    # What an event touches

    def _touched(self, record: Recorded) -> _Touched:
        event, profile = record.event, self.profile
        named = {name: value for name in _names(type(event)) if (value := getattr(event, name))}
        touched = _Touched(
            records={named["record"]} if "record" in named else set(),
            violation=named.get("violation"),
            dispute=named.get("recon"),
            standing=[
                (section, named[_STANDING[section.name]])
                for section in self._sections
                if _STANDING[section.name] in named
            ],
        )
        alike = {named[name] for name in ("task", "inspection") if name in named}
        if touched.violation is not None:
            # The inspections at which it was found: as shown until now, and by the event.
            shown = self._violations.get(touched.violation)
            now = profile.violations.get(touched.violation)
            alike |= {
                item.inspection for item in (shown, now) if item and item.inspection is not None
            }
        # A task and an inspection may have the same id: touching one may rename the other.
        touched.inspections = {item for item in alike if item in profile.inspections}
        touched.visits = {item for item in alike if item in profile.visits}
        for task in touched.visits:
            visit = profile.visits[task]
            touched.groups |= {g for g in (self._group.get(task), _group(task, visit)) if g}
            for counted in (self._booked.get(task), self._booking(visit)):
                if counted is not None:
                    touched.bookings.add(counted[:2])
        if isinstance(event, JointVisitHeld):
            touched.groups |= {(day, event.joint) for day in self._days.get(event.joint, ())}
        touched.head = isinstance(event, _OF_REGISTERS)
        if isinstance(event, CreditGradeAssigned):
            touched.grades = self._moved(event, record.position)
        if isinstance(event, GradingEvent):
            for kept in self._kept.values():
                kept.take(record)
            self._touch_grade(touched)
        return touched

    def _touch_grade(self, touched: _Touched) -> None:
        """Mark the grade as touched, and with it the caps, which depend on it."""
        touched.grade = True
        touched.bookings |= self._bookings.keys()

    def _moved(self, event: CreditGradeAssigned, position: int) -> tuple[int, int]:
        """Return the range of the new assessment and the later ones of the same day."""
        grades, day = self._assigned, event.assessed_on
        place = bisect_right(grades, (day, position), key=_order)
        return place - 1, bisect_right(grades, day, key=_assessed_on)

    @property
    def _assigned(self) -> list[Assigned]:
        return [] if self.profile.graded is None else self.profile.graded.assigned

    def _booking(self, visit: Visit) -> tuple[int, str, int, int] | None:
        return booking(visit, self._sight)

    # Updating items and sums

    def _refresh(self, touched: _Touched) -> None:
        if touched.head:
            self._tell_head()
        if touched.grade or touched.head:
            self._tell_grade()
        self._tell_counts()
        for name in touched.records:
            self._take_record(name)
        if touched.dispute is not None:
            dispute = (self.profile.standing or NOTHING).disputes.get(touched.dispute)
            _keep(self._disputes, touched.dispute, dispute is not None and dispute.open)
        for section, name in touched.standing:
            self._take_standing(section, name)
        if touched.violation is not None:
            self._take_violation(touched.violation)
        for name in touched.inspections:
            self._take_inspection(name)
        for name in touched.visits:
            self._take_visit(name)
        for group in touched.groups:
            self._take_group(group)
        for place in touched.bookings:
            counts = self._bookings.get(place)
            if counts is None:
                self._caps.pop(place, None)
            else:
                self._caps[place] = _plain(
                    cap_document(self._grade_on, self._law, self._on, self._day, place, counts[:2])
                )

    def _take_record(self, name: str) -> None:
        entry = self.profile.records.get(name)
        if entry is None:
            return
        document = record_document(name, entry, self._audience, self._law, self._day)
        _put(self._records, name, None if document is None else _plain(document))
        _keep(self._repaired, name, entry.repaired)
        if (before := self._ends.pop(name, None)) is not None:
            _add(self._ended, before, -1)
        if entry.over:
            self._ends[name] = entry.end_reason or "ended"
            _add(self._ended, self._ends[name], 1)

    def _take_standing(self, section: Section, name: str) -> None:
        item = getattr(self.profile.standing or NOTHING, section.kept).get(name)
        document = None if item is None else section.said(item, self._audience, self._on)
        _put(self._standing[section.name], name, None if document is None else _plain(document))

    def _take_violation(self, name: str) -> None:
        if (before := self._violations.pop(name, None)) is not None:
            self._sum(before, -1)
        violation = self.profile.violations.get(name)
        if violation is not None and stands(violation):
            counted = self._violations[name] = _Said(
                violation.inspection,
                violation.corrected_on is not None,
                violation.severity,
                violation.found_on,
            )
            self._sum(counted, 1)

    def _sum(self, violation: _Said, by: int) -> None:
        self._corrected += by * violation.corrected
        if violation.severity is not None:
            _add(self._severities, violation.severity, by)
        if violation.found_on is not None:
            if by > 0:
                insort(self._found_on, violation.found_on)
            else:
                del self._found_on[bisect_left(self._found_on, violation.found_on)]
        if violation.inspection is not None:
            counts = self._at.setdefault(violation.inspection, [0, 0])
            counts[0] += by
            counts[1] += by * (not violation.corrected)
            if not counts[0]:
                del self._at[violation.inspection]

    def _take_inspection(self, name: str) -> None:
        inspection = self.profile.inspections[name]
        listed = stands(inspection)
        _keep(self._imported, name, listed)
        shown = None
        if listed and inspection.held_on is not None:
            document = inspection_document(name, inspection, self._at.get(name))
            shown = inspection.held_on, name, _plain(document)
        _put(self._inspections, name, shown)

    def _take_visit(self, task: str) -> None:
        visit = self.profile.visits[task]
        document = visit_document(task, visit, self._audience)
        _put(
            self._visits,
            task,
            None if document is None else (document["held_on"], task, _plain(document)),
        )
        _keep(self._upcoming, task, bool(self._sight.plans) and upcoming(visit, self._sight))
        for counted, by in ((self._booked.pop(task, None), -1), (self._booking(visit), 1)):
            if counted is not None:
                year, unit, capped, exempt = counted
                counts = self._bookings.setdefault((year, unit), [0, 0, 0])
                for index, number in enumerate((capped, exempt, 1)):
                    counts[index] += by * number
                if not counts[2]:
                    del self._bookings[year, unit]
                if by > 0:
                    self._booked[task] = counted
        group, before = _group(task, visit), self._group.get(task)
        if group == before:
            return
        if before is not None:
            del self._group[task]
            self._groups[before].discard(task)
        if group is not None:
            self._group[task] = group
            self._groups.setdefault(group, set()).add(task)
            self._days.setdefault(group[1], set()).add(group[0])

    def _take_group(self, group: _Group) -> None:
        tasks = self._groups.get(group, ())
        held = (self.profile.standing or NOTHING).joint_visits
        together = {task: self.profile.visits[task] for task in tasks}
        self._burden.subtract(self._burdens.pop(group, _NO_BURDEN))
        self._burdens[group] = burden = came(arrivals(together, held))
        self._burden.update(burden)

    # Showing

    def _tell_head(self) -> None:
        self._head: _Sparse = _plain(head(self.profile))

    def _tell_grade(self) -> None:
        grade, day = self._grade_on(self._day), self._day
        self._grade: _Sparse = {"grade": grade} if self._audience != "public" else {}
        self._grade.update(manner_of(self.profile, grade, self._law, day))

    def _grade_on(self, day: date) -> str:
        if self.profile.graded is None or (self._on is None and self._today is None):
            # Without a fixed day, the shown day moves with each record: a cache would not help.
            return self.profile.grade(day)
        if day not in self._kept:
            self._kept[day] = GradeOfDay(self.profile.graded, day)
        return self._kept[day].grade

    def _tell_counts(self) -> None:
        self._counted = self.profile.findings, self.profile.irregular_visits

    def _sparse(self, touched: _Touched, *, taken: bool) -> _Sparse:
        """Return the touched part of the document, in the order of the document.

        ``taken``: whether the profile has taken the event already.
        """
        document = {**self._head, **self._grade}
        by_authority_or_business, by_authority = (
            self._audience != "public",
            self._audience == "restricted",
        )
        if by_authority_or_business and touched.grades is not None:
            document["grades"] = self._grades(*touched.grades, taken=taken)
        if touched.records:
            document["records"] = _items(self._records, touched.records)
            if by_authority_or_business:
                document["records_ended"] = dict(sorted(self._ended.items()))
            if by_authority:
                document["records_repaired"] = len(self._repaired)
        for section, name in touched.standing:
            items = self._standing[section.name]
            if items or not section.hidden(self._audience):
                document[section.name] = _items(items, [name])
        if by_authority_or_business and touched.dispute is not None:
            document["reconsiderations_open"] = len(self._disputes)
        shown = _items(self._inspections, touched.inspections)
        shown += _items(self._visits, touched.visits)
        shown.sort(key=by_newest, reverse=True)
        document["inspections"] = [item for _, _, item in shown]
        if touched.violation is not None:
            document["violations"] = self._found()
        if by_authority_or_business:
            document["caps"] = _items(self._caps, touched.bookings)
            document["burden"] = {**self._burden, "inspections_imported": len(self._imported)}
        if by_authority:
            if self._sight.plans:
                document["upcoming_visits"] = len(self._upcoming)
            document["findings"], document["irregular_visits"] = self._counted
        return document

    def _found(self) -> _Sparse:
        number = len(self._violations)
        return {
            "found": number,
            "corrected": self._corrected,
            "open": number - self._corrected,
            "by_severity": dict(sorted(self._severities.items())),
            "last_found_on": self._found_on[-1].isoformat() if self._found_on else None,
        }

    def _grades(self, first: int, after: int, *, taken: bool) -> _Sparse:
        """Return the assessments that moved, by name; before the event, without the new one."""
        grades = self._assigned
        moved = grades[first:after] if taken else grades[first + 1 : after]
        day = _assessed_on(grades[first])
        if self._on is not None and day > self._on:
            return {}
        begins = bisect_left(grades, day, key=_assessed_on)
        return {
            numbered(day.isoformat(), first - begins + place): _plain(
                grade_document(assigned.event)
            )
            for place, assigned in enumerate(moved, 1)
        }


def _group(task: str, visit: Visit) -> _Group | None:
    if visit.opened_on is None:
        return None
    return visit.opened_on, visit.joint or f"task:{task}"


def _items(shown: Mapping[Any, Any], keys: Iterable[Any]) -> list[Any]:
    return [shown[key] for key in sorted(keys) if key in shown]


def _put(shown: dict[str, Any], name: str, document: Any) -> None:
    if document is None:
        shown.pop(name, None)
    else:
        shown[name] = document


def _keep(names: set[str], name: str, stays: bool) -> None:
    if stays:
        names.add(name)
    else:
        names.discard(name)


def _add(counts: Counter[str], name: str, by: int) -> None:
    counts[name] += by
    if not counts[name]:
        del counts[name]


def _plain(document: Any) -> Any:
    return msgspec.json.decode(as_json(document))
