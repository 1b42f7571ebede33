"""The burden account (负担台账, rulebook 4.2 no. 7): how often which units inspect a business.

It counts visits, minutes on site, and visits saved by joint visits or checks without a visit. A
joint visit counts once for the business and once for each unit (2.10). Only visits recorded in this
ledger count here; the profile also shows inspections reported by registers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.general.findings import FindingRaised
from ledger.general.vocabulary import EntityId
from ledger.kernel import Fold, Recorded, budget, civil_date
from ledger.systems.filing.events import (
    InspectionCancelled,
    InspectionConcluded,
    InspectionTaskApproved,
    IrregularVisitReported,
    OffSiteCheckRecorded,
    OnSiteInspectionClosed,
    OnSiteInspectionOpened,
)
from ledger.systems.grading.folds import UNGRADED
from ledger.systems.joint.events import JointVisitHeld
from projections.answers import struct_type
from projections.explain.arrivals import arrivals
from projections.follower import Views
from projections.profiles import VISIT_CAP, cap_of
from projections.systems.graded import Graded, GradingEvent
from projections.systems.policies import POLICIES, Policies
from projections.tables import Code, Row, Store
from projections.views import FoldView, subject_table

#: The rule of the finding that a business was asked for documents already shared (SHR-V2).
_ASKED_AGAIN = "SHR-V2"


class Visit(msgspec.Struct):
    """One unit's visit: the day on which it began, and its duration."""

    unit: str = ""
    joint: str | None = None
    opened_on: date | None = None
    minutes: int = 0
    #: The cap year and the counter under which it was approved.
    year: int = 0
    counter: str = ""
    concluded: bool = False


class Year(msgspec.Struct):
    """One year's counts of everything but visits."""

    avoided_by_shared_data: int = 0
    avoided_otherwise: int = 0
    documents_asked_twice: int = 0
    irregular_visits: int = 0


class Booked(msgspec.Struct):
    """The two counters of a unit in a cap year (2.10)."""

    capped: int = 0
    exempt: int = 0


class Burden(Fold):
    """Which visits did this business have, how long did they take, and which were avoided?"""

    entity: EntityId
    visits: dict[str, Visit] = msgspec.field(default_factory=dict)
    #: For each joint visit recorded as held: its day, and the minutes from first arrival to last
    #: departure.
    held: dict[str, tuple[date, int]] = msgspec.field(default_factory=dict)
    years: dict[int, Year] = msgspec.field(default_factory=dict)
    booked: dict[str, dict[int, Booked]] = msgspec.field(default_factory=dict)
    #: Absent if nothing was ever recorded that affects the grade.
    graded: Graded | None = None
    #: The day of the newest record.
    seen_on: date = date.min

    def take(self, record: Recorded) -> None:
        super().take(record)
        self.seen_on = max(self.seen_on, civil_date(record.envelope.recorded_at))

    def on_approved(self, event: InspectionTaskApproved) -> None:
        visit = self._visit(event.task)
        visit.unit, visit.joint = event.unit, event.joint
        visit.year, visit.counter = event.planned_on.year, event.counter
        self._count(event, 1)

    def on_cancelled(self, event: InspectionCancelled) -> None:
        self._count(event, -1)

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        visit = self._visit(event.task)
        visit.unit, visit.opened_on = event.unit, record.occurred_on

    def on_closed(self, event: OnSiteInspectionClosed) -> None:
        self._visit(event.task).minutes = event.minutes_on_site

    def on_concluded(self, event: InspectionConcluded) -> None:
        self._visit(event.task).concluded = True

    def on_held(self, event: JointVisitHeld) -> None:
        self.held[event.joint] = event.held_on, event.minutes_on_site

    def on_checked(self, event: OffSiteCheckRecorded) -> None:
        if event.result == "visit_needed":
            return
        year = self._year(event.checked_on)
        if "shared_data" in event.means:
            year.avoided_by_shared_data += 1
        else:
            year.avoided_otherwise += 1

    def on_found(self, event: FindingRaised, record: Recorded) -> None:
        if event.rule_id == _ASKED_AGAIN:
            self._year(record.occurred_on).documents_asked_twice += 1

    def on_irregular(self, event: IrregularVisitReported, record: Recorded) -> None:
        # A sealed report is not counted: units read this number and would learn of the report.
        if record.envelope.visibility != "sealed":
            self._year(event.visited_on).irregular_visits += 1

    def on_graded(self, event: GradingEvent, record: Recorded) -> None:
        self.graded = self.graded or Graded(self.entity)
        self.graded.take(record)

    def grade(self, on: date) -> str:
        """Return the grade in force on a day."""
        return UNGRADED if self.graded is None else self.graded.on(on)

    def _visit(self, task: str) -> Visit:
        return self.visits.setdefault(task, Visit())

    def _year(self, day: date) -> Year:
        return self.years.setdefault(day.year, Year())

    def _count(self, event: InspectionTaskApproved | InspectionCancelled, by: int) -> None:
        counts = self.booked.setdefault(event.unit, {}).setdefault(event.planned_on.year, Booked())
        setattr(counts, event.counter, getattr(counts, event.counter) + by)


