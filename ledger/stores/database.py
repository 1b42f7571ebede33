"""A PostgreSQL database as one process uses it: the pool of connections, its errors and names.

Everything that belongs to one ledger is in one database. The schema of the events has the ledger's
name, and the others begin with it: ``ledger``, ``ledger_access``, ``ledger_signed`` and so on.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, TypeVar

import psycopg
from eventsourcing import persistence
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
)
from psycopg import Connection, conninfo, sql
from psycopg_pool import ConnectionPool, PoolTimeout

from ledger.kernel import budget
from ledger.stores import StoreError
from ledger.stores.tables import Declared

T = TypeVar("T")

#: Connections of one process for everything but appending, and how long a thread waits for one.
CONNECTIONS = 16
WAIT_SECONDS = 10.0
#: How soon libpq notices that the server's machine is gone. Its defaults wait for many minutes.
NOTICING: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
#: The longest time a read without a budget may take, in milliseconds; 0 sets none.
_UNLIMITED = 0

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}\Z")


def shown(url: str) -> str:
    """Return where a database is, without user and password, as in ``db1,db2:5432/ledger``."""
    parts = conninfo.conninfo_to_dict(url)
    port = f":{parts['port']}" if "port" in parts else ""
    return f"{parts.get('host', 'localhost')}{port}/{parts.get('dbname', '')}"


class Database:
    """The connections of one process to the database at ``url``. Safe for threads; close it.

    Raises ``OperationalError`` if the server cannot be reached.
    """

    def __init__(self, url: str) -> None:
        try:
            self.place = shown(url)
        except psycopg.ProgrammingError as error:
            raise ProgrammingError(f"the URL of the database cannot be read: {error}") from error
        self.url = url
        self._closed = False
        self.pool = ConnectionPool(
            url,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=WAIT_SECONDS,
            kwargs={"autocommit": True, "application_name": _who("read"), **NOTICING},
            open=False,
        )
        try:
            with self.translated():
                self.pool.open(wait=True, timeout=WAIT_SECONDS)
        except BaseException:
            self.pool.close()
            raise

    def connect(self, purpose: str) -> Connection[Any]:
        """Return a connection of one's own."""
        with self.translated():
            return psycopg.connect(
                self.url, autocommit=True, application_name=_who(purpose), **NOTICING
            )

    def fetch(self, statement: bytes, parameters: Any = None) -> list[Any]:
        """Return the rows of a statement that only reads, within the budget of the question.

        A connection that broke while it was idle is replaced, and the statement repeated.
        """
        if budget.spent():
            raise budget.Exhausted("the question took too long, or its client has gone")
        with self.translated():
            return self._again(
                lambda connection: connection.execute(statement, parameters).fetchall()
            )

    def _again(self, read: Callable[[Connection[Any]], T]) -> T:
        for attempt in range(3):
            broken = False
            try:
                with self.pool.connection() as connection:
                    try:
                        _limit(connection)
                        return read(connection)
                    except psycopg.errors.QueryCanceled as error:
                        if budget.spent():
                            raise budget.Exhausted("the question took too long") from error
                        raise
                    except psycopg.OperationalError:
                        broken = connection.broken or connection.closed
                        raise
            except psycopg.OperationalError:
                if not broken or attempt == 2:
                    raise
                self.pool.check()  # the other idle connections broke with it
        raise AssertionError("unreachable")

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Run the block in a transaction on a connection of the pool."""
        with self.translated(), self.pool.connection() as connection:
            _unlimit(connection)
            with connection.transaction():
                yield connection

    def close(self) -> None:
        """Close every connection. May be called twice."""
        self._closed = True
        self.pool.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise the errors of the driver as those of the library."""
        try:
            yield
        except PoolTimeout as error:
            raise OperationalError(f"the database does not answer: {error}") from error
        except (psycopg.Error, UnicodeError) as error:
            if self._closed:
                raise ProgrammingError("the ledger was closed") from error
            raise translated(error) from error


def _who(purpose: str) -> str:
    """Return the name that the server shows for a connection (``pg_stat_activity``)."""
    return f"supervision-ledger {purpose} {socket.gethostname()}"[:63]


def _limit(connection: Connection[Any]) -> None:
    """Let the server end a statement about when the budget of the question is spent.

    The time is rounded up to a power of two, so that it is rarely set.
    """
    left = budget.left()
    wanted = _UNLIMITED if left is None else 1000 << max(0, int(left)).bit_length()
    if getattr(connection, "ledger_limit", _UNLIMITED) != wanted:
        connection.execute(f"SET statement_timeout = {wanted}".encode())
        connection.ledger_limit = wanted  # type: ignore[attr-defined]


def _unlimit(connection: Connection[Any]) -> None:
    if getattr(connection, "ledger_limit", _UNLIMITED) != _UNLIMITED:
        connection.execute(b"SET statement_timeout = 0")
        connection.ledger_limit = _UNLIMITED  # type: ignore[attr-defined]


