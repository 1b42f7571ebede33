"""Tables of views: declared once with SQLAlchemy Core, alike on SQLite and PostgreSQL.

Whatever differs between the two databases stands here: opening, upserting, collating, and the lock
that keeps a second process from following into the same tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import StaticPool

from ledger.kernel import budget
from ledger.stores.files import connect_read_only, is_damaged, private_file, trouble
from ledger.stores.naming import beside, ledger_path

#: Text that sorts by code point on every database, so that a digest has one order.
Code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

#: Keys in one ``IN`` list; SQLite takes 32,766 parameters, PostgreSQL 65,535.
MAX_KEYS = 2_000

#: Rows fetched at a time when a whole table is read.
_PAGE = 1_000

#: Held on PostgreSQL by the process that follows: "views" in ASCII.
_ADVISORY_LOCK = 0x7669657773

#: How long a statement waits for another process's transaction on SQLite, in seconds.
_BUSY_SECONDS = 10.0

Row = Mapping[str, Any]


def kept_from(units: Iterable[str]) -> str:
    """What a column says of the units from which a row is kept; ``not_kept_from`` asks it."""
    return "".join(f" {unit} " for unit in units)


def not_kept_from(column: sa.ColumnElement[str], unit: str) -> sa.ColumnElement[bool]:
    """The rows that are not kept from a unit."""
    return sa.not_(column.contains(f" {unit} ", autoescape=True))


class Followed(Exception):
    """Another process follows into these views."""


class Damaged(sa.exc.DatabaseError):
    """The file of the views is damaged; its words say what may be deleted."""

    def __init__(self, path: str, error: BaseException) -> None:
        super().__init__(None, None, error)
        self._path = path

    def __str__(self) -> str:
        assert self.orig is not None
        return trouble(Path(self._path), self.orig)


def views_url(ledger_url: str) -> URL:
    """Where the views of a ledger lie unless it is said otherwise.

    With an SQLite file, ``ledger.db`` → ``ledger.db.views.db``; in the same PostgreSQL database.
    """
    if ledger_url == "sqlite://" or not ledger_url.lower().startswith("sqlite:"):
        return make_url(ledger_url)
    # Never as text: a name may have any character that means something in a URL.
    return URL.create("sqlite", database=str(beside(ledger_path(ledger_url).absolute(), "views")))


def open_engine(url: str | URL, *, read_only: bool = False) -> Engine:
    """An engine whose transactions take the write lock at once on SQLite.

    A transaction that is only going to read says so by ``reading``. ``read_only``: a file of SQLite
    is opened so that nothing of it can be changed, its journal included.
    """
    parsed = _with_driver(make_url(url))
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    if read_only:
        file = Path(parsed.database or "").absolute()
        return sa.create_engine(
            parsed,
            creator=lambda: connect_read_only(file, _BUSY_SECONDS),
            hide_parameters=True,
        )
    memory = parsed.database in (None, "", ":memory:")
    if not memory:
        private_file(Path(str(parsed.database)))
    engine = sa.create_engine(
        parsed,
        poolclass=StaticPool if memory else None,
        # An error's text is logged, and the values may be what is sealed.
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "handle_error")
    def _failed(context: sa.engine.ExceptionContext) -> BaseException | None:
        found = context.original_exception
        folder = Path(str(parsed.database)).is_dir()
        return Damaged(str(parsed.database), found) if folder or is_damaged(found) else None

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # SQLAlchemy shall say when a transaction begins, not the driver.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # The views can be rebuilt: a power cut may cost the last commits, never consistency.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")
        # Pages written often within a rebuild reach the file once in a while, not every time.
        connection.execute("PRAGMA wal_autocheckpoint = 8000")
        connection.execute("PRAGMA temp_store = MEMORY")
        # A follower has no budget: only questions are cut short.
        connection.set_progress_handler(budget.spent, budget.STATEMENT_STEPS)

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def let_go(engine: Engine) -> None:
    """Close connections that nobody uses, with the pages that they remember; new ones are opened.

    Views in memory have but one connection, and end with it: it stays.
    """
    if not isinstance(engine.pool, StaticPool):
        engine.dispose()


def _with_driver(url: URL) -> URL:
    if url.get_backend_name() == "postgresql" and "+" not in url.drivername:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgres":
        return url.set(drivername="postgresql+psycopg")
    return url


def in_order(table: sa.Table) -> None:
    """Let every index of a table end with its key, if it has a single one.

    Pages come in the order of the key: the rows that equal a value are then read in that order,
    a page of them and no more. Without it all rows of the value are read and sorted for each page.
    """
    keys = tuple(table.primary_key.columns)
    for index in tuple(table.indexes):
        if len(keys) == 1 and keys[0].name not in index.columns and not index.dialect_kwargs:
            table.indexes.discard(index)
            sa.Index(index.name, *index.columns, keys[0])


class Lock:
    """Held by the one process that follows into a set of views; freed by its end, however it ends.

    On SQLite it is the write lock of a small database beside the views, on PostgreSQL an advisory
    lock of the session.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: Any = None

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._held is not None

    def take(self) -> None:
        """Take the lock. Raises ``Followed`` at once if another process holds it."""
        if self._held is not None:
            return
        if self._engine.dialect.name == "postgresql":
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if not connection.execute(
                sa.select(sa.func.pg_try_advisory_lock(_ADVISORY_LOCK))
            ).scalar_one():
                connection.close()
                raise Followed(_FOLLOWED.format(self._engine.url.database))
            self._held = connection
            return
        path = self._engine.url.database
        if path in (None, "", ":memory:"):
            self._held = _Nothing()
            return
        private_file(Path(f"{path}.lock"))
        try:
            lock = sqlite3.connect(
                f"{path}.lock", timeout=0, isolation_level=None, check_same_thread=False
            )
        except sqlite3.OperationalError as error:
            raise Damaged(f"{path}.lock", error) from error
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            lock.close()
            if is_damaged(error):
                raise Damaged(f"{path}.lock", error) from error
            raise Followed(_FOLLOWED.format(path)) from error
        self._held = lock

    def free(self) -> None:
        """Let the lock go. Idempotent."""
        held, self._held = self._held, None
        if held is not None:
            held.close()


