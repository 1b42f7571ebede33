"""Double-random draws (双随机, 2.3): the draws, those drawn, and who can be drawn on a day.

A roster is composed here: every registered business of a class with the grade it had on a day
(``compose``). ``GET /v1/draws/roster`` shows what it would be, ``freeze-entity-roster`` stores and
freezes it; then a draw on it is announced, its seed revealed, and ``execute-draw`` makes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import msgspec
import sqlalchemy as sa

from ledger.draws import uvdraw
from ledger.draws.commands import ReviewDraw
from ledger.draws.events import (
    DrawTargetExempted,
    DrawTargetInspected,
    DrawTargetReleased,
    DrawTargetSelected,
)
from ledger.draws.folds import DrawState, Target
from ledger.entities.events import EntityLeftRegister, EntityRegistered, EntityRevised
from ledger.grading.events import CreditGradeAssigned
from ledger.grading.folds import UNGRADED
from ledger.kernel import Command, Fold, Recorded
from ledger.vocabulary import EntityId, Grade
from projections.follower import Views
from projections.graded import Graded
from projections.profiles import CreditEvent
from projections.tables import Row
from projections.views import FoldView, subject_table

#: Rows read at a time; the number bounds memory.
_PAGE = 10_000


class StratumProgress(msgspec.Struct):
    """How far the visits to one stratum have come; of those recorded, ``called`` were reserves."""

    recorded: int = 0
    called: int = 0
    inspected: int = 0
    exempted: int = 0
    released: int = 0


class DrawProgress(DrawState):
    """How far have this draw and its visits come?"""

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
        """How many businesses are still waiting for a visit that they do not know of."""
        called = sum(one.called for one in self.progress.values())
        ended = sum(one.inspected + one.exempted + one.released for one in self.progress.values())
        # Counted by what the draw says: those whose own event is not recorded yet are waiting too.
        return self.selected + called - ended

    def opened(self, today: date) -> bool:
        """Whether naming those who were drawn announces no visit any more.

        So it is when nobody waits for one, and after the last day of the visits, whoever was
        missed by then: a unit that leaves one business out cannot keep a draw closed for ever.
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
    version = 2
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


TARGETS = subject_table("draw_targets", "draw", "unit", "entity", "stratum", "state_of_visit")


class Targets(FoldView[Target]):
    """A row for each business that was drawn; sealed until its visit opens."""

    name = "draw_targets"
    version = 1
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
        }


class Standing(Fold):
    """Since when is this business registered, where, and which grades had it from when?"""

    entity: EntityId
    registered_on: date | None = None
    left_on: date | None = None
    area: str | None = None
    line: str | None = None
    #: Absent where nothing was ever recorded that grades look at.
    graded: Graded | None = None

    def on_known(self, event: EntityRegistered | EntityRevised, record: Recorded) -> None:
        day = record.occurred_on
        self.registered_on = min(self.registered_on or day, day)
        if self.left_on is not None and self.left_on <= day:
            self.left_on = None
        self.area, self.line = event.identity.area, event.identity.line

    def on_left(self, event: EntityLeftRegister, record: Recorded) -> None:
        self.left_on = record.occurred_on

    def on_graded(self, event: CreditGradeAssigned | CreditEvent, record: Recorded) -> None:
        self.graded = self.graded or Graded(self.entity)
        self.graded.take(record)

    def registered(self, on: date) -> bool:
        """Whether it stood in the register on a day."""
        return (
            self.registered_on is not None
            and self.registered_on <= on
            and (self.left_on is None or on < self.left_on)
        )

    def grade(self, on: date) -> Grade:
        """Its grade on a day, as commands have it (``CreditGrade``)."""
        return UNGRADED if self.graded is None else self.graded.on(on)

    def overridden(self, on: date, window: timedelta) -> bool:
        """Whether its grade was set by hand within ``window`` before a day (GRD-V1)."""
        assigned = () if self.graded is None else self.graded.assigned
        return any(
            one.event.override and on - window <= one.event.assessed_on <= on for one in assigned
        )


POPULATION = subject_table("draw_population", "area", "line")


class Population(FoldView[Standing]):
    """A row for each business that can stand on a roster."""

    name = "draw_population"
    version = 2
    kind = "entity"
    fold = Standing
    table = POPULATION
    tables = (POPULATION,)


_POPULATION = Population()


class Composed(msgspec.Struct):
    """A roster as the register has it: its entries, and whose grade was set by hand."""

    entries: list[dict[str, str | int]]
    overridden: list[str]


def population(views: Views, area: str | None, line: str | None) -> Iterator[Standing]:
    """Every business of a class, ever, in the order of its code."""
    table = POPULATION.c
    query = sa.select(table.state).order_by(table.key)
    for column, wanted in ((table.area, area), (table.line, line)):
        if wanted is not None:
            query = query.where(column == wanted)
    with views.reading() as connection:
        rows = connection.execution_options(yield_per=_PAGE).execute(query)
        for row in rows:
            yield _POPULATION.decode(row.state)


def compose(
    standings: Iterable[Standing], as_of: date, window: timedelta, left_out: Iterable[str] = ()
) -> Composed:
    """The roster as of a day: registered businesses with their grades, but for ``left_out``."""
    composed = Composed([], [])
    without = set(left_out)
    for standing in standings:
        if not standing.registered(as_of) or standing.entity in without:
            continue
        composed.entries.append({"grade": standing.grade(as_of), "uscc": standing.entity})
        if standing.overridden(as_of, window):
            composed.overridden.append(standing.entity)
    return composed


def strata_of(entries: Iterable[uvdraw.Entry], by: str) -> dict[str, int]:
    """How many entries stand in each stratum, by its key."""
    counts: dict[str, int] = {}
    for entry in entries:
        key = str(entry.get(by))
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


def review_draws(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """The draws whose time is over and whose visits nobody has held against them (DRW-V6)."""
    table = DRAWS.c
    query = sa.select(table.key).where(
        table.stage == "executed",
        table.reviewed.is_(False),
        table.inspect_by < today.isoformat(),
    )
    with views.reading() as connection:
        due = [row.key for row in connection.execute(query.order_by(table.key))]
    for draw in due:
        yield ReviewDraw(draw=draw), f"review-draw:{draw}"
