"""Folds about take-ons, opening facts and open deadlines; those that views keep hold plain data."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.vocabulary import DutyId, OpeningFactId, TakeOnId, TakeOnSourceId
from ledger.kernel import Fold, Recorded
from ledger.systems.takeon.events import (
    Concern,
    OpenDeadlineTakenOn,
    OpenDutyPerformed,
    OpeningFactTakenOn,
    TakeOnClosed,
    TakeOnOpened,
)


class TakeOn(Fold):
    """From which older system does this take-on take over, on which day, and is it open?"""

    takeon: TakeOnId
    source: str = ""
    unit: str = ""
    says: str = ""
    day: date | None = None
    opened_by: str = ""
    closed_on: date | None = None

    @property
    def exists(self) -> bool:
        return self.day is not None

    def on_opened(self, event: TakeOnOpened, record: Recorded) -> None:
        self.source, self.unit, self.says, self.day = (
            event.source,
            event.unit,
            event.says,
            event.day,
        )
        self.opened_by = record.envelope.actor.person_id

    def on_closed(self, event: TakeOnClosed, record: Recorded) -> None:
        self.closed_on = record.occurred_on

    @property
    def stage(self) -> Literal["open", "closed"]:
        """Whether it still takes facts."""
        return "open" if self.closed_on is None else "closed"


class TakeOnOfSource(Fold):
    """By which take-on did this ledger take over from this older system?"""

    source: TakeOnSourceId
    takeon: str | None = None

    def on_opened(self, event: TakeOnOpened) -> None:
        self.takeon = event.takeon


class TakenFacts(Fold):
    """How many facts were taken on, by kind, but for those in confidence?"""

    takeon: TakeOnId
    counts: dict[str, int] = msgspec.field(default_factory=dict)

    def on_taken(self, event: OpeningFactTakenOn) -> None:
        if not event.confidential:
            self.counts[event.kind] = self.counts.get(event.kind, 0) + 1


class OpeningFact(Fold):
    """Was this fact of an older system taken on, and as what?"""

    fact: OpeningFactId
    began: str | None = None

    @property
    def exists(self) -> bool:
        return self.began is not None

    def on_taken(self, event: OpeningFactTakenOn) -> None:
        self.began = event.began


class OpenDuty(Fold):
    """What is still to be done that an older system asked for, by when, and is it done?"""

    duty: DutyId
    unit: str = ""
    entity: str | None = None
    concerns: Concern | None = None
    says: str = ""
    started_on: date | None = None
    due_on: date | None = None
    opened_at: int = 0
    confidential: bool = False
    withheld_from: tuple[str, ...] = ()
    performed_on: date | None = None
    evidence: tuple[str, ...] = ()
    days_late: int = 0

    @property
    def exists(self) -> bool:
        return self.concerns is not None

    @property
    def stage(self) -> Literal["open", "performed"]:
        """Whether it is done."""
        return "open" if self.performed_on is None else "performed"

    def on_taken(self, event: OpenDeadlineTakenOn, record: Recorded) -> None:
        self.unit, self.entity, self.concerns = event.unit, event.entity, event.concerns
        self.says, self.started_on, self.due_on = event.says, event.started_on, event.due_on
        self.confidential, self.withheld_from = event.confidential, event.withheld_from
        self.opened_at = record.position

    def on_performed(self, event: OpenDutyPerformed, record: Recorded) -> None:
        self.performed_on, self.evidence = record.occurred_on, event.evidence
        self.days_late = event.days_late
