"""Folds about joint visits and their lists, calendars, procedures and forms.

The folds that views store hold only plain data.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from ledger.general.values import Result
from ledger.general.vocabulary import EntityId, JointArtefactId, JointId, MatterId
from ledger.kernel import Fold, SubjectFold
from ledger.systems.filing.events import InspectionTaskApproved
from ledger.systems.joint.events import (
    CalendarEntry,
    FormItem,
    JoinAccepted,
    JoinDeclined,
    JoinOffered,
    JointCalendarPublished,
    JointCancelled,
    JointListPublished,
    JointMode,
    JointPlanned,
    JointProcedureAdopted,
    JointResultSplit,
    JointVisitHeld,
    Participant,
    Presence,
    UnifiedFormAdopted,
)

Answer = Literal["offered", "accepted", "declined"]


class JointArtefact(SubjectFold):
    """What is the content of this joint list, calendar, procedure or form?"""

    BEGUN = "kind"

    artefact: JointArtefactId
    kind: Literal["", "list", "calendar", "procedure", "form"] = ""
    version: int = 0
    matters: tuple[str, ...] = ()
    url: str | None = None
    published_on: date | None = None
    year: int | None = None
    entries: tuple[CalendarEntry, ...] = ()
    doc_no: str | None = None
    lead: str | None = None
    participants: tuple[str, ...] = ()
    trigger: str | None = None
    effective_from: date | None = None
    title: str | None = None
    items: tuple[FormItem, ...] = ()

    def on_list(self, event: JointListPublished) -> None:
        self.kind, self.version = "list", event.version
        self.matters, self.url = event.matters, event.url
        self.published_on = event.published_on

    def on_calendar(self, event: JointCalendarPublished) -> None:
        self.kind, self.version = "calendar", 1
        self.year, self.entries = event.year, event.entries

    def on_procedure(self, event: JointProcedureAdopted) -> None:
        self.kind, self.version = "procedure", 1
        self.doc_no, self.trigger = event.doc_no, event.trigger
        self.lead, self.participants = event.lead, event.participants
        self.effective_from = event.effective_from

    def on_form(self, event: UnifiedFormAdopted) -> None:
        self.kind, self.version = "form", 1
        self.title, self.items = event.title, event.items


class JointListed(Fold):
    """Which joint lists contain this matter?"""

    matter: MatterId
    lists: set[str] = msgspec.field(default_factory=set)

    def on_published(self, event: JointListPublished) -> None:
        if self.matter in event.matters:
            self.lists.add(event.artefact)
        else:
            self.lists.discard(event.artefact)


class Joint(SubjectFold):
    """What is the state of this joint visit: its participants, refusals and results?"""

    BEGUN = "unit"

    joint: JointId
    unit: str = ""
    entity: str = ""
    modes: tuple[JointMode, ...] = ()
    window_from: date | None = None
    window_to: date | None = None
    calendar: str | None = None
    joint_list: str | None = None
    procedure: str | None = None
    unified_form: str | None = None
    parts: dict[str, Participant] = msgspec.field(default_factory=dict)
    #: The answers of the units other than the lead, and the reasons of those that declined.
    answers: dict[str, Answer] = msgspec.field(default_factory=dict)
    reasons: dict[str, str] = msgspec.field(default_factory=dict)
    #: The unit of each task approved for the visit, including tasks that were cancelled later.
    tasks: dict[str, str] = msgspec.field(default_factory=dict)
    cancelled_because: str | None = None
    held_on: date | None = None
    minutes_on_site: int | None = None
    presences: tuple[Presence, ...] = ()
    matters_checked: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    record_digest: str | None = None
    results: dict[str, Result] = msgspec.field(default_factory=dict)

    @property
    def stage(self) -> Literal["unknown", "planned", "held", "cancelled"]:
        """The stage that the joint visit has reached."""
        if not self.exists:
            return "unknown"
        if self.held_on is not None:
            return "held"
        return "planned" if self.cancelled_because is None else "cancelled"

    @property
    def units(self) -> str:
        """All units with a part or an invitation, each between bars (``|``) for text search."""
        return "".join(f"|{unit}" for unit in self.parts) + "|"

    def takes_part(self, unit: str) -> bool:
        """Return whether a unit leads the visit or has accepted its part."""
        return unit == self.unit or self.answers.get(unit) == "accepted"

    def matters(self) -> set[str]:
        """Return the matters of all participants."""
        return {matter for part in self.parts.values() for matter in part.matters}

    def on_planned(self, event: JointPlanned) -> None:
        self.unit, self.entity, self.modes = event.unit, event.entity, event.modes
        self.window_from, self.window_to = event.window_from, event.window_to
        self.calendar, self.joint_list = event.calendar, event.joint_list
        self.procedure, self.unified_form = event.procedure, event.unified_form
        self.parts = {part.unit: part for part in event.participants}

    def on_offered(self, event: JoinOffered) -> None:
        self.parts[event.unit] = event.part
        self.answers[event.unit] = "offered"

    def on_accepted(self, event: JoinAccepted) -> None:
        self.answers[event.unit] = "accepted"

    def on_declined(self, event: JoinDeclined) -> None:
        self.answers[event.unit] = "declined"
        self.reasons[event.unit] = event.reason

    def on_approved(self, event: InspectionTaskApproved) -> None:
        self.tasks[event.task] = event.unit

    def on_cancelled(self, event: JointCancelled) -> None:
        self.cancelled_because = event.reason

    def on_held(self, event: JointVisitHeld) -> None:
        self.held_on, self.minutes_on_site = event.held_on, event.minutes_on_site
        self.presences, self.absent = event.presences, event.absent
        self.matters_checked = event.matters_checked
        self.record_digest = event.record_digest

    def on_result(self, event: JointResultSplit) -> None:
        self.results[event.unit] = event.result


class Merge(msgspec.Struct):
    """The data of a joint visit that matter for single visits: lead, window and refusals."""

    joint: str
    lead: str
    window_from: date
    window_to: date
    matters: dict[str, tuple[str, ...]]
    declined: set[str] = msgspec.field(default_factory=set)
    over: bool = False


class MergesAt(Fold):
    """Which joint visits are planned at this business, and which merges were declined there?"""

    entity: EntityId
    merges: dict[str, Merge] = msgspec.field(default_factory=dict)
    #: For each single visit, the units that refused to merge their visits with it.
    declined: dict[str, set[str]] = msgspec.field(default_factory=dict)

    def on_planned(self, event: JointPlanned) -> None:
        self.merges[event.joint] = Merge(
            event.joint,
            event.unit,
            event.window_from,
            event.window_to,
            {part.unit: part.matters for part in event.participants},
        )

    def on_offered(self, event: JoinOffered) -> None:
        merge = self.merges[event.joint]
        merge.matters[event.unit] = event.part.matters
        merge.declined.discard(event.unit)

    def on_declined(self, event: JoinDeclined) -> None:
        if event.joint is not None:
            self.merges[event.joint].declined.add(event.unit)
        if event.task is not None:
            self.declined.setdefault(event.task, set()).add(event.unit)

    def on_over(self, event: JointCancelled | JointVisitHeld) -> None:
        self.merges[event.joint].over = True
