"""Checks shared by the repair commands: who may act, the conditions and the records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ledger.kernel import Inquiry, Malformed, OutOfStep
from ledger.kernel.days import add_months
from ledger.systems.credit.folds import Record, record_of
from ledger.systems.credit.regimes import reckoned
from ledger.systems.repair import rules
from ledger.systems.repair.conditions import FALSE_BAR, Asked, conditions
from ledger.systems.repair.folds import RepairCase


def require_determiner(inquiry: Inquiry, unit: str) -> None:
    """Require that the actor's unit determined the record (REP-R6): 谁认定、谁修复."""
    inquiry.require(
        inquiry.actor.unit_id == unit, rules.REP_R6, actor=inquiry.actor.unit_id, unit=unit
    )


def own_case(inquiry: Inquiry, name: str, *stages: str) -> RepairCase:
    """Return the case if the actor's unit decides on it and it is at one of these stages."""
    case = inquiry.known(RepairCase(name), "repair.apply-repair-first")
    require_determiner(inquiry, case.unit)
    require_stage(case, *stages)
    return case


def require_stage(case: RepairCase, *stages: str) -> None:
    """Require that the case is at one of these stages."""
    if case.stage not in stages:
        raise OutOfStep(
            "repair.repair-must-be", repair=case.repair, stages=stages, stage=case.stage
        )


def negative_records(inquiry: Inquiry, entity: str, names: Iterable[str]) -> list[Record]:
    """Return the negative records of one business, all determined by one unit."""
    records = [
        record_of(inquiry, name, entity, "repair.only-recorded-record-can-repaired")
        for name in names
    ]
    if len({record.record for record in records}) < len(records):
        raise Malformed("repair.each-record-must-be-named-only-once", pointer="/records")
    for record in records:
        if not record.negative:
            raise OutOfStep(
                "repair.record-must-be-negative-repaired", record=record.record, entity=entity
            )
    units = sorted({record.determined_by for record in records})
    if len(units) > 1:
        raise Malformed(
            "repair.all-records-must-be-determined-one-unit",
            pointer="/records",
            units=units,
        )
    return records


def require_alive(inquiry: Inquiry, records: Iterable[Record]) -> None:
    """Refuse records that have ended; they cannot be repaired."""
    for record in records:
        if record.ended is not None:
            raise OutOfStep(
                "repair.record-must-still-live",
                record=record.record,
                terminated_on=record.ended.terminated_on,
                reason=record.ended.reason,
            )


def require_conditions(inquiry: Inquiry, asked: Asked, records: Iterable[Record]) -> None:
    """Refuse under the first condition that is not met; the refusal names the policies used."""
    for record in records:
        reckoned(inquiry, record.says, () if record.started is None else record.started.channels)
    inquiry.policy(FALSE_BAR)
    for condition in conditions(inquiry.read, asked, inquiry.on):
        inquiry.require(condition.met, condition.rule, **condition.details)


def require_free(inquiry: Inquiry, fee_fen: int) -> None:
    """Require that a repair is free of charge (REP-R8)."""
    inquiry.require(fee_fen == 0, rules.REP_R8, fee_fen=fee_fen)


def bar_until(inquiry: Inquiry) -> date | None:
    """Return the last day of a bar for cheating today; ``None`` if no policy sets a bar."""
    version = inquiry.policy(FALSE_BAR)
    return None if version is None else add_months(inquiry.on, 12 * int(version.value))
