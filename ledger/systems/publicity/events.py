"""Events of publicity (行政执法公示, 2.8): ex ante, of acts other than penalties, and annual."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.general.vocabulary import (
    AnnualStatsId,
    DecisionId,
    EntityId,
    Fen,
    MatterId,
    Name,
    Sha256,
    Text,
    UnitId,
)
from ledger.kernel import Event, Value
from ledger.systems.catalogue.events import ActKind
from ledger.systems.penalties.events import WithdrawalReason

#: The items that a unit must publish before it enforces: bodies, officers, powers, basis,
#: procedure, remedies and the random-inspection list (国办发〔2018〕118号).
ExAnteItem = Literal["bodies", "officers", "powers", "basis", "procedure", "remedies", "draw_list"]
Count = Annotated[int, msgspec.Meta(ge=0)]


class AnnualFigures(Value):
    """年度行政执法数据: how many acts a unit took in a year; ``fines_fen`` is in fen."""

    licences: Count
    penalties: Count
    compulsions: Count
    inspections: Count
    other_acts: Count
    fines_fen: Fen
    reconsidered: Count
    litigated: Count


class ExAntePublished(Event):
    """事前公开: a unit publishes one of the items, for the first time or again.

    ``digest`` is the SHA-256 of the content published at ``url``.
    """

    TOPIC: ClassVar[str] = "publicity.ex-ante-published"
    VISIBILITY = "public"
    CORRECTABLE = frozenset({"title", "url"})

    unit: UnitId
    item: ExAnteItem
    title: Name
    url: Name
    digest: Sha256
    published_on: date


class ActDecided(Event):
    """作出行政执法决定: a unit decides on a licence or another act that is not a penalty.

    ``matter`` is published, and ``kind`` is its kind. ``withheld_because`` says why the law forbids
    publishing this act.
    """

    TOPIC: ClassVar[str] = "publicity.act-decided"
    CORRECTABLE = frozenset({"doc_no"})

    decision: DecisionId
    unit: UnitId
    entity: EntityId | None = None
    kind: ActKind
    matter: MatterId
    doc_no: Name
    decided_on: date
    withheld_because: Text | None = None


class ActServed(Event):
    """送达: the unit serves the act on the person or business that it concerns."""

    TOPIC: ClassVar[str] = "publicity.act-served"

    decision: DecisionId
    unit: UnitId
    entity: EntityId | None = None
    served_on: date


class ActPublished(Event):
    """执法结果公开: the unit publishes the act (国办发〔2018〕118号).

    ``redactions`` lists the kinds of content that were left out of ``summary``; ``days_late``
    counts calendar days after ``publicity.penalty_wd`` for licences and ``publicity.other_wd`` for
    other acts. The public reads the page of the act until it is withdrawn. It does not read this
    event, because a public feed cannot be taken back.
    """

    TOPIC: ClassVar[str] = "publicity.act-published"
    VISIBILITY = "shared"

    decision: DecisionId
    unit: UnitId
    entity: EntityId | None = None
    kind: ActKind
    summary: Text
    published_on: date
    redactions: tuple[Name, ...] = ()
    url: Name | None = None
    days_late: int = 0


class ActWithdrawn(Event):
    """撤下已公开的执法结果: the unit withdraws an act that was undone or altered, and says why.

    ``days_late`` counts calendar days after ``publicity.withdraw_wd``.
    """

    TOPIC: ClassVar[str] = "publicity.act-withdrawn"
    VISIBILITY = "public"

    decision: DecisionId
    unit: UnitId
    entity: EntityId | None = None
    reason: WithdrawalReason
    nullified_on: date
    withdrawn_on: date
    explanation: Text
    days_late: int = 0


class AnnualStatsFellDue(Event):
    """年度执法数据待公开: a year has ended, and the unit must publish its figures.

    ``due_on`` is the last day for it, by ``publicity.annual_stats``.
    """

    TOPIC: ClassVar[str] = "publicity.annual-stats-fell-due"

    stats: AnnualStatsId
    unit: UnitId
    year: int
    due_on: date


class AnnualStatsPublished(Event):
    """公开年度执法数据: the unit publishes its figures of a year.

    ``days_late`` counts calendar days after the last day for it.
    """

    TOPIC: ClassVar[str] = "publicity.annual-stats-published"
    VISIBILITY = "public"

    stats: AnnualStatsId
    unit: UnitId
    year: int
    figures: AnnualFigures
    url: Name
    published_on: date
    days_late: int = 0