def document(burden: Burden) -> dict[str, Any]:
    """Return the account as a document: in total, by year, and by unit."""
    entries = _entries(burden)
    years = sorted({year for year, _ in entries} | burden.years.keys())
    by_year = {year: _sum([counts for of, counts in entries if of == year]) for year in years}
    for year, other_counts in burden.years.items():
        by_year[year].update(msgspec.structs.asdict(other_counts))
    units: dict[str, dict[str, int]] = {}
    for visit in burden.visits.values():
        if visit.opened_on is not None:
            own = units.setdefault(visit.unit, {"visits": 0, "minutes_on_site": 0})
            own["visits"] += 1
            own["minutes_on_site"] += visit.minutes
    return {
        "entity": burden.entity,
        **_sum([by_year[year] for year in years]),
        "years": [{"year": year, **by_year[year]} for year in years],
        "units": [{"unit": unit, **counts} for unit, counts in sorted(units.items())],
    }


_COUNTS = (
    "visits",
    "minutes_on_site",
    "joint_visits",
    "avoided_by_merging",
    *Year.__struct_fields__,
)
_COUNTED: dict[str, Any] = dict.fromkeys(_COUNTS, int)
_YearCounts: Any = struct_type("YearCounts", "The visits of a year.", year=int, **_COUNTED)
_UnitVisits: Any = struct_type(
    "UnitVisits", "The visits of a unit.", unit=str, visits=int, minutes_on_site=int
)

ShownBurden = struct_type(
    "ShownBurden",
    "The visits at a business in total, by year, and by unit.",
    entity=str,
    years=list[_YearCounts],
    units=list[_UnitVisits],
    **_COUNTED,
)


def _entries(burden: Burden) -> list[tuple[int, dict[str, int]]]:
    """Return the counts of each arrival, with its year."""
    return [
        (
            day.year,
            {
                "visits": 1,
                "minutes_on_site": minutes,
                "joint_visits": int(units > 1),
                "avoided_by_merging": units - 1,
            },
        )
        for day, minutes, units in arrivals(burden.visits, burden.held)
    ]


