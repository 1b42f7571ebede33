"""Commands of grading: record a grade, compute it, or set it by hand (2.4d)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.general.roles import roles
from ledger.general.vocabulary import EntityId, Grade, Name, Role, Text
from ledger.kernel import (
    DatedAct,
    Event,
    Inquiry,
    Malformed,
    OutOfStep,
    Report,
    Rule,
    UnknownReference,
    message,
)
from ledger.systems.credit.folds import CreditRecords
from ledger.systems.entities.rules import require_listed
from ledger.systems.grading import rules
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.grading.folds import CreditGrade, inputs_hash

Factors = Annotated[tuple[Factor, ...], msgspec.Meta(min_length=1, max_length=200)]


class AssignGrade(DatedAct):
    """录入信用等级: record a grade of the national or the regional assessment."""

    ROLES = roles("credit_officer")

    entity: EntityId
    scheme: Name
    grade: Grade
    assessed_on: date
    source: Literal["samr", "edb"]
    factors: Factors

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        if self.assessed_on > inquiry.on:
            raise Malformed(
                "grading.assessed-on-must-not-after",
                pointer="/assessed_on",
                on=inquiry.on,
                assessed_on=self.assessed_on,
            )
        _check_factors(inquiry, self.entity, self.factors)
        yield CreditGradeAssigned(
            entity=self.entity,
            scheme=self.scheme,
            grade=self.grade,
            assessed_on=self.assessed_on,
            source=self.source,
            factors=self.factors,
            inputs_hash=inputs_hash(self.factors),
        )


class RecomputeGrade(Report):
    """重新评定信用等级: announce the grade of a business by its credit record of today.

    Nothing is recorded if this grade was announced already from the same factors, or while a grade
    assessed elsewhere is in force. The clock sends this every month (国市监信发〔2022〕6号).
    """

    ROLES = roles("credit_officer", "ledger_clock")

    entity: EntityId

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        known = inquiry.read(CreditGrade(self.entity))
        by_clock = inquiry.actor.role == "ledger_clock"
        announcement = known.announcement(inquiry.on, by_clock=by_clock)
        if announcement is not None:
            yield announcement


class OverrideGrade(Countersigned):
    """人工调整信用等级: set a grade by hand, with a reason (GRD-R1).

    A second person must approve it. The grade counts as assessed on the day of the approval.
    """

    ROLES = roles("credit_officer")

    NAME: ClassVar[str] = "grading.override-grade"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset({"credit_officer"})

    entity: EntityId
    scheme: Name
    grade: Grade
    factors: Factors
    override_reason: Text | None = None

    def same_person(self, inquiry: Inquiry, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return rules.GRD_R1, {
            "missing": message("general.requested-cannot-approve-too", person=person)
        }

    def effect(self, inquiry: Inquiry, requested_by: str | None) -> Iterator[Event]:
        require_listed(inquiry, self.entity)
        inquiry.require(
            self.override_reason, rules.GRD_R1, missing=message("general.no-reason-given")
        )
        _check_factors(inquiry, self.entity, self.factors)
        override = CreditGradeAssigned(
            entity=self.entity,
            scheme=self.scheme,
            grade=self.grade,
            assessed_on=inquiry.on,
            source="edb",
            factors=self.factors,
            inputs_hash=inputs_hash(self.factors),
            override=True,
            override_reason=self.override_reason,
            second_approver=inquiry.actor.person_id,
        )
        newest = inquiry.read(CreditGrade(self.entity)).assessment(inquiry.on)
        if newest is not None and _alike(newest.event, override):
            raise OutOfStep("grading.grade-set-hand-today-already", entity=self.entity)
        yield override


def _alike(first: CreditGradeAssigned, second: CreditGradeAssigned) -> bool:
    """Return whether two grades are equal except for their second approvers."""
    return msgspec.structs.replace(first, second_approver=second.second_approver) == second


def _check_factors(inquiry: Inquiry, entity: str, factors: tuple[Factor, ...]) -> None:
    inquiry.require(any(f.kind != "complaint_count" for f in factors), rules.GRD_R3)
    known = inquiry.read(CreditRecords(entity))
    void = known.void(inquiry.on)
    for factor in factors:
        if factor.record is not None and factor.record not in known.records:
            raise UnknownReference(
                "record", factor.record, "grading.describe-factor-not-record-says"
            )
        inquiry.require(
            factor.record not in void,
            rules.GRD_R2,
            record=factor.record,
            why=void.get(factor.record or ""),
        )
