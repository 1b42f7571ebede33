"""Events of the two-lenient-one-exempt list and its use (两轻一免, 2.7)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from ledger.general.vocabulary import (
    Badge,
    CaseId,
    EntityId,
    EvidenceId,
    Name,
    Text,
    UnitId,
    ViolationCode,
)
from ledger.kernel import Event, Value
from ledger.systems.penalties.events import Leniency


class Condition(Value):
    """One condition of an item; ``kind`` says what the ledger itself can hold it against."""

    condition: Name
    kind: Literal[
        "minor",
        "timely_corrected",
        "no_harm",
        "slight_harm",
        "first_violation",
        "no_fault",
        "other",
    ]
    text: Text


class ListItem(Value, omit_defaults=True):
    """One item: which violation, under which conditions, is treated how, on which legal ground.

    ``excluded_if`` names circumstances in which the item does not hold, beside those that exclude
    every leniency (FLX-R3).
    """

    item: Name
    outcome: Leniency
    violation_code: ViolationCode
    basis: Name
    conditions: tuple[Condition, ...]
    excluded_if: tuple[Name, ...] = ()


class LeniencyListPublished(Event):
    """公布两轻一免清单: a unit's list of lenient, mitigated and exempt violations (Notice, task 6).

    Each version is complete and takes the place of the one before from ``effective_from`` on.
    """

    TOPIC: ClassVar[str] = "leniency.leniency-list-published"
    VISIBILITY = "public"

    unit: UnitId
    version: int
    effective_from: date
    items: tuple[ListItem, ...]
    url: Name | None = None


class ConditionMet(Value):
    """A condition of the item is met, and this piece of evidence shows it."""

    condition: Name
    evidence: EvidenceId


class ItemPassedOver(Value):
    """A more favourable item that was looked at and does not apply, and which condition fails."""

    item: Name
    list_version: int
    condition: Name
    reason: Text


class LeniencyApplied(Event):
    """适用两轻一免: an item of the list is applied in a case (行政处罚法 Arts. 32, 33).

    ``outcome`` is the item's. The last one of a case counts.
    """

    TOPIC: ClassVar[str] = "leniency.leniency-applied"

    case: CaseId
    entity: EntityId
    unit: UnitId
    item: Name
    list_version: int
    outcome: Leniency
    violation_code: ViolationCode
    conditions: tuple[ConditionMet, ...]
    applied_on: date
    passed_over: tuple[ItemPassedOver, ...] = ()


class EducationRecorded(Event):
    """教育: the business was taught what it did wrong and how to go on (行政处罚法 Art. 33)."""

    TOPIC: ClassVar[str] = "leniency.education-recorded"
    CORRECTABLE = frozenset({"content"})

    case: CaseId
    entity: EntityId
    unit: UnitId
    method: Literal["interview", "on_site", "letter", "training"]
    content: Text
    educated_on: date
    educated_by: Badge


class CorrectionCommitmentTaken(Event):
    """承诺改正: the business has promised to put it right by a day."""

    TOPIC: ClassVar[str] = "leniency.correction-commitment-taken"

    case: CaseId
    entity: EntityId
    unit: UnitId
    commitment: Text
    taken_on: date
    correct_by: date


class PromisedCorrectionVerified(Event):
    """核实承诺改正: what the business promised is put right, and by what that is seen.

    ``days_late`` counts calendar days after the day that was promised last.
    """

    TOPIC: ClassVar[str] = "leniency.promised-correction-verified"

    case: CaseId
    entity: EntityId
    unit: UnitId
    evidence: Text
    verified_on: date
    days_late: int = 0
