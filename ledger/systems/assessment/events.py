"""Events of the performance assessment (考核评价, 2.15)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import AssessmentYear, Name, Text, UnitId
from ledger.kernel import Event, Value, subject
from ledger.kernel.events import Upcaster

#: A decimal that is never negative, with at most four places; exact, as all figures here.
Number = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?(?![\s\S])",
        description="decimal, at most 4 places",
        examples=["0.95"],
    ),
]
#: One indicator of one year's scheme: ``2026.publicity_in_time``.
IndicatorId = Annotated[
    str,
    subject(
        "indicator",
        pattern=r"^[0-9]{4}\.[a-z][a-z0-9_]*$",
        examples=["2026.penalties_published_in_time"],
    ),
]
#: What one unit is scored in one year: ``2026.MRB``.
ScoreId = Annotated[str, subject("score", pattern=r"^[0-9]{4}\.\S+$", examples=["2026.MRB"])]
Metrics = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=10)]
Direction = Literal["higher", "lower"]


class Formula(Value, omit_defaults=True):
    """指标公式: figures over figures, and between which values the points lie.

    The value is the sum of the metrics ``of``, divided by the sum of the metrics ``per`` if there
    are any. A value of ``nil`` or worse earns no points, one of ``full`` or better all of them, and
    one in between its share; ``nil`` below ``full`` says that higher is better.
    """

    of: Metrics
    per: Annotated[tuple[Name, ...], msgspec.Meta(max_length=10)] = ()
    nil: Number
    full: Number


class AssessmentSchemeAdopted(Event):
    """考核方案: the indicators by which a year is assessed, all of them.

    ``weights`` of a scheme add up to 100; ``three_systems_weight`` is the part of the indicators on
    the three systems. ``publish_by`` is the last day for the publication of the scores.
    """

    TOPIC: ClassVar[str] = "assessment.assessment-scheme-adopted"
    VISIBILITY = "shared"

    year: AssessmentYear
    version: int
    indicators: tuple[IndicatorId, ...]
    three_systems_weight: Number
    publish_by: date


class IndicatorDefined(Event):
    """考核指标: what is measured, and how much it counts of 100 (``weight``).

    ``direction`` says whether more is better or less.
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
    """What one indicator came to: its figures, its value, its points out of 100.

    Where there is nothing to divide by, it has neither value nor points and does not count.
    """

    indicator: IndicatorId
    weight: Number
    of: int
    per: int | None = None
    value: str | None = None
    points: str | None = None


class AssessmentRunCompleted(Event):
    """考核计分: a unit's score of a year, from the events up to ``cutoff_position`` alone.

    ``total``: the points of all indicators that count, by their weights, out of 100; absent when
    none counts. The same position gives the same score, whenever it is asked for. Since version 2
    ``counting`` says how the ledger counted, as in ``ProgressLedgerSubmitted``.
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
    """考核异议: the unit says that its score is wrong."""

    TOPIC: ClassVar[str] = "assessment.score-appealed"

    score: ScoreId
    year: AssessmentYear
    unit: UnitId
    grounds: Text
    indicator: IndicatorId | None = None


class AppealDecided(Event):
    """考核异议处理: if upheld, the facts are put right in the ledger and the score is run again."""

    TOPIC: ClassVar[str] = "assessment.appeal-decided"

    score: ScoreId
    year: AssessmentYear
    unit: UnitId
    outcome: Literal["upheld", "rejected"]
    reasons: Text


class PublishedScore(Value):
    """One unit's score as the public reads it."""

    score: ScoreId
    unit: UnitId
    total: str | None
    cutoff_position: int


class AssessmentPublished(Event):
    """考核结果公布: the public can read the scores of a year. ``days_late`` in calendar days."""

    TOPIC: ClassVar[str] = "assessment.assessment-published"
    VISIBILITY = "public"

    year: AssessmentYear
    scores: tuple[PublishedScore, ...]
    published_on: date
    days_late: int = 0
