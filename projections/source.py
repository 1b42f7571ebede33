"""The ledger as those who follow it see it: records in order, read in large pieces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from ledger.kernel import Recorded, budget, codec
from ledger.kernel.budget import Exhausted
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query

#: Where a store cannot be listened to, how often it is asked whether something was appended.
_POLL_SECONDS = 0.05

#: Reading so many events at once costs less than asking for two of them one by one.
_NEAR = 8

#: Matches no event; its answer still tells the head.
_NOTHING = Selector(("-",), ("-",))


class Recorder(Protocol):
    """What is asked of a store: any recorder of the library will do."""

    def read(self, query: Any = None, *, after: int | None = None, limit: int | None = None) -> Any:
        """The events after a position that match, in order."""


class SourceUnavailable(Exception):
    """The ledger's store does not answer; nothing is wrong with what it holds."""


class Entry(NamedTuple):
    """One stored event. ``record`` is the exception instead, where it cannot be read."""

    position: int
    type: str
    tags: Sequence[str]
    record: Recorded | codec.UnreadableRecord


class Page(NamedTuple):
    """What was asked for of ``looked`` positions; ``last`` is the last one looked at.

    ``anchor`` is the digest of the record at ``last``, where that was read.
    """

    entries: list[Entry]
    last: int
    looked: int
    anchor: str | None = None


class Source:
    """A ledger to be followed. Safe for threads as far as its recorder is."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def head(self) -> int:
        """The last position, 0 if nothing was recorded."""
        head: int = self._ask(lambda: self.recorder.read(as_query([_NOTHING])).head or 0)
        return head

    def page(self, after: int, limit: int, topics: frozenset[str] | None) -> Page:
        """The next ``limit`` positions after ``after``, decoded where the type is in ``topics``.

        ``None`` stands for every type.
        """
        found = self._ask(lambda: list(self.recorder.read(after=after, limit=limit)))
        entries = [
            Entry(one.position, one.event.type, one.event.tags, _decoded(one))
            for one in found
            if topics is None or one.event.type in topics
        ]
        if not found:
            return Page(entries, after, 0)
        return Page(entries, found[-1].position, len(found), _anchor(found[-1].event.data))

    def anchor(self, position: int) -> str | None:
        """The digest of the record at a position, ``None`` where there is none."""
        found = self._ask(lambda: list(self.recorder.read(after=position - 1, limit=1)))
        same = found and found[0].position == position
        return _anchor(found[0].event.data) if same else None

    def records(self, selectors: Iterable[Selector], up_to: int | None = None) -> list[Recorded]:
        """The records that match any of the selectors, in order, none beyond ``up_to``.

        Raises ``UnreadableRecord`` for one that cannot be decoded.
        """
        return list(self.each(selectors, up_to))

    def stored(self, selectors: Iterable[Selector], up_to: int | None = None) -> list[Any]:
        """Like ``records``, as the store holds them: position, and event with data and tags."""
        return list(self._each(selectors, up_to))

    def each(self, selectors: Iterable[Selector], up_to: int | None = None) -> Iterator[Recorded]:
        """Like ``records``, one after another: what stops early has read no more than a page."""
        for one in self._each(selectors, up_to):
            yield codec.decode(one.position, one.event.data)

    def _each(self, selectors: Iterable[Selector], up_to: int | None) -> Iterator[Any]:
        query = as_query(selectors)
        if not query.items:  # to the library no item at all means every event
            return
        events = iter(self._ask(lambda: self.recorder.read(query)))
        while (one := self._ask(lambda: next(events, None))) is not None:
            budget.check()
            if up_to is not None and one.position > up_to:
                return
            yield one

    def after(self, selectors: Iterable[Selector], after: int, limit: int) -> list[Any]:
        """The first ``limit`` stored events after a position that match any of the selectors."""
        query = as_query(selectors)
        found: list[Any] = self._ask(
            lambda: list(self.recorder.read(query, after=after, limit=limit))
        )
        return found

    def tagged(self, tags: Sequence[str]) -> bool:
        """Whether any event carries any of the tags."""
        if hasattr(self.recorder, "tagged"):
            return bool(self._ask(lambda: self.recorder.tagged(tags)))  # type: ignore[attr-defined]
        return bool(self.after([Selector((), (tag,)) for tag in tags], 0, 1))

    def at(self, position: int) -> Recorded | None:
        """The record at a position, ``None`` where there is none."""
        found = self._ask(lambda: list(self.recorder.read(after=position - 1, limit=1)))
        if not found or found[0].position != position:
            return None
        return codec.decode(position, found[0].event.data)

    def _run(self, after: int, limit: int) -> list[Any]:
        return list(self.recorder.read(after=after, limit=limit))

    def exactly(self, positions: Sequence[int]) -> list[Any]:
        """The stored events at these positions, which rise, as the store holds them.

        Positions that lie close together are read at once, with what is between them.
        """
        wanted = frozenset(positions)
        found: list[Any] = []
        begin = 0
        for end in range(1, len(positions) + 1):
            if end < len(positions) and positions[end] - positions[end - 1] <= _NEAR:
                continue
            after, last = positions[begin] - 1, positions[end - 1]
            run = self._ask(partial(self._run, after, last - after))
            found += [stored for stored in run if stored.position in wanted]
            begin = end
        return found

    def waiter(self) -> Waiter:
        """What a follower waits with until something is appended."""
        return Waiter(self.recorder)

    @staticmethod
    def _ask(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except Exhausted:
            raise
        except Exception as error:
            # Each store has its own kinds of failure; none of them says anything about an event.
            raise SourceUnavailable(f"the ledger cannot be read: {error}") from error


class Waiter:
    """Waits for appends, and can be woken."""

    def __init__(self, recorder: Recorder) -> None:
        self._event = threading.Event()
        self._recorder: Any = recorder
        self._listens = hasattr(self._recorder, "listen")
        if self._listens:
            listening: Any = recorder
            listening.listen(self._event)

    def wait(self, after: int, timeout: float) -> None:
        """Return when something may have been appended after a position, or ``wake`` was called."""
        if self._listens:
            self._event.wait(timeout)
        elif hasattr(self._recorder, "wait_for_append"):
            self._recorder.wait_for_append(after, min(timeout, 0.25))
        else:
            self._event.wait(min(timeout, _POLL_SECONDS))
        self._event.clear()

    def wake(self) -> None:
        """End the waiting."""
        self._event.set()

    def close(self) -> None:
        """Stop listening."""
        if self._listens:
            self._recorder.unlisten(self._event)


def _anchor(data: bytes) -> str:
    return sha256(data).hexdigest()


def _decoded(stored: Any) -> Recorded | codec.UnreadableRecord:
    try:
        return codec.decode(stored.position, stored.event.data)
    except codec.UnreadableRecord as error:
        return error
