"""What the sequencer asks of a store, and how a recorder of the library answers it.

Beyond the library's ``DCBRecorder`` a store reads up to a position, says whether it would take an
append, and remembers commands that recorded nothing: what a command recorded carries its id, so
the ledger itself knows it; of one that recorded nothing the idempotency key would be free for
another request, and a repeat could record what the first did not. It is remembered with the ledger
and not in it, because nothing happened, in the very transaction that finds nothing else recorded
under the id, on every node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBRecorder,
    DCBSequencedEvent,
)


class Answered(msgspec.Struct, frozen=True):
    """A command that recorded nothing: its id, the digest of its request, the head by then."""

    command: str
    digest: str
    position: int


@runtime_checkable
class Store(Protocol):
    """Records events and answers queries; raises the library's ``PersistenceError`` where it fails.

    Positions are contiguous from 1, in the order of their commits.
    """

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> Any:
        """The library's response: events in order of position, with the ``head`` seen."""

    def read_up_to(self, head: int, query: DCBQuery) -> Iterable[DCBSequencedEvent]:
        """What a query finds up to a position, without asking for the head."""

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        """Which of these commands were answered without recording anything."""

    def append(
        self,
        events: Sequence[DCBEvent],
        condition: DCBAppendCondition | None = None,
        *,
        answers: Sequence[Answered] = (),
        commands: Sequence[str] = (),
    ) -> int:
        """Record events and remember answers; return the position of the last event.

        Raises ``IntegrityError`` where the condition fails or one of ``commands`` was answered
        meanwhile.
        """

    def writable(self) -> bool:
        """Whether an append would be taken now."""


def as_store(recorder: DCBRecorder | Store) -> Store:
    """The recorder itself if it is a store, else one that does the rest in this process."""
    return recorder if isinstance(recorder, Store) else LibraryStore(recorder)


class LibraryStore:
    """A recorder that knows events alone: answers are remembered as long as the process lives."""

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
    ) -> int:
        if events:
            last = int(self._recorder.append(events, condition))
        else:
            last = (condition.after if condition else None) or 0
        self._known.update((answered.command, answered) for answered in answers)
        return last

    def writable(self) -> bool:
        return True
