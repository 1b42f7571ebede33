"""The effects of other systems' events on work plans: evidence that was undone (WRK-V3)."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.general.findings import finding
from ledger.kernel import Event, Fact, Inquiry, RecordCorrected
from ledger.systems.corrections.events import (
    DecisionDeclaredUnlawful,
    DecisionDeclaredVoid,
    DecisionRevoked,
)
from ledger.systems.experience.events import ExperienceWithdrawn
from ledger.systems.experience.folds import Experience
from ledger.systems.progress.events import OutreachWithdrawn
from ledger.systems.progress.folds import Outreach
from ledger.systems.workplans.folds import RestingOn, RestingOnDecision
from ledger.systems.workplans.rules import WRK_V3


def _published_in(inquiry: Inquiry, event: OutreachWithdrawn | ExperienceWithdrawn) -> str | None:
    """Return the id of the event that published the withdrawn text."""
    if isinstance(event, OutreachWithdrawn):
        return inquiry.read_true(Outreach(event.outreach)).said_in
    return inquiry.read_true(Experience(event.experience)).said_in


_UNDONE = (DecisionRevoked, DecisionDeclaredVoid, DecisionDeclaredUnlawful)


def evidence_changed(inquiry: Inquiry, facts: list[Fact]) -> Iterator[Event]:
    """Yield WRK-V3 for each milestone whose evidence was corrected, undone or withdrawn.

    Evidence is undone when the decision that it records is undone, by a reconsideration or by the
    unit itself. It is withdrawn when the public text that it published is withdrawn.
    """
    for fact in facts:
        event = fact.event
        resting: dict[str, str] = {}
        if isinstance(event, RecordCorrected):
            resting = inquiry.read_true(RestingOn(str(event.target_event_id))).milestones
            because = "corrected"
        elif isinstance(event, _UNDONE):
            named = inquiry.read_true(RestingOnDecision(event.decision)).named
            resting = {evidence.milestone: evidence.unit for evidence in named}
            because = "undone"
        elif isinstance(event, OutreachWithdrawn | ExperienceWithdrawn):
            source = _published_in(inquiry, event)
            resting = {} if source is None else inquiry.read_true(RestingOn(source)).milestones
            because = "withdrawn"
        for milestone, unit in sorted(resting.items()):
            yield finding(
                inquiry,
                WRK_V3,
                unit=unit,
                milestone=milestone,
                evidence_was=because,
            )
