"""Given, when, then: scenarios against a real ``Ledger``, so that selectors, tags, codec and
append condition all take part.

    (
        Scenario(recorder)
        .at("2026-05-11T10:00+08:00")
        .given(SeedLedger(), MatterPublished(...), actor=HEAD)
        .amid(*facts_that_must_not_matter)
        .when(ApproveTask(...), actor=HEAD)
        .then(like(TaskApproved, task="T-1"), FindingRaised)
    )

Instead of ``then``: ``refused("FIL-R1", matter="M-101")``, ``raises(Malformed, pointer="/year")``.
A scenario goes on after that: another ``at``, ``given`` and ``when`` may follow.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pprint import pformat
from string import Formatter
from typing import Any, Self

import msgspec
from eventsourcing.dcb.api import DCBRecorder
from msgspec.structs import replace

from ledger.general.countersigning import ApprovalRequested
from ledger.kernel import (
    Actor,
    Command,
    Event,
    Fact,
    Inquiry,
    Ledger,
    NotRecorded,
    Outcome,
    Recorded,
    Refusal,
    civil_moment,
    codec,
)
from ledger.kernel.messages import message, say
from ledger.kernel.sequencer import Hook
from ledger.systems.approvals.commands import ApproveRequest
from ledger.systems.approvals.events import ApprovalGiven
from tests.cast import HEAD
from tests.rereading import require_tells_nothing

parse = Formatter().parse

Expected = Event | type[Event] | Callable[[Recorded], object]


def on(day: str, event: Event) -> Fact:
    """``event`` as a fact of nine o'clock on another day than the scenario's."""
    return Fact(event, occurred_at=civil_moment(date.fromisoformat(day), 9))


def like(type_: type[Event], **fields: Any) -> Callable[[Recorded], object]:
    """Expects an event of a type with these fields, whatever the others say."""

    def fits(record: Recorded) -> bool:
        return type(record.event) is type_ and all(
            _plain(getattr(record.event, name)) == _plain(value) for name, value in fields.items()
        )

    fits.__name__ = f"like {type_.__name__}\n{pformat(fields)}"
    return fits


class Record(Command):
    """Records facts as they are: the past of a scenario."""

    facts: tuple[Any, ...]

    def decide(self, inquiry: Inquiry) -> Iterable[Event | Fact]:
        return self.facts


class Scenario:
    """One story on one recorder; every step returns the scenario."""

    def __init__(
        self, recorder: DCBRecorder, *, by: Actor = HEAD, hooks: Iterable[Hook] = ()
    ) -> None:
        # A list, so that the ledger's clock does not keep the scenario itself alive.
        self._now = now = [datetime.fromisoformat("2026-01-05T09:00+08:00")]
        self.by = by
        self.ledger = Ledger(recorder, clock=lambda: now[0], hooks=hooks)
        self.outcome: Outcome | None = None
        self.error: NotRecorded | None = None
        # Stops the sequencer's thread when the scenario is over, whatever way it ends.
        weakref.finalize(self, self.ledger.close)

    def at(self, moment: str) -> Self:
        """From here on the clock shows this moment."""
        self._now[0] = datetime.fromisoformat(moment)
        return self

    def given(self, *past: Command | Event | Fact, actor: Actor | None = None) -> Self:
        """Commands are executed and must succeed; events and facts are recorded as they are."""
        for step in past:
            command = step if isinstance(step, Command) else Record(facts=(step,))
            self.ledger.execute(command, actor or self.by)
        return self

    def amid(self, *facts: Event | Fact) -> Self:
        """Neighbours that must not matter."""
        return self.given(*facts)

    def when(self, command: Command, actor: Actor | None = None, key: str | None = None) -> Self:
        """The command that the scenario is about."""
        self.outcome = self.error = None
        self._sent = command, actor or self.by
        try:
            self.outcome = self.ledger.execute(command, actor or self.by, key=key)
        except NotRecorded as error:
            self.error = error
        return self

    def signed(self, command: Command, by: Actor, second: Actor) -> Self:
        """What the scenario is about takes two people: ``by`` requests it, ``second`` approves it.

        ``then`` is told what took effect, without the approval itself.
        """
        if self.when(command, by).outcome is None:
            return self
        assert self.outcome is not None
        (asked,) = self.outcome.events
        assert isinstance(asked.event, ApprovalRequested)
        if self.when(ApproveRequest(approval=asked.event.approval), second).outcome is not None:
            given, *effect = self.outcome.events
            assert isinstance(given.event, ApprovalGiven)
            self.outcome = replace(self.outcome, events=tuple(effect))
        return self

    def given_signed(self, command: Command, by: Actor, second: Actor) -> Self:
        """A past that took two people, and must have succeeded."""
        self.signed(command, by, second)
        assert self.error is None, _told(self.error)
        return self

    def then(self, *expected: Expected) -> Self:
        """Exactly these were recorded, in this order, and read back from the store as decided."""
        assert self.outcome is not None, f"not recorded: {_told(self.error)}"
        made = self.outcome.events
        stored = self.ledger.recorder.read(
            after=made[0].position - 1 if made else self.outcome.position, limit=len(made) or 1
        )
        read_back = [codec.decode(s.position, s.event.data) for s in stored]
        assert [_plain(r) for r in read_back] == [_plain(r) for r in made], "stored otherwise"
        fits = len(made) == len(expected) and all(map(_fits, expected, read_back))
        assert fits, (
            f"expected {len(expected)}:\n{_listed(map(_wanted, expected))}\n"
            f"recorded {len(made)}:\n{_listed(_shown(r.event) for r in made)}"
        )
        return self

    def refused(self, rule: str, **details: Any) -> Self:
        """The command was refused under this rule, with these details among others.

        Whoever reads the refusal is told everything: no detail is left blank, and a number that
        was set by a policy comes with the policy's version. Nobody who sends the command is told
        what they may not read (``tests.rereading``).
        """
        assert isinstance(self.error, Refusal), f"expected {rule}, got {self._instead()}"
        require_tells_nothing(self.ledger.recorder, *self._sent, self._now[0])
        said = {name: _as_told(self.error.details.get(name), details[name]) for name in details}
        assert (self.error.rule.id, said) == (rule, details), _told(self.error)
        complete(self.error)
        return self

    def raises(
        self, kind: type[NotRecorded], *, pointer: str | None = None, says: str = ""
    ) -> Self:
        """The command was answered so, pointing there, and saying this among other things."""
        assert type(self.error) is kind, f"expected {kind.__name__}, got {self._instead()}"
        require_tells_nothing(self.ledger.recorder, *self._sent, self._now[0])
        found = getattr(self.error, "pointer", None)
        assert pointer is None or found == pointer, f"points to {found!r}: {_told(self.error)}"
        assert says in str(self.error), _told(self.error)
        return self

    def _instead(self) -> str:
        if self.outcome is None:
            return _told(self.error)
        return f"recorded:\n{_listed(_shown(r.event) for r in self.outcome.events) or '  nothing'}"


def _as_told(value: Any, expected: Any) -> Any:
    """Return a detail as the refusal tells it in English, if a text is expected."""
    return (
        say(message("general.verbatim", error=value), "en") if isinstance(expected, str) else value
    )


def complete(refusal: Refusal) -> None:
    """A refusal names rule, law, what helps, and the policy with its version if one sets it."""
    rule = refusal.rule
    wanted = {name for text in (rule.message, rule.hint) for _, name, _, _ in parse(text) if name}
    blank = wanted - refusal.details.keys()
    assert not blank, f"{rule.id} leaves {blank} blank"
    assert rule.law, f"{rule.id} names no law"
    assert str(refusal.hint), f"{rule.id} does not say what helps"
    if rule.policy_key is not None:
        assert refusal.policy_version is not None, f"{rule.id} names no version of its policy"


def _fits(expected: Expected, record: Recorded) -> bool:
    if isinstance(expected, Event):
        same = type(record.event) is type(expected)
        return same and (record.event == expected or _plain(record.event) == _plain(expected))
    if isinstance(expected, type):
        return type(record.event) is expected
    return bool(expected(record))


def _plain(value: Any) -> Any:
    """As JSON has it: a tuple is a list, a date is text."""
    return msgspec.json.decode(msgspec.json.encode(value, order="sorted"))


def _told(error: NotRecorded | None) -> str:
    return "nothing was tried" if error is None else f"{type(error).__name__}: {error}"


def _wanted(expected: Expected) -> str:
    return _shown(expected) if isinstance(expected, Event) else expected.__name__


def _shown(event: Event) -> str:
    return f"{type(event).__name__}\n{pformat(_plain(event))}"


def _listed(items: Iterable[str]) -> str:
    return "\n".join("  - " + item.replace("\n", "\n    ") for item in items)
