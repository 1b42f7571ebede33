"""Double-random draws (双随机, 2.3): draws, drawn businesses, and who can be drawn on a day.

``compose`` makes a roster: all registered businesses of a class, each with its grade on a day.
``GET /v1/draws/roster`` shows the roster in advance, and ``freeze-entity-roster`` stores and
freezes it. Then a draw is announced, its seed is revealed, and ``execute-draw`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.general.values import Result
from ledger.general.vocabulary import EntityId, Grade
from ledger.kernel import Fold, Recorded, budget
from ledger.systems.draws import uvdraw
from ledger.systems.draws.events import (
    By,
    DrawResultPublished,
    DrawTargetExempted,
    DrawTargetInspected,
    DrawTargetReleased,
    DrawTargetSelected,
)
from ledger.systems.draws.folds import DrawState, Target
from ledger.systems.draws.risk import Ground, PublishedVisit, RiskClass, risk_class, risk_grounds
from ledger.systems.entities.events import (
    EntityLeftRegister,
    EntityReentered,
    EntityRegistered,
    EntityRevised,
    Identity,
)
from ledger.systems.entities.folds import Identities, Listings
from ledger.systems.filing.events import (
    InspectionConcluded,
    InspectionTaskApproved,
    OnSiteInspectionOpened,
)
from ledger.systems.grading.folds import UNGRADED
from projections.follower import Views
from projections.systems.graded import Graded, GradingEvent
from projections.tables import Row, in_groups
from projections.views import FoldView, subject_table

#: Rows read at a time; this bounds memory.
_PAGE = 10_000


class StratumProgress(msgspec.Struct):
    """The progress of the visits to one stratum.

    ``called`` counts the reserves among the recorded.
    """

    recorded: int = 0
    called: int = 0
    inspected: int = 0
    exempted: int = 0
    released: int = 0


class DrawProgress(DrawState):
    """What is the progress of this draw and of its visits?"""

    progress: dict[str, StratumProgress] = msgspec.field(default_factory=dict)

    def on_selected(self, event: DrawTargetSelected) -> None:
        stratum = self._of(event.stratum)
        stratum.recorded += 1
        stratum.called += event.in_place_of is not None

    def on_inspected(self, event: DrawTargetInspected) -> None:
        self._of(event.stratum).inspected += 1

    def on_exempted(self, event: DrawTargetExempted) -> None:
        self._of(_stratum(event.target)).exempted += 1

    def on_released(self, event: DrawTargetReleased) -> None:
        self._of(_stratum(event.target)).released += 1

    def _of(self, stratum: str) -> StratumProgress:
        return self.progress.setdefault(stratum, StratumProgress())

    @property
    def sealed(self) -> int:
        """The number of drawn businesses whose visit is still to come, unknown to them."""
        called = sum(stratum.called for stratum in self.progress.values())
        ended = sum(
            stratum.inspected + stratum.exempted + stratum.released
            for stratum in self.progress.values()
        )
        # The total comes from the draw itself: it includes businesses whose own event is not yet
        # recorded.
        return self.selected + called - ended

    def opened(self, today: date) -> bool:
        """Return whether the drawn businesses can be named without announcing a visit.

        That is so when no visit is still to come, and always after the last day for the visits.
        Otherwise a unit that skips one business could keep the draw closed for ever.
        """
        if self.stage not in ("executed", "voided"):
            return False
        return self.sealed == 0 or (self.inspect_by is not None and today > self.inspect_by)


def _stratum(target: str) -> str:
    return target.rsplit("/", 2)[1]


DRAWS = subject_table(
    "draws", "unit", "plan", "stage", "inspect_by", sa.Column("year", sa.Integer, index=True),
    sa.Column("reviewed", sa.Boolean, nullable=False),
)  # fmt: skip


class Draws(FoldView[DrawProgress]):
    """A row for each draw."""

    name = "draws"
    version = 3
    kind = "draw"
    fold = DrawProgress
    table = DRAWS
    tables = (DRAWS,)

    def row(self, fold: DrawProgress, position: int) -> Row:
        return {
            "unit": fold.unit,
            "plan": fold.plan,
            "stage": fold.stage,
            "inspect_by": None if fold.inspect_by is None else fold.inspect_by.isoformat(),
            "year": fold.year,
            "reviewed": fold.reviewed_on is not None,
        }


TARGETS = subject_table(
    "draw_targets", "draw", "unit", "entity", "stratum", "state_of_visit",
    #: All units of a draw by several units, each between ``|``.
    sa.Column("units", sa.Text, nullable=False),
)  # fmt: skip


class Targets(FoldView[Target]):
    """A row for each drawn business; sealed until its visit begins."""

    name = "draw_targets"
    version = 2
    kind = "target"
    fold = Target
    table = TARGETS
    tables = (TARGETS,)

    def row(self, fold: Target, position: int) -> Row:
        return {
            "draw": fold.draw,
            "unit": fold.unit,
            "entity": fold.entity,
            "stratum": fold.stratum,
            "state_of_visit": fold.state,
            "units": "".join(f"|{unit}" for unit in fold.units) + "|",
        }


class CappedVisit(msgspec.Struct, array_like=True, gc=False):
    """A task that counts against its unit's cap; ``opened_on`` is ``None`` before the visit."""

    unit: str
    opened_on: date | None = None