def _sum(all_counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = dict.fromkeys(_COUNTS, 0)
    for counts in all_counts:
        for name, count in counts.items():
            total[name] += count
    return total


BURDENS = subject_table("burdens")

#: One row per unit, business and cap year with a booked visit. ``grade`` is the grade at the end of
#: the year, as far as it is known.
BOOKINGS = sa.Table(
    "bookings",
    sa.MetaData(),
    sa.Column("key", Code, primary_key=True),
    sa.Column("entity", Code, nullable=False, index=True),
    sa.Column("unit", Code, nullable=False, index=True),
    sa.Column("year", sa.Integer, nullable=False, index=True),
    sa.Column("grade", Code, nullable=False),
    sa.Column("capped", sa.Integer, nullable=False),
    sa.Column("exempt", sa.Integer, nullable=False),
    #: How many of these visits took place; the others are plans, and plans are sealed.
    sa.Column("capped_made", sa.Integer, nullable=False),
    sa.Column("exempt_made", sa.Integer, nullable=False),
    #: For finding, per unit, year and grade, the bookings whose counter exceeds the limit.
    *(
        sa.Index(f"bookings_by_{counter}", "unit", "year", "grade", counter)
        for counter in ("capped", "exempt", "capped_made", "exempt_made")
    ),
)


class Burdens(FoldView[Burden]):
    """One row per business with its account, and a table of its bookings."""

    name = "burdens"
    version = 2
    kind = "entity"
    fold = Burden
    table = BURDENS
    tables = (BURDENS, BOOKINGS)

    def write(self, folds: Mapping[str, tuple[Burden, int]], store: Store) -> None:
        super().write(folds, store)
        store.put(BOOKINGS, [row for fold, _ in folds.values() for row in _bookings(fold)])


def _bookings(burden: Burden) -> Iterable[Row]:
    made = Counter(
        (visit.unit, visit.year, visit.counter)
        for visit in burden.visits.values()
        if visit.opened_on is not None or visit.concluded
    )
    for unit, years in burden.booked.items():
        for year, counts in years.items():
            yield {
                "key": f"{burden.entity}|{unit}|{year}",
                "entity": burden.entity,
                "unit": unit,
                "year": year,
                "grade": burden.grade(min(burden.seen_on, date(year, 12, 31))),
                "capped": counts.capped,
                "exempt": counts.exempt,
                "capped_made": made[unit, year, "capped"],
                "exempt_made": made[unit, year, "exempt"],
            }


class Limit(msgspec.Struct, frozen=True):
    """The limits on a unit's visits to a business of a grade in a year, and the policy version.

    ``capped`` is the cap; ``exempt`` is the reasonable number of visits on clues (SUP-V1).
    """

    capped: int | None = None
    exempt: int | None = None
    policy_version: int | None = None


def limits(views: Views, today: date) -> dict[tuple[str, int, str], Limit]:
    """Return the limits for every unit, year and grade with bookings, by the policies in force.

    The policies are those of the last day of the year, or of ``today`` in the current year.
    """
    policy = Policies()
    with views.reading() as connection:
        states = {
            row.key: policy.decode(row.state)
            for row in connection.execute(
                sa.select(POLICIES).where(POLICIES.c.key.in_((VISIT_CAP, "reasonable_factor")))
            )
        }
        rows = list(_occurring(connection))
    by_place = {}
    for unit, year, grade in rows:
        day = min(today, date(year, 12, 31))
        where = {"unit": unit, "grade": grade}
        caps, factors = (
            None if (state := states.get(key)) is None else state.in_force(day, **where)
            for key in (VISIT_CAP, "reasonable_factor")
        )
        cap = None if caps is None else cap_of(caps, grade)
        exempt = None if cap is None or factors is None else cap * int(factors.value)
        by_place[unit, year, grade] = Limit(cap, exempt, None if caps is None else caps.version)
    return by_place


_PLACE = (BOOKINGS.c.unit, BOOKINGS.c.year, BOOKINGS.c.grade)


def _occurring(connection: sa.Connection) -> Iterator[sa.Row[str, int, str]]:
    """Yield every unit, year and grade with a booking.

    It jumps through the index, so the cost depends on their number, not on that of the bookings.
    """
    first: sa.Select[str, int, str] = sa.select(*_PLACE).order_by(*_PLACE).limit(1)
    place = connection.execute(first).one_or_none()
    while place is not None:
        yield place
        budget.check()
        after = sa.tuple_(*_PLACE) > sa.tuple_(*map(sa.literal, place))
        place = connection.execute(first.where(after)).one_or_none()


def beyond(
    known: Mapping[tuple[str, int, str], Limit],
    counters: tuple[sa.Column[int], sa.Column[int]] = (BOOKINGS.c.capped, BOOKINGS.c.exempt),
) -> sa.ColumnElement[bool]:
    """Return the condition that a booking exceeds its limit of capped or of exempt visits."""
    alike: dict[Limit, list[tuple[str, int, str]]] = {}
    for place, limit in known.items():
        alike.setdefault(limit, []).append(place)
    columns = sa.tuple_(*_PLACE)
    # One condition per limit and counter, so that each can use an index.
    counted = [
        sa.and_(columns.in_(places), column > most)
        for limit, places in alike.items()
        for column, most in zip(counters, (limit.capped, limit.exempt), strict=True)
        if most is not None
    ]
    return sa.or_(sa.false(), *counted)
