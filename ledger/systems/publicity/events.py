"""Events of publicity (行政执法公示, 2.8): ex ante, of acts that are no penalties, and annual."""

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

#: What is public before anything is enforced: bodies, officers, powers, basis, procedure, remedies
#: and the random-inspection list (国办发〔2018〕118号).
ExAnteItem = Literal["bodies", "officers", "powers", "basis", "procedure", "remedies", "draw_list"]
Count = Annotated[int, msgspec.Meta(ge=0)]


class AnnualFigures(Value):
    """年度行政执法数据: what a unit did in a year, in numbers; ``fines_fen`` in fen."""

    licences: Count
    penalties: Count
    compulsions: Count
    inspections: Count
    other_acts: Count
    fines_fen: Fen
    reconsidered: Count
    litigated: Count


class ExAntePublished(Event):
    """事前公开: a unit has put one of the items before the public, or anew.

    ``digest`` is the SHA-256 of what was published at ``url``.
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
    """作出行政执法决定: a licence or another act that is no penalty, under a published matter.

    ``kind`` is the matter's. ``withheld_because``: the law keeps this act from the public.
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
    """送达: the act is in the hands of whom it concerns."""

    TOPIC: ClassVar[str] = "publicity.act-served"

    decision: DecisionId
    unit: UnitId
    entity: EntityId | None = None
    served_on: date


class ActPublished(Event):
    """执法结果公开: the public can read the act (国办发〔2018〕118号).

    ``redactions`` says what kinds of content were left out of ``summary``; ``days_late`` counts
    calendar days after ``publicity.penalty_wd`` for licences, ``publicity.other_wd`` for others.
    The public reads the act, not this event, while it is not withdrawn: a feed cannot unsay.
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
    """撤下已公开的执法结果: the act was undone or altered; it leaves the public, with a reason.

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
    """年度执法数据待公开: a year is over in which the unit enforced; its figures are to be public.

    ``due_on`` is the last day for it, by ``publicity.annual_stats``.
    """

    TOPIC: ClassVar[str] = "publicity.annual-stats-fell-due"

    stats: AnnualStatsId
    unit: UnitId
    year: int
    due_on: date


class AnnualStatsPublished(Event):
    """公开年度执法数据: the public can read what the unit did in a year.

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