class Finished(msgspec.Struct, array_like=True, gc=False):
    """A concluded visit, and whether its result is public.

    ``result`` includes corrections of the conclusion, which also apply to the published result.
    """

    found_on: date | None = None
    result: Result | None = None
    reported: bool = False
    published_on: date | None = None
    published_at: int = 0
    unit: str = ""

    @property
    def published(self) -> PublishedVisit | None:
        """The visit as the risk formula counts it; ``None`` until its result is public."""
        if self.published_on is None or self.result is None:
            return None
        found_on = self.found_on or self.published_on
        return PublishedVisit(found_on, self.unit, self.result, self.published_at, self.reported)


class Standing(Fold):
    """Is this business on the roster of a day, and in which stratum?

    The answer depends on its registration, its grades, its visits that count towards a cap, and the
    results of published visits. Facts recorded late count from their own day.
    """

    entity: EntityId
    identities: Identities = msgspec.field(default_factory=Identities)
    listings: Listings = msgspec.field(default_factory=Listings)
    #: Absent if nothing was ever recorded that affects the grade.
    graded: Graded | None = None
    capped: dict[str, CappedVisit] = msgspec.field(default_factory=dict)
    visits: dict[str, Finished] = msgspec.field(default_factory=dict)

    def on_registered(self, event: EntityRegistered, record: Recorded) -> None:
        self._state(event.identity, record)
        self.listings.register(record.occurred_on)

    def on_revised(self, event: EntityRevised, record: Recorded) -> None:
        self._state(event.identity, record)
        self.listings.named_again(record)

    def _state(self, identity: Identity, record: Recorded) -> None:
        # Only these two decide the class of a business.
        self.identities.state(Identity(area=identity.area, line=identity.line), record)

    def on_left(self, event: EntityLeftRegister, record: Recorded) -> None:
        self.listings.leave(event, record)

    def on_back(self, event: EntityReentered, record: Recorded) -> None:
        self.listings.reenter(event, record)

    def on_graded(self, event: GradingEvent, record: Recorded) -> None:
        self.graded = self.graded or Graded(self.entity)
        self.graded.take(record)

    def on_approved(self, event: InspectionTaskApproved) -> None:
        if event.trigger == "complaint":
            self._finished(event.task).reported = True
        if event.counter == "capped":
            visit = self.capped.setdefault(event.task, CappedVisit(event.unit))
            visit.unit = event.unit

    def on_opened(self, event: OnSiteInspectionOpened, record: Recorded) -> None:
        if event.task in self.capped:
            self.capped[event.task].opened_on = record.occurred_on

    def on_concluded(self, event: InspectionConcluded, record: Recorded) -> None:
        visit = self._finished(event.task)
        visit.found_on, visit.result = record.occurred_on, event.result

    def on_published(self, event: DrawResultPublished, record: Recorded) -> None:
        if event.withhold_reason is None and not event.lawful_refusal:
            visit = self._finished(event.task)
            visit.published_on, visit.published_at = event.published_on, record.position
            visit.unit, visit.result = event.unit, visit.result or event.result

    def _finished(self, task: str) -> Finished:
        return self.visits.setdefault(task, Finished())

    @property
    def area(self) -> str | None:
        """Its area by the newest fact."""
        return None if (newest := self.identities.newest) is None else newest.area

    @property
    def line(self) -> str | None:
        """Its line of business by the newest fact."""
        return None if (newest := self.identities.newest) is None else newest.line

    @property
    def moved(self) -> bool:
        """Whether its area or line of business ever changed."""
        return len(self.identities.said) > 1

    @property
    def gone(self) -> bool:
        """Whether the register no longer lists it, by the newest fact."""
        return not self.listings.now

    def registered(self, on: date) -> bool:
        """Return whether it was in the register on a day."""
        return self.listings.on(on)

    def of_class(self, on: date, area: str | None, line: str | None) -> bool:
        """Return whether it belonged to a class of businesses on a day."""
        identity = self.identities.on(on)
        return (
            identity is not None and area in (None, identity.area) and line in (None, identity.line)
        )

    def grade(self, on: date) -> Grade:
        """Return its grade on a day, as commands derive it (``CreditGrade``)."""
        return UNGRADED if self.graded is None else self.graded.on(on)

    def overridden(self, on: date, window: timedelta) -> bool:
        """Return whether its grade was set by hand within ``window`` before a day (GRD-V1)."""
        assigned = () if self.graded is None else self.graded.assigned
        return any(
            assigned_grade.event.override and on - window <= assigned_grade.event.assessed_on <= on
            for assigned_grade in assigned
        )

    def capped_visits(self, unit: str, on: date) -> int:
        """Return how many visits under a unit's cap began in the year of a day, up to that day.

        A booked visit that has not begun is sealed and does not count.
        """
        return sum(
            visit.unit == unit
            and visit.opened_on is not None
            and visit.opened_on.year == on.year
            and visit.opened_on <= on
            for visit in self.capped.values()
        )

    def risk(self, formula: Mapping[str, Any], on: date) -> RiskClass:
        """Return its risk class on a day."""
        return risk_class(formula, sum(ground.points for ground in self.grounds(formula, on)))

    def grounds(self, formula: Mapping[str, Any], on: date) -> tuple[Ground, ...]:
        """Return the grounds of its risk points on a day, by a risk formula."""
        identity = self.identities.on(on)
        published = [visit.published for visit in self.visits.values()]
        line = None if identity is None else identity.line
        visits = [visit for visit in published if visit is not None]
        return tuple(risk_grounds(formula, self.grade(on), line, visits, on))

    def graded_by(self, on: date) -> tuple[int, ...]:
        """Return the position of the assessment that gives its grade on a day, if any."""
        if self.graded is None or self.graded.derived(on).by != "assessment":
            return ()
        newest = self.graded.assessment(on)
        return () if newest is None else (newest.position,)


