"""Events of penalty decisions: decided, served, published, withdrawn (行政处罚, 2.8)."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from ledger.credit.events import Sector, Severity
from ledger.kernel import Event
from ledger.vocabulary import CaseId, DecisionId, EntityId, Fen, Name, Text, UnitId

#: 行政处罚的种类 (行政处罚法 Art. 9).
PenaltyType = Literal[
    "warning",
    "circular_criticism",
    "fine",
    "confiscation",
    "licence_suspension",
    "qualification_lowered",
    "licence_revocation",
    "activity_restriction",
    "suspension_of_business",
    "closure_order",
    "occupation_ban",
    "detention",
    "other",
]
WithdrawalReason = Literal["altered", "revoked", "unlawful", "void"]


class PenaltyDecided(Event):
    """行政处罚决定: a unit has decided on a penalty (行政处罚法 Art. 57).

    ``severity`` and ``sector`` classify what a credit record about it would say; the decision is no
    record yet. ``benchmark_ref`` is the discretion benchmark (裁量基准) that it follows.
    """

    TOPIC: ClassVar[str] = "penalties.penalty-decided"
    CORRECTABLE = frozenset({"doc_no", "facts"})

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    case: CaseId
    doc_no: Name
    decided_on: date
    types: tuple[PenaltyType, ...]
    severity: Severity
    facts: Text
    fine_fen: Fen = 0
    benchmark_ref: Name | None = None
    sector: Sector = "general"


class PenaltyServed(Event):
    """送达: the decision is in the hands of the business, and the repair notice with it (两书同达).

    ``days_late`` counts calendar days after ``penalty.serve_wd`` (行政处罚法 Art. 61).
    """

    TOPIC: ClassVar[str] = "penalties.penalty-served"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    served_on: date
    repair_notice: bool
    days_late: int = 0


class DecisionPublished(Event):
    """处罚决定公开: the public can read the decision (行政处罚法 Art. 48).

    ``redactions`` says what kinds of content were left out of ``summary``; ``days_late`` counts
    calendar days after ``publicity.penalty_wd``.
    """

    TOPIC: ClassVar[str] = "penalties.decision-published"
    VISIBILITY = "public"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    summary: Text
    published_on: date
    redactions: tuple[Name, ...] = ()
    url: Name | None = None
    days_late: int = 0


class DecisionWithdrawn(Event):
    """撤回公开的处罚决定: altered, revoked, unlawful or void, with a public reason (Art. 48).

    ``nullified_on`` is the day on which it was; ``days_late`` counts calendar days after
    ``publicity.withdraw_wd``.
    """

    TOPIC: ClassVar[str] = "penalties.decision-withdrawn"
    VISIBILITY = "public"

    decision: DecisionId
    entity: EntityId
    unit: UnitId
    reason: WithdrawalReason
    nullified_on: date
    withdrawn_on: date
    explanation: Text
    explanation_url: Name | None = None
    days_late: int = 0
