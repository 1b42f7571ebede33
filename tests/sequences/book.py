"""What the ledger has recorded so far, by subject."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ledger.kernel import Recorded


class Thing:
    """One subject, with everything recorded about it, oldest first."""

    def __init__(self, kind: str, id: str) -> None:
        self.kind = kind
        self.id = id
        self.records: list[Recorded] = []
        #: The names of the events about it, as ``CaseFiled``.
        self.names: set[str] = set()

    def take(self, record: Recorded) -> None:
        self.records.append(record)
        self.names.add(type(record.event).__name__)

    def events(self, name: str) -> list[Any]:
        """The events of one type, oldest first."""
        return [r.event for r in self.records if type(r.event).__name__ == name]

    def last(self, name: str) -> Any:
        """The newest event of a type; ``KeyError`` where none was recorded."""
        events = self.events(name)
        if not events:
            raise KeyError(name)
        return events[-1]

    def record(self, name: str) -> Recorded:
        """The newest record of a type of event."""
        return next(r for r in reversed(self.records) if type(r.event).__name__ == name)

    def get(self, field: str) -> Any:
        """What the first event that has this field says in it; ``None`` if none has."""
        values = (getattr(r.event, field, None) for r in self.records)
        return next((value for value in values if value is not None), None)

    def fits(self, after: Iterable[str], before: Iterable[str]) -> bool:
        """Whether all of ``after`` and none of ``before`` were recorded about it."""
        return self.names.issuperset(after) and self.names.isdisjoint(before)


class Book:
    """Every subject that a record names."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.things: dict[str, dict[str, Thing]] = {}

    def take(self, records: Iterable[Recorded]) -> None:
        for record in records:
            self.records.append(record)
            for tag in record.event.tags():
                kind, _, name = tag.partition(":")
                of_kind = self.things.setdefault(kind, {})
                of_kind.setdefault(name, Thing(kind, name)).take(record)

    def of(self, kind: str, after: str = "", before: str = "") -> list[Thing]:
        """The subjects of a kind about which all of ``after`` and none of ``before`` happened.

        Both are names of events, separated by blanks.
        """
        wanted, barred = after.split(), before.split()
        return [t for t in self.things.get(kind, {}).values() if t.fits(wanted, barred)]

    def thing(self, kind: str, id: str) -> Thing:
        return self.things[kind][id]
