"""Events of dishonesty determinations, lists, incentives and sanctions (2.4c)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

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
from ledger.systems.credit.events import Instrument, Sector, Severity, TerminationReason

# Determinations


class DeterminationNotified(Event):
    """失信行为认定告知: a business is told what a unit is about to determine, and why.

    ``ground`` is the act as the sector's classification names it (``severity.map``), ``severity``
    the class that the unit has in mind; ``list_field`` the field of the serious list on which the
    business is to be put, if it is. The business may defend itself until ``defence_until``.
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
    """陈述申辩: the business answers; ``days_late`` counts calendar days after the last day."""

    TOPIC: ClassVar[str] = "dishonesty.defence-submitted"

    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    statement: Text
    evidence_refs: tuple[Name, ...] = ()
    days_late: int = 0


class DefenceLapsed(Event):
    """逾期未陈述申辩: the business has not answered by the last day, ``ended_on``."""

    TOPIC: ClassVar[str] = "dishonesty.defence-lapsed"

    determination: DeterminationId
    entity: EntityId
    unit: UnitId
    ended_on: date


class DishonestyDetermined(Event):
    """失信行为认定: conduct is dishonest, and how severe it is (DIS-R4).

    ``defence_handling`` says what was held of the defence, if there was one. ``record`` is the
    credit record that carries the severity; absent where the listing is to carry it.
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

#: How high the document stands in which a serious list has its basis.
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
    """认定标准: who is put on the serious list of a field, under which name, on which basis."""

    name: Name
    basis: ListBasis
    criteria: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=50)]


class ListCriteriaProposed(Event):
    """认定标准征求意见: new criteria of a serious list are before the public, which may comment."""

    TOPIC: ClassVar[str] = "dishonesty.list-criteria-proposed"
    VISIBILITY = "public"

    list_field: ListFieldId
    unit: UnitId
    version: int
    proposal: ListCriteria
    url: Name


class ListCriteriaPublished(Event):
    """认定标准公布: criteria are in force that were before the public since ``proposed_on``."""

    TOPIC: ClassVar[str] = "dishonesty.list-criteria-published"
    VISIBILITY = "public"

    list_field: ListFieldId
    unit: UnitId
    version: int
    adopted: ListCriteria
    proposed_on: date


class ListCriteriaWithdrawn(Event):
    """认定标准废止: nobody is put on the list of this field any more."""

    TOPIC: ClassVar[str] = "dishonesty.list-criteria-withdrawn"
    VISIBILITY = "public"

    list_field: ListFieldId
    unit: UnitId
    version: int
    reason: Text


class SeriousListAdded(Event):
    """列入严重失信主体名单: a business is on the serious list of a field.

    ``criteria_version`` is the version in force under which it is; ``record`` the credit record
    whose end takes it off again. The list is public, its events are not: a feed cannot unsay.
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
    """移出严重失信主体名单: a business is off the list, together with the record it stood on."""

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
    """One measure of the catalogue: what may be granted or imposed, by which law, how far.

    ``from_severity`` is the lightest class of information on which a sanction may rest, ``None``
    whatever speaks against the business; ``max_months`` the longest that it may last; ``units``
    those that may apply it, all when none is named.
    """

    measure: Name
    kind: Literal["incentive", "sanction"]
    says: Text
    basis: Annotated[tuple[LegalRef, ...], msgspec.Meta(min_length=1)]
    from_severity: Severity | None = None
    max_months: Annotated[int, msgspec.Meta(ge=1, le=1200)] | None = None
    units: tuple[Name, ...] = ()


class MeasureCataloguePublished(Event):
    """措施清单公布: the incentives and sanctions that there are, whole, from a day on.

    A catalogue is a line of versions, of which the newest that has taken effect is in force
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
    """承诺给予激励: a business is promised an incentive, to be applied by ``apply_by``."""

    TOPIC: ClassVar[str] = "dishonesty.incentive-promised"
    VISIBILITY = "shared"

    incentive: IncentiveId
    entity: EntityId
    unit: UnitId
    measure: Name
    ground: Text
    apply_by: date


class IncentiveGranted(Event):
    """守信激励: a measure is applied for the good of a business that keeps faith.

    ``days_late`` counts calendar days after the day that was promised.
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
    """激励终止: an incentive ends, or a promise of one for a reason that lies with the business.

    ``record`` is what speaks against a business that may have it no longer.
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
    """失信惩戒: a measure of the catalogue is applied to a business (国办发〔2020〕49号).

    ``catalogue_version`` is the version of the measure catalogue in force; ``record`` the credit
    record on which the sanction rests, whose end ends it too (DIS-R5, DIS-V1).
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
    """解除惩戒: a sanction ends; by itself together with the record on which it rests.

    Since version 2 ``reason`` may be ``altered``: its record is of a lighter class now than the
    measure takes.
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
