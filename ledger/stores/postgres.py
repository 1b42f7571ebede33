"""The store for many nodes: a `DCBRecorder` in a schema of a PostgreSQL database.

One row, the *head row*, holds the last position. An append raises it in the transaction that
inserts the events, so the lock of the row puts appends in one order, and a rollback undoes both.
Positions are therefore gapless from 1 in the order of the commits, for all nodes together: a
sequence would lose numbers, and two of its commits could become visible out of order.

`append` works in three steps. The comment at each says what a crash there leaves.

1. Lock the head row and raise it.
2. Read what others appended since the condition's position, and check the condition.
3. Insert, and commit.

If the connection is lost in step 3, the server may still be committing. The append then waits, on a
new connection, for the lock of the head row before it reports the failure. After that, whatever the
lost transaction did can be read, so a caller that looks for its commands gets the true outcome. If
the lock cannot be had in time, the append reports `StillCommitting`.

A role that appends needs INSERT and SELECT on the tables and UPDATE on the head row, nothing else
(`grant`). Triggers refuse everybody the change of what is recorded, and gaps.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from eventsourcing import persistence
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBReadResponse,
    DCBSequencedEvent,
)
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
)
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from ledger.kernel import budget
from ledger.kernel.store import Answered, Later, StillCommitting
from ledger.stores.listening import ListeningRecorder
from ledger.stores.sqlite import (
    FIRST_PAGE,
    PAGE,
    Row,
    SQLiteReadResponse,
    decode_tags,
    later_events,
    rows_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from psycopg import Connection

SCHEMA_VERSION = 1

#: Events in one partition. Closed partitions never change, so vacuum freezes them once.
PARTITION = 10_000_000
#: Partitions made in advance: the role that appends may not make tables.
PARTITIONS = 20

#: Connections for reading of one process, and how long a thread waits for one, in seconds.
READERS = 16
WAIT_SECONDS = 10.0
#: How long an append waits for the lock of the head row, in milliseconds. With `WAIT_SECONDS` after
#: a lost connection it must stay below the sequencer's `STEP_SECONDS`, which ends a node for good.
LOCK_MILLISECONDS = 20_000
#: After how many milliseconds the server ends a transaction whose node says nothing, because it was
#: paused or cut off: its lock of the head row keeps all other nodes from appending.
SILENT_MILLISECONDS = 10_000
#: How soon libpq notices that the server's machine is gone. Its defaults wait for many minutes.
_NOTICING = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
#: How long `writable` waits for it, in milliseconds.
_TRIED_MILLISECONDS = 100

_NAME = re.compile(r"[a-z][a-z_]{0,40}\Z")

_TABLES = (
    """CREATE TABLE {s}.head (
        one integer PRIMARY KEY CHECK (one = 1),
        position bigint NOT NULL,
        epoch bigint NOT NULL,
        version integer NOT NULL,
        id text NOT NULL,
        part_of text
    )""",
    """CREATE TABLE {s}.events (
        position bigint PRIMARY KEY,
        type text COLLATE "C" NOT NULL,
        data bytea NOT NULL,
        tags text NOT NULL,
        leaf bytea NOT NULL
    ) PARTITION BY RANGE (position)""",
    """CREATE TABLE {s}.event_tags (
        tag text COLLATE "C" NOT NULL,
        type text COLLATE "C" NOT NULL,
        position bigint NOT NULL,
        PRIMARY KEY (tag, type, position)
    ) PARTITION BY RANGE (position)""",
    "CREATE INDEX events_by_type ON {s}.events (type, position)",
    """CREATE TABLE {s}.answers (
        command text PRIMARY KEY,
        digest text NOT NULL,
        position bigint NOT NULL
    )""",
    """CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'ledger: % of % is refused, events are for ever', TG_OP, TG_TABLE_NAME;
    END $$""",
    """CREATE FUNCTION {s}.require_next() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        first bigint; last bigint; number bigint; head bigint;
    BEGIN
        SELECT min(position), max(position), count(*) INTO first, last, number FROM added;
        IF number = 0 THEN RETURN NULL; END IF;
        SELECT position INTO head FROM {s}.head;
        IF last IS DISTINCT FROM head OR last - first + 1 <> number OR (first > 1 AND NOT EXISTS
            (SELECT 1 FROM {s}.events WHERE position = first - 1)) THEN
            RAISE EXCEPTION 'ledger: new events must take the positions up to the head, gapless';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE FUNCTION {s}.require_growth() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.position < OLD.position OR NEW.epoch < OLD.epoch OR NEW.id <> OLD.id THEN
            RAISE EXCEPTION 'ledger: the head never goes back, and its id never changes';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER events_gapless AFTER INSERT ON {s}.events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION {s}.require_next()""",
    """CREATE TRIGGER head_grows BEFORE UPDATE ON {s}.head
    FOR EACH ROW EXECUTE FUNCTION {s}.require_growth()""",
    *(
        f"""CREATE TRIGGER {table}_for_ever BEFORE {verbs} ON {{s}}.{table}
        FOR EACH STATEMENT EXECUTE FUNCTION {{s}}.refuse()"""
        for table, verbs in (
            ("events", "UPDATE OR DELETE OR TRUNCATE"),
            ("event_tags", "UPDATE OR DELETE OR TRUNCATE"),
            ("answers", "UPDATE OR DELETE OR TRUNCATE"),
            ("head", "DELETE OR TRUNCATE"),
        )
    ),
)
_PARTITION = """CREATE TABLE {s}.{table}_{number} PARTITION OF {s}.{table}
    FOR VALUES FROM ({start}) TO ({end})"""
_PART_TRIGGER = """CREATE TRIGGER for_ever BEFORE UPDATE OR DELETE OR TRUNCATE
    ON {s}.{table}_{number} FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse()"""
_GRANTS = (
    "GRANT USAGE ON SCHEMA {s} TO {role}",
    "GRANT SELECT, INSERT ON {s}.events, {s}.event_tags, {s}.answers TO {role}",
    "GRANT SELECT, UPDATE (position, epoch) ON {s}.head TO {role}",
)

# What a question matches, as one row for each index range: a type, a tag, further tags.
_RANGES = """unnest(%(types)s::text[], %(tags)s::text[], %(more)s::text[]) AS q (type, tag, more)"""
_MORE = """NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text(q.more::jsonb) m (tag)
    WHERE NOT EXISTS (SELECT 1 FROM {s}.event_tags x
        WHERE x.tag = m.tag AND x.type = t.type AND x.position = t.position))"""
_MATCHING = f"""SELECT e.position, e.type, e.data, e.tags FROM (
    SELECT DISTINCT l.position FROM {_RANGES} CROSS JOIN LATERAL (
        (SELECT t.position FROM {{s}}.event_tags t
        WHERE q.tag IS NOT NULL AND t.tag = q.tag AND t.type = q.type
            AND t.position > %(after)s AND t.position <= %(head)s AND {_MORE}
        ORDER BY t.position LIMIT %(size)s)
        UNION ALL
        (SELECT t.position FROM {{s}}.events t
        WHERE q.tag IS NULL AND t.type = q.type
            AND t.position > %(after)s AND t.position <= %(head)s
        ORDER BY t.position LIMIT %(size)s)
    ) l ORDER BY l.position LIMIT %(size)s
) p JOIN {{s}}.events e ON e.position = p.position
WHERE e.position > %(after)s AND e.position <= %(head)s ORDER BY e.position"""
_ALL = """SELECT position, type, data, tags FROM {s}.events
    WHERE position > %(after)s AND position <= %(head)s ORDER BY position LIMIT %(size)s"""
_TYPES_OF_TAG = """WITH RECURSIVE hop (type) AS (
    SELECT min(type) FROM {s}.event_tags WHERE tag = %(tag)s
    UNION ALL
    SELECT (SELECT min(type) FROM {s}.event_tags WHERE tag = %(tag)s AND type > hop.type)
    FROM hop WHERE hop.type IS NOT NULL
) SELECT type FROM hop WHERE type IS NOT NULL"""
_HEAD = "SELECT position FROM {s}.head"
_RAISE = "UPDATE {s}.head SET position = position + %(number)s RETURNING position"
_TAIL = """SELECT type, tags FROM {s}.events
    WHERE position > %(after)s AND position <= %(head)s ORDER BY position"""
_DATA_AT = "SELECT data FROM {s}.events WHERE position = %(head)s"
_INSERT = """INSERT INTO {s}.events (position, type, data, tags, leaf)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::text[], %s::bytea[])"""
_INSERT_TAGS = """INSERT INTO {s}.event_tags (tag, type, position)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])"""
_INSERT_ANSWERS = """INSERT INTO {s}.answers (command, digest, position)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])"""
_ANSWERS = "SELECT command, digest, position FROM {s}.answers WHERE command = ANY (%(commands)s)"

_encode = msgspec.json.Encoder().encode


class PostgresRecorder(ListeningRecorder):
    """Opens the ledger in a schema of the database at `url`, or makes it. Safe for threads.

    Any number of processes on any number of machines may open the same ledger. `schema` separates
    several ledgers of one database. `read_only`: the ledger must exist, and appending is refused.
    `part_of`: for a new access ledger, the id of the main ledger.

    Raises `DatabaseError` if the schema is that of a newer program, `OperationalError` if the
    server cannot be reached.
    """

    distant = True

    def __init__(
        self,
        url: str,
        *,
        schema: str = "ledger",
        read_only: bool = False,
        part_of: str | None = None,
    ) -> None:
        super().__init__()
        if not _NAME.match(schema):
            raise ProgrammingError(
                f"the schema must be lower-case letters and underscores; it is {schema!r}"
            )
        self.url = url
        self._schema = schema
        self._read_only = read_only
        self._statements: dict[str, bytes] = {}
        self._writing = threading.Lock()
        self._writer: Connection[Any] | None = None
        self._pool = ConnectionPool(
            url,
            min_size=1,
            max_size=READERS,
            timeout=WAIT_SECONDS,
            kwargs={"autocommit": True, "application_name": "supervision-ledger", **_NOTICING},
            check=ConnectionPool.check_connection,
            open=False,
        )
        try:
            with self._translated():
                self._pool.open(wait=True, timeout=WAIT_SECONDS)
                self._prepare(part_of)
        except BaseException:
            self._pool.close()
            raise

    def _prepare(self, part_of: str | None) -> None:
        with self._pool.connection() as connection:
            if not self._read_only and not _exists(connection, self._schema):
                migrate(connection, self._schema, part_of)
            check_schema(connection, self._schema)

    # Reading

    def head(self) -> int:
        """Return the last position; 0 if nothing was recorded."""
        return int(self._fetch(_HEAD)[0][0])

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> DCBReadResponse:
        """Return up to `limit` events after `after` that match any item of `query`, in order.

        The head of the response is as `SQLiteRecorder.read` describes it.
        """
        items = query.items if query else []
        if any(not item.types and not item.tags for item in items):
            items = []  # an item without types and tags matches every event
        last, head = after or 0, self.head()
        if limit is not None:
            pages = self._pages(items, last, head, min(limit, PAGE))
            events = list(islice(pages, max(limit, 0)))
            return SQLiteReadResponse(iter(events), events[-1].position if events else None)
        events = self._page(items, last, head, FIRST_PAGE)
        if len(events) < FIRST_PAGE:
            return SQLiteReadResponse(iter(events), head or None)
        rest = self._pages(items, events[-1].position, head, PAGE)
        return SQLiteReadResponse(chain(events, rest), head or None)

    def read_up_to(self, head: int, query: DCBQuery) -> Iterator[DCBSequencedEvent]:
        """Return the events that match any item of `query`, in order, up to position `head`."""
        return self._pages(query.items, 0, head, FIRST_PAGE)

    def _pages(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> Iterator[DCBSequencedEvent]:
        while size > 0:
            page = self._page(items, after, head, size)
            yield from page
            if len(page) < size:
                return
            after, size = page[-1].position, max(size, PAGE)

    def _page(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> list[DCBSequencedEvent]:
        if after >= head:
            return []
        within = {"after": after, "head": head, "size": size}
        if not items:
            return [_event(row) for row in self._fetch(_ALL, within)]
        return [_event(row) for row in self._fetch(_MATCHING, {**within, **self._ranges(items)})]

    def _ranges(self, items: Sequence[DCBQueryItem]) -> dict[str, list[Any]]:
        """Return the index ranges of a query: for each item one for each of its types."""
        types: list[str] = []
        tags: list[str | None] = []
        more: list[str] = []
        for item in items:
            first = item.tags[0] if item.tags else None
            rest = _encode(item.tags[1:]).decode()
            for type_ in item.types or [t for (t,) in self._fetch(_TYPES_OF_TAG, {"tag": first})]:
                types.append(type_)
                tags.append(first)
                more.append(rest)
        return {"types": types, "tags": tags, "more": more}

    def rows(self, after: int, limit: int) -> list[Row]:
        """Return up to `limit` rows after position `after` as they are stored."""
        found = self._fetch(
            "SELECT position, type, data, tags, leaf FROM {s}.events WHERE position > %(after)s"
            " ORDER BY position LIMIT %(limit)s",
            {"after": after, "limit": limit},
        )
        return [Row(*row) for row in found]

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """Return the leaf hashes of up to `limit` events after position `after`, in order."""
        found = self._fetch(
            "SELECT leaf FROM {s}.events WHERE position > %(after)s"
            " ORDER BY position LIMIT %(limit)s",
            {"after": after, "limit": limit},
        )
        return [leaf for (leaf,) in found]

    def tag_rows(self, after_position: int, up_to_position: int) -> list[tuple[int, str, str]]:
        """Return the tag index as (position, type, tag) in `(after_position, up_to_position]`."""
        return self._fetch(
            "SELECT position, type, tag FROM {s}.event_tags"
            " WHERE position > %(after)s AND position <= %(to)s ORDER BY position, tag",
            {"after": after_position, "to": up_to_position},
        )

    def tagged(self, tags: Sequence[str]) -> bool:
        """Whether any event carries any of the tags; the cost does not depend on their number."""
        return any(
            self._fetch("SELECT 1 FROM {s}.event_tags WHERE tag = %(tag)s LIMIT 1", {"tag": tag})
            for tag in tags
        )

    def counts_by_type(self) -> dict[str, int]:
        """Return how many events of each type are recorded."""
        return dict(
            self._fetch("SELECT type, count(*) FROM {s}.events GROUP BY type ORDER BY type")
        )

    def _fetch(self, statement: str, parameters: dict[str, Any] | None = None) -> list[Any]:
        if budget.spent():
            raise budget.Exhausted("the question took too long, or its client has gone")
        with self._translated(), self._pool.connection() as connection:
            return connection.execute(self._sql(statement), parameters).fetchall()

    def _sql(self, statement: str) -> bytes:
        known = self._statements.get(statement)
        if known is None:
            known = statement.replace("{s}", self._schema).encode()
            self._statements[statement] = known
        return known

    # Writing

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        """Return the answers to those of these commands that recorded nothing."""
        return [Answered(*row) for row in self._fetch(_ANSWERS, {"commands": list(commands)})]

    def append(
        self,
        events: Sequence[DCBEvent],
        condition: DCBAppendCondition | None = None,
        *,
        answers: Sequence[Answered] = (),
        commands: Sequence[str] = (),
        later: Later | None = None,
    ) -> int:
        """Record the events in one durable transaction and return the position of the last.

        `answers` are stored in the same transaction; with them, `events` may be empty. The
        condition also fails if any of `commands` was answered meanwhile.

        Raises `IntegrityError` if an event after `condition.after` matches the condition (an empty
        query matches every event), `ProgrammingError` without events and answers, `DataError` if
        they cannot be stored, `OperationalError` if the server does not answer. After any error but
        the last nothing of the call is recorded; after `OperationalError` a reader of the ledger
        sees whether it was, unless it is `StillCommitting`.
        """
        if not events and not answers:
            raise ProgrammingError("append must get at least one event or answer")
        rows = rows_of(events)
        with self._writing:
            try:
                with self._translated():
                    last = self._append(
                        events, rows, condition, answers=answers, commands=commands, later=later
                    )
            except (OperationalError, persistence.InterfaceError) as error:
                if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise  # step 1 failed: the server has rolled back
                if not self._outlive():
                    raise StillCommitting(str(error)) from error
                raise
        self._wake()
        return last

    def _append(
        self,
        events: Sequence[DCBEvent],
        rows: Sequence[tuple[str, bytes, str, bytes]],
        condition: DCBAppendCondition | None,
        *,
        answers: Sequence[Answered],
        commands: Sequence[str],
        later: Later | None,
    ) -> int:
        connection = self._connected()
        with connection.transaction():
            # 1. Lock. A crash here leaves nothing: the server rolls back and frees the row.
            raised = connection.execute(self._sql(_RAISE), {"number": len(rows)}).fetchone()
            assert raised is not None
            last = int(raised[0])
            head = last - len(rows)
            # 2. Check. A crash here leaves nothing.
            if condition is not None and head > max(condition.after or 0, 0):
                self._check(connection, condition, head)
                if later is not None:
                    newest = connection.execute(self._sql(_DATA_AT), {"head": head}).fetchone()
                    assert newest is not None
                    events = later_events(events, bytes(newest[0]), later)
                    rows = rows_of(events)
            if commands:
                asked = {"commands": list(commands)}
                if connection.execute(self._sql(_ANSWERS), asked).fetchone():
                    raise IntegrityError(f"one of the commands {commands} was answered meanwhile")
            # 3. Insert. A crash before the commit leaves nothing of the call; after it, everything.
            numbered = range(head + 1, last + 1)
            with connection.pipeline():
                if rows:
                    columns = [list(column) for column in zip(*rows, strict=True)]
                    connection.execute(self._sql(_INSERT), [list(numbered), *columns])
                index = sorted(
                    (tag, event.type, position)
                    for position, event in zip(numbered, events, strict=True)
                    for tag in dict.fromkeys(event.tags)
                )
                if index:
                    columns = [list(column) for column in zip(*index, strict=True)]
                    connection.execute(self._sql(_INSERT_TAGS), columns)
                if answers:
                    seen = (condition and condition.after) or 0
                    moved = [
                        (a.command, a.digest, a.position + (head - seen) * (a.position > seen))
                        for a in answers
                    ]
                    columns = [list(column) for column in zip(*moved, strict=True)]
                    connection.execute(self._sql(_INSERT_ANSWERS), columns)
        return last

    def _check(self, connection: Connection[Any], condition: DCBAppendCondition, head: int) -> None:
        """Raise `IntegrityError` if an event that others appended meanwhile matches."""
        items = condition.fail_if_events_match.items
        if not items or any(not item.types and not item.tags for item in items):
            raise IntegrityError(condition)
        # By one tag of each item: an event is compared only with the items about its own subjects.
        wanted: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
        for item in items:
            handle = item.tags[0] if item.tags else ""
            wanted.setdefault(handle, []).append((frozenset(item.types), frozenset(item.tags)))
        tail = connection.execute(
            self._sql(_TAIL), {"after": max(condition.after or 0, 0), "head": head}
        )
        for type_, encoded in tail:
            tags = frozenset(decode_tags(encoded))
            for handle in (*tags, ""):
                for types, some in wanted.get(handle, ()):
                    if (not types or type_ in types) and some <= tags:
                        raise IntegrityError(condition)

    def _connected(self) -> Connection[Any]:
        """Return the connection that appends; connect again if the last one was lost."""
        if self._closed:
            raise ProgrammingError("the ledger was closed")
        if self._read_only:
            raise OperationalError("this ledger was opened for reading only")
        if self._writer is None or self._writer.closed or self._writer.broken:
            self._writer = None  # if connecting fails, nothing is lost
            self._writer = psycopg.connect(
                self.url,
                autocommit=True,
                application_name="supervision-ledger-append",
                **_NOTICING,  # type: ignore[arg-type]
            )
            self._writer.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}")
            self._writer.execute(f"SET idle_in_transaction_session_timeout = {SILENT_MILLISECONDS}")
        return self._writer

    def _outlive(self) -> bool:
        """Wait until a transaction whose connection was lost has ended; whether it has.

        A server that waits for a standby holds the lock of the head row for as long as that takes.
        """
        lost, self._writer = self._writer, None
        if lost is None:
            return True  # the server was never reached
        lost.close()
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._closed and (left := deadline - time.monotonic()) > 0:
            try:
                connection = self._connected()
                with connection.transaction():
                    connection.execute(f"SET LOCAL lock_timeout = {max(1, int(left * 1000))}")
                    connection.execute(self._sql(f"{_HEAD} FOR UPDATE"))
            except psycopg.errors.LockNotAvailable:
                return False
            except (psycopg.Error, PersistenceError):
                self._writer = None
                time.sleep(0.1)
            else:
                return True
        return False

    def writable(self) -> bool:
        """Whether an append could lock the head row now."""
        try:
            with self._pool.connection() as connection, connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {_TRIED_MILLISECONDS}")
                connection.execute(self._sql(f"{_HEAD} FOR UPDATE"))
        except (psycopg.Error, PoolTimeout):
            return False
        return True

    # Identity

    @property
    def id(self) -> str:
        """The id of this ledger; a copy has the same."""
        return str(self._fetch("SELECT id FROM {s}.head")[0][0])

    # Closing

    def close(self) -> None:
        """Close every connection and end subscriptions. May be called twice, from any thread."""
        with self._guard:
            self._closed = True
        self._stop_listening()
        self._pool.close()
        with self._writing:
            if self._writer is not None:
                self._writer.close()
        self._wake()  # wake last, because a woken thread looks and must find the ledger closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise OperationalError(f"the database does not answer: {error}") from error
        except (psycopg.Error, UnicodeError) as error:
            if self._closed:
                raise ProgrammingError("the ledger was closed") from error
            raise _translated(error) from error


def migrate(connection: Connection[Any], schema: str, part_of: str | None = None) -> None:
    """Make a ledger in a schema, or add partitions to it; needs the role that owns the schema."""
    with connection.transaction():
        # Two nodes may start at once: the second one waits and finds the tables.
        key = int.from_bytes(sha256(schema.encode()).digest()[:8], signed=True)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (key,))
        if not _exists(connection, schema):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
            for statement in _TABLES:
                connection.execute(statement.replace("{s}", schema).encode())
            connection.execute(
                f"INSERT INTO {schema}.head VALUES (1, 0, 1, %s, %s, %s)".encode(),
                (SCHEMA_VERSION, secrets.token_hex(16), part_of),
            )
        head = connection.execute(f"SELECT position FROM {schema}.head".encode()).fetchone()
        assert head is not None
        for number in range(head[0] // PARTITION + PARTITIONS):
            _add_partition(connection, schema, number)


def _add_partition(connection: Connection[Any], schema: str, number: int) -> None:
    for table in ("events", "event_tags"):
        name = f"{schema}.{table}_{number}"
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
            continue
        start = number * PARTITION
        for statement in (_PARTITION, _PART_TRIGGER):
            made = statement.replace("{s}", schema).format(
                table=table, number=number, start=start, end=start + PARTITION
            )
            connection.execute(made.encode())


def grant(connection: Connection[Any], schema: str, role: str) -> None:
    """Allow a role to append and read, and nothing else."""
    with connection.transaction():
        for statement in _GRANTS:
            connection.execute(
                sql.SQL(statement.replace("{s}", schema)).format(role=sql.Identifier(role))
            )


def check_schema(connection: Connection[Any], schema: str) -> None:
    """Raise `DatabaseError` unless the schema holds a ledger that this program knows."""
    if not _exists(connection, schema):
        raise DatabaseError(f"there is no ledger in the schema {schema} of this database")
    row = connection.execute(f"SELECT version FROM {schema}.head".encode()).fetchone()
    version = row[0] if row else None
    if version != SCHEMA_VERSION:
        raise DatabaseError(
            f"the schema {schema} must have version {SCHEMA_VERSION}, which this program knows; "
            f"it has {version}. Use the program that made it. Nothing was changed."
        )


def _exists(connection: Connection[Any], schema: str) -> bool:
    return connection.execute("SELECT to_regclass(%s)", (f"{schema}.head",)).fetchone() != (None,)


def _event(row: Any) -> DCBSequencedEvent:
    try:
        return DCBSequencedEvent(DCBEvent(row[1], bytes(row[2]), decode_tags(row[3])), row[0])
    except ValueError as error:
        msg = f"the tags of event {row[0]} are damaged: {error}. Verify the ledger."
        raise DataError(msg) from error


def _translated(error: Exception) -> PersistenceError:
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
