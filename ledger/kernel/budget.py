"""How long a question may take, and whether anybody still waits for the answer.

Whoever asks sets a budget for the thread that works; whatever walks many events or rows on the way
calls ``check`` as it goes. Without a budget (a follower, a command, the command line) nothing is
ever cut short.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

#: Instructions of SQLite's machine between two looks at the budget: a few milliseconds of work.
STATEMENT_STEPS = 50_000

#: Seconds of work after which a thread steps aside. Python runs one thread at a time and lets one
#: that computes go on for 5 ms while others wait, the event loop among them.
_TURN = 0.002
#: How long it steps aside, in seconds: long enough for another thread to wake up.
_ASIDE = 0.0002


class Exhausted(Exception):
    """The budget of a question is spent, or nobody waits for its answer any more."""


class Budget:
    """``seconds`` to answer a question, counted from ``begin``. ``abandon`` is for any thread."""

    __slots__ = ("_ends", "_turn", "abandoned", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.abandoned = False
        self._ends = self._turn = float("inf")

    def begin(self) -> None:
        """Count from now."""
        now = time.monotonic()
        self._ends, self._turn = now + self.seconds, now + _TURN

    def abandon(self) -> None:
        """Nobody waits for the answer any more: stop at the next look."""
        self.abandoned = True

    @property
    def spent(self) -> bool:
        """Whether to stop."""
        return self.abandoned or time.monotonic() > self._ends

    def check(self) -> None:
        """Raise ``Exhausted`` if the budget is spent; now and then let other threads run."""
        now = time.monotonic()
        if self.abandoned or now > self._ends:
            raise Exhausted("the question took longer than it may")
        if now > self._turn:
            time.sleep(_ASIDE)
            self._turn = time.monotonic() + _TURN


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def within(budget: Budget) -> Iterator[None]:
    """Do what follows in this thread within a budget, which begins now."""
    budget.begin()
    token = _CURRENT.set(budget)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def check() -> None:
    """Raise ``Exhausted`` if this thread works within a budget that is spent."""
    budget = _CURRENT.get()
    if budget is not None:
        budget.check()


def checked(things: Iterable[T]) -> Iterator[T]:
    """The same things, with a look at the budget before each."""
    for thing in things:
        check()
        yield thing


def spent() -> bool:
    """Whether this thread works within a budget that is spent: SQLite asks while it works."""
    budget = _CURRENT.get()
    return budget is not None and budget.spent
