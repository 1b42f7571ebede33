"""Folds about the assessment, and the computation of scores from figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from ledger.general.vocabulary import AssessmentYear
from ledger.kernel import Fold, Recorded, SubjectFold
from ledger.systems.assessment.events import (
    AppealDecided,
    AssessmentPublished,
    AssessmentRunCompleted,
    AssessmentSchemeAdopted,
    Formula,
    IndicatorDefined,
    IndicatorId,
    IndicatorScore,
    ScoreAppealed,
    ScoreId,
)
from ledger.systems.progress.folds import COUNTING, Figures, Tally, figures


def score_id(year: str, unit: str) -> str:
    """Return the id of a unit's score for a year."""
    return f"{year}.{unit}"


class Scheme(SubjectFold):
    """Which indicators are used to assess this year?"""

    BEGUN = "adopted"

    year: AssessmentYear
    adopted: AssessmentSchemeAdopted | None = None
    first: Recorded | None = None
    indicators: dict[str, IndicatorDefined] = msgspec.field(default_factory=dict)

    def on_adopted(self, event: AssessmentSchemeAdopted, record: Recorded) -> None:
        self.adopted, self.first = event, self.first or record
        self.indicators = {}

    def on_defined(self, event: IndicatorDefined) -> None:
        self.indicators[event.indicator] = event

    @property
    def metrics(self) -> set[str]:
        """The names of all metrics that the indicators use."""
        return {
            name
            for indicator in self.indicators.values()
            for name in (*indicator.formula.of, *indicator.formula.per)
        }


class Weights(Fold):
    """What is the weight of the three systems in each year that has a scheme?"""

    adopted: dict[str, str] = msgspec.field(default_factory=dict)

    def on_adopted(self, event: AssessmentSchemeAdopted) -> None:
        self.adopted[event.year] = event.three_systems_weight


class Indicator(SubjectFold):
    """What does this indicator measure, in its newest version?"""

    BEGUN = "defined"

    indicator: IndicatorId
    defined: IndicatorDefined | None = None

    def on_defined(self, event: IndicatorDefined) -> None:
        self.defined = event


class Appeal(msgspec.Struct):
    """One appeal against a score; ``run`` is the number of runs before the appeal."""

    by: str
    grounds: str
    indicator: str | None
    run: int
    outcome: Literal["upheld", "rejected"] | None = None
    reasons: str | None = None


class Score(SubjectFold):
    """How was this unit scored in this year, who appealed, and is the score published?"""

    BEGUN = "runs"

    score: ScoreId
    year: str = ""
    unit: str = ""
    runs: list[AssessmentRunCompleted] = msgspec.field(default_factory=list)
    #: The person who started the newest run.
    run_by: str | None = None
    appeals: list[Appeal] = msgspec.field(default_factory=list)
    published: bool = False

    @property
    def newest(self) -> AssessmentRunCompleted | None:
        """The newest run, which is the valid one."""
        return self.runs[-1] if self.runs else None

    @property
    def open_appeal(self) -> Appeal | None:
        """The appeal that is not decided yet, if any."""
        return next((appeal for appeal in self.appeals if appeal.outcome is None), None)

    @property
    def stage(self) -> Literal["unknown", "scored", "appealed", "to_be_run_again", "published"]:
        """The stage of the score; an upheld appeal requires a new run."""
        if self.published:
            return "published"
        if self.open_appeal is not None:
            return "appealed"
        if any(a.outcome == "upheld" and a.run == len(self.runs) for a in self.appeals):
            return "to_be_run_again"
        return "scored" if self.runs else "unknown"

    def on_run(self, event: AssessmentRunCompleted, record: Recorded) -> None:
        self.year, self.unit = event.year, event.unit
        self.runs.append(event)
        self.run_by = record.envelope.actor.person_id

    def on_appealed(self, event: ScoreAppealed, record: Recorded) -> None:
        by = record.envelope.actor.person_id
        self.appeals.append(Appeal(by, event.grounds, event.indicator, len(self.runs)))

    def on_decided(self, event: AppealDecided) -> None:
        appeal = self.open_appeal
        if appeal is not None:
            appeal.outcome, appeal.reasons = event.outcome, event.reasons

    def on_published(self, event: AssessmentPublished) -> None:
        self.published = True


class Assessment(Fold):
    """Which units were scored in this year, and are the scores published?"""

    year: AssessmentYear
    scores: dict[str, Score] = msgspec.field(default_factory=dict)
    published: AssessmentPublished | None = None

    def on_changed(
        self, event: AssessmentRunCompleted | ScoreAppealed | AppealDecided, record: Recorded
    ) -> None:
        self.scores.setdefault(event.unit, Score(event.score)).take(record)

    def on_published(self, event: AssessmentPublished) -> None:
        self.published = event


def measured(
    answer: Callable[[Tally], Tally],
    scheme: Scheme,
    unit: str,
    cutoff: int,
    counting: int = COUNTING,
) -> tuple[tuple[IndicatorScore, ...], str | None]:
    """Return a unit's scores under a scheme and their total, from the events up to ``cutoff``."""
    values = figures(answer, unit, scheme.metrics, cutoff, counting)
    return assessed(scheme.indicators.values(), values, int(scheme.year))


def assessed(
    indicators: Iterable[IndicatorDefined], values: Figures, year: int
) -> tuple[tuple[IndicatorScore, ...], str | None]:
    """Return the score of each indicator and the total.

    All computation uses exact fractions; only the results are rounded.
    """
    scores: list[IndicatorScore] = []
    earned, counted = Fraction(0), Fraction(0)
    for defined in indicators:
        formula = defined.formula
        of = sum(values.year(name, year) for name in formula.of)
        per = sum(values.year(name, year) for name in formula.per) if formula.per else None
        if per == 0:
            scores.append(
                IndicatorScore(indicator=defined.indicator, weight=defined.weight, of=of, per=per)
            )
            continue
        value = Fraction(of, per or 1)
        share = _share(formula, value)
        earned += share * Fraction(defined.weight)
        counted += Fraction(defined.weight)
        scores.append(
            IndicatorScore(
                indicator=defined.indicator,
                weight=defined.weight,
                of=of,
                per=per,
                value=decimal(value, 4),
                points=decimal(100 * share, 4),
            )
        )
    return tuple(scores), decimal(100 * earned / counted, 2) if counted else None


def _share(formula: Formula, value: Fraction) -> Fraction:
    """Return the share of the points, 0 to 1, that a value earns: linear from nil to full."""
    nil, full = Fraction(formula.nil), Fraction(formula.full)
    return min(Fraction(1), max(Fraction(0), (value - nil) / (full - nil)))


def decimal(value: Fraction, places: int) -> str:
    """Return a fraction as a decimal with ``places`` decimal places, rounded half to even."""
    return f"{Decimal(round(value * 10**places)).scaleb(-places):f}"
