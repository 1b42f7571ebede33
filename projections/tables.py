"""Tables of views, declared once with SQLAlchemy Core for SQLite and PostgreSQL.

This module contains everything that differs between the two databases: opening, upserting,
collation, and the lock that prevents two processes from writing the same tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from ledger.kernel import budget
from ledger.stores.files import connect_read_only, is_damaged, private_file, trouble
from ledger.stores.naming import ledger_path, sibling
from ledger.stores.tables import Declared

if TYPE_CHECKING:
    from ledger.stores.leases import Lease
    from ledger.stores.postgres import PostgresRecorder

#: Text that sorts by code point on every database, so that digests read rows in the same order.
Code = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

#: Keys in one ``IN`` list; SQLite takes 32,766 parameters, PostgreSQL 65,535.
MAX_KEYS = 2_000

#: Rows fetched at a time when a whole table is read.
_PAGE = 1_000

#: The advisory lock of the following process on PostgreSQL; the number is "views" in ASCII.
_ADVISORY_LOCK = 0x7669657773

#: How long a statement waits for another process's transaction on SQLite, in seconds.
_BUSY_SECONDS = 10.0

Row = Mapping[str, Any]


def kept_from(units: Iterable[str]) -> str:
    """Return the column value that lists the units a row is hidden from; see ``not_kept_from``."""
    return "".join(f" {unit} " for unit in units)


def not_kept_from(column: sa.ColumnElement[str], unit: str) -> sa.ColumnElement[bool]:
    """Return the condition that a row is not hidden from a unit."""
    return sa.not_(column.contains(f" {unit} ", autoescape=True))


class Followed(Exception):
    """Another process writes these views."""


class Damaged(sa.exc.DatabaseError):
    """The views file is damaged; the message says which files may be deleted."""

    def __init__(self, path: str, error: BaseException) -> None:
        super().__init__(None, None, error)
        self._path = path

    def __str__(self) -> str:
        assert self.orig is not None
        return trouble(Path(self._path), self.orig)


def views_url(ledger_url: str) -> URL:
    """Return the default URL of a ledger's views.

    For the SQLite file ``ledger.db`` it is ``ledger.db.views.db``; for PostgreSQL, the same
    database.
    """
    if ledger_url == "sqlite://" or not ledger_url.lower().startswith("sqlite:"):
        return make_url(ledger_url)
    # Not built as text: a file name may contain characters with a meaning in URLs.
    return URL.create("sqlite", database=str(sibling(ledger_path(ledger_url).absolute(), "views")))


def open_engine(url: str | URL, *, read_only: bool = False) -> Engine:
    """Return an engine; on SQLite its transactions take the write lock when they begin.

    A transaction that only reads sets the execution option ``reading``. With ``read_only``, an
    SQLite file is opened so that neither the file nor its journal can change.
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
        # The text of an error is logged, and the parameters may hold sealed data.
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "handle_error")
    def _failed(context: sa.engine.ExceptionContext) -> BaseException | None:
        error = context.original_exception
        folder = Path(str(parsed.database)).is_dir()
        return Damaged(str(parsed.database), error) if folder or is_damaged(error) else None

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # SQLAlchemy begins the transactions, not the driver.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # A power cut may lose the last commits but not consistency; the views can be rebuilt.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")
        # A rebuild writes some pages very often; let them reach the file rarely.
        connection.execute("PRAGMA wal_autocheckpoint = 8000")
        connection.execute("PRAGMA temp_store = MEMORY")
        # Queries stop when their time budget is spent; a follower has no budget.
        connection.set_progress_handler(budget.spent, budget.STATEMENT_STEPS)

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def open_shared(server: PostgresRecorder, name: str) -> Engine:
    """Return an engine for the views of a ledger in a database, in the schema of a name.

    The following process makes and drops tables there.
    """
    schema = server.tables(name, VIEWS).schema

    def connect() -> Any:
        connection = server.database.connect("views")
        connection.execute(f"SET search_path TO {schema}".encode())
        connection.autocommit = False  # SQLAlchemy ends the transactions
        return connection

    return sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_pre_ping=True,
        pool_size=CONNECTIONS,
        hide_parameters=True,
    )


#: The schema of the views on a server; their tables come and go with the program's version.
VIEWS = Declared((), (), "SELECT")

#: Connections that one process keeps for its views.
CONNECTIONS = 10


def let_go(engine: Engine) -> None:
    """Close idle connections with their page caches; new ones are opened on demand.

    Views in memory live in their only connection, so that one stays open.
    """
    if not isinstance(engine.pool, StaticPool):
        engine.dispose()


def _with_driver(url: URL) -> URL:
    if url.get_backend_name() == "postgresql" and "+" not in url.drivername:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgres":
        return url.set(drivername="postgresql+psycopg")
    return url


def create(connection: Connection, table: sa.Table) -> None:
    """Create a table that does not exist yet, with its indexes."""
    for statement in _creating(table, connection.dialect.name):
        connection.exec_driver_sql(statement)


@cache
def _creating(table: sa.Table, dialect: str) -> tuple[str, ...]:
    """Return the statements that create a table. Cached: compiling takes as long as executing."""
    language = {"postgresql": postgresql.dialect, "sqlite": sqlite.dialect}[dialect]()
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    parts: list[ExecutableDDLElement] = [CreateTable(table), *map(CreateIndex, indexes)]
    return tuple(str(part.compile(dialect=language)) for part in parts)


