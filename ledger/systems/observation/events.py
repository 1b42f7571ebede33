"""Events of inclusive-prudent supervision (包容审慎监管, 留观期, 2.6)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from ledger.general.vocabulary import (
    EntityId,
    Name,
    ObservationId,
    SoftMeasureId,
    Text,
    UnitId,
    ViolationCode,
)
from ledger.kernel import Event, Value
from ledger.systems.catalogue.events import Domain
from ledger.systems.penalties.events import ExcludedConduct

#: 新技术, 新产业, 新业态, 新模式; ``other``: the activity is not one of the four (OBS-R1).
FourNew = Literal["technology", "industry", "business_form", "model", "other"]
#: 质量和安全底线, and the further bottom lines of the Notice.
BottomLine = Literal["safety", "quality", "life_health", "environment", "fraud"]
#: 教育提醒, 劝导示范, 警示告诫, 行政提示, 行政指导, 行政约谈.
Measure = Literal[
    "education_reminder",
    "persuasion_demo",
    "warning_admonition",
    "admin_prompt",
    "admin_guidance",
    "admin_interview",
]


class PolicyBasis(Value, omit_defaults=True):
    """The policy that an activity fits; a period needs a national or provincial one (OBS-R1)."""

    level: Literal["national", "provincial", "municipal", "other"]
    instrument: Name
    article: Name | None = None


class ObservationGranted(Event):
    """给予留观期: a unit observes an activity of the new economy for a time before it punishes it.

    ``ends_on`` is the last day. The business must keep the ``bottom_lines``; breaching one ends the
    period.
    """

    TOPIC: ClassVar[str] = "observation.observation-granted"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    four_new_kind: FourNew
    activity: Name
    policy_basis: PolicyBasis
    domain: Domain
    starts_on: date
    ends_on: date
    bottom_lines: tuple[BottomLine, ...]


class ObservationExtended(Event):
    """延长留观期: the unit extends the period to a later last day."""

    TOPIC: ClassVar[str] = "observation.observation-extended"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    ends_on: date
    reason: Text


class ObservationTerminated(Event):
    """终止留观期: the unit ends the period early; from ``terminated_on`` on it no longer runs."""

    TOPIC: ClassVar[str] = "observation.observation-terminated"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    because: Literal["bottom_line", "activity_ended", "conditions_lost", "requested"]
    reason: Text
    terminated_on: date


class ObservationExpired(Event):
    """留观期届满: the last day of the observation period has passed."""

    TOPIC: ClassVar[str] = "observation.observation-expired"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    expired_on: date


class SoftMeasureTaken(Event):
    """柔性措施: a unit reminds, guides or warns instead of punishing; this is not negative credit.

    ``issue`` is the violation; ``response_due`` is the last day to correct it. ``excluded`` lists
    circumstances for which a soft measure alone is not enough (OBS-V1).
    """

    TOPIC: ClassVar[str] = "observation.soft-measure-taken"
    CORRECTABLE = frozenset({"facts"})

    soft_measure: SoftMeasureId
    entity: EntityId
    unit: UnitId
    measure: Measure
    issue: ViolationCode
    facts: Text
    taken_on: date
    response_due: date
    observation: ObservationId | None = None
    excluded: tuple[ExcludedConduct, ...] = ()


class CorrectionVerified(Event):
    """核实整改: the unit verifies that the business corrected the issue of a soft measure.

    ``days_late`` counts calendar days after ``response_due``.
    """

    TOPIC: ClassVar[str] = "observation.correction-verified"

    soft_measure: SoftMeasureId
    entity: EntityId
    unit: UnitId
    issue: ViolationCode
    verified_on: date
    evidence: Text
    days_late: int = 0


class PenaltyWithinObservationJustified(Event):
    """留观期内处罚说明: a unit says why it must file a case without a soft measure (OBS-R3)."""

    TOPIC: ClassVar[str] = "observation.penalty-within-observation-justified"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    issue: ViolationCode
    reason: Text
    legal_review_ref: Name


class BottomLineBreached(Event):
    """触碰底线: a unit reports that conduct in the period breached a bottom line."""

    TOPIC: ClassVar[str] = "observation.bottom-line-breached"
    CORRECTABLE = frozenset({"facts"})

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    line: BottomLine
    issue: ViolationCode
    facts: Text
    breached_on: date
