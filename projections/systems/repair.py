"""Repair (信用修复, 2.4e): the cases, and what an officer works from.

Whether a record can be repaired depends on the day and on policies adopted later: it is reckoned
when it is asked, by the same functions that decide.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from ledger.kernel import Fold, Refusal
from ledger.kernel.policies import PolicyVersions
from ledger.systems.credit.folds import Record
from ledger.systems.credit.regimes import Reckoning, reckon
from ledger.systems.repair.conditions import Asked, Condition, conditions
from ledger.systems.repair.folds import RepairCase, RepairsOf
from ledger.systems.sharing.folds import RemovalsOf
from projections.profiles import regimes
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


class Reader:
    """Folds as of one position, each read from the ledger once."""

    def __init__(self, source: Source, position: int) -> None:
        self._source = source
        self._position = position
        self._known: dict[Hashable, Any] = {}

    def __call__(self, fold: F, /) -> F:
        """The answer to a question."""
        question = fold.question()
        if question not in self._known:
            records = self._source.records([fold.selector()], self._position)
            self._known[question] = fold.blank().over(records)
        answer: F = self._known[question]
        return answer


def reckoning_of(read: Reader, record: Record) -> Reckoning:
    """What every regime says of a record."""
    assert record.says is not None
    channels = () if record.started is None else record.started.channels
    return reckon(record.says, channels, lambda key: read(PolicyVersions(key)))


def brief(read: Reader, name: str, on: date) -> dict[str, Any]:
    """A record as it stands in a list: what it is, and from when it can be repaired."""
    record = read(Record(name))
    says = record.says
    assert says is not None
    reckoning = reckoning_of(read, record)
    earliest = reckoning.earliest_on
    return {
        "record": name,
        "entity": says.entity,
        "unit": says.unit,
        "kind": says.kind,
        "title": says.title,
        "severity": says.severity,
        "sector": says.sector,
        "determined_on": says.determined_on,
        "earliest_on": earliest,
        "reached": earliest is None or earliest <= on,
        "regimes": regimes(reckoning),
    }


def record_document(
    read: Reader, name: str, on: date, case: RepairCase | None = None
) -> dict[str, Any]:
    """All that bears on the repair of one record, on a day.

    Its dates, each condition with what shows it (by the papers of the open case, if there is one),
    and who has removed it where it has ended.
    """
    record = read(Record(name))
    assert record.says is not None
    entity = record.says.entity
    if case is None:
        open_case = read(RepairsOf(entity)).asked_for(name)
        case = None if open_case is None else read(RepairCase(open_case))
    asked = Asked(entity, (name,))
    if case is not None:
        asked = msgspec.structs.replace(Asked.by(case), records=(name,))
    document = brief(read, name, on)
    if record.ended is not None:
        document["ended"] = {
            "on": record.ended.terminated_on,
            "reason": record.ended.reason,
        }
    if case is not None:
        document["repair"] = {"repair": case.repair, "stage": case.stage}
    document["on"] = on
    document["conditions"] = [_shown(one) for one in conditions(read, asked, on)]
    document["removals"] = [
        {
            "removal": removal.removal,
            "subscription": removal.subscription,
            "unit": removal.unit,
            "reason": removal.reason,
            "notified_on": removal.notified_on,
            "reminded_on": removal.reminded_on,
            "acknowledged_on": removal.acknowledged_on,
            "days_late": removal.days_late,
        }
        for removal in read(RemovalsOf(name)).removals.values()
    ]
    return document


def case_conditions(read: Reader, case: RepairCase, on: date) -> list[dict[str, Any]]:
    """The conditions of a case as they stand on a day, for its records that are known."""
    asked = msgspec.structs.replace(Asked.by(case), records=_known(read, case.records))
    return [_shown(one) for one in conditions(read, asked, on)]


def earliest_dates(read: Reader, records: Iterable[str], on: date) -> list[dict[str, Any]]:
    """The records of a case that are known, each with its dates."""
    return [brief(read, name, on) for name in _known(read, records)]


def _known(read: Reader, records: Iterable[str]) -> tuple[str, ...]:
    """The records of which the ledger says anything: others are gaps in what it holds."""
    return tuple(name for name in records if read(Record(name)).says is not None)


def _shown(condition: Condition) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "rule_id": condition.rule.id,
        "law": condition.rule.law,
        "met": condition.met,
        "evidence": list(condition.evidence),
    }
    if condition.record is not None:
        shown["record"] = condition.record
    if not condition.met:
        refusal = Refusal(condition.rule, **condition.details)
        shown["message"], shown["fix_hint"] = refusal.message, refusal.hint
    shown["details"] = {
        name: value
        for name, value in condition.details.items()
        if value is not None and name != "record"
    }
    return shown