_FOLLOWED = (
    "another process follows into the views of {}. Stop it first, or only read them: one process "
    "follows, any number may read."
)


class _Nothing:
    def close(self) -> None:
        pass


@cache
def upsert(table: sa.Table, dialect: str) -> Any:
    """The statement that inserts a row, or replaces the one with its primary key."""
    maker: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[dialect]
    statement: Any = maker(table)
    key = [column.name for column in table.primary_key.columns]
    rest = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in key
    }
    if not rest:
        return statement.on_conflict_do_nothing(index_elements=key)
    return statement.on_conflict_do_update(index_elements=key, set_=rest)


class Store:
    """The tables of one view inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._dialect = connection.dialect.name

    def put(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert the rows, or replace those that are there. Each names every column."""
        if rows:
            self.connection.execute(upsert(table, self._dialect), rows)

    def add(self, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows that are new; each has a value for every column, in their order.

        Handed to the driver as they are: of small rows there are many, and a third of the time.
        """
        if rows:
            mark = "?" if self._dialect == "sqlite" else "%s"
            marks = ", ".join([mark] * len(table.columns))
            statement = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608 - our own names
            self.connection.exec_driver_sql(statement, list(rows))

    def delete(self, table: sa.Table, keys: Iterable[Any]) -> None:
        """Delete the rows whose (single) primary key is among ``keys``."""
        (key,) = table.primary_key.columns
        for some in in_groups(keys):
            self.connection.execute(sa.delete(table).where(key.in_(some)))

    def get(
        self, table: sa.Table, where: sa.Column[Any], keys: Iterable[Any], *columns: sa.Column[Any]
    ) -> Iterator[sa.Row[Any]]:
        """The rows whose column ``where`` is among ``keys``; all columns unless some are named."""
        chosen = columns or tuple(table.columns)
        for some in in_groups(keys):
            yield from self.connection.execute(sa.select(*chosen).where(where.in_(some)))


def in_groups(keys: Iterable[Any]) -> Iterator[list[Any]]:
    """``keys`` in lists short enough for one statement."""
    rest = iter(keys)
    while some := list(islice(rest, MAX_KEYS)):
        yield some


def digest(connection: Connection, tables: Sequence[sa.Table]) -> str:
    """SHA-256 (hex) over all rows of the tables, in the order of their primary keys.

    Each row is one MessagePack array of its columns in the order of declaration, so equal digests
    mean equal rows, on whichever database they lie.
    """
    hasher = sha256()
    encoder = msgspec.msgpack.Encoder()
    for table in tables:
        hasher.update(
            encoder.encode([str(table.name), [str(column.name) for column in table.columns]])
        )
        rows = connection.execution_options(yield_per=_PAGE).execute(
            sa.select(table).order_by(*table.primary_key.columns)
        )
        for row in rows:
            hasher.update(encoder.encode(tuple(row)))
    return hasher.hexdigest()


__all__ = [
    "Code",
    "Connection",
    "Engine",
    "Followed",
    "Lock",
    "Row",
    "Store",
    "digest",
    "in_groups",
    "open_engine",
    "upsert",
    "views_url",
]
