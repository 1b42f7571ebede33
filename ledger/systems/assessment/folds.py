"""Folds about the assessment, and how a score follows from figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from ledger.general.vocabulary import AssessmentYear
from ledger.kernel import Fold, Recorded
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
    """The id of what a unit is scored in a year."""
    return f"{year}.{unit}"


class Scheme(Fold):
    """By which indicators is this year assessed?"""

    year: AssessmentYear
    adopted: AssessmentSchemeAdopted | None = None
    first: Recorded | None = None
    indicators: dict[str, IndicatorDefined] = msgspec.field(default_factory=dict)

    @property
    def exists(self) -> bool:
        return self.adopted is not None

    def on_adopted(self, event: AssessmentSchemeAdopted, record: Recorded) -> None:
        self.adopted, self.first = event, self.first or record
        self.indicators = {}

    def on_defined(self, event: IndicatorDefined) -> None:
        self.indicators[event.indicator] = event

    @property
    def metrics(self) -> set[str]:
        """The names of the metrics that it is measured by."""
        return {
            name
            for indicator in self.indicators.values()
            for name in (*indicator.formula.of, *indicator.formula.per)
        }


class Weights(Fold):
    """What do the three systems weigh in each year that has a scheme?"""

    adopted: dict[str, str] = msgspec.field(default_factory=dict)

    def on_adopted(self, event: AssessmentSchemeAdopted) -> None:
        self.adopted[event.year] = event.three_systems_weight


class Indicator(Fold):
    """What does this indicator measure, in its newest version?"""

    indicator: IndicatorId
    defined: IndicatorDefined | None = None

    @property
    def exists(self) -> bool:
        return self.defined is not None

    def on_defined(self, event: IndicatorDefined) -> None:
        self.defined = event


class Appeal(msgspec.Struct):
    """One appeal against a score; ``run`` counts the runs there were."""

    by: str
    grounds: str
    indicator: str | None
    run: int
    outcome: Literal["upheld", "rejected"] | None = None
    reasons: str | None = None


class Score(Fold):
    """How was this unit scored in this year, what was appealed, and is it published?"""

    score: ScoreId
    year: str = ""
    unit: str = ""
    runs: list[AssessmentRunCompleted] = msgspec.field(default_factory=list)
    #: Who ran the newest one.
    run_by: str | None = None
    appeals: list[Appeal] = msgspec.field(default_factory=list)
    published: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.runs)

    @property
    def newest(self) -> AssessmentRunCompleted | None:
        """The run that counts."""
        return self.runs[-1] if self.runs else None

    @property
    def open_appeal(self) -> Appeal | None:
        """The appeal that is not decided."""
        return next((appeal for appeal in self.appeals if appeal.outcome is None), None)

    @property
    def stage(self) -> Literal["unknown", "scored", "appealed", "to_be_run_again", "published"]:
        """How far it has come; an appeal that was upheld calls for a new run."""
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
    """Which units were scored in this year, and is it published?"""

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
    """The scores of a unit under a scheme, from the events up to a position; and their total."""
    found = figures(answer, unit, scheme.metrics, cutoff, counting)
    return assessed(scheme.indicators.values(), found, int(scheme.year))


def assessed(
    indicators: Iterable[IndicatorDefined], found: Figures, year: int
) -> tuple[tuple[IndicatorScore, ...], str | None]:
    """Each indicator's score, and the total; fractions until they are shown."""
    scores: list[IndicatorScore] = []
    earned, counted = Fraction(0), Fraction(0)
    for defined in indicators:
        formula = defined.formula
        of = sum(found.year(name, year) for name in formula.of)
        per = sum(found.year(name, year) for name in formula.per) if formula.per else None
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
    """The share of its points that a value earns; the same line leads up and down."""
    nil, full = Fraction(formula.nil), Fraction(formula.full)
    return min(Fraction(1), max(Fraction(0), (value - nil) / (full - nil)))


def decimal(value: Fraction, places: int) -> str:
    """A fraction with so many decimal places, rounded half to even, exactly."""
    return f"{Decimal(round(value * 10**places)).scaleb(-places):f}"
