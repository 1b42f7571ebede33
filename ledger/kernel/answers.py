"""Commands that were answered and recorded nothing, remembered so that a repeat is told apart.

What a command recorded carries its id, so the ledger itself knows it. A command that found all as
it wished records nothing; its idempotency key would be free for another request, and a repeat could
record what the first did not. So it is remembered with the ledger, and not in it: nothing happened.

A store remembers it in the very transaction that finds nothing else recorded under the id, on
whichever node. A store that cannot is remembered for, as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent


class Answered(msgspec.Struct, frozen=True):
    """A command that recorded nothing: its id, the digest of its request, the head by then."""

    command: str
    digest: str
    position: int


class Remembering(Protocol):
    """What the sequencer needs of a store."""

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
        """Record events, and remember answers, unless one of ``commands`` is answered by now."""


def remembering(recorder: Any) -> Remembering:
    """A store that remembers answers: the recorder itself if it can."""
    store: Remembering = recorder if hasattr(recorder, "answers") else _InProcess(recorder)
    return store


class _InProcess:
    """Remembers for a recorder that knows events alone."""

    def __init__(self, recorder: Any) -> None:
        self._recorder = recorder
        self._known: dict[str, Answered] = {}

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        return [self._known[one] for one in commands if one in self._known]

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
        self._known.update((one.command, one) for one in answers)
        return last
