"""Repair (信用修复, 2.4e): the cases, and the working documents of an officer.

Whether a record can be repaired depends on the day and on policies adopted later. It is therefore
calculated on request, by the same functions that decide.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from ledger.kernel import Fold, Refusal
from ledger.kernel.messages import in_words, say
from ledger.kernel.policies import PolicyVersions
from ledger.systems.credit.folds import Record
from ledger.systems.credit.regimes import Reckoning, reckon
from ledger.systems.repair.conditions import Asked, Condition, conditions
from ledger.systems.repair.folds import RepairCase, RepairsOf
from ledger.systems.sharing.folds import RemovalsOf
from projections.profiles.rendering import ShownRegime, regimes
from projections.source import Source
from projections.views import FoldView, subject_table

F = TypeVar("F", bound=Fold)

REPAIRS = subject_table(
    "repairs",
    "unit",
    "entity",
    "stage",
    "applied_on",
    sa.Column("green_channel", sa.Boolean, nullable=False, index=True),
)


class Repairs(FoldView[RepairCase]):
    """A row for each application for repair."""

    name = "repairs"
    kind = "repair"
    fold = RepairCase
    table = REPAIRS
    tables = (REPAIRS,)


class FoldsAt:
    """Reads folds as of one position, each from the ledger only once."""

    def __init__(self, source: Source, position: int) -> None:
        self._source = source
        self._position = position
        self._known: dict[Hashable, Any] = {}

    def __call__(self, fold: F, /) -> F:
        """Return the fold after all its events up to the position."""
        question = fold.question()
        if question not in self._known:
            records = self._source.records([fold.selector()], self._position)
            self._known[question] = fold.blank().over(records)
        answer: F = self._known[question]
        return answer


def reckoning_of(read: FoldsAt, record: Record) -> Reckoning:
    """Return the result of every regime for a record."""
    channels = () if record.started is None else record.started.channels
    return reckon(record.says, channels, lambda key: read(PolicyVersions(key)))


class RepairableRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record with the earliest day on which it can be repaired, by each regime."""

    record: str
    entity: str
    unit: str
    kind: str
    title: str
    severity: str | None
    sector: str | None
    determined_on: date
    earliest_on: date | None
    reached: bool
    regimes: list[ShownRegime]


class ShownCondition(msgspec.Struct, frozen=True, kw_only=True):
    """A condition of repair on a day: its rule, whether it is met, the evidence, what helps."""

    rule_id: str
    law: str
    met: bool
    evidence: list[str]
    record: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    fix_hint: str | UnsetType = UNSET
    details: dict[str, Any]


class RecordEnd(msgspec.Struct, frozen=True):
    """When and why a record ended."""

    on: date
    reason: str


class OpenRepair(msgspec.Struct, frozen=True):
    """The application for repair that names a record."""

    repair: str
    stage: str


class RecordRemoval(msgspec.Struct, frozen=True):
    """Whether a subscriber has removed a record that ended."""

    removal: str
    subscription: str
    unit: str
    reason: str
    notified_on: date | None
    reminded_on: date | None
    acknowledged_on: date | None
    days_late: int


class ShownRepairRecord(RepairableRecord, frozen=True, kw_only=True):
    """Everything that matters for the repair of one record on a day."""

    ended: RecordEnd | UnsetType = UNSET
    repair: OpenRepair | UnsetType = UNSET
    on: date
    conditions: list[ShownCondition]
    removals: list[RecordRemoval]


def brief(read: FoldsAt, name: str, on: date) -> RepairableRecord:
    """Return a record as a list item, with the earliest day on which it can be repaired."""
    record = read(Record(name))
    says = record.says
    reckoning = reckoning_of(read, record)
    earliest = reckoning.earliest_on
    return RepairableRecord(
        record=name,
        entity=says.entity,
        unit=says.unit,
        kind=says.kind,
        title=says.title,
        severity=says.severity,
        sector=says.sector,
        determined_on=says.determined_on,
        earliest_on=earliest,
        reached=earliest is None or earliest <= on,
        regimes=regimes(reckoning),
    )


def record_document(read: FoldsAt, name: str, on: date, language: str) -> ShownRepairRecord:
    """Return everything that matters for the repair of one record on a day.

    It contains the dates of the record, each condition with its evidence (from the documents of the
    open case, if there is one), and, for an ended record, which subscribers have removed it.
    """
    record = read(Record(name))
    entity = record.says.entity
    open_case = read(RepairsOf(entity)).asked_for(name)
    case = None if open_case is None else read(RepairCase(open_case))
    asked = Asked(entity, (name,))
    if case is not None:
        asked = msgspec.structs.replace(Asked.by(case), records=(name,))
    ended = record.ended
    names = RecordRemoval.__struct_fields__
    return ShownRepairRecord(
        **msgspec.structs.asdict(brief(read, name, on)),
        ended=UNSET if ended is None else RecordEnd(ended.terminated_on, ended.reason),
        repair=UNSET if case is None else OpenRepair(case.repair, case.stage),
        on=on,
        conditions=[_shown(condition, language) for condition in conditions(read, asked, on)],
        removals=[
            RecordRemoval(*(getattr(removal, name) for name in names))
            for removal in read(RemovalsOf(name)).removals.values()
        ],
    )


def case_conditions(
    read: FoldsAt, case: RepairCase, on: date, language: str
) -> list[ShownCondition]:
    """Return the conditions of a case on a day, for those of its records that exist.

    ``language``: that of their messages.
    """
    asked = msgspec.structs.replace(Asked.by(case), records=_known(read, case.records))
    return [_shown(condition, language) for condition in conditions(read, asked, on)]


def earliest_dates(read: FoldsAt, records: Iterable[str], on: date) -> list[RepairableRecord]:
    """Return the existing records of a case, each with its dates."""
    return [brief(read, name, on) for name in _known(read, records)]


def _known(read: FoldsAt, records: Iterable[str]) -> tuple[str, ...]:
    """Return the records that exist in the ledger; a case may name others."""
    return tuple(name for name in records if read(Record(name)).exists)


def _shown(condition: Condition, language: str) -> ShownCondition:
    refusal = None if condition.met else Refusal(condition.rule, **condition.details)
    return ShownCondition(
        rule_id=condition.rule.id,
        law=condition.rule.law,
        met=condition.met,
        evidence=list(condition.evidence),
        record=UNSET if condition.record is None else condition.record,
        message=UNSET if refusal is None else say(refusal.message, language),
        fix_hint=UNSET if refusal is None else say(refusal.hint, language),
        details={
            name: in_words(value, language)
            for name, value in condition.details.items()
            if value is not None and name != "record"
        },
    )
