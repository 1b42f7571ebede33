"""Folds about grades."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import msgspec

from ledger.credit.folds import CreditRecords
from ledger.grading.events import CreditGradeAssigned, Factor
from ledger.kernel import Fold
from ledger.kernel.days import add_months
from ledger.vocabulary import EntityId, Grade

#: The grade of a business that nobody has graded: "else B" (2.4d).
UNGRADED: Grade = "B"


class CreditGrade(Fold):
    """Which grade had this business on which day?"""

    entity: EntityId
    assigned: list[CreditGradeAssigned] = msgspec.field(default_factory=list)

    def on_assigned(self, event: CreditGradeAssigned) -> None:
        self.assigned.append(event)

    def assessment(self, day: date) -> CreditGradeAssigned | None:
        """The assessment in force on a day: the newest one not after it."""
        newest: CreditGradeAssigned | None = None
        for event in self.assigned:
            if event.assessed_on <= day and (
                newest is None or event.assessed_on >= newest.assessed_on
            ):
                newest = event
        return newest

    def on(self, day: date) -> Grade:
        """The grade in force on a day."""
        newest = self.assessment(day)
        return newest.grade if newest else UNGRADED


def local_grade(records: CreditRecords, on: date) -> tuple[Grade, tuple[Factor, ...]]:
    """The grade that the local fallback rule gives on a day, and its factors (2.4d).

    D: on the serious list, or serious information that is not repaired. C: general information in
    publicity, on the abnormal list, or a commitment breached less than 12 months ago. A: nothing
    negative for 24 months and something good: an inspection without issue, a commitment kept.
    Else B.
    """
    a_year_ago, two_years_ago = add_months(on, -12), add_months(on, -24)
    severe: list[Factor] = []
    elevated: list[Factor] = []
    good: dict[str, Factor] = {}
    for record in records.live(on):
        says = record.says
        assert says is not None
        if says.kind == "serious_list":
            severe.append(Factor(kind="serious_list", record=record.record))
        elif says.severity == "serious":
            severe.append(Factor(kind="serious_record", record=record.record))
        elif says.kind == "abnormal_list":
            elevated.append(Factor(kind="abnormal_list", record=record.record))
        elif says.severity == "general" and record.in_publicity(on):
            elevated.append(Factor(kind="general_record", record=record.record))
        elif says.kind == "inspection_result" and says.result == "no_issue":
            good[says.kind] = Factor(kind="no_issue_inspection", record=record.record)
        elif says.kind == "commitment" and says.fulfilled:
            good[says.kind] = Factor(kind="fulfilled_commitment", record=record.record)
    negative = records.negative(two_years_ago, on)
    for record in negative:
        assert record.says is not None
        if record.says.kind == "commitment_breach" and record.says.determined_on > a_year_ago:
            elevated.append(Factor(kind="breached_commitment", record=record.record))
    if severe:
        return "D", tuple(severe)
    if elevated:
        return "C", tuple(elevated)
    clean = () if negative else (Factor(kind="no_negative_24_months"),)
    return ("A" if clean and good else "B"), (*clean, *good.values())


def says_anew(last: CreditGradeAssigned | None, grade: Grade, factors: tuple[Factor, ...]) -> bool:
    """Whether a grade of the local rule says anything that the assessment in force does not."""
    return (
        last is None
        or last.source != "local_rule"
        or (last.grade, last.inputs_hash) != (grade, inputs_hash(factors))
    )


def due_by_month(
    last: CreditGradeAssigned | None, grade: Grade, factors: tuple[Factor, ...]
) -> bool:
    """Whether the monthly look has to record what the local rule gives.

    The local rule is what is fallen back on: a grade that was assessed elsewhere, or set by hand,
    stands until it is assessed anew there. A business that nobody has graded is B without a record.
    """
    if last is None:
        return grade != UNGRADED
    return last.source == "local_rule" and says_anew(last, grade, factors)


def inputs_hash(factors: tuple[Factor, ...]) -> str:
    """SHA-256 over the canonical JSON of factors: keys sorted, UTF-8, no spaces."""
    return sha256(msgspec.json.encode(factors, order="sorted")).hexdigest()
