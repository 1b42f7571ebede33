"""Views: tables that answer one question each; most of them store the state of a fold.

A view takes entries in order and writes rows. Between batches it keeps only caches, which it drops
when a transaction fails and can read again.
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

from ledger.kernel import Fold, RecordCorrected, Recorded
from ledger.kernel.folds import topics_of
from projections.source import Entry, Source
from projections.tables import Code, Connection, Row, Store, in_order
from projections.words import TextIndex, Texts, reading

F = TypeVar("F", bound=Fold)

#: Folds that a view keeps in memory, and as many again before it writes them. The number only
#: bounds memory.
MAX_FOLDS = 10_000


class View(ABC):
    """Tables that a follower keeps.

    ``version`` must rise whenever the same events give other rows. ``topics`` are the event types
    that the view reads. A ``whole`` view takes every event, including those that cannot be decoded.
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
        """Return, as text, everything besides the events on which the rows depend."""
        return [
            f"version {self.version}",
            *sorted(self.topics),
            *(column for table in self.tables for column in _columns(table)),
            *sorted(index for table in self.tables for index in _indexes(table)),
        ]

    @property
    def fingerprint(self) -> int:
        """A checksum of ``shape``. If it differs from the stored one, the rows are of no use.

        The follower then drops and rebuilds this view alone.
        """
        return zlib.crc32("\n".join(self.shape()).encode())

    def outdated(self, connection: Connection, source: Source) -> bool:
        """Return whether the rows must be rebuilt although the fingerprint is the same."""
        return False

    def begin(self, source: Source, position: int) -> None:  # noqa: B027 - most need nothing
        """Load what is needed to continue after ``position``, and drop every cache."""

    @abstractmethod
    def take(self, entries: Sequence[Entry], store: Store, source: Source, last: int) -> None:
        """Apply entries of ``topics``, in order, up to position ``last``.

        Rows may be written as late as ``flush``. The caches may include these entries only after
        ``committed``.
        """

    @abstractmethod
    def flush(self, store: Store, source: Source, last: int) -> Collection[str]:
        """Write everything taken but not yet written; return the keys of the changed rows."""

    def committed(self) -> None:  # noqa: B027 - a view without a cache has nothing to do
        """Note that the taken entries are committed."""


def subject_table(name: str, *columns: sa.Column[Any] | str) -> sa.Table:
    """Return the table of a ``FoldView``: one row per subject, with these columns for queries.

    A column given as a name only holds text (an id, a state, a date) and is indexed. ``begun`` is
    the fold's ``exists``. It is false if other events mention a subject before its own first event;
    the row then keeps the state and is never shown.
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


@cache
def _columns(table: sa.Table) -> tuple[str, ...]:
    """Return the columns of a table with their types, as text. Cached: SQLAlchemy is slow here."""
    return tuple(f"{table.name}.{column.name} {column.type!r}" for column in table.columns)


@cache
def _indexes(table: sa.Table) -> tuple[str, ...]:
    """Return the indexes of a table with their columns, as text."""
    return tuple(
        f"{table.name} {index.name} {[column.name for column in index.columns]}"
        for index in table.indexes
    )


def _begun(fold: Fold) -> bool:
    # Histories of public lists begin with a publication, though they are not a ``SubjectFold``.
    return bool(getattr(fold, "exists", True))


def _plain(value: Any) -> Any:
    """Return a value as a table stores it."""
    return value.isoformat() if isinstance(value, date) else value


@cache
def _built(fold: type[Fold]) -> tuple[str, str]:
    """Return the schema of a fold's state, as text. Cached: it takes four milliseconds."""
    (schema,), parts = msgspec.json.schema_components([fold])
    return repr(_undescribed(schema)), repr(sorted(_undescribed(parts).items()))


def _undescribed(schema: Any) -> Any:
    """Return a schema without descriptions: a reworded docstring changes no row."""
    if isinstance(schema, dict):
        texts = (("description", str), ("title", str))
        return {
            name: _undescribed(part)
            for name, part in schema.items()
            if not any(name == word and isinstance(part, kind) for word, kind in texts)
        }
    return [_undescribed(part) for part in schema] if isinstance(schema, list) else schema


class FoldView(View, Generic[F]):
    """A view with one row per subject of a kind, which holds the state of a fold about the subject.

    A subclass names the fold, the kind and the table. The table must have the primary key ``key``
    and the columns ``position`` and ``state``; ``row`` gives the values of the others.
    ``subject_table`` makes such a table, with the column ``begun`` in addition. If the rows can be
    searched by text, ``search`` is the index, whose tables must be among ``tables``, and ``texts``
    returns what a row is found by.
    """

    kind: ClassVar[str]
    fold: ClassVar[type[Fold]]
    table: ClassVar[sa.Table]
    search: ClassVar[TextIndex | None] = None

    def __init__(self) -> None:
        self.topics = frozenset(topics_of(self.fold))
        given = ("key", "position", "begun", "state")
        self._further = tuple(c.name for c in self.table.columns if c.name not in given)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: Any = msgspec.msgpack.Decoder(self.fold)
        #: Folds whose state equals the tables, least recently changed first.
        self._known: OrderedDict[str, F] = OrderedDict()
        #: Folds newer than the tables, each with the position of the last event that changed it.
        self._open: dict[str, tuple[F, int]] = {}
        self._stale: set[str] = set()
        self._changed: set[str] = set()

    def shape(self) -> list[str]:
        spelt = () if self.search is None else (reading(),)
        return [*super().shape(), *_built(self.fold), *spelt]

    def texts(self, fold: F) -> Texts:
        """Return the texts by which the row of a fold is found."""
        raise NotImplementedError

    def row(self, fold: F, position: int) -> Row:
        """Return the further columns of a row: the fold's attributes of the same names."""
        return {name: _plain(getattr(fold, name)) for name in self._further}

    def decode(self, state: bytes) -> F:
        """Return the fold with a stored state."""
        fold: F = self._decoder.decode(state)
        return fold

    def outdated(self, connection: Connection, source: Source) -> bool:
        """Return whether the rows must be rebuilt although the fingerprint is the same."""
        return False

    def begin(self, source: Source, position: int) -> None:
        # A fold may have taken events that were rolled back, so no fold is kept.
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
            # A correction changes the past, so this fold is made again from all its records.
            fold = self._blank(key)
            records = source.records([fold.selector()], last)
            if all(isinstance(record.event, RecordCorrected) for record in records):
                continue
            self._open[key] = fold.over(records), records[-1].position
        self.write(self._open, store)
        self._changed.update(self._open)
        return self._changed

    def write(self, folds: Mapping[str, tuple[F, int]], store: Store) -> None:
        """Write the rows of these folds, each as of its position."""
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
        if self.search is not None:
            self.search.put(store, {key: self.texts(fold) for key, (fold, _) in folds.items()})

    def committed(self) -> None:
        self._settle()
        self._changed = set()

    def _settle(self) -> None:
        """Move the open folds to the known ones: the tables now equal them."""
        known = self._known
        for key, (fold, _) in self._open.items():
            known[key] = fold
            known.move_to_end(key)
        self._open = {}
        self._stale = set()
        while len(known) > MAX_FOLDS:
            known.popitem(last=False)

    def _by_key(self, entries: Sequence[Entry]) -> dict[str, list[Recorded]]:
        """Return the records of each key in order.

        Mark the keys that a correction touches as stale.
        """
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
        """Open the folds of these keys: from memory, from the table, or new."""
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
