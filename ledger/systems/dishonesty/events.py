"""Events of dishonesty determinations, lists, incentives and sanctions (2.4c)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.values import Instrument, Sector, Severity
from ledger.general.vocabulary import (
    DeterminationId,
    EntityId,
    IncentiveId,
    ListFieldId,
    MeasureCatalogueId,
    Name,
    RecordId,
    SanctionId,
    Text,
    UnitId,
)
from ledger.kernel import Event, LegalRef, Value
from ledger.kernel.events import Upcaster
from ledger.systems.credit.events import TerminationReason

# Determinations


class DeterminationNotified(Event):
    """失信行为认定告知: a business was told what a unit intends to determine, and why.

    ``ground`` is the act as the classification of the sector names it (policy ``severity.map``);
    ``severity`` is the intended class. ``list_field`` is the field of the serious list on which
    the unit intends to put the business, if any. The business may answer until ``defence_until``.
    """

    TOPIC: ClassVar[str] = "dishonesty.determination-notified"

    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    notice_no: Name
    facts: Text
    ground: Name
    severity: Severity
    basis: Annotated[tuple[LegalRef, ...], msgspec.Meta(min_length=1)]
    defence_until: date
    sector: Sector = "general"
    list_field: ListFieldId | None = None


class DefenceSubmitted(Event):
    """陈述申辩: the business answered the notice, ``days_late`` calendar days late."""

    TOPIC: ClassVar[str] = "dishonesty.defence-submitted"

    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    statement: Text
    evidence_refs: tuple[Name, ...] = ()
    days_late: int = 0


class DefenceLapsed(Event):
    """逾期未陈述申辩: the business did not answer by the last day, ``ended_on``."""

    TOPIC: ClassVar[str] = "dishonesty.defence-lapsed"

    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    ended_on: date


class DishonestyDetermined(Event):
    """失信行为认定: a unit determined that conduct was dishonest, with its ``severity`` (DIS-R4).

    ``defence_handling`` is the unit's assessment of the defence, if there was one. ``record`` is
    the credit record with this severity; it is absent if the serious listing will be that record.
    """

    TOPIC: ClassVar[str] = "dishonesty.dishonesty-determined"

    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    severity: Severity
    ground: Name
    basis: tuple[LegalRef, ...]
    instrument: Instrument
    sector: Sector = "general"
    defence_handling: Text | None = None
    record: RecordId | None = None


# Serious lists

#: The level of the document that is the basis of a serious list.
ListBasisLevel = Literal[
    "law",
    "admin_regulation",
    "central_policy",
    "local_regulation",
    "dept_rule",
    "local_gov_rule",
    "normative_document",
]


class ListBasis(Value, omit_defaults=True):
    """设列依据: the document that provides for a serious list.

    ``central_policy`` is a policy of the Party's Central Committee or the State Council.
    """

    level: ListBasisLevel
    instrument: Name
    article: Name | None = None


class ListCriteria(Value):
    """认定标准: the criteria of the serious list of a field, with its name and legal basis."""

    name: Name
    basis: ListBasis
    criteria: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]


class ListCriteriaProposed(Event):
    """认定标准征求意见: criteria of a serious list were proposed for public comment."""

    TOPIC: ClassVar[str] = "dishonesty.list-criteria-proposed"
    VISIBILITY = "public"

    list_field: ListFieldId
    unit: UnitId
    version: int
    proposal: ListCriteria
    url: Name


class ListCriteriaPublished(Event):
    """认定标准公布: the criteria proposed on ``proposed_on`` were published and are in force."""

    TOPIC: ClassVar[str] = "dishonesty.list-criteria-published"
    VISIBILITY = "public"

    list_field: ListFieldId
    unit: UnitId
    version: int
    adopted: ListCriteria
    proposed_on: date


class ListCriteriaWithdrawn(Event):
    """认定标准废止: the criteria were withdrawn; no business may be put on the list any more."""

    TOPIC: ClassVar[str] = "dishonesty.list-criteria-withdrawn"
    VISIBILITY = "public"

    list_field: ListFieldId
    unit: UnitId
    version: int
    reason: Text


class SeriousListAdded(Event):
    """列入严重失信主体名单: a business was put on the serious list of a field.

    ``criteria_version`` is the version of the criteria in force. When the credit record ``record``
    ends, the business is removed from the list. The list is public but its events are not, because
    a public feed could not take them back.
    """

    TOPIC: ClassVar[str] = "dishonesty.serious-list-added"
    VISIBILITY = "shared"

    record: RecordId
    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    list_field: ListFieldId
    criteria_version: int
    instrument: Instrument
    reason: Text
    listed_on: date


class SeriousListRemoved(Event):
    """移出严重失信主体名单: a business was removed from the list, because its record ended."""

    TOPIC: ClassVar[str] = "dishonesty.serious-list-removed"
    VISIBILITY = "shared"

    record: RecordId
    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    list_field: ListFieldId
    reason: TerminationReason
    removed_on: date


# Measures


class Measure(Value, omit_defaults=True):
    """A measure of the catalogue: an incentive or sanction, its legal basis and its limits.

    ``from_severity`` is the least serious class of record on which a sanction may be based;
    ``None`` allows any negative record. ``max_months`` is the longest duration. ``units`` are the
    units that may apply it; empty means all units.
    """

    measure: Name
    kind: Literal["incentive", "sanction"]
    says: Text
    basis: Annotated[tuple[LegalRef, ...], msgspec.Meta(min_length=1)]
    from_severity: Severity | None = None
    max_months: Annotated[int, msgspec.Meta(ge=1, le=1200)] | None = None
    units: tuple[Name, ...] = ()


class MeasureCataloguePublished(Event):
    """措施清单公布: the complete list of allowed incentives and sanctions was published.

    It takes effect on ``effective_from``. Of the versions in effect the newest is in force
    (国办发〔2020〕49号: 清单制管理).
    """

    TOPIC: ClassVar[str] = "dishonesty.measure-catalogue-published"
    VISIBILITY = "public"

    catalogue: MeasureCatalogueId
    unit: UnitId
    version: int
    items: tuple[Measure, ...]
    effective_from: date
    source: LegalRef


class IncentivePromised(Event):
    """承诺给予激励: a unit promised an incentive to a business, to be applied by ``apply_by``."""

    TOPIC: ClassVar[str] = "dishonesty.incentive-promised"
    VISIBILITY = "shared"

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    measure: Name
    ground: Text
    apply_by: date


class IncentiveGranted(Event):
    """守信激励: a unit applied an incentive to a trustworthy business.

    ``days_late`` counts calendar days after the promised day.
    """

    TOPIC: ClassVar[str] = "dishonesty.incentive-granted"
    VISIBILITY = "shared"

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    measure: Name
    granted_on: date
    until: date | None = None
    days_late: int = 0


class IncentiveEnded(Event):
    """激励终止: an incentive ended, or a promise of an incentive was withdrawn.

    ``record`` is the negative record because of which the business is ``no_longer_eligible``.
    """

    TOPIC: ClassVar[str] = "dishonesty.incentive-ended"
    VISIBILITY = "shared"

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    reason: Literal["expired", "no_longer_eligible", "declined", "correction"]
    ended_on: date
    record: RecordId | None = None
    note: Text | None = None


LiftReason = Literal["repaired", "revoked", "removed", "expired", "correction", "altered"]


class SanctionApplied(Event):
    """失信惩戒: a unit applied a sanction of the catalogue to a business (国办发〔2020〕49号).

    ``catalogue_version`` is the version of the measure catalogue in force. ``record`` is the credit
    record that the sanction is based on; the sanction ends with it (DIS-R5, DIS-V1).
    """

    TOPIC: ClassVar[str] = "dishonesty.sanction-applied"
    VISIBILITY = "shared"

    sanction: SanctionId
    entity: EntityId
    unit: UnitId
    record: RecordId
    measure: Name
    catalogue_version: int
    applied_on: date
    until: date | None = None
    note: Text | None = None


class SanctionLifted(Event):
    """解除惩戒: a sanction ended; it ends automatically when its record ends.

    Since version 2 ``reason`` may be ``altered``: the altered class of the record is not serious
    enough for the measure.
    """

    TOPIC: ClassVar[str] = "dishonesty.sanction-lifted"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}
    VISIBILITY = "shared"

    sanction: SanctionId
    entity: EntityId
    unit: UnitId
    record: RecordId
    reason: LiftReason
    lifted_on: date
    note: Text | None = None
