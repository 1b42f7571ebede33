"""Commands of grading: assessed elsewhere, computed here, or set by hand (2.4d)."""

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
    Malformed,
    OutOfStep,
    Reading,
    Report,
    Rule,
    UnknownReference,
)
from ledger.systems.credit.folds import CreditRecords
from ledger.systems.entities.rules import require_listed
from ledger.systems.grading import rules
from ledger.systems.grading.events import CreditGradeAssigned, Factor
from ledger.systems.grading.folds import CreditGrade, inputs_hash

Factors = Annotated[tuple[Factor, ...], msgspec.Meta(min_length=1, max_length=200)]


class AssignGrade(DatedAct):
    """录入信用等级: a grade that the national or the regional assessment gives."""

    ROLES = roles("credit_officer")

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


class RecomputeGrade(Report):
    """重新评定信用等级: announce the grade that a business has today, by what stands on record.

    Nothing is recorded when this grade was announced already, from the same factors, or while an
    assessment made elsewhere holds. The clock looks every month (国市监信发〔2022〕6号).
    """

    ROLES = roles("credit_officer", "ledger_clock")

    entity: EntityId

    def decide(self, ledger: Reading) -> Iterator[Event]:
        known = ledger.read(CreditGrade(self.entity))
        by_clock = ledger.actor.role == "ledger_clock"
        announcement = known.announcement(ledger.on, by_clock=by_clock)
        if announcement is not None:
            yield announcement


class OverrideGrade(Countersigned):
    """人工调整信用等级: a grade set by hand, with a reason, approved by a second person (GRD-R1).

    It is assessed on the day on which it is approved.
    """

    ROLES = roles("credit_officer")

    NAME: ClassVar[str] = "grading.override-grade"
    APPROVERS: ClassVar[frozenset[Role]] = frozenset({"credit_officer"})

    entity: EntityId
    scheme: Name
    grade: Grade
    factors: Factors
    override_reason: Text | None = None

    def same_person(self, ledger: Reading, person: str) -> tuple[Rule, Mapping[str, Any]]:
        return rules.GRD_R1, {"missing": f"{person} requested it and cannot approve it too"}

    def effect(self, ledger: Reading, requested_by: str | None) -> Iterator[Event]:
        require_listed(ledger, self.entity)
        ledger.require(self.override_reason, rules.GRD_R1, missing="no reason is given")
        _check_factors(ledger, self.entity, self.factors)
        override = CreditGradeAssigned(
            entity=self.entity,
            scheme=self.scheme,
            grade=self.grade,
            assessed_on=ledger.on,
            source="edb",
            factors=self.factors,
            inputs_hash=inputs_hash(self.factors),
            override=True,
            override_reason=self.override_reason,
            second_approver=ledger.actor.person_id,
        )
        newest = ledger.read(CreditGrade(self.entity)).assessment(ledger.on)
        if newest is not None and _alike(newest.event, override):
            raise OutOfStep(f"this grade of {self.entity} was set by hand today already")
        yield override


def _alike(one: CreditGradeAssigned, other: CreditGradeAssigned) -> bool:
    """Whether two grades say the same, whoever approved them."""
    return msgspec.structs.replace(one, second_approver=other.second_approver) == other


def _check_factors(ledger: Reading, entity: str, factors: tuple[Factor, ...]) -> None:
    ledger.require(any(f.kind != "complaint_count" for f in factors), rules.GRD_R3)
    known = ledger.read(CreditRecords(entity))
    void = known.void(ledger.on)
    for factor in factors:
        if factor.record is not None and factor.record not in known.records:
            raise UnknownReference("record", factor.record, "Name what is no record in says.")
        ledger.require(
            factor.record not in void,
            rules.GRD_R2,
            record=factor.record,
            why=void.get(factor.record or ""),
        )
