"""Sequences dense in meetings of systems; replayed step by step, and made smaller.

A sequence is a list of moves: at a moment, a command by somebody, or a look of the clock. The same
moves in a new town come to the same ledger, and with some of them left out to one in which what
rested on them is refused: so a fault found in a long walk can be shown by a short one.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from ledger.kernel import Actor, Command, NotRecorded
from tests.invariants.steps import EXTRA
from tests.sequences.steps import Step
from tests.sequences.steps.all import STEPS
from tests.sequences.town import Town
from tests.sequences.walk import Walk

M = TypeVar("M")

#: How long a town takes to send a command.
_SENDING = timedelta(seconds=1)
#: What meets, and how often it is drawn next to the rest: what leads to records, what ends or
#: changes them, and what must not count.
_MEETING = {
    "penalties.": 3.0,
    "credit.": 2.0,
    "repair.": 2.0,
    "repair.GrantRepair": 8.0,
    "commitments.MakeCommitment for repair": 4.0,
    "reconsideration.DecideCase": 8.0,
    "approvals.ApproveRequest": 4.0,
    "filing.ApproveTask": 3.0,
    "filing.ApproveTask of a draw": 8.0,
} | dict.fromkeys(
    ("approvals.", "commitments.", "complaints.Receive", "corrections.", "dishonesty.", "draws.",
     "entities.", "filing.", "grading.", "reconsideration.", "supervision.RaiseFinding"), 1.0
)  # fmt: skip
_APART = 0.03
#: One step in this many lets weeks pass, in which publicity and periods end.
_LEAP = 60


def _meeting(name: str) -> float:
    """How often a step is drawn: by the longest name that it begins with."""
    begins = [given for given in _MEETING if name.startswith(given)]
    return _MEETING[max(begins, key=len)] if begins else _APART


@dataclass(frozen=True)
class Move:
    """One thing that was done: a command, or a look of the clock where there is none."""

    at: datetime
    command: Command | None = None
    by: Actor | None = None

    def __str__(self) -> str:
        who = "clock" if self.by is None else f"{self.by.role} {self.by.person_id}"
        return f"{self.at:%Y-%m-%d %H:%M:%S} {who}: {self.command or 'tick'}"


class Meetings(Walk):
    """A walk that keeps to the systems that meet, and notes its moves."""

    def __init__(self, town: Town, dice: random.Random) -> None:
        self.moves: list[Move] = []
        super().__init__(town, dice)

    def _pass_time(self) -> None:
        die = self.dice.random()
        if die < 1 / _LEAP:
            self.town.wait(days=self.dice.randint(10, 50))
            self.tick()
        elif die < 0.8:
            self.town.wait(minutes=self.dice.randint(1, 40))
        elif die < 0.93:
            self.town.wait(hours=self.dice.randint(1, 16))
        else:
            self.town.wait(days=1, minutes=self.dice.randint(0, 600))
        if self.dice.random() < 0.05:
            self.tick()

    def tick(self) -> None:
        self.moves.append(Move(self.town.now))
        super().tick()

    def _drawn(self) -> Iterator[Step]:
        def key(step: Step) -> float:
            weight = step.weight * (4.0 if step.on else 1.0)
            weight *= _meeting(step.name)
            weight /= (1 + self.tally.sent[step.name]) ** 0.5
            return self.dice.expovariate(weight)

        return iter(sorted((*STEPS, *EXTRA), key=key))

    def _noted(self, command: Command, by: Actor) -> None:
        self.moves.append(Move(self.town.now, command, by))
        super()._noted(command, by)


@contextmanager
def town() -> Iterator[Town]:
    """A town of its own."""
    with tempfile.TemporaryDirectory() as folder, Town(Path(folder)) as made:
        yield made


def walked(town: Town, seed: int, steps: int = 0) -> Meetings:
    """A walk of so many steps, named by its seed."""
    walk = Meetings(town, random.Random(seed))
    walk.go(steps)
    return walk


def replay(town: Town, moves: Sequence[Move]) -> None:
    """Do the same again; what is refused now is left out."""
    for move in moves:
        if move.command is None:
            town.now = max(town.now, move.at)
            town.tick()
            continue
        assert move.by is not None
        town.now = max(town.now, move.at - _SENDING)
        try:
            town.send(move.command, move.by)
        except NotRecorded:
            continue


#: Says of a town what is wrong in it.
Check = Callable[[Town], Awaitable[list[str]]]


async def shrunk(moves: Sequence[Move], check: Check, *, tries: int) -> list[Move]:
    """As few moves as still show a fault, after the beginning that every walk has."""

    async def shows(part: Sequence[Move]) -> bool:
        with town() as fresh:
            replay(fresh, part)
            fresh.caught_up()
            return bool(await check(fresh))

    return await smallest(moves, shows, tries=tries)


async def smallest(
    moves: Sequence[M], shows: Callable[[Sequence[M]], Awaitable[bool]], *, tries: int
) -> list[M]:
    """The same without ever smaller parts, the last ones first, as long as it ``shows`` a fault."""
    kept = list(moves)
    size = (len(kept) + 1) // 2
    while size and tries > 0:
        end = len(kept)
        while end > 0 and tries > 0:
            start = max(0, end - size)
            part = [*kept[:start], *kept[end:]]
            tries -= 1
            if await shows(part):
                kept = part
            end = start
        size = size // 2 if size > 1 else 0
    return kept
