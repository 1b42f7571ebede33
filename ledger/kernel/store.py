"""The interface of a store, and an adapter that gives it to any recorder of the library.

Beyond the library's ``DCBRecorder``, a store reads up to a position, reports whether it can be
written, and remembers commands that recorded nothing. A command that recorded events is found in
the ledger by its id. A command that recorded nothing must be remembered too: otherwise its key
would be free for another request, and a repeat might record what the first did not. The answer is
not an event, because nothing happened. It is stored in the transaction that also checks that no
other node has recorded or answered the same command id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBRecorder,
    DCBSequencedEvent,
)
from eventsourcing.persistence import OperationalError


class Answered(msgspec.Struct, frozen=True):
    """A command that recorded nothing: its id, its request digest, the head at that time."""

    command: str
    digest: str
    position: int


class StillCommitting(OperationalError):
    """An append failed, and the store may still be committing it: no reader can see yet."""


#: Returns a batch's events, recorded no earlier than a moment.
Later = Callable[[datetime], Sequence[DCBEvent]]


@runtime_checkable
class Store(Protocol):
    """Records events and answers queries; raises the library's ``PersistenceError`` if it fails.

    Positions are contiguous from 1, in the order of the commits. ``distant``: each question is a
    round trip to another process, so that asking many at once is much cheaper.
    """

    distant: bool

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> Any:
        """Return the library's response: events in order of position, and the ``head`` seen."""

    def read_up_to(self, head: int, query: DCBQuery) -> Iterable[DCBSequencedEvent]:
        """Return the events that match a query up to a position, without reading the head."""

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        """Return the answers to those of these commands that recorded nothing."""

    def append(
        self,
        events: Sequence[DCBEvent],
        condition: DCBAppendCondition | None = None,
        *,
        answers: Sequence[Answered] = (),
        commands: Sequence[str] = (),
        later: Later | None = None,
    ) -> int:
        """Record events and remember answers; return the position of the last event.

        ``later`` is called if other processes appended events since the condition's position. It is
        passed when the newest of them was recorded, and returns the events to record instead: the
        same ones, but none recorded before that moment.

        Raises ``IntegrityError`` if the condition fails or one of ``commands`` was answered
        meanwhile. After another error a reader sees whether the events were recorded, unless it
        is ``StillCommitting``.
        """

    def confirm(self, position: int) -> None:
        """Return when what was recorded up to a position cannot vanish any more.

        Only then may an answer rest on it. A store with standbys may lose it in a takeover before.
        """

    def writable(self) -> bool:
        """Whether the store could be written now."""


def as_store(recorder: DCBRecorder | Store) -> Store:
    """Return the recorder itself if it is a store, else wrap it in a ``LibraryStore``."""
    return recorder if isinstance(recorder, Store) else LibraryStore(recorder)


class LibraryStore:
    """A store over a recorder that knows only events; it keeps answers in memory."""

    distant = False

    def __init__(self, recorder: DCBRecorder) -> None:
        self._recorder = recorder
        self._known: dict[str, Answered] = {}
        self.read = recorder.read

    def read_up_to(self, head: int, query: DCBQuery) -> Iterable[DCBSequencedEvent]:
        return (event for event in self._recorder.read(query) if event.position <= head)

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        return [self._known[command] for command in commands if command in self._known]

    def append(
        self,
        events: Sequence[DCBEvent],
        condition: DCBAppendCondition | None = None,
        *,
        answers: Sequence[Answered] = (),
        commands: Sequence[str] = (),
        later: Later | None = None,
    ) -> int:
        if events:
            last = int(self._recorder.append(events, condition))
        else:
            last = (condition.after if condition else None) or 0
        self._known.update((answered.command, answered) for answered in answers)
        return last

    def confirm(self, position: int) -> None:
        """Do nothing: the library's recorders answer when an append is durable."""

    def writable(self) -> bool:
        return True