def in_order(table: sa.Table) -> None:
    """Append the primary key to every index of a table, if the key is a single column.

    Pages come in the order of the key. With the key in the index, a page of the rows with one value
    is read in this order; without it, each page would read and sort all rows with that value.
    """
    keys = tuple(table.primary_key.columns)
    for index in tuple(table.indexes):
        if len(keys) == 1 and keys[0].name not in index.columns and not index.dialect_kwargs:
            table.indexes.discard(index)
            sa.Index(index.name, *index.columns, keys[0])


class Lock:
    """The lock of the one process that writes a set of views; it is freed however the process ends.

    On SQLite it is the write lock of a small database next to the views file, on PostgreSQL an
    advisory lock of the session.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: Any = None

    @property
    def held(self) -> bool:
        """Whether this process holds the lock."""
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
        """Release the lock. Idempotent."""
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def require(self, connection: Connection) -> None:
        """Raise ``Followed`` if another process has taken the lock; one of a file stays held."""


class LeaseLock(Lock):
    """The same lock for the nodes of one ledger: a lease, which is renewed in a thread of its own.

    Another node takes it over a few seconds after this one stopped renewing it.
    """

    def __init__(self, server: PostgresRecorder, name: str) -> None:
        self._make: Callable[[], Lease] = partial(server.lease, name)
        self._place = server.place
        self._lease: Lease | None = None

    @property
    def held(self) -> bool:
        """Whether this process held the lease when it was last renewed."""
        return self._lease is not None and self._lease.held

    def take(self) -> None:
        """Take the lease, or begin to wait for it. Raises ``Followed`` while it is another's."""
        if self._lease is None:
            self._lease = self._make()
            self._lease.start()
        if not self._lease.held:
            raise Followed(
                f"the node {self._lease.holder()} writes the views of {self._place}; this one "
                "takes over if that one ends"
            )

    def free(self) -> None:
        """Let another node take the lease at once. Idempotent."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.stop()

    def require(self, connection: Connection) -> None:
        """Raise ``Followed`` if another node has taken the lease, within the same transaction."""
        if self._lease is None or connection.exec_driver_sql(*self._lease.fence()).first() is None:
            raise Followed(f"another node writes the views of {self._place} now")


_FOLLOWED = (
    "another process writes the views of {}. Stop it first, or only read them: one process may "
    "write the views, any number may read them."
)


class _Nothing:
    def close(self) -> None:
        pass


@cache
def upsert(table: sa.Table, dialect: str) -> Any:
    """Return the statement that inserts a row or replaces the row with the same primary key."""
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
        """Insert the rows or replace existing ones; each row must name every column."""
        if rows:
            self.connection.execute(upsert(table, self._dialect), rows)

    def add(self, table: sa.Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert new rows; each must have a value for every column, in the columns' order.

        The rows bypass SQLAlchemy: for many small rows this takes a third of the time.
        """
        if rows:
            mark = "?" if self._dialect == "sqlite" else "%s"
            marks = ", ".join([mark] * len(table.columns))
            statement = f"INSERT INTO {table.name} VALUES ({marks})"  # noqa: S608 - our own names
            self.connection.exec_driver_sql(statement, list(rows))

    def delete(self, table: sa.Table, keys: Iterable[Any]) -> None:
        """Delete the rows whose primary key, a single column, is among ``keys``."""
        (key,) = table.primary_key.columns
        for some in in_groups(keys):
            self.connection.execute(sa.delete(table).where(key.in_(some)))

    def get(
        self, table: sa.Table, where: sa.Column[Any], keys: Iterable[Any], *columns: sa.Column[Any]
    ) -> Iterator[sa.Row[Any]]:
        """Yield the rows whose column ``where`` is among ``keys``, with all columns by default."""
        chosen = columns or tuple(table.columns)
        for some in in_groups(keys):
            yield from self.connection.execute(sa.select(*chosen).where(where.in_(some)))


def in_groups(keys: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield ``keys`` in lists short enough for one statement."""
    rest = iter(keys)
    while some := list(islice(rest, MAX_KEYS)):
        yield some


def replace_rows(table: sa.Table, source: Connection, target: Connection) -> set[str]:
    """Replace the rows of a table by those of the same table in another database.

    Returns the keys of the old and the new rows, if the table has a column ``key``.
    """
    keys: set[str] = set()
    if "key" in table.c:
        keys.update(target.execute(sa.select(table.c.key)).scalars())
    target.execute(sa.delete(table))
    rows = source.execution_options(yield_per=_PAGE).execute(sa.select(table))
    for page in rows.mappings().partitions():
        target.execute(sa.insert(table), [dict(row) for row in page])
        if "key" in table.c:
            keys.update(row["key"] for row in page)
    return keys


def digest(connection: Connection, tables: Sequence[sa.Table]) -> str:
    """Return the SHA-256 (hex) over all rows of the tables, in the order of their primary keys.

    Each row is one MessagePack array of its columns in the order of their declaration. Equal
    digests therefore mean equal rows, on SQLite and PostgreSQL alike.
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
