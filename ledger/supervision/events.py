"""Events of enforcement supervision (执法监督, 2.10)."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ledger.kernel import Event, Visibility
from ledger.kernel.rules import rules
from ledger.vocabulary import (
    EntityId,
    FindingId,
    MatterId,
    Name,
    OfficerId,
    PlanId,
    TaskId,
    Text,
    UnitId,
)


def _seen(rule_id: str) -> Visibility:
    """Who may see what is recorded about a finding under a rule."""
    rule = rules().get(rule_id)
    return "sealed" if rule is not None and rule.confidential else "restricted"


def _seen_of(finding_id: str) -> Visibility:
    """The same by the id of the finding, which begins with its rule's."""
    return _seen(finding_id.partition(".")[0])


class FindingRaised(Event):
    """监督发现: a rule was broken by a fact that is recorded. Raised by the ledger or a supervisor.

    A finding raised beside a fact has that fact's event id as its ``causation_id``;
    ``evidence_events`` names further events by position.
    """

    TOPIC: ClassVar[str] = "supervision.finding-raised"

    finding_id: FindingId
    type: Name
    rule_id: Name
    auto: bool
    facts: dict[str, Any] = msgspec.field(default_factory=dict)
    unit: UnitId | None = None
    entity: EntityId | None = None
    task: TaskId | None = None
    plan: PlanId | None = None
    matter: MatterId | None = None
    officer: OfficerId | None = None
    evidence_events: tuple[int, ...] = ()

    def visibility(self) -> Visibility:
        """A confidential finding is the Justice Bureau's, and not the unit's that it is about."""
        return _seen(self.rule_id)


class FindingTriaged(Event):
    """监督分办: a supervisor has read the finding and said how it goes on."""

    TOPIC: ClassVar[str] = "supervision.finding-triaged"

    finding_id: FindingId
    unit: UnitId | None = None
    assessment: Text

    def visibility(self) -> Visibility:
        """As the finding."""
        return _seen_of(self.finding_id)


class FindingDismissed(Event):
    """监督发现不成立: set aside, with a reason and a second reader (SUP-R3)."""

    TOPIC: ClassVar[str] = "supervision.finding-dismissed"

    finding_id: FindingId
    unit: UnitId | None = None
    reason: Text
    second_reader: Name

    def visibility(self) -> Visibility:
        """As the finding."""
        return _seen_of(self.finding_id)


class UnitResponded(Event):
    """执法单位回复: the supervised unit has answered the finding."""

    TOPIC: ClassVar[str] = "supervision.unit-responded"

    finding_id: FindingId
    unit: UnitId
    response: Text

    def visibility(self) -> Visibility:
        """As the finding."""
        return _seen_of(self.finding_id)


class RectificationAccepted(Event):
    """整改认可: the supervisor accepts what the unit has put right."""

    TOPIC: ClassVar[str] = "supervision.rectification-accepted"

    finding_id: FindingId
    unit: UnitId | None = None
    note: Text

    def visibility(self) -> Visibility:
        """As the finding."""
        return _seen_of(self.finding_id)


class FindingClosed(Event):
    """监督发现办结: closed after a response or accepted rectification (SUP-R2)."""

    TOPIC: ClassVar[str] = "supervision.finding-closed"

    finding_id: FindingId
    unit: UnitId | None = None
    conclusion: Text

    def visibility(self) -> Visibility:
        """As the finding."""
        return _seen_of(self.finding_id)
