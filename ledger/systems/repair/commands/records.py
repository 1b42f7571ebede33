"""Commands on duties performed, exclusion by law, shields, misconduct and fees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ledger.general.findings import finding
from ledger.general.roles import UNIT, roles
from ledger.general.vocabulary import EntityId, Fen, Name, RecordId, RepairId, Text, UnitId
from ledger.kernel import Act, Event, Inquiry, LegalRef, Malformed, OutOfStep, Report
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


class RecordDutiesPerformed(Report):
    """记录义务履行情况: record that the business performed a duty from a record of the unit."""

    ROLES = roles("credit_officer", *UNIT)

    record: RecordId
    duty: Duty
    performed_on: date
    evidence: Evidence

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = _own_record(inquiry, self.record)
        says, unit = record.says, record.determined_by
        if not says.determined_on <= self.performed_on <= inquiry.on:
            raise Malformed(
                "repair.performed-on-must-lie-between-determination",
                pointer="/performed_on",
                determined_on=says.determined_on,
                on=inquiry.on,
                performed_on=self.performed_on,
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
    """认定不可修复: name the law or central policy that excludes a record from repair."""

    ROLES = roles("credit_officer", "unit_head")

    record: RecordId
    law: LegalRef

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = _own_record(inquiry, self.record)
        if not record.negative or record.ended is not None:
            raise OutOfStep(
                "repair.record-must-be-negative-live-excluded-repair", record=self.record
            )
        known = inquiry.read(Duties(self.record)).excluded_by
        if known is not None:
            raise OutOfStep(
                "repair.record-already-excluded", record=self.record, instrument=known.instrument
            )
        yield RepairExcluded(
            record=self.record,
            entity=record.says.entity,
            unit=record.determined_by,
            law=self.law,
        )


class ReadmitToRepair(Act):
    """撤回不可修复认定: allow the repair of an excluded record of the unit again."""

    ROLES = roles("credit_officer", "unit_head")

    record: RecordId
    reason: Text

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        record = _own_record(inquiry, self.record)
        says, unit = record.says, record.determined_by
        if inquiry.read(Duties(self.record)).excluded_by is None:
            raise OutOfStep("repair.record-must-be-excluded-repair", record=self.record)
        yield RepairReadmitted(
            record=self.record, entity=says.entity, unit=unit, reason=self.reason
        )


class GrantTemporaryShield(Act):
    """重整期间临时屏蔽: hide records while a court's reorganisation plan is carried out.

    ``until`` is the last day, if the ruling sets one; without it a command must resume publicity.
    """

    ROLES = roles("credit_officer", "unit_head")

    entity: EntityId
    records: Records
    court_ruling: Name
    ruled_on: date
    until: date | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.ruled_on > inquiry.on:
            raise Malformed(
                "repair.ruled-on-must-not-lie-after-today",
                pointer="/ruled_on",
                on=inquiry.on,
                ruled_on=self.ruled_on,
            )
        if self.until is not None and self.until < inquiry.on:
            raise Malformed(
                "repair.until-must-not-lie-before-today",
                pointer="/until",
                on=inquiry.on,
                until=self.until,
            )
        records = negative_records(inquiry, self.entity, self.records)
        unit = records[0].determined_by
        require_determiner(inquiry, unit)
        for record in records:
            if not record.in_publicity(inquiry.on):
                raise OutOfStep("repair.record-must-be-public-shielded", record=record.record)
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
                suspended_on=inquiry.on,
                reason=f"重整期间临时屏蔽: {self.court_ruling}",
                until=self.until,
            )


class RecordRepairMisconduct(Report):
    """记录修复失信行为: record that a business cheated in a repair that is not granted."""

    ROLES = roles("credit_officer", *UNIT)

    repair: RepairId
    reason: RevocationReason
    facts: Text
    evidence: Evidence

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        case = inquiry.known(RepairCase(self.repair), "repair.apply-repair-first")
        require_determiner(inquiry, case.unit)
        if case.stage == "granted":
            raise OutOfStep("repair.repair-must-not-granted", repair=self.repair)
        until = bar_until(inquiry)
        if until is None:
            raise OutOfStep("repair.policy-repair-false-bar-years-must-be-force", on=inquiry.on)
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
    """报告修复收费: report that money was demanded or taken for a repair (REP-V4).

    ``collected_by`` names the collector; ``unit`` names the unit responsible, if any.
    """

    ROLES = roles("entity_rep", "jb_supervisor", "credit_officer", *UNIT)
    ANY_UNIT = roles("credit_officer", "entity_rep", "jb_supervisor")

    entity: EntityId
    collected_by: Name
    amount_fen: Fen
    facts: Text
    unit: UnitId | None = None
    repair: RepairId | None = None

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.repair is not None:
            case = inquiry.known(RepairCase(self.repair))
            if case.entity != self.entity:
                raise Malformed(
                    "repair.repair-must-be-repair",
                    pointer="/repair",
                    entity=self.entity,
                    repair=self.repair,
                )
        yield RepairFeeReported(
            entity=self.entity,
            collected_by=self.collected_by,
            amount_fen=self.amount_fen,
            facts=self.facts,
            unit=self.unit,
            repair=self.repair,
        )
        yield finding(
            inquiry,
            rules.REP_V4,
            unit=self.unit,
            entity=self.entity,
            collected_by=self.collected_by,
            amount_fen=self.amount_fen,
            repair=self.repair,
        )


def _own_record(inquiry: Inquiry, name: str) -> Record:
    record = inquiry.known(Record(name), "general.enter-record-first")
    require_determiner(inquiry, record.determined_by)
    return record