POPULATION = subject_table(
    "draw_population", "area", "line", sa.Column("moved", sa.Boolean, nullable=False),
    sa.Column("gone", sa.Boolean, nullable=False),
)  # fmt: skip


class Population(FoldView[Standing]):
    """A row for each business that can be on a roster."""

    name = "draw_population"
    version = 3
    kind = "entity"
    fold = Standing
    table = POPULATION
    tables = (POPULATION,)


_POPULATION = Population()


class Terms(msgspec.Struct, frozen=True):
    """The terms of a roster: its class, its day, its units and the policies.

    ``cap`` returns the cap of a unit for a grade. ``all_drawn``: the strata of which every business
    is visited.
    """

    as_of: date
    by: By = "grade"
    area: str | None = None
    line: str | None = None
    window: timedelta = timedelta(0)
    left_out: frozenset[str] = frozenset()
    units: tuple[str, ...] = ()
    cap: Callable[[str, Grade], int | None] = lambda unit, grade: None
    all_drawn: frozenset[str] = frozenset()
    formula: Mapping[str, Any] | None = None


class Composed(msgspec.Struct):
    """A composed roster.

    ``overridden``: the businesses whose grade was set by hand. ``capped``: the businesses left out
    because the cap of a unit is used up, each with its stratum.
    """

    entries: list[dict[str, str | int]]
    overridden: list[str]
    capped: dict[str, str] = msgspec.field(default_factory=dict)


def population(views: Views, area: str | None, line: str | None) -> Iterator[Standing]:
    """Return every business that may have belonged to a class on some day, ordered by its code."""
    return (standing for standing, _ in placed_population(views, area, line))


def placed_population(
    views: Views, area: str | None, line: str | None
) -> Iterator[tuple[Standing, int]]:
    """Yield the same businesses, each with the position of the last event about it."""
    table = POPULATION.c
    query = sa.select(table.state, table.position).order_by(table.key)
    for column, wanted in ((table.area, area), (table.line, line)):
        if wanted is not None:
            query = query.where(sa.or_(column == wanted, table.moved))
    with views.reading() as connection:
        rows = connection.execution_options(yield_per=_PAGE).execute(query)
        for row in rows:
            budget.check()
            yield _POPULATION.decode(row.state), row.position


def compose(standings: Iterable[Standing], terms: Terms) -> Composed:
    """Compose the roster as of a day: the registered businesses of the class, by stratum.

    It omits the businesses ``left_out`` and those for which a unit's cap is used up, unless their
    whole stratum is drawn.
    """
    composed = Composed([], [])
    on = terms.as_of
    for standing in standings:
        entity = standing.entity
        if (
            not standing.registered(on)
            or entity in terms.left_out
            or not standing.of_class(on, terms.area, terms.line)
        ):
            continue
        grade = standing.grade(on)
        stratum: str = grade
        if terms.by == "risk":
            assert terms.formula is not None
            stratum = standing.risk(terms.formula, on)
        if stratum not in terms.all_drawn and any(
            cap is not None and standing.capped_visits(unit, on) >= cap
            for unit in terms.units
            for cap in (terms.cap(unit, grade),)
        ):
            composed.capped[entity] = stratum
            continue
        composed.entries.append({terms.by: stratum, "uscc": entity})
        if standing.overridden(on, terms.window):
            composed.overridden.append(entity)
    return composed


def gone_of(views: Views, entities: Iterable[str]) -> Iterator[str]:
    """Yield those of the businesses that the register no longer lists, by the view."""
    table = POPULATION.c
    with views.reading() as connection:
        for keys in in_groups(list(entities)):
            query = sa.select(table.key).where(table.key.in_(keys), table.gone)
            yield from sorted(connection.execute(query).scalars())


def strata_of(entries: Iterable[uvdraw.Entry], by: str) -> dict[str, int]:
    """Return the number of entries in each stratum."""
    counts: dict[str, int] = {}
    for entry in entries:
        key = str(entry.get(by))
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))