def translated(error: Exception) -> PersistenceError:
    """Return an error of the driver as one of the library."""
    if not isinstance(error, psycopg.Error):  # a lone surrogate
        return DataError(f"the value cannot be stored or looked up: {error}")
    # Only a failed append condition may raise IntegrityError, which callers answer with a retry.
    if isinstance(error, psycopg.IntegrityError | psycopg.errors.RaiseException):
        return DataError(f"the database refuses this: {error}")
    for known in (
        "ProgrammingError",
        "DataError",
        "OperationalError",
        "InternalError",
        "NotSupportedError",
        "DatabaseError",
        "InterfaceError",
    ):
        if isinstance(error, getattr(psycopg, known)):
            kind: type[PersistenceError] = getattr(persistence, known)
            return kind(str(error))
    return DatabaseError(str(error))


def require_name(schema: str) -> str:
    """Return the name of a schema. Raises ``ProgrammingError`` unless it needs no quotes."""
    if not _NAME.match(schema):
        raise ProgrammingError(
            f"the schema must be lower-case letters, digits and underscores; it is {schema!r}"
        )
    return schema


def exists(connection: Connection[Any], table: str) -> bool:
    """Whether there is a table, named with its schema."""
    return connection.execute("SELECT to_regclass(%s)", (table,)).fetchone() != (None,)


def exists_schema(connection: Connection[Any], schema: str) -> bool:
    """Whether there is a schema of this name."""
    return connection.execute("SELECT to_regnamespace(%s)", (schema,)).fetchone() != (None,)


def make_schema(connection: Connection[Any], schema: str, declared: Declared) -> None:
    """Make a schema with its tables, unless it exists; needs a role that may make schemas."""
    lock_name(connection, f"{schema} is made")  # two nodes may start at once
    if exists_schema(connection, require_name(schema)):
        return
    try:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"the schema {schema} is missing, and this role may not make it. Run: "
            "supervision-ledger migrate, under the role that owns the ledger"
        ) from error
    for statement in declared.postgres:
        connection.execute(statement.replace("{s}", schema).encode())


def grant_schema(connection: Connection[Any], schema: str, declared: Declared, role: str) -> None:
    """Allow a role what the service needs in a schema of tables."""
    for statement in (
        "GRANT USAGE ON SCHEMA {s} TO {role}",
        f"GRANT {declared.grants} ON ALL TABLES IN SCHEMA {{s}} TO {{role}}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {s} TO {role}",
    ):
        connection.execute(
            sql.SQL(statement).format(s=sql.Identifier(schema), role=sql.Identifier(role))
        )


def lock_name(connection: Connection[Any], name: str) -> None:
    """Wait until no other transaction holds the lock of a name; hold it to the end of this one."""
    key = int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (key,))


class PostgresTables:
    """Tables of one purpose in a schema of their own; ``SQLiteFile`` is the same in a file.

    Statements mark parameters with ``?`` and tables with ``{s}``. Raises ``StoreError``.
    """

    def __init__(
        self, database: Database, schema: str, declared: Declared, *, read_only: bool = False
    ) -> None:
        with database.transaction() as connection:
            if not exists_schema(connection, schema):
                if read_only:
                    raise DatabaseError(f"there is no schema {schema} in {database.place}")
                make_schema(connection, schema, declared)
        self._database = database
        self.schema = require_name(schema)
        self.place = f"{database.place} ({schema})"
        self._read_only = read_only
        self._statements: dict[str, bytes] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Do nothing: the connections are the database's."""

    def rows(self, sql: str, *parameters: Any) -> list[Any]:
        """Return the rows that a statement finds."""
        return self._database.fetch(self.written(sql), parameters)

    @contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        """Run the block in a transaction that is alone in these tables; roll back if it raises."""
        if self._read_only:
            raise StoreError(f"{self.place} was opened for reading only")
        with self._lock, self._database.transaction() as connection:
            lock_name(connection, self.schema)
            yield PostgresTransaction(self, connection)

    def number(self) -> str:
        """Return a text that distinguishes this database from a copy of it in another cluster."""
        ((text,),) = self.rows(
            "SELECT c.system_identifier || ' ' || d.oid FROM pg_control_system() c, pg_database d"
            " WHERE d.datname = current_database()"
        )
        return str(text)

    def written(self, statement: str) -> bytes:
        """Return a statement in the server's form."""
        known = self._statements.get(statement)
        if known is None:
            known = statement.replace("?", "%s").replace("{s}", f"{self.schema}.").encode()
            self._statements[statement] = known
        return known


class PostgresTransaction:
    """A transaction of ``PostgresTables``."""

    def __init__(self, tables: PostgresTables, connection: Connection[Any]) -> None:
        self._tables = tables
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run a statement; the result is iterable and has ``rowcount``."""
        return self._connection.execute(self._tables.written(sql), parameters)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters."""
        if rows:
            self._connection.cursor().executemany(self._tables.written(sql), rows)
