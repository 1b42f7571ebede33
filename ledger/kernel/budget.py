"""Budgets: how long answering a question may take, and whether the client still waits for it.

The API sets a budget for the thread that works on an answer. Code that reads many events or rows
calls ``check`` regularly. Without a budget (in a follower, a command, the command line) the work is
never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

#: Instructions of SQLite's virtual machine between two checks: a few milliseconds of work.
STATEMENT_STEPS = 50_000

#: Seconds of work after which a thread sleeps briefly. Python runs one thread at a time; without
#: the sleep a computing thread would keep the others waiting for 5 ms, the event loop included.
_TURN = 0.002
#: How long it sleeps, in seconds: long enough for another thread to wake up.
_ASIDE = 0.0002


class Exhausted(Exception):
    """The budget of a question is spent, or the client no longer waits for the answer."""


class Budget:
    """``seconds`` to answer a question, counted from ``begin``. Any thread may call ``abandon``."""

    __slots__ = ("_ends", "_turn", "abandoned", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.abandoned = False
        self._ends = self._turn = float("inf")

    def begin(self) -> None:
        """Start counting now."""
        now = time.monotonic()
        self._ends, self._turn = now + self.seconds, now + _TURN

    def abandon(self) -> None:
        """Stop the work at its next check, because the client no longer waits."""
        self.abandoned = True

    @property
    def spent(self) -> bool:
        """Whether the work must stop."""
        return self.abandoned or time.monotonic() > self._ends

    @property
    def left(self) -> float:
        """The seconds left; 0 if the work must stop."""
        return 0.0 if self.abandoned else max(0.0, self._ends - time.monotonic())

    def check(self) -> None:
        """Raise ``Exhausted`` if the budget is spent; now and then let other threads run."""
        now = time.monotonic()
        if self.abandoned or now > self._ends:
            raise Exhausted("the question took too long, or its client has gone")
        if now > self._turn:
            time.sleep(_ASIDE)
            self._turn = time.monotonic() + _TURN


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def within(budget: Budget) -> Iterator[None]:
    """Run the block in this thread within a budget, which begins now."""
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


def checked(items: Iterable[T]) -> Iterator[T]:
    """Yield the same items, with a check of the budget before each."""
    for item in items:
        check()
        yield item


def left() -> float | None:
    """Return the seconds left of this thread's budget; ``None`` without one."""
    budget = _CURRENT.get()
    return None if budget is None else budget.left


def spent() -> bool:
    """Whether this thread's budget is spent; SQLite calls this while it works."""
    budget = _CURRENT.get()
    return budget is not None and budget.spent
