"""Views: tables that answer one question each; most need little more than a fold.

A view takes entries in order and writes rows. It keeps nothing that it could not read again: what
it remembers between batches is a cache, dropped when a transaction fails.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from ledger.kernel import Fold, RecordCorrected, Recorded, SubjectFold
from ledger.kernel.folds import topics_of
from projections.source import Entry, Source
from projections.tables import Code, Connection, Row, Store, in_order

F = TypeVar("F", bound=Fold)

#: Folds that a view keeps in memory, and as many again before it writes them; the number bounds
#: memory, nothing else.
MAX_FOLDS = 10_000


class View(ABC):
    """Tables kept by a follower.

    ``version`` rises whenever what stands in the tables would come out otherwise. ``topics`` are
    the stored types it reads. One that is ``whole`` takes every event there is, those that cannot
    be read included.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    whole: ClassVar[bool] = False
    tables: ClassVar[tuple[sa.Table, ...]]
    topics: frozenset[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for table in cls.__dict__.get("tables", ()):
            in_order(table)

    def shape(self) -> list[str]:
        """What the rows depend on besides the events; as text."""
        return [
            f"version {self.version}",
            *sorted(self.topics),
            *(f"{t.name}.{c.name} {c.type!r}" for t in self.tables for c in t.columns),
            *sorted(
                f"{t.name} {index.name} {[c.name for c in index.columns]}"
                for t in self.tables
                for index in t.indexes
            ),
        ]

    @property
    def fingerprint(self) -> int:
        """Differs from an earlier program's if its rows cannot be gone on with.

        The follower then drops and rebuilds this view alone.
        """
        return zlib.crc32("\n".join(self.shape()).encode())

    def outdated(self, connection: Connection, source: Source) -> bool:
        """Whether the rows have to be made anew although the fingerprint is the same."""
        return False

    def begin(self, source: Source, position: int) -> None:  # noqa: B027 - most need nothing
        """Remember what is needed to go on after ``position``; everything else is forgotten."""

    @abstractmethod
    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        """Let the entries (of ``topics`` alone, up to position ``last``) change what is known.

        Nothing need be written before ``flush``, nothing may be kept before ``committed``.
        """

    @abstractmethod
    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        """Write all that was taken and not yet written; the keys of the rows changed."""

    def committed(self) -> None:  # noqa: B027 - a view without a cache has nothing to do
        """What was taken is durable."""


def subject_table(name: str, *columns: sa.Column[Any] | str) -> sa.Table:
    """The table of a ``FoldView``: a row for each subject, with these columns to ask by.

    A column that is given by its name alone holds text (an id, a state, a date) and is indexed.
    ``begun`` is the fold's ``exists``: an event of another system may name a subject about which
    the fold knows nothing else; the row keeps its state and is never shown.
    """
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("key", Code, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("begun", sa.Boolean, nullable=False),
        *(sa.Column(c, Code, index=True) if isinstance(c, str) else c for c in columns),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )


def _begun(fold: Fold) -> bool:
    return not isinstance(fold, SubjectFold) or fold.exists


def _plain(value: Any) -> Any:
    """A value as it stands in a table."""
    return value.isoformat() if isinstance(value, date) else value


@cache
def _built(fold: type[Fold]) -> tuple[str, str]:
    """How the states of a fold are built. Asked for often, and four milliseconds to work out."""
    (schema,), parts = msgspec.json.schema_components([fold])
    return repr(schema), repr(sorted(parts.items()))


class FoldView(View, Generic[F]):
    """One row for each subject of a kind, holding the state of one fold about that subject.

    A subclass names the fold, the kind and the table, whose primary key is ``key`` and which has
    the columns ``position`` and ``state``; ``row`` gives the others. ``subject_table`` makes one,
    with a column ``begun`` besides.
    """

    kind: ClassVar[str]
    fold: ClassVar[type[Fold]]
    table: ClassVar[sa.Table]

    def __init__(self) -> None:
        self.topics = frozenset(topics_of(self.fold))
        given = ("key", "position", "begun", "state")
        self._further = tuple(c.name for c in self.table.columns if c.name not in given)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: Any = msgspec.msgpack.Decoder(self.fold)
        #: Folds as the tables have them, least recently changed first.
        self._known: OrderedDict[str, F] = OrderedDict()
        #: Folds ahead of the tables, each with the position of the last event that changed it.
        self._open: dict[str, tuple[F, int]] = {}
        self._stale: set[str] = set()
        self._changed: set[str] = set()

    def shape(self) -> list[str]:
        return [*super().shape(), *_built(self.fold)]

    def row(self, fold: F, position: int) -> Row:
        """The further columns of a row: what the fold says under the same names."""
        return {name: _plain(getattr(fold, name)) for name in self._further}

    def decode(self, state: bytes) -> F:
        """The fold of a stored state."""
        fold: F = self._decoder.decode(state)
        return fold

    def outdated(self, connection: Connection, source: Source) -> bool:
        """Whether the rows have to be made anew although the fingerprint is the same."""
        return False

    def begin(self, source: Source, position: int) -> None:
        # A fold may have taken events that were rolled back: none is kept.
        self._known.clear()
        self._open.clear()
        self._stale.clear()
        self._changed.clear()

    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        waiting = self._by_key(entries)
        self._fetch(waiting, store)
        for key, records in waiting.items():
            fold = self._open[key][0]
            for record in records:
                fold.take(record)
            self._open[key] = fold, records[-1].position
        if len(self._open) > MAX_FOLDS:
            self.flush(store, source, last)
            self._settle()

    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        for key in sorted(self._stale):
            # What a correction changes lies in the past: ask the ledger for all of it again.
            fold = self._blank(key)
            records = source.records([fold.selector()], last)
            if all(isinstance(record.event, RecordCorrected) for record in records):
                continue
            self._open[key] = fold.over(records), records[-1].position
        self.write(self._open, store)
        self._changed.update(self._open)
        return self._changed

    def write(self, folds: Mapping[str, tuple[F, int]], store: Store) -> None:
        """Store folds, each as of its position."""
        encode = self._encoder.encode
        store.put(
            self.table,
            [
                {
                    "key": key,
                    "position": at,
                    "state": encode(fold),
                    **({"begun": _begun(fold)} if "begun" in self.table.c else {}),
                    **self.row(fold, at),
                }
                for key, (fold, at) in folds.items()
            ],
        )

    def committed(self) -> None:
        self._settle()
        self._changed = set()

    def _settle(self) -> None:
        """What was open is now as the tables have it."""
        known = self._known
        for key, (fold, _) in self._open.items():
            known[key] = fold
            known.move_to_end(key)
        self._open = {}
        self._stale = set()
        while len(known) > MAX_FOLDS:
            known.popitem(last=False)

    def _by_key(self, entries: Sequence[Entry]) -> dict[str, list[Recorded]]:
        """The records of each key, in order. What a correction touches is noted as stale."""
        prefix = f"{self.kind}:"
        cut = len(prefix)
        waiting: dict[str, list[Recorded]] = {}
        for _, topic, tags, record in entries:
            for tag in tags:
                if not tag.startswith(prefix):
                    continue
                if topic == RecordCorrected.TOPIC:
                    self._stale.add(tag[cut:])
                else:
                    assert isinstance(record, Recorded)
                    waiting.setdefault(tag[cut:], []).append(record)
        return waiting

    def _fetch(self, keys: Iterable[str], store: Store) -> None:
        """Have the folds of these keys open."""
        missing = []
        for key in keys:
            if key in self._open:
                continue
            fold = self._known.pop(key, None)
            if fold is None:
                missing.append(key)
            else:
                self._open[key] = fold, 0
        table = self.table.c
        for row in store.get(self.table, table.key, missing, table.key, table.state):
            self._open[row.key] = self.decode(row.state), 0
        for key in missing:
            if key not in self._open:
                self._open[key] = self._blank(key), 0

    def _blank(self, key: str) -> F:
        make: Any = self.fold
        fold: F = make(key)
        return fold
