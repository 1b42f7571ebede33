"""What other systems' facts mean for work plans: evidence that no longer holds (WRK-V3)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.kernel import Event, Fact, Reading, RecordCorrected
from ledger.systems.corrections.events import (
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.experience.events import ExperienceWithdrawn
from ledger.systems.experience.folds import Experience
from ledger.systems.progress.events import OutreachWithdrawn
from ledger.systems.progress.folds import Outreach
from ledger.systems.supervision.findings import finding
from ledger.systems.workplans.folds import RestingOn, RestingOnDecision
from ledger.systems.workplans.rules import WRK_V3


def _said_in(ledger: Reading, event: OutreachWithdrawn | ExperienceWithdrawn) -> str | None:
    """The id of the event that published what was withdrawn."""
    if isinstance(event, OutreachWithdrawn):
        return ledger.read_true(Outreach(event.outreach)).said_in
    return ledger.read_true(Experience(event.experience)).said_in


_UNDONE = (DecisionRevoked, DecisionDeclaredVoid, DecisionDeclaredUnlawful)


def evidence_changed(ledger: Reading, facts: list[Fact]) -> Iterator[Event]:
    """WRK-V3, beside a correction of a milestone's evidence, or the end of the decision it tells.

    So too where the public text that it names is withdrawn.

    Alike for an end that reconsideration or the unit itself decided.
    """
    for fact in facts:
        event = fact.event
        resting: dict[str, str] = {}
        if isinstance(event, RecordCorrected):
            resting = ledger.read_true(RestingOn(str(event.target_event_id))).milestones
            because = "corrected"
        elif isinstance(event, _UNDONE):
            named = ledger.read_true(RestingOnDecision(event.decision)).named
            resting = {one.milestone: one.unit for one in named}
            because = "undone"
        elif isinstance(event, OutreachWithdrawn | ExperienceWithdrawn):
            said_in = _said_in(ledger, event)
            resting = {} if said_in is None else ledger.read_true(RestingOn(said_in)).milestones
            because = "withdrawn"
        for milestone, unit in sorted(resting.items()):
            yield finding(
                ledger,
                WRK_V3,
                unit=unit,
                milestone=milestone,
                evidence_was=because,
            )
