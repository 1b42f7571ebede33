"""Events of grading (信用分级, 2.4d)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from ledger.general.vocabulary import Badge, EntityId, Grade, Name, Sha256, Text
from ledger.kernel import Event, Value


class Factor(Value, omit_defaults=True):
    """One reason for a grade: what kind, which record shows it, what it says."""

    kind: Literal[
        "serious_list",
        "serious_record",
        "general_record",
        "abnormal_list",
        "breached_commitment",
        "no_negative_24_months",
        "no_issue_inspection",
        "fulfilled_commitment",
        "complaint_count",
        "external_assessment",
        "other",
    ]
    record: Name | None = None
    says: Text | None = None


class CreditGradeAssigned(Event):
    """信用等级评定: the grade of a business from ``assessed_on`` on.

    ``inputs_hash`` is SHA-256 over the canonical JSON of ``factors``; ``override`` marks a manual
    grade, which has a reason and a second approver (GRD-R1): its actor, since two people sign it;
    who requested it is named by the approval that it follows from.
    """

    TOPIC: ClassVar[str] = "grading.credit-grade-assigned"
    VISIBILITY = "shared"

    entity: EntityId
    scheme: Name
    grade: Grade
    assessed_on: date
    source: Literal["samr", "edb", "local_rule"]
    factors: tuple[Factor, ...]
    inputs_hash: Sha256
    override: bool = False
    override_reason: Text | None = None
    second_approver: Badge | None = None
