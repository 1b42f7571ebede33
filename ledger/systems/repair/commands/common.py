"""What the commands of repair have in common: whose case it is, its conditions, its days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ledger.kernel import Malformed, OutOfStep, Reading
from ledger.kernel.days import add_months
from ledger.systems.credit.folds import Record, record_of
from ledger.systems.credit.regimes import reckoned
from ledger.systems.repair import rules
from ledger.systems.repair.conditions import FALSE_BAR, Asked, conditions
from ledger.systems.repair.folds import RepairCase


def require_determiner(ledger: Reading, unit: str) -> None:
    """谁认定、谁修复: only the unit that determined a record decides on its repair (REP-R6)."""
    ledger.require(
        ledger.actor.unit_id == unit, rules.REP_R6, actor=ledger.actor.unit_id, unit=unit
    )


def own_case(ledger: Reading, name: str, *stages: str) -> RepairCase:
    """The case, for the unit that decides on it, in one of these stages."""
    case = ledger.known(RepairCase(name), "Apply first.")
    require_determiner(ledger, case.unit)
    require_stage(case, *stages)
    return case


def require_stage(case: RepairCase, *stages: str) -> None:
    """Refuse a case that stands elsewhere."""
    if case.stage not in stages:
        raise OutOfStep(
            f"repair {case.repair} is {case.stage}; this leads on from {' or '.join(stages)}"
        )


def negative_records(ledger: Reading, entity: str, names: Iterable[str]) -> list[Record]:
    """Records that speak against one business, all of one unit."""
    records = [
        record_of(ledger, name, entity, "Only what is on record is repaired.") for name in names
    ]
    if len({record.record for record in records}) < len(records):
        raise Malformed("a record is named twice", "/records")
    for record in records:
        if not record.negative:
            raise OutOfStep(f"record {record.record} does not speak against {entity}")
    units = sorted({record.determined_by for record in records})
    if len(units) > 1:
        raise Malformed(
            f"these records were determined by {', '.join(units)}: apply for each unit by itself",
            "/records",
        )
    return records


def require_alive(ledger: Reading, records: Iterable[Record]) -> None:
    """Refuse what has ended: there is nothing left to repair."""
    for record in records:
        if record.ended is not None:
            raise OutOfStep(
                f"record {record.record} ended on {record.ended.terminated_on}: "
                f"{record.ended.reason}"
            )


def require_conditions(ledger: Reading, asked: Asked, records: Iterable[Record]) -> None:
    """Refuse under the first condition that is not met, with the policies that were applied."""
    for record in records:
        assert record.says is not None
        reckoned(ledger, record.says, () if record.started is None else record.started.channels)
    ledger.policy(FALSE_BAR)
    for condition in conditions(ledger.read, asked, ledger.on):
        ledger.require(condition.met, condition.rule, **condition.details)


def require_free(ledger: Reading, fee_fen: int) -> None:
    """A repair costs nothing (REP-R8)."""
    ledger.require(fee_fen == 0, rules.REP_R8, fee_fen=fee_fen)


def bar_until(ledger: Reading) -> date | None:
    """The last day on which who cheats today is barred; ``None`` where no law bars anybody."""
    version = ledger.policy(FALSE_BAR)
    return None if version is None else add_months(ledger.on, 12 * int(version.value))
