"""Events of corrections, and of what legally undoes a decision.

A correction says that the record was wrong; a nullification that the decision was. The record of a
nullified decision stays right, and stays.
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
    """One part of a decision that is altered, in the words of the decision that alters it."""

    field: Name
    before: Annotated[Any, WRITTEN] = None
    after: Annotated[Any, WRITTEN]


def _as_it_was(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say the type of violation."""
    return body


class _Nullified(Event):
    """What competent bodies say when they undo a decision or change it.

    ``by`` is the body that decided so and ``instrument`` the number of its document.
    ``violation_code`` is the type of violation that it was about, where it is a penalty: like cases
    are compared by it.
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
    """撤销决定: the decision is undone, from its beginning unless ``reason`` says otherwise.

    ``by`` is the body that decided so and ``instrument`` the number of its document (行政复议法
    Art 64; 行政处罚法 Art 48 for its publicity).
    """

    TOPIC: ClassVar[str] = "corrections.decision-revoked"


class DecisionAltered(_Nullified):
    """变更决定: the decision holds on with other content (行政复议法 Art 63).

    Since version 3 that of a penalty is said whole: ``content`` is what it consists of from here
    on, ``before`` what it was; since version 4 with the amount confiscated, licence and term.
    ``altered`` says of other acts what is altered of them, in words. ``recon`` is the case in which
    it was altered, if a reconsideration did: its decision is then carried out from its service on,
    any other from ``effective_on``. ``late_fee_daily`` is the late fee of a fine that is to be paid
    from there.
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
    """确认违法: the decision was unlawful and is not revoked (行政复议法 Art 65)."""

    TOPIC: ClassVar[str] = "corrections.decision-declared-unlawful"


class DecisionDeclaredVoid(_Nullified):
    """确认无效: the decision never had effect (行政复议法 Art 67; 行政处罚法 Art 38)."""

    TOPIC: ClassVar[str] = "corrections.decision-declared-void"


#: 裁判结果: what a court made of a decision, or why it made nothing of it.
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
    """行政诉讼结果: a court has ended a suit about a decision (行政诉讼法 Arts. 62, 69 to 79).

    ``case_no`` is the court's number of the case (案号). ``final``: no ordinary appeal lies against
    it any more. What the judgment undoes or alters is recorded by the nullification that follows.
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

#: What takes the effect of a decision away; an altered one still has effect. Nothing is left to be
#: done about it then.
UNDOING: tuple[type[Event], ...] = (
    DecisionRevoked,
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
)
