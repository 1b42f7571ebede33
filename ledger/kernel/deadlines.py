"""Deadlines: opened by one event, discharged by another, overdue by the clock (rulebook 0.6).

A deadline is no event of its own: it follows from the event that opens it, the policy that sets its
length and the calendar. Only what cannot be computed is recorded: that the clock found it over, and
that a calendar published later moved it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import date
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec.structs import replace

from ledger.kernel.corrections import RecordCorrected
from ledger.kernel.days import DayCount, Due, Unit
from ledger.kernel.events import Event, Moment, Recorded, Upcaster
from ledger.kernel.folds import Fold, Selector
from ledger.kernel.policies import PolicyVersionAdopted
from ledger.kernel.rules import Rule
from ledger.kernel.subjects import Tag, subject

DeadlineId = Annotated[str, subject("deadline")]


def _of_the_unit(event: Any) -> str | None:
    """The unit that an event names."""
    return getattr(event, "unit", None) or None


class DeadlineRule(msgspec.Struct, frozen=True):
    """Which event opens a deadline, which ones discharge it, and what sets its length.

    ``about`` gives the tag that the discharging event shares with the opening one, or ``None`` when
    this event opens nothing. Its length is either that of the policy ``policy_key``, counted from
    the day that ``start`` gives, or its last day stands in the opening event, where ``ends`` finds
    it. ``name`` tells apart several rules under one policy key. ``part`` names the entry of a
    policy that is a table; it ends in the unit, as ``copy_wd`` does. ``whose`` gives the unit that
    has to perform, by default the one that the opening event names. ``counts`` gives the day on
    which a discharging record performs it: by default the day on which it happened, and not the
    day on which it was recorded.

    When the day has passed, the clock records the miss and raises ``finding`` with it; for a rule
    that ``lapses`` nobody has missed anything. ``follows`` gives what follows by law, from the
    reading, the opening record and the due date; it is recorded in the same append, so once.
    """

    name: str
    policy_key: str | None
    opened_by: type[Event]
    discharged_by: tuple[type[Event], ...]
    about: Callable[[Any], str | None]
    start: Callable[[Recorded], date] = lambda opening: opening.occurred_on
    finding: Rule | None = None
    roll: bool = True
    part: str | None = None
    ends: Callable[[Any], date] | None = None
    lapses: bool = False
    follows: Callable[[Any, Recorded, date], Iterable[Event]] | None = None
    whose: Callable[[Any], str | None] = _of_the_unit
    counts: Callable[[Recorded], date] = lambda record: record.occurred_on

    def __post_init__(self) -> None:
        if (self.policy_key is None) is (self.ends is None):
            raise TypeError(f"deadline {self.name} needs a policy or a day of its own, not both")
        if _RULES.setdefault(self.name, self) is not self:
            raise TypeError(f"deadline {self.name} is declared twice")

    def id_for(self, opening: Recorded) -> str:
        """The id of the deadline that ``opening`` opens."""
        return f"{self.name}:{opening.envelope.event_id}"

    def due(self, opening: Recorded, policy: PolicyVersionAdopted | None, days: DayCount) -> Due:
        """When the deadline that ``opening`` opens falls due, under one policy version."""
        if self.ends is not None:
            due = Due(self.ends(opening.event), False, "")
        else:
            assert policy is not None, f"{self.name} is counted by a policy"
            value: Any = policy.value if self.part is None else policy.value[self.part]
            unit: Any = policy.unit if self.part is None else _UNITS[self.part.rpartition("_")[2]]
            due = days.due(self.start(opening), int(value), unit, roll=self.roll)
        until = self.unjudged_until(opening)
        return due if until is None or due.on > until else replace(due, judged=False)

    def unjudged_until(self, opening: Recorded) -> date | None:
        """The last due date of this deadline that nobody can have missed here, if there is one.

        What lapses by law lapses whoever kept the record before.
        """
        return None if self.lapses else opening.unjudged_until


_RULES: dict[str, DeadlineRule] = {}

_UNITS: Mapping[str, Unit] = {"wd": "wd", "cd": "cd", "month": "month", "months": "month"}


def deadline_rules() -> Mapping[str, DeadlineRule]:
    """Every deadline of the program by name."""
    return dict(_RULES)


class DeadlineMissed(Event):
    """期限届满未履行: the clock found a deadline past and not performed in time; once for each.

    ``withheld_from``: units that may not know of it, since version 2, here and in the next two.
    """

    TOPIC: ClassVar[str] = "deadlines.deadline-missed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    deadline_id: DeadlineId
    rule_name: str
    opened_at_position: int
    due_on: date
    detected_at: Moment
    subjects: tuple[Tag, ...]
    withheld_from: tuple[str, ...] = ()

    def kept_from(self) -> tuple[str, ...]:
        """The units that must not see the event that opened the deadline."""
        return self.withheld_from


class DeadlineLapsed(Event):
    """期限届满: the day has passed to which the law attaches what is recorded beside; once."""

    TOPIC: ClassVar[str] = "deadlines.deadline-lapsed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    deadline_id: DeadlineId
    rule_name: str
    opened_at_position: int
    ended_on: date
    subjects: tuple[Tag, ...]
    withheld_from: tuple[str, ...] = ()

    def kept_from(self) -> tuple[str, ...]:
        """The units that must not see the event that opened the deadline."""
        return self.withheld_from


class DeadlineRecomputed(Event):
    """期限重算: a calendar published later moved a provisional deadline, or made it final."""

    TOPIC: ClassVar[str] = "deadlines.deadline-recomputed"
    VERSION = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: dict}

    deadline_id: DeadlineId
    rule_name: str
    opened_at_position: int
    previous_due_on: date
    due_on: date
    provisional: bool
    calendar_version: str
    subjects: tuple[Tag, ...]
    withheld_from: tuple[str, ...] = ()

    def kept_from(self) -> tuple[str, ...]:
        """The units that must not see the event that opened the deadline."""
        return self.withheld_from


class DeadlineOutcome(Fold):
    """What has the ledger recorded of this deadline since it was opened?"""

    deadline_id: DeadlineId
    ended: bool = False
    recomputed: DeadlineRecomputed | None = None

    def on_ended(self, event: DeadlineMissed | DeadlineLapsed) -> None:
        self.ended = True

    def on_recomputed(self, event: DeadlineRecomputed) -> None:
        self.recomputed = event


class Performance(Fold):
    """When was what this deadline asks for first done, among what was recorded after it opened?

    ``first`` is the earliest by the day that counts: a report that comes late changes the answer.
    """

    about: Tag
    rule_name: str
    opened_at_position: int
    first: Recorded | None = None

    def question(self) -> Hashable:
        return (Performance, self.about, self.rule_name, self.opened_at_position)

    def selector(self) -> Selector:
        topics = {event.TOPIC for event in _RULES[self.rule_name].discharged_by}
        return Selector((*sorted(topics), RecordCorrected.TOPIC), (self.about,))

    def take(self, record: Recorded) -> None:
        rule = _RULES[self.rule_name]
        if record.position <= self.opened_at_position:
            return
        if not isinstance(record.event, rule.discharged_by):
            return
        if self.first is None or _counted(rule, record) < _counted(rule, self.first):
            self.first = record


def _counted(rule: DeadlineRule, record: Recorded) -> tuple[date, Moment]:
    """What decides which of two records performed a deadline first."""
    return rule.counts(record), record.envelope.occurred_at
