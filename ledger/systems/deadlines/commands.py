"""Commands of the clock: record that a deadline was missed or that its last day moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from ledger.general.findings import finding
from ledger.general.roles import roles
from ledger.general.vocabulary import Name
from ledger.kernel import (
    DeadlineRule,
    Due,
    Event,
    Inquiry,
    Malformed,
    OutOfStep,
    Recorded,
    Report,
    UnknownReference,
    message,
)
from ledger.kernel.days import DayCount, YearCalendar
from ledger.kernel.deadlines import deadline_rules
from ledger.systems.corrections.folds import as_it_reads
from ledger.systems.deadlines.events import DeadlineLapsed, DeadlineMissed, DeadlineRecomputed
from ledger.systems.deadlines.folds import CalendarHistory, DeadlineOutcome, Performance

Position = Annotated[int, msgspec.Meta(ge=1)]

#: The fields of the opening event that a finding about a missed deadline repeats, if present.
_ABOUT = ("entity", "task", "plan", "matter")


class EndDeadline(Report):
    """期限届满: record, once, that a deadline passed and the duty was not performed in time.

    The legal consequences are recorded in the same append. A deadline with a provisional due date
    cannot be ended. If a calendar published meanwhile made the date final, the recomputation is
    recorded in the same append and explains the date.
    """

    ROLES = roles("ledger_clock")

    rule_name: Name
    opened_at_position: Position

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        deadline = Deadline(inquiry, self.rule_name, self.opened_at_position)
        if deadline.outcome.ended:
            return
        recomputed = deadline.recomputed()
        due = deadline.due()
        if due.provisional:
            raise OutOfStep(
                "deadlines.due-provisional",
                id=deadline.id,
                on=due.on,
                calendar_version=due.calendar_version,
            )
        if not deadline.judged(due):
            raise OutOfStep("deadlines.due-before-ledger-took-over-not", id=deadline.id, on=due.on)
        if inquiry.today <= due.on:
            raise OutOfStep(
                "deadlines.due-must-be-past", id=deadline.id, on=due.on, today=inquiry.today
            )
        done = deadline.performed()
        done_on = None if done is None else deadline.rule.counts(done)
        if done is not None and done_on is not None and done_on <= due.on:
            raise OutOfStep(
                "deadlines.performed-time",
                id=deadline.id,
                done_on=done_on,
                position=done.position,
                on=due.on,
            )
        if recomputed is not None:
            yield recomputed
        rule, event = deadline.rule, deadline.opening.event
        if rule.lapses:
            yield DeadlineLapsed(
                deadline_id=deadline.id,
                rule_name=self.rule_name,
                opened_at_position=self.opened_at_position,
                ended_on=due.on,
                subjects=deadline.subjects,
                withheld_from=deadline.withheld_from,
            )
        else:
            yield DeadlineMissed(
                deadline_id=deadline.id,
                rule_name=self.rule_name,
                opened_at_position=self.opened_at_position,
                due_on=due.on,
                detected_at=inquiry.now,
                subjects=deadline.subjects,
                withheld_from=deadline.withheld_from,
            )
        if rule.finding is not None:
            yield finding(
                inquiry,
                rule.finding,
                unit=rule.whose(event),
                **deadline.concerns,  # type: ignore[arg-type]
                evidence=(self.opened_at_position,),
                withheld_from=deadline.withheld_from,
                deadline=deadline.id,
                due_on=due.on.isoformat(),
                performed_on=None if done_on is None else done_on.isoformat(),
            )
        if rule.follows is not None and done is None:
            yield from rule.follows(inquiry, deadline.opening, due.on)


class RecomputeDeadline(Report):
    """期限重算: record the due date again after a calendar made it final or moved it.

    Nothing is recorded if the date was final already, or if the calendars say nothing new.
    """

    ROLES = roles("ledger_clock")

    rule_name: Name
    opened_at_position: Position

    def decide(self, inquiry: Inquiry) -> Iterator[Event]:
        deadline = Deadline(inquiry, self.rule_name, self.opened_at_position)
        recomputed = deadline.recomputed()
        if recomputed is not None and not deadline.outcome.ended:
            yield recomputed


class Deadline:
    """A deadline as the ledger knows it now, with its opening record as corrected."""

    def __init__(self, inquiry: Inquiry, rule_name: str, position: int) -> None:
        rule = deadline_rules().get(rule_name)
        if rule is None:
            near = get_close_matches(rule_name, deadline_rules(), n=3)
            hint = message("deadlines.did-mean", near=near) if near else None
            raise UnknownReference("deadline rule", rule_name, hint)
        opening = inquiry.record_at(position)
        if opening is None:
            raise UnknownReference("record", str(position))
        about = rule.about(opening.event) if isinstance(opening.event, rule.opened_by) else None
        if about is None:
            raise Malformed(
                "deadlines.position-must-be-event-opens",
                pointer="/opened_at_position",
                position=position,
                rule_name=rule_name,
                type=opening.envelope.type,
            )
        self.rule: DeadlineRule = rule
        self.id = rule.id_for(opening)
        self.outcome = inquiry.read(DeadlineOutcome(self.id))
        self.withheld_from = opening.event.kept_from()
        # If the opening record is sealed, a miss reveals only the unit that missed it.
        whose = rule.whose(opening.event)
        if opening.envelope.visibility == "sealed":
            self.subjects: tuple[str, ...] = () if whose is None else (f"unit:{whose}",)
            self.concerns: dict[str, str | None] = {}
        else:
            self.subjects = tuple(opening.event.tags())
            self.concerns = {name: _named(opening.event, name) for name in _ABOUT}
        self.opening: Recorded = as_it_reads(inquiry, opening)
        self._about = about
        self._ledger = inquiry
        self._now = inquiry.due(rule, self.opening)

    def due(self) -> Due:
        """Return the due date as last recomputed, or else by the calendars of today."""
        last = self.outcome.recomputed
        if last is None or last.provisional:
            return self._now
        # A calendar that is revised later does not move a date that was recomputed as final.
        if last.calendar_version == self._now.calendar_version:
            return self._now
        return Due(last.due_on, last.provisional, last.calendar_version)

    def judged(self, due: Due) -> bool:
        """Return ``False`` if this ledger took the duty over only after that due date."""
        until = self.rule.unjudged_until(self.opening)
        return until is None or due.on > until

    def recomputed(self) -> DeadlineRecomputed | None:
        """Return the event that the calendars now give another or a final date, or ``None``."""
        before, now = self._before(), self._now
        if not before.provisional or (now.provisional and now.on == before.on):
            return None
        return DeadlineRecomputed(
            deadline_id=self.id,
            rule_name=self.rule.name,
            opened_at_position=self.opening.position,
            previous_due_on=before.on,
            due_on=now.on,
            provisional=now.provisional,
            calendar_version=now.calendar_version,
            subjects=self.subjects,
            withheld_from=self.withheld_from,
        )

    def performed(self) -> Recorded | None:
        """Return the first record that performs the duty of the deadline, or ``None``."""
        return self._ledger.read(
            Performance(self._about, self.rule.name, self.opening.position)
        ).first

    def _before(self) -> Due:
        """Return the due date as last recorded, or else by the calendars known at its opening."""
        last = self.outcome.recomputed
        if last is not None:
            return Due(last.due_on, last.provisional, last.calendar_version)
        days = DayCount(_YearsKnownAt(self._ledger, self.opening.position))
        key = self.rule.policy_key
        policy = None if key is None else self._ledger.policy(key, on=self.opening.occurred_on)
        return self.rule.due(self.opening, policy, days)


class _YearsKnownAt(Mapping[int, YearCalendar]):
    """The years published up to a position; each year is read when it is first needed."""

    def __init__(self, inquiry: Inquiry, position: int) -> None:
        self._ledger = inquiry
        self._position = position

    def __getitem__(self, year: int) -> YearCalendar:
        known = self._ledger.read(CalendarHistory(str(year))).known_at(self._position)
        if known is None:
            raise KeyError(year)
        return known

    def __iter__(self) -> Iterator[int]:
        raise TypeError("published years are looked up, never listed")

    def __len__(self) -> int:
        raise TypeError("published years are looked up, never counted")


def _named(event: Any, field: str) -> str | None:
    value = getattr(event, field, None)
    return value if isinstance(value, str) else None
