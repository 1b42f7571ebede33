"""The performance assessment (考核评价, 2.15): indicators, scores, and repeated score runs."""

from __future__ import annotations

from datetime import MINYEAR, date
from typing import Any, TypeVar

import sqlalchemy as sa

from ledger.kernel import Fold
from ledger.systems.assessment.folds import (
    Assessment,
    Indicator,
    Scheme,
    Score,
    assessed,
    measured,
    score_id,
)
from ledger.systems.progress.folds import COUNTING, known_metrics
from projections.follower import Views
from projections.source import Source
from projections.systems.tallies import figures_of
from projections.tables import Row
from projections.views import FoldView, subject_table

F = TypeVar("F", bound=Fold)

INDICATORS = subject_table(
    "indicators",
    "year",
    "direction",
    sa.Column("three_systems", sa.Boolean, nullable=False, index=True),
)


class Indicators(FoldView[Indicator]):
    """A row for each indicator, by its newest version."""

    name = "indicators"
    version = 1
    kind = "indicator"
    fold = Indicator
    table = INDICATORS
    tables = (INDICATORS,)

    def row(self, fold: Indicator, position: int) -> Row:
        defined = fold.defined
        return {
            "year": getattr(defined, "year", None),
            "direction": getattr(defined, "direction", None),
            "three_systems": bool(getattr(defined, "three_systems", False)),
        }


SCORES = subject_table("scores", "year", "unit", "stage")


class Scores(FoldView[Score]):
    """A row for each unit's score of a year."""

    name = "scores"
    version = 1
    kind = "score"
    fold = Score
    table = SCORES
    tables = (SCORES,)


ASSESSMENTS = subject_table(
    "assessments", sa.Column("public", sa.Boolean, nullable=False, index=True)
)


class Assessments(FoldView[Assessment]):
    """A row for each year that was assessed."""

    name = "assessments"
    version = 1
    kind = "assessment"
    fold = Assessment
    table = ASSESSMENTS
    tables = (ASSESSMENTS,)

    def row(self, fold: Assessment, position: int) -> Row:
        return {"public": fold.published is not None}


def run_again(
    source: Source, views: Views, year: str, unit: str, cutoff: int
) -> dict[str, Any] | None:
    """Calculate a unit's score of a year again, from the events up to position ``cutoff`` alone.

    Returns ``None`` if the year has no scheme. ``same`` says whether the score equals the one
    recorded for this position; it is ``None`` if none was recorded.
    """

    def answer(fold: F) -> F:
        return fold.over(source.records([fold.selector()]))

    scheme = answer(Scheme(year))
    if not scheme.exists:
        return None
    score = answer(Score(score_id(year, unit)))
    recorded = next((run for run in score.runs if run.cutoff_position == cutoff), None)
    if recorded is None or recorded.counting == COUNTING:
        within = max(int(year), MINYEAR)  # an id may contain the year 0000, which no date can have
        first, last = date(within, 1, 1), date(within, 12, 31)
        known_metrics(scheme.metrics)
        with views.reading() as connection:
            figures = figures_of(connection, unit, scheme.metrics, (first, last), cutoff)
        scores, total = assessed(scheme.indicators.values(), figures, int(scheme.year))
    else:
        # The recorded run used another counting than the view: count the events themselves.
        scores, total = measured(answer, scheme, unit, cutoff, recorded.counting)
    return {
        "year": year,
        "unit": unit,
        "cutoff_position": cutoff,
        "scores": scores,
        "total": total,
        "same": None if recorded is None else (recorded.scores, recorded.total) == (scores, total),
    }
