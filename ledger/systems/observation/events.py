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

#: 新技术, 新产业, 新业态, 新模式; ``other`` is none of the four (OBS-R1).
FourNew = Literal["technology", "industry", "business_form", "model", "other"]
#: 质量和安全底线, and what the Notice counts with them.
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
    """The policy that an activity fits; only national and provincial ones carry a period (R1)."""

    level: Literal["national", "provincial", "municipal", "other"]
    instrument: Name
    article: Name | None = None


class ObservationGranted(Event):
    """给予留观期: an activity of the new economy is watched for a time before it is punished.

    ``ends_on`` is the last day. Within the period the ``bottom_lines`` hold; breaching one ends it.
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
    """延长留观期: the last day is a later one."""

    TOPIC: ClassVar[str] = "observation.observation-extended"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    ends_on: date
    reason: Text


class ObservationTerminated(Event):
    """终止留观期: it ended before its last day; on ``terminated_on`` it runs no more."""

    TOPIC: ClassVar[str] = "observation.observation-terminated"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    because: Literal["bottom_line", "activity_ended", "conditions_lost", "requested"]
    reason: Text
    terminated_on: date


class ObservationExpired(Event):
    """留观期届满: its last day has passed."""

    TOPIC: ClassVar[str] = "observation.observation-expired"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    expired_on: date


class SoftMeasureTaken(Event):
    """柔性措施: a unit reminds, guides or warns, and does not punish. Never a negative record.

    ``issue`` is the violation that it is about; ``response_due`` the last day to have put it right.
    ``excluded`` says what speaks against leaving it at that (OBS-V1).
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
    """核实整改: what a soft measure was about is put right; ``days_late`` in calendar days."""

    TOPIC: ClassVar[str] = "observation.correction-verified"

    soft_measure: SoftMeasureId
    entity: EntityId
    unit: UnitId
    issue: ViolationCode
    verified_on: date
    evidence: Text
    days_late: int = 0


class PenaltyWithinObservationJustified(Event):
    """留观期内处罚说明: why a case has to be opened with no soft measure before it (OBS-R3)."""

    TOPIC: ClassVar[str] = "observation.penalty-within-observation-justified"

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    issue: ViolationCode
    reason: Text
    legal_review_ref: Name


class BottomLineBreached(Event):
    """触碰底线: conduct in the period that it does not excuse; reported as it happened."""

    TOPIC: ClassVar[str] = "observation.bottom-line-breached"
    CORRECTABLE = frozenset({"facts"})

    observation: ObservationId
    entity: EntityId
    unit: UnitId
    line: BottomLine
    issue: ViolationCode
    facts: Text
    breached_on: date
