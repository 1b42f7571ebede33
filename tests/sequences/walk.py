"""One random sequence of steps, and how often each kind of step was accepted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from ledger.general.countersigning import Countersigned
from ledger.kernel import Actor, Command, NotRecorded, Refusal
from ledger.registry import COMMANDS
from tests.sequences.drafts import Draft, NotNow
from tests.sequences.prelude import prelude
from tests.sequences.steps import Step
from tests.sequences.steps.all import STEPS
from tests.sequences.town import END, YEARS_END, Town, actor

_ROLES = {entry.command: entry.roles for entry in COMMANDS}
#: Who sends a command that several roles may send, the first that may.
_PREFERRED = (
    "unit_head",
    "jb_supervisor",
    "credit_officer",
    "rlo_assessor",
    "recon_officer",
    "enforcement_officer",
    "subscriber_system",
    "entity_rep",
    "ledger_clock",
)
#: How much more often a subject is continued than begun, so that procedures come to their ends.
_FURTHER = 4.0
#: One command in this many is dated back, and sent as of now where that is refused.
_LATE = 8


class Tally:
    """What became of the steps: how often each was sent, accepted, and refused for what."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.late = 0
        #: Commands of which something was recorded, by the walk or by the clock.
        self.commands: set[str] = set()

    def add(self, other: Tally) -> None:
        self.sent += other.sent
        self.accepted += other.accepted
        self.refused += other.refused
        self.late += other.late
        self.commands |= other.commands

    @property
    def share(self) -> float:
        """The share of commands that were accepted."""
        return self.accepted.total() / max(1, self.sent.total())


class Walk:
    """A town in which step after step is taken, as the dice fall."""

    def __init__(
        self, town: Town, dice: random.Random, *, counts: Mapping[str, int] | None = None
    ) -> None:
        self.town = town
        self.dice = dice
        self.tally = Tally()
        #: How often each step was accepted before, in other walks: rare ones are drawn more often.
        self._before = counts or {}
        #: What was done, to be shown when a property fails.
        self.story: list[str] = []
        for command, by in prelude(town):
            town.must(command, by)
            self._noted(command, by)

    def go(self, steps: int) -> None:
        """Take some steps; the year ends the walk early."""
        for _ in range(steps):
            if self.town.today >= END:
                return
            self.step()

    def step(self) -> bool:
        """Take one step that can be drafted now; whether the ledger accepted it."""
        self._pass_time()
        for step in self._drawn():
            try:
                command, by = self._draft(step)
            except NotNow:
                continue
            return self._send(step, command, by)
        return False

    def _pass_time(self) -> None:
        die = self.dice.random()
        if die < 0.55:
            self.town.wait(minutes=self.dice.randint(1, 40))
        elif die < 0.83:
            self.town.wait(hours=self.dice.randint(1, 16))
        elif die < 0.97:
            self.town.wait(days=1, minutes=self.dice.randint(0, 600))
        else:
            self.town.wait(days=self.dice.randint(2, 9))
        if YEARS_END <= self.town.today < END - timedelta(days=40):
            # A walk that comes so far goes on when the year can be assessed.
            self.tick()
            self.town.wait(days=30)
        if self.dice.random() < 0.08:
            self.tick()

    def tick(self) -> None:
        """Let the clock process look."""
        done = self.town.tick()
        self.tally.commands.update(done)
        self.story += [f"{self.town.now:%m-%d %H:%M} clock: {name}" for name in done]

    def _drawn(self) -> Iterable[Step]:
        """The steps in a random order in which rare ones tend to come first."""

        def key(step: Step) -> float:
            known = self._before.get(step.name, 0) + self.tally.sent[step.name] * 2
            weight = 1.0 / (1 + known) ** 1.3 * step.weight * (_FURTHER if step.on else 1.0)
            return self.dice.expovariate(weight)

        return sorted(STEPS, key=key)

    def _draft(self, step: Step) -> tuple[Command, Actor]:
        thing = None
        if step.on:
            things = self.town.book.of(step.on, step.after, step.before)
            self.dice.shuffle(things)
            for thing in things:
                draft = Draft(self.town, self.dice, thing, step.new)
                if step.when is None or step.when(draft):
                    break
            else:
                raise NotNow
        else:
            draft = Draft(self.town, self.dice, None, step.new)
            if step.when is not None and not step.when(draft):
                raise NotNow
        command = draft.command(step.command, dict(step.fields))
        if isinstance(command, Countersigned) and self._waits(command):
            raise NotNow
        return command, self._sender(step, draft)

    def _waits(self, command: Countersigned) -> bool:
        """Whether the same was requested and is not answered yet."""
        body = msgspec.to_builtins(command)
        waiting = self.town.book.of(
            "approval", "ApprovalRequested", "ApprovalGiven ApprovalRefused ApprovalWithdrawn"
        )
        asked = (thing.last("ApprovalRequested") for thing in waiting)
        return any((one.command, one.body) == (command.NAME, body) for one in asked)

    def _sender(self, step: Step, draft: Draft) -> Actor:
        if callable(step.sent_by):
            return step.sent_by(draft)
        roles = _ROLES[step.command]
        role = step.sent_by or next(r for r in _PREFERRED if r in roles)
        assert role in roles, f"{role} may not send {step.name}"
        unit = draft.unit
        if role == "entity_rep":
            unit = draft.body.get("entity") or draft.thing.get("entity")
        return actor(role, unit)

    def _send(self, step: Step, command: Command, by: Actor) -> bool:
        self.tally.sent[step.name] += 1
        if self.dice.randrange(_LATE) == 0 and command.occurred_at is None:
            then = self.town.now - timedelta(
                days=self.dice.randint(0, 9), hours=self.dice.randint(1, 20)
            )
            earlier = msgspec.structs.replace(command, occurred_at=then)
            try:
                self._accepted(step.name, earlier, by)
            except NotRecorded:
                pass
            else:
                self.tally.late += 1
                return True
        try:
            self._accepted(step.name, command, by)
        except NotRecorded as error:
            why = error.rule.id if isinstance(error, Refusal) else type(error).__name__
            self.tally.refused[step.name, f"{why}: {error}"[:160]] += 1
            return False
        return True

    def _accepted(self, name: str, command: Command, by: Actor) -> None:
        self.town.send(command, by)
        self.tally.accepted[name] += 1
        self._noted(command, by)

    def _noted(self, command: Command, by: Actor) -> None:
        self.tally.commands.add(type(command).__name__)
        self.story.append(f"{self.town.now:%m-%d %H:%M} {by.person_id}: {command}")
