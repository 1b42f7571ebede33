"""Folds about experience that units share."""

from __future__ import annotations

from datetime import date
from typing import Literal

from ledger.general.vocabulary import ExperienceId
from ledger.kernel import Fold, Recorded
from ledger.systems.experience.events import (
    ExperiencePublished,
    ExperienceWithdrawn,
    HighlightSelected,
)


class Experience(Fold):
    """From which highlight does this experience come, was it published, and is it withdrawn?"""

    experience: ExperienceId
    unit: str = ""
    selected: HighlightSelected | None = None
    title: str = ""
    text: str = ""
    matters: tuple[str, ...] = ()
    published_on: date | None = None
    #: The id of the event that published it.
    said_in: str | None = None
    withdrawn_on: date | None = None
    withdrawn_because: str = ""

    @property
    def exists(self) -> bool:
        return self.unit != ""

    @property
    def stage(self) -> Literal["unknown", "selected", "published", "withdrawn"]:
        """How far it has come."""
        if self.withdrawn_on is not None:
            return "withdrawn"
        if self.published_on is not None:
            return "published"
        return "selected" if self.exists else "unknown"

    def on_selected(self, event: HighlightSelected) -> None:
        self.unit, self.selected = event.unit, event

    def on_published(self, event: ExperiencePublished, record: Recorded) -> None:
        self.unit, self.published_on = event.unit, record.occurred_on
        self.title, self.text, self.matters = event.title, event.text, event.matters
        self.said_in = str(record.envelope.event_id)

    def on_withdrawn(self, event: ExperienceWithdrawn, record: Recorded) -> None:
        self.withdrawn_on, self.withdrawn_because = record.occurred_on, event.reason
