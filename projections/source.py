"""The ledger as followers read it: records in order, in large batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from ledger.kernel import Recorded, budget, civil_moment, codec
from ledger.kernel.budget import Exhausted
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query

#: How often a store without notifications is asked for new events, in seconds.
_POLL_SECONDS = 0.05

#: Reading this many adjacent events at once costs less than reading two of them one by one.
_NEAR = 8

_ONE_DAY = timedelta(days=1)

#: Matches no event; the answer still contains the head.
_NOTHING = Selector(("-",), ("-",))


class Recorder(Protocol):
    """The part of a store that is needed here; any recorder of the library has it."""

    def read(self, query: Any = None, *, after: int | None = None, limit: int | None = None) -> Any:
        """Return the matching events after a position, in order."""


class SourceUnavailable(Exception):
    """The ledger's store does not answer; this says nothing about its content."""


class Entry(NamedTuple):
    """One stored event. ``record`` is an exception instead if the event cannot be decoded."""

    position: int
    type: str
    tags: Sequence[str]
    record: Recorded | codec.UnreadableRecord


class Page(NamedTuple):
    """The requested entries among ``looked`` positions, of which ``last`` is the last.

    ``anchor`` is the digest of the record at ``last``, if that record was read.
    """

    entries: list[Entry]
    last: int
    looked: int
    anchor: str | None = None


class Source:
    """A ledger to be followed. Thread-safe if its recorder is."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def head(self) -> int:
        """Return the last position; 0 if nothing was recorded."""
        head: int = self._ask(lambda: self.recorder.read(as_query([_NOTHING])).head or 0)
        return head

    def page(self, after: int, limit: int, topics: frozenset[str] | None) -> Page:
        """Return the next ``limit`` positions after ``after``, with entries of ``topics`` decoded.

        ``topics=None`` means every type.
        """
        events = self._ask(lambda: list(self.recorder.read(after=after, limit=limit)))
        entries = [
            Entry(stored.position, stored.event.type, stored.event.tags, _decoded(stored))
            for stored in events
            if topics is None or stored.event.type in topics
        ]
        if not events:
            return Page(entries, after, 0)
        return Page(entries, events[-1].position, len(events), _anchor(events[-1].event.data))

    def anchor(self, position: int) -> str | None:
        """Return the digest of the record at a position; ``None`` if there is no record."""
        events = self._ask(lambda: list(self.recorder.read(after=position - 1, limit=1)))
        same = events and events[0].position == position
        return _anchor(events[0].event.data) if same else None

    def records(self, selectors: Iterable[Selector], up_to: int | None = None) -> list[Recorded]:
        """Return the records that match any of the selectors, in order, none beyond ``up_to``.

        Raises ``UnreadableRecord`` if one of them cannot be decoded.
        """
        return list(self.each(selectors, up_to))

    def stored(self, selectors: Iterable[Selector], up_to: int | None = None) -> list[Any]:
        """Return the events that ``records`` returns, undecoded: position, event, tags."""
        return list(self._each(selectors, up_to))

    def each(self, selectors: Iterable[Selector], up_to: int | None = None) -> Iterator[Recorded]:
        """Yield the same records as ``records`` one by one.

        A caller that stops early saves reading.
        """
        for stored in self._each(selectors, up_to):
            yield codec.decode(stored.position, stored.event.data)

    def _each(self, selectors: Iterable[Selector], up_to: int | None) -> Iterator[Any]:
        query = as_query(selectors)
        if not query.items:  # for the library, a query without items matches every event
            return
        events = iter(self._ask(lambda: self.recorder.read(query)))
        while (stored := self._ask(lambda: next(events, None))) is not None:
            budget.check()
            if up_to is not None and stored.position > up_to:
                return
            yield stored

    def after(self, selectors: Iterable[Selector], after: int, limit: int) -> list[Any]:
        """Return the first ``limit`` stored events after a position that match any selector."""
        query = as_query(selectors)
        events: list[Any] = self._ask(
            lambda: list(self.recorder.read(query, after=after, limit=limit))
        )
        return events

    def tagged(self, tags: Sequence[str]) -> bool:
        """Return whether any event carries any of the tags."""
        if hasattr(self.recorder, "tagged"):
            return bool(self._ask(lambda: self.recorder.tagged(tags)))  # type: ignore[attr-defined]
        return bool(self.after([Selector((), (tag,)) for tag in tags], 0, 1))

    def at(self, position: int) -> Recorded | None:
        """Return the record at a position; ``None`` if there is no record."""
        events = self._ask(lambda: list(self.recorder.read(after=position - 1, limit=1)))
        if not events or events[0].position != position:
            return None
        return codec.decode(position, events[0].event.data)

    def first_since(self, moment: datetime) -> int:
        """Return the first position that was recorded at a moment or later.

        That is the position after the last one, if nothing was. No event is recorded earlier than
        the one before it.
        """
        low, high = 1, self.head() + 1
        while low < high:
            middle = (low + high) // 2
            (stored,) = self._ask(partial(self._run, middle - 1, 1))
            recorded_at = codec.recorded_at(stored.event.data)
            if recorded_at is not None and recorded_at < moment:
                low = middle + 1
            else:
                high = middle
        return low

    def recorded_within(self, since: date | None, until: date | None) -> tuple[int, int]:
        """Return the first and last position recorded from one civil day to another, inclusive.

        Without a day there is no bound. The last is less than the first if there is nothing.
        """
        first = 1 if since is None else self.first_since(civil_moment(since))
        if until is None:
            return first, self.head()
        return first, self.first_since(civil_moment(until + _ONE_DAY)) - 1

    def _run(self, after: int, limit: int) -> list[Any]:
        return list(self.recorder.read(after=after, limit=limit))

    def exactly(self, positions: Sequence[int]) -> list[Any]:
        """Return the stored events at these ascending positions, undecoded.

        Positions close to each other are read in one query, together with those between them.
        """
        wanted = frozenset(positions)
        events: list[Any] = []
        begin = 0
        for end in range(1, len(positions) + 1):
            if end < len(positions) and positions[end] - positions[end - 1] <= _NEAR:
                continue
            after, last = positions[begin] - 1, positions[end - 1]
            run = self._ask(partial(self._run, after, last - after))
            events += [stored for stored in run if stored.position in wanted]
            begin = end
        return events

    def waiter(self) -> Waiter:
        """Return a waiter, with which a follower waits until something is appended."""
        return Waiter(self.recorder)

    @staticmethod
    def _ask(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except Exhausted:
            raise
        except Exception as error:
            # Each store raises its own errors; all of them concern the store, not an event.
            raise SourceUnavailable(f"the ledger cannot be read: {error}") from error


class Waiter:
    """Waits for appends; another thread can wake it."""

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
        """Make ``wait`` return."""
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
