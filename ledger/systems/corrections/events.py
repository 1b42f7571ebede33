"""Events of corrections, and of nullifications, which legally undo or alter a decision.

A correction says that a record was wrong. A nullification says that the decision was wrong; the
record of the decision is still true and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from ledger.general.vocabulary import (
    DecisionId,
    EntityId,
    Name,
    ReconId,
    Text,
    UnitId,
    ViolationCode,
)
from ledger.kernel import WRITTEN, Event, FieldChange, RecordCorrected, Value
from ledger.kernel.events import Upcaster
from ledger.systems.penalties.events import PenaltyContent

__all__ = [
    "FieldChange",
    "RecordCorrected",
    "AlteredField",
    "DecisionRevoked",
    "DecisionAltered",
    "DecisionDeclaredUnlawful",
    "DecisionDeclaredVoid",
    "Nullification",
    "UNDOING",
]


class AlteredField(Value):
    """A part of a decision that was altered, in the words of the altering decision."""

    field: Name
    before: Annotated[Any, WRITTEN] = None
    after: Annotated[Any, WRITTEN]


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an older version unchanged; the fields added since have defaults."""
    return body


class _Nullified(Event):
    """The common fields of all events by which a competent body undoes or alters a decision.

    ``by`` is that body and ``instrument`` the number of its document. ``violation_code`` is the
    type of violation, if the decision was a penalty; it is used to compare similar cases.
    """

    TOPIC: ClassVar[str] = ""
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was}

    decision: DecisionId
    unit: UnitId
    entity: EntityId | None = None
    by: Name
    instrument: Name
    effective_on: date
    reason: Text
    violation_code: ViolationCode | None = None


class DecisionRevoked(_Nullified):
    """撤销决定: the decision was revoked, with effect from its beginning unless ``reason`` differs.

    ``by`` is the body that revoked it and ``instrument`` the number of its document (行政复议法
    Art 64; 行政处罚法 Art 48 for its publicity).
    """

    TOPIC: ClassVar[str] = "corrections.decision-revoked"


class DecisionAltered(_Nullified):
    """变更决定: the decision was altered and stays in force (行政复议法 Art 63).

    For a penalty ``content`` is the whole new content and ``before`` the old one (since version 3;
    since version 4 with the confiscated amount, licence and term). For other acts ``altered``
    describes the change in words. ``recon`` is the reconsideration case that altered the decision,
    if any: the decision is then carried out from its service, otherwise from ``effective_on``.
    ``late_fee_daily`` is the daily late fee if a fine must be paid from that day.
    """

    TOPIC: ClassVar[str] = "corrections.decision-altered"
    VERSION = 4
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: _as_it_was, 2: _as_it_was, 3: dict}

    altered: tuple[AlteredField, ...] = ()
    before: PenaltyContent | None = None
    content: PenaltyContent | None = None
    recon: ReconId | None = None
    late_fee_daily: str | None = None


class DecisionDeclaredUnlawful(_Nullified):
    """确认违法: the decision was declared unlawful but not revoked (行政复议法 Art 65)."""

    TOPIC: ClassVar[str] = "corrections.decision-declared-unlawful"


class DecisionDeclaredVoid(_Nullified):
    """确认无效: the decision was declared void from its beginning.

    Legal basis: 行政复议法 Art 67; 行政处罚法 Art 38.
    """

    TOPIC: ClassVar[str] = "corrections.decision-declared-void"


#: 裁判结果: the judgment of a court on a decision, or how the suit ended without one.
LitigationOutcome = Literal[
    "claim_dismissed",
    "revoked",
    "partly_revoked",
    "altered",
    "declared_unlawful",
    "declared_void",
    "ordered_to_perform",
    "not_admitted",
    "withdrawn",
]


class LitigationConcluded(Event):
    """行政诉讼结果: a suit about a decision ended in court (行政诉讼法 Arts. 62, 69 to 79).

    ``case_no`` is the court's case number (案号). ``final``: no ordinary appeal against it is
    possible any more. If the judgment undoes or alters the decision, a nullification event follows.
    """

    TOPIC: ClassVar[str] = "corrections.litigation-concluded"
    CORRECTABLE = frozenset({"case_no", "judged_on"})

    decision: DecisionId
    unit: UnitId
    entity: EntityId | None = None
    court: Name
    case_no: Name
    instance: Literal["first", "second", "retrial"]
    outcome: LitigationOutcome
    judged_on: date
    final: bool = False


Nullification = DecisionRevoked | DecisionAltered | DecisionDeclaredUnlawful | DecisionDeclaredVoid

#: The events that end the effect of a decision; its open deadlines then end too. An altered
#: decision stays in effect.
UNDOING: tuple[type[Event], ...] = (
    DecisionRevoked,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
)
