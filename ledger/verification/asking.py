"""Ask the ledger's own folds about the records up to a position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from ledger.kernel import Event, Fold, Recorded, codec
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.stores.recorder import LedgerRecorder

F = TypeVar("F", bound=Fold)


class Records:
    """The records of a ledger up to ``head``."""

    def __init__(self, recorder: LedgerRecorder, head: int) -> None:
        self._recorder = recorder
        self.head = head

    def of(self, *types: type[Event]) -> Iterator[Recorded]:
        """Return every record of these types."""
        return self._read(Selector(tuple(cls.TOPIC for cls in types), ()), self.head)

    def matching(self, fold: Fold) -> list[Recorded]:
        """Return the records that a fold reads, corrections included."""
        return list(self._read(fold.selector(), self.head))

    def ask(self, fold: F, up_to: int | None = None) -> F:
        """Return the answer to a question at a position, by default at the head."""
        return fold.over(list(self._read(fold.selector(), up_to or self.head)))

    def at(self, position: int) -> Recorded | None:
        """Return the record at a position; ``None`` if there is none."""
        for row in self._recorder.rows(position - 1, 1):
            if row.position == position:
                return codec.decode(position, row.data)
        return None

    def _read(self, selector: Selector, up_to: int) -> Iterator[Recorded]:
        for stored in self._recorder.read_up_to(up_to, as_query([selector])):
            yield codec.decode(stored.position, stored.event.data)
