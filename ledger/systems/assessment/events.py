"""Events of the performance assessment (考核评价, 2.15)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import AssessmentYear, Name, Text, UnitId
from ledger.kernel import Event, Value, subject
from ledger.kernel.events import Upcaster

#: A decimal number of 0 or more with at most four decimal places, kept as text to stay exact.
Number = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?(?![\s\S])",
        description="decimal, at most 4 places",
        examples=["0.95"],
    ),
]
#: The id of an indicator, with the year of its scheme: ``2026.publicity_in_time``.
IndicatorId = Annotated[
    str,
    subject(
        "indicator",
        pattern=r"^[0-9]{4}\.[a-z][a-z0-9_]*$",
        examples=["2026.penalties_published_in_time"],
    ),
]
#: The id of the score of a unit for a year: ``2026.MRB``.
ScoreId = Annotated[str, subject("score", pattern=r"^[0-9]{4}\.\S+$", examples=["2026.MRB"])]
Metrics = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=10)]
Direction = Literal["higher", "lower"]


class Formula(Value, omit_defaults=True):
    """指标公式: how an indicator's value is computed and how many points the value earns.

    The value is the sum of the metrics in ``of``, divided by the sum of the metrics in ``per``
    unless ``per`` is empty. A value of ``nil`` or worse earns no points, a value of ``full`` or
    better earns all points, and a value in between earns points in proportion. If ``nil`` is less
    than ``full``, higher values are better; otherwise lower values are better.
    """

    of: Metrics
    per: Annotated[tuple[Name, ...], msgspec.Meta(max_length=10)] = ()
    nil: Number
    full: Number


class AssessmentSchemeAdopted(Event):
    """考核方案: the complete list of indicators by which units are assessed in a year.

    The weights of all indicators add up to 100. ``three_systems_weight`` is the sum of the weights
    of the indicators on the three systems (三项制度). ``publish_by`` is the last day on which the
    scores may be published in time.
    """

    TOPIC: ClassVar[str] = "assessment.assessment-scheme-adopted"
    VISIBILITY = "shared"

    year: AssessmentYear
    version: int
    indicators: tuple[IndicatorId, ...]
    three_systems_weight: Number
    publish_by: date


class IndicatorDefined(Event):
    """考核指标: what an indicator measures, and its ``weight`` out of 100.

    ``direction`` says whether higher or lower values are better.
    """

    TOPIC: ClassVar[str] = "assessment.indicator-defined"
    VISIBILITY = "shared"

    indicator: IndicatorId
    year: AssessmentYear
    version: int
    title: Name
    formula: Formula
    weight: Number
    direction: Direction
    three_systems: bool = False


class IndicatorScore(Value, omit_defaults=True):
    """The result of one indicator: its figures, its value and its points out of 100.

    If the divisor ``per`` is 0, the indicator has no value and no points and does not count.
    """

    indicator: IndicatorId
    weight: Number
    of: int
    per: int | None = None
    value: str | None = None
    points: str | None = None


class AssessmentRunCompleted(Event):
    """考核计分: a unit's score for a year, computed only from events up to ``cutoff_position``.

    ``total`` is the mean of the points of all indicators that count, by their weights, out of 100;
    it is absent if no indicator counts. The same position always gives the same score. Since
    version 2 ``counting`` is the version of the counting rules that was used, as in
    ``ProgressLedgerSubmitted``.
    """

    TOPIC: ClassVar[str] = "assessment.assessment-run-completed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    score: ScoreId
    year: AssessmentYear
    unit: UnitId
    scheme_version: int
    cutoff_position: int
    scores: tuple[IndicatorScore, ...]
    total: str | None = None
    counting: int = 1


class ScoreAppealed(Event):
    """考核异议: the unit objects to its score."""

    TOPIC: ClassVar[str] = "assessment.score-appealed"

    score: ScoreId
    year: AssessmentYear
    unit: UnitId
    grounds: Text
    indicator: IndicatorId | None = None


class AppealDecided(Event):
    """考核异议处理: the appeal was decided; if it was upheld, the score must be computed again."""

    TOPIC: ClassVar[str] = "assessment.appeal-decided"

    score: ScoreId
    year: AssessmentYear
    unit: UnitId
    outcome: Literal["upheld", "rejected"]
    reasons: Text


class PublishedScore(Value):
    """The score of one unit as it is published."""

    score: ScoreId
    unit: UnitId
    total: str | None
    cutoff_position: int


class AssessmentPublished(Event):
    """考核结果公布: the scores of a year were published, ``days_late`` calendar days late."""

    TOPIC: ClassVar[str] = "assessment.assessment-published"
    VISIBILITY = "public"

    year: AssessmentYear
    scores: tuple[PublishedScore, ...]
    published_on: date
    days_late: int = 0
