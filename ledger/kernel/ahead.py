"""Read ahead: find out what the commands of a batch will ask, and read it in few round trips.

A store on another machine answers one question as slowly as a hundred. So before a batch is
decided, each command is decided for trial: a question that the memory cannot answer is noted and
answered as for an unused id. What was noted is then read at once, and the trial is repeated for
the commands that had such questions. Deciding has no effect but its result, which is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from eventsourcing.persistence import PersistenceError

from ledger.kernel.events import Recorded
from ledger.kernel.folds import Fold
from ledger.kernel.memory import Kept, Memory

F = TypeVar("F", bound=Fold)
C = TypeVar("C")

#: How often a batch is tried at most. Questions that depend on more answers are read one by one.
PASSES = 6


class Ahead:
    """The past as the memory knows it, with blank answers for what it would have to read."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        #: The questions that the memory could not answer.
        self.unread: dict[Hashable, Fold] = {}

    def fold(self, fold: F) -> F:
        """Return the answer that the memory has, or a blank one."""
        return self.kept(fold).fold  # type: ignore[return-value]

    def kept(self, fold: Fold) -> Kept:
        """Return the answer that the memory has, or a blank one."""
        known = self._memory.known(fold)
        if known is None:
            self.unread[fold.question()] = fold
            known = self._memory.blank(fold)
        return known

    def fold_all(self, folds: Iterable[Fold]) -> None:
        """Note the questions that the memory cannot answer."""
        for fold in folds:
            self.kept(fold)

    def record_at(self, position: int) -> Recorded | None:
        """Return the record at a position; it is read."""
        return self._memory.record_at(position)

    def audiences_of(self, record: Recorded) -> Iterable[str] | None:
        """Return who may see a record."""
        return self._memory.audiences_of(record)


def read_ahead(memory: Memory, items: Iterable[C], decide: Callable[[C, Ahead], object]) -> None:
    """Have the memory read what ``decide`` asks for each of ``items``.

    Raises ``PersistenceError`` if the store does not answer.
    """
    trying = list(items)
    for _ in range(PASSES):
        unread: dict[Hashable, Fold] = {}
        asking = []
        for item in trying:
            ahead = Ahead(memory)
            try:
                decide(item, ahead)
            except PersistenceError:
                raise  # the store does not answer: each further trial would wait for it again
            except Exception:  # noqa: BLE001, S110 - blank answers may lead anywhere
                pass
            if ahead.unread:
                unread.update(ahead.unread)
                asking.append(item)
        if not unread:
            return
        memory.fold_all(unread.values())
        trying = asking
