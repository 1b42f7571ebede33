"""Commands of grading: assessed elsewhere, computed here, or set by hand (2.4d)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.corrections.folds import require_known
from ledger.credit.folds import CreditRecords
from ledger.entities.rules import require_listed
from ledger.grading import rules
from ledger.grading.events import CreditGradeAssigned, Factor
from ledger.grading.folds import (
    CreditGrade,
    due_by_month,
    inputs_hash,
    local_grade,
    says_anew,
)
from ledger.kernel import Command, Event, Malformed, Reading
from ledger.vocabulary import Badge, EntityId, Grade, Name, Text

Factors = Annotated[tuple[Factor, ...], msgspec.Meta(min_length=1, max_length=200)]


class AssignGrade(Command):
    """录入信用等级: a grade that the national or the regional assessment gives."""

    entity: EntityId
    scheme: Name
    grade: Grade
    assessed_on: date
    source: Literal["samr", "edb"]
    factors: Factors

    def decide(self, ledger: Reading) -> Iterator[Event]:
        if self.assessed_on > ledger.on:
            raise Malformed("assessed_on lies in the future", "/assessed_on")
        _check_factors(ledger, self.entity, self.factors)
        yield CreditGradeAssigned(
            entity=self.entity,
            scheme=self.scheme,
            grade=self.grade,
            assessed_on=self.assessed_on,
            source=self.source,
            factors=self.factors,
            inputs_hash=inputs_hash(self.factors),
        )


class RecomputeGrade(Command):
    """重新评定信用等级: the grade that the local rule gives today, from what stands on record.

    Nothing is recorded when the grade in force is this one, from the same factors. The clock, which
    looks every month (国市监信发〔2022〕6号), leaves alone what was assessed elsewhere.
    """

    entity: EntityId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        grade, factors = local_grade(ledger.read(CreditRecords(self.entity)), ledger.on)
        last = ledger.read(CreditGrade(self.entity)).assessment(ledger.on)
        by_clock = ledger.actor.role == "ledger_clock"
        if not (due_by_month if by_clock else says_anew)(last, grade, factors):
            return
        yield CreditGradeAssigned(
            entity=self.entity,
            scheme="local",
            grade=grade,
            assessed_on=ledger.on,
            source="local_rule",
            factors=factors,
            inputs_hash=inputs_hash(factors),
        )


class OverrideGrade(Command):
    """人工调整信用等级: a grade set by hand, with a reason and a second approver (GRD-R1).

    The second approver is somebody whom the ledger knows.
    """

    entity: EntityId
    scheme: Name
    grade: Grade
    factors: Factors
    override_reason: Text | None = None
    second_approver: Badge | None = None

    def decide(self, ledger: Reading) -> Iterator[Event]:
        require_listed(ledger, self.entity)
        missing = [
            what
            for what, there in (
                ("no reason is given", self.override_reason),
                ("no second approver is named", self.second_approver),
                (
                    f"{self.second_approver} is the first one",
                    self.second_approver != ledger.actor.person_id,
                ),
            )
            if not there
        ]
        ledger.require(not missing, rules.GRD_R1, missing="; ".join(missing))
        assert self.second_approver is not None
        require_known(ledger, self.second_approver)
        _check_factors(ledger, self.entity, self.factors)
        yield CreditGradeAssigned(
            entity=self.entity,
            scheme=self.scheme,
            grade=self.grade,
            assessed_on=ledger.on,
            source="edb",
            factors=self.factors,
            inputs_hash=inputs_hash(self.factors),
            override=True,
            override_reason=self.override_reason,
            second_approver=self.second_approver,
        )


def _check_factors(ledger: Reading, entity: str, factors: tuple[Factor, ...]) -> None:
    ledger.require(any(f.kind != "complaint_count" for f in factors), rules.GRD_R3)
    void = ledger.read(CreditRecords(entity)).void(ledger.on)
    for factor in factors:
        ledger.require(
            factor.record not in void,
            rules.GRD_R2,
            record=factor.record,
            why=void.get(factor.record or ""),
        )
