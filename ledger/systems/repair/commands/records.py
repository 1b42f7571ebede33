"""What else bears on repair: duties seen performed, exclusion by law, shields, misconduct, fees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import EntityId, Fen, Name, RecordId, RepairId, Text, UnitId
from ledger.kernel import Act, Event, LegalRef, Malformed, OutOfStep, Reading, Report
from ledger.systems.credit.events import PublicitySuspended
from ledger.systems.credit.folds import Record
from ledger.systems.repair import rules
from ledger.systems.repair.commands.common import bar_until, negative_records, require_determiner
from ledger.systems.repair.commands.decisions import Evidence
from ledger.systems.repair.events import (
    DutiesPerformed,
    Duty,
    Records,
    RepairExcluded,
    RepairFeeReported,
    RepairMisconductRecorded,
    RepairReadmitted,
    RevocationReason,
    TemporaryShieldGranted,
)
from ledger.systems.repair.folds import Duties, RepairCase
from ledger.systems.supervision.findings import finding


class RecordDutiesPerformed(Report):
    """记录义务履行情况: the unit has seen done what a record of its own asked of the business."""

    ROLES = roles("credit_officer", *UNIT)

    record: RecordId
    duty: Duty
    performed_on: date
    evidence: Evidence

    def decide(self, ledger: Reading) -> Iterator[Event]:
        record = _own_record(ledger, self.record)
        says, unit = record.says, record.determined_by
        assert says is not None
        if not says.determined_on <= self.performed_on <= ledger.on:
            raise Malformed(
                f"performed_on lies between the determination of {says.determined_on} and "
                f"{ledger.on}",
                "/performed_on",
            )
        yield DutiesPerformed(
            record=self.record,
            entity=says.entity,
            unit=unit,
            duty=self.duty,
            performed_on=self.performed_on,
            evidence=self.evidence,
        )


class ExcludeFromRepair(Act):
    """认定不可修复: say which law or central policy shuts a record out of repair."""

    ROLES = roles("credit_officer", "unit_head")

    record: RecordId
    law: LegalRef

    def decide(self, ledger: Reading) -> Iterator[Event]:
        record = _own_record(ledger, self.record)
        assert record.says is not None
        if not record.negative or record.ended is not None:
            raise OutOfStep(f"record {self.record} is none that could be repaired")
        known = ledger.read(Duties(self.record)).excluded_by
        if known is not None:
            raise OutOfStep(f"record {self.record} is excluded already, by {known.instrument}")
        yield RepairExcluded(
            record=self.record,
            entity=record.says.entity,
            unit=record.determined_by,
            law=self.law,
        )


class ReadmitToRepair(Act):
    """撤回不可修复认定: let a record of the own unit that was shut out be repaired after all."""

    ROLES = roles("credit_officer", "unit_head")

    record: RecordId
    reason: Text

    def decide(self, ledger: Reading) -> Iterator[Event]:
        record = _own_record(ledger, self.record)
        says, unit = record.says, record.determined_by
        assert says is not None
        if ledger.read(Duties(self.record)).excluded_by is None:
            raise OutOfStep(f"record {self.record} is not excluded from repair")
        yield RepairReadmitted(
            record=self.record, entity=says.entity, unit=unit, reason=self.reason
        )


class GrantTemporaryShield(Act):
    """重整期间临时屏蔽: do not show records while a court's reorganisation plan is carried out.

    ``until`` is the last day, if the ruling sets one; without it publicity is resumed by hand.
    """

    ROLES = roles("credit_officer", "unit_head")

    entity: EntityId
    records: Records
    court_ruling: Name
    ruled_on: date
    until: date | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if self.ruled_on > ledger.on:
            raise Malformed("ruled_on lies in the future", "/ruled_on")
        if self.until is not None and self.until < ledger.on:
            raise Malformed("until lies before the day of the shield", "/until")
        records = negative_records(ledger, self.entity, self.records)
        unit = records[0].determined_by
        require_determiner(ledger, unit)
        for record in records:
            if not record.in_publicity(ledger.on):
                raise OutOfStep(f"record {record.record} is not shown; nothing is to be shielded")
        yield TemporaryShieldGranted(
            entity=self.entity,
            unit=unit,
            records=self.records,
            court_ruling=self.court_ruling,
            ruled_on=self.ruled_on,
            until=self.until,
        )
        for record in records:
            yield PublicitySuspended(
                record=record.record,
                entity=self.entity,
                unit=unit,
                suspended_on=ledger.on,
                reason=f"重整期间临时屏蔽: {self.court_ruling}",
                until=self.until,
            )


class RecordRepairMisconduct(Report):
    """记录修复失信行为: note that a business cheated in a repair that was not granted (yet)."""

    ROLES = roles("credit_officer", *UNIT)

    repair: RepairId
    reason: RevocationReason
    facts: Text
    evidence: Evidence

    def decide(self, ledger: Reading) -> Iterator[Event]:
        case = ledger.known(RepairCase(self.repair), "Apply first.")
        require_determiner(ledger, case.unit)
        if case.stage == "granted":
            raise OutOfStep(f"repair {self.repair} is granted; revoke it, which says the same")
        until = bar_until(ledger)
        if until is None:
            raise OutOfStep(f"no version of repair.false_bar_years is in force on {ledger.on}")
        yield RepairMisconductRecorded(
            entity=case.entity,
            unit=case.unit,
            reason=self.reason,
            facts=self.facts,
            evidence=self.evidence,
            bar_until=until,
            repair=self.repair,
        )


class ReportRepairFee(Report):
    """报告修复收费: somebody took, or asked for, money for a repair (REP-V4).

    ``collected_by`` is whoever did; ``unit`` the unit, if one stands behind it.
    """

    ROLES = roles("entity_rep", "jb_supervisor", "credit_officer", *UNIT)
    ACTS_FOR = "unit"
    ANY_UNIT = roles("credit_officer", "entity_rep", "jb_supervisor")

    entity: EntityId
    collected_by: Name
    amount_fen: Fen
    facts: Text
    unit: UnitId | None = None
    repair: RepairId | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if self.repair is not None:
            case = ledger.known(RepairCase(self.repair))
            if case.entity != self.entity:
                raise Malformed(f"repair {self.repair} is none of {self.entity}", "/repair")
        yield RepairFeeReported(
            entity=self.entity,
            collected_by=self.collected_by,
            amount_fen=self.amount_fen,
            facts=self.facts,
            unit=self.unit,
            repair=self.repair,
        )
        yield finding(
            ledger,
            rules.REP_V4,
            unit=self.unit,
            entity=self.entity,
            collected_by=self.collected_by,
            amount_fen=self.amount_fen,
            repair=self.repair,
        )


def _own_record(ledger: Reading, name: str) -> Record:
    record = ledger.known(Record(name), "Enter it first.")
    require_determiner(ledger, record.determined_by)
    return record
