"""Small tables that belong to a ledger: in an SQLite file next to it, or in its database.

Both are used in the same way, so that what keeps tokens or signed checkpoints is written once.
Statements mark parameters with ``?`` and begin the names of tables with ``{s}``. The tables
themselves are declared for each database separately (``Declared``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ledger.stores import StoreError
from ledger.stores.files import connect_read_only, number_of, private_file, trouble

_BUSY_SECONDS = 10.0
MEMORY = ":memory:"


class Declared(NamedTuple):
    """The statements that make tables in a file and on a server, and what the service may do there.

    On a server ``{s}`` stands for the schema. ``grants`` are the privileges of the service's role
    on all of the tables.
    """

    sqlite: Sequence[str]
    postgres: Sequence[str]
    grants: str = "SELECT, INSERT, UPDATE, DELETE"


class Transaction(Protocol):
    """A transaction that is alone in its tables."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """Run a statement; the result is iterable and has ``fetchone`` and ``rowcount``."""

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> Any:
        """Run a statement once for each row of parameters."""


class Tables(Protocol):
    """Tables of one purpose. Safe for threads and processes. Raises ``StoreError``."""

    #: Where they are, for messages.
    place: str

    def rows(self, sql: str, *parameters: Any) -> list[Any]:
        """Return the rows that a statement finds."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Run the block in a transaction that is alone in the tables; roll back if it raises."""

    def number(self) -> str:
        """Return a text that distinguishes these tables from a copy of them."""

    def close(self) -> None:
        """Close the tables. Idempotent."""


class SQLiteFile:
    """Tables in an SQLite file with one connection, shared between threads by a lock."""

    def __init__(self, path: Path, schema: Sequence[str], *, read_only: bool = False) -> None:
        self.path = path
        self.place = str(path)
        self._lock = threading.RLock()
        if not read_only and self.place != MEMORY:
            private_file(path)
        with self._translated():
            if read_only:
                self._sqlite = connect_read_only(path.absolute(), _BUSY_SECONDS)
                return
            self._sqlite = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._sqlite.execute("PRAGMA journal_mode = WAL")
            self._sqlite.execute("PRAGMA synchronous = FULL")
            self._sqlite.execute("PRAGMA secure_delete = ON")  # an ended secret is not left behind
            for statement in schema:
                self._sqlite.execute(statement)

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._lock:
            self._sqlite.close()

    def rows(self, sql: str, *parameters: Any) -> list[Any]:
        """Return the rows that a statement finds."""
        with self._lock, self._translated():
            return self._sqlite.execute(sql.replace("{s}", ""), parameters).fetchall()

    @contextmanager
    def writing(self) -> Iterator[_InFile]:
        """Run the block in a transaction with the write lock; roll back if it raises."""
        with self._lock, self._translated():
            self._sqlite.execute("BEGIN IMMEDIATE")
            try:
                yield _InFile(self._sqlite)
                self._sqlite.execute("COMMIT")
            except BaseException:
                if self._sqlite.in_transaction:  # a full disk ends it by itself
                    self._sqlite.execute("ROLLBACK")
                raise

    def fill_from(self, other: sqlite3.Connection) -> None:
        """Copy another database into this one, which must be empty."""
        with self._lock:
            other.backup(self._sqlite)

    def number(self) -> str:
        """Return a text that distinguishes the file from its copies (``number_of``)."""
        return number_of(self.path)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(trouble(self.path, error)) from error


class _InFile:
    """A transaction in an SQLite file."""

    def __init__(self, sqlite: sqlite3.Connection) -> None:
        self._sqlite = sqlite

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self._sqlite.execute(sql.replace("{s}", ""), parameters)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> Any:
        return self._sqlite.executemany(sql.replace("{s}", ""), rows)


def as_tables(place: Path | Tables, declared: Declared, *, read_only: bool = False) -> Tables:
    """Return the tables in a file; those on a server exist already and are returned as they are."""
    if isinstance(place, Path):
        return SQLiteFile(place, declared.sqlite, read_only=read_only)
    return place
