"""Deadlines: one event opens a deadline, another discharges it, the clock finds it missed (0.6).

A deadline is not recorded as an event: it is computed from the event that opens it, the policy that
sets its length and the calendar. Two facts about it are recorded: that the clock found it missed
or lapsed, and that a calendar published later moved it.
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
    """Return the unit that an event names; ``None`` if it names none."""
    return getattr(event, "unit", None) or None


class DeadlineRule(msgspec.Struct, frozen=True):
    """Which event opens a deadline, which ones discharge it, and what sets its length.

    ``about`` gives the tag that the discharging event shares with the opening one, or ``None`` if
    this event opens no deadline. Either the policy ``policy_key`` sets the length, counted from the
    day that ``start`` gives, or ``ends`` gives the last day from the opening event. ``name``
    distinguishes the rules of one policy key. ``part`` names the entry of a policy that is a table
    and ends in the unit of time, as ``copy_wd`` does. ``whose`` gives the unit that must perform,
    by default the one that the opening event names. ``counts`` gives the day on which a record
    discharges the deadline, by default the day on which the fact happened (not of recording).

    When the day has passed, the clock records ``DeadlineMissed`` and raises ``finding``; for a rule
    that ``lapses`` it records ``DeadlineLapsed``, because the unit has not missed anything.
    ``follows`` gives the events that follow by law, from the inquiry, the opening record and the
    due date. They are recorded in the same append, and so only once.
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
            raise TypeError(
                f"deadline {self.name} must have either a policy_key or ends, and not both"
            )
        if _RULES.setdefault(self.name, self) is not self:
            raise TypeError(f"a deadline must be declared only once; {self.name} is declared twice")

    def id_for(self, opening: Recorded) -> str:
        """Return the id of the deadline that ``opening`` opens."""
        return f"{self.name}:{opening.envelope.event_id}"

    def due(self, opening: Recorded, policy: PolicyVersionAdopted | None, days: DayCount) -> Due:
        """Return the last day of the deadline that ``opening`` opens, under one policy version."""
        if self.ends is not None:
            due = Due(self.ends(opening.event), False, "")
        else:
            assert policy is not None, f"the length of {self.name} needs a policy version"
            value: Any = policy.value if self.part is None else policy.value[self.part]
            unit: Any = policy.unit if self.part is None else _UNITS[self.part.rpartition("_")[2]]
            due = days.due(self.start(opening), int(value), unit, roll=self.roll)
        until = self.unjudged_until(opening)
        return due if until is None or due.on > until else replace(due, judged=False)

    def unjudged_until(self, opening: Recorded) -> date | None:
        """Return the last due date that this ledger does not judge; ``None`` if it judges all.

        A deadline that lapses by law lapses even if another system kept the record before.
        """
        return None if self.lapses else opening.unjudged_until


_RULES: dict[str, DeadlineRule] = {}

_UNITS: Mapping[str, Unit] = {"wd": "wd", "cd": "cd", "month": "month", "months": "month"}


def deadline_rules() -> Mapping[str, DeadlineRule]:
    """Return every deadline rule of the program by name."""
    return dict(_RULES)


class DeadlineMissed(Event):
    """期限届满未履行: the clock found that a deadline was missed; recorded once for each deadline.

    ``withheld_from`` (since version 2): the units that must not know of the deadline.
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
        """Return the units that must not see the event that opened the deadline."""
        return self.withheld_from


class DeadlineLapsed(Event):
    """期限届满: a period ended, and the law attaches effects to its end; recorded once.

    The events that follow by law are recorded in the same append. ``withheld_from`` (since version
    2): the units that must not know of the deadline.
    """

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
        """Return the units that must not see the event that opened the deadline."""
        return self.withheld_from


class DeadlineRecomputed(Event):
    """期限重算: a calendar published later moved a provisional deadline, or made it final.

    ``withheld_from`` (since version 2): the units that must not know of the deadline.
    """

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
        """Return the units that must not see the event that opened the deadline."""
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
    """Which record, made after this deadline was opened, discharged it first?

    ``first`` is the earliest by the day that counts, so a late report of an earlier day changes
    the answer.
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
    """Return the key that orders the records which discharge a deadline."""
    return rule.counts(record), record.envelope.occurred_at
