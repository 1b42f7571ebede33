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

import os
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from eventsourcing import persistence
from eventsourcing.dcb.api import DCBQueryItem, DCBSequencedEvent
from eventsourcing.persistence import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
)
from psycopg import sql

from ledger import VERSION
from ledger.kernel.store import Answered, StillCommitting
from ledger.stores.database import (
    WAIT_SECONDS,
    Database,
    PostgresTables,
    exists,
    lock_name,
    make_schema,
    require_name,
)
from ledger.stores.leases import Lease
from ledger.stores.recorder import Batch, Identity, LedgerRecorder, Row, decode_tags, event_of
from ledger.stores.tables import Declared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

SCHEMA_VERSION = 1

#: Events in one partition. Closed partitions never change, so vacuum freezes them once.
PARTITION = 10_000_000
#: Partitions made in advance: the role that appends may not make tables.
PARTITIONS = 20

#: How long an append waits for the lock of the head row, in milliseconds. With `WAIT_SECONDS` after
#: a lost connection it must stay below the sequencer's `STEP_SECONDS`, which ends a node for good.
LOCK_MILLISECONDS = 20_000
#: After how many milliseconds the server ends a transaction whose node says nothing, because it was
#: paused or cut off: its lock of the head row keeps all other nodes from appending.
SILENT_MILLISECONDS = 10_000
#: How long a question for what is acknowledged waits for the standbys, in seconds.
ACKNOWLEDGE_SECONDS = 2.0
#: How long `writable` waits for it, in milliseconds.
_TRIED_MILLISECONDS = 100

_NOT_ACKNOWLEDGED = (
    "the standbys have not acknowledged the newest events, so they are not shown yet"
)

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
    # Of each node: what it wrote last and had acknowledged (see `acknowledged`).
    """CREATE TABLE {s}.nodes (
        name text PRIMARY KEY,
        version text NOT NULL,
        position bigint NOT NULL,
        seen timestamptz NOT NULL
    )""",
    # Who does what only one node may do, and until when (`ledger.stores.leases`).
    """CREATE TABLE {s}.leases (
        name text PRIMARY KEY,
        epoch bigint NOT NULL,
        holder text NOT NULL,
        until timestamptz NOT NULL
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
    "GRANT SELECT, INSERT, UPDATE, DELETE ON {s}.nodes, {s}.leases TO {role}",
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
_TOUCH = "UPDATE {s}.head SET position = position RETURNING position"
_TAIL = """SELECT type, tags FROM {s}.events
    WHERE position > %(after)s AND position <= %(head)s ORDER BY position"""
_DATA_AT = "SELECT data FROM {s}.events WHERE position = %(head)s"
_INSERT = """INSERT INTO {s}.events (position, type, data, tags, leaf)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::text[], %s::bytea[])"""
_INSERT_TAGS = """INSERT INTO {s}.event_tags (tag, type, position)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])"""
_INSERT_ANSWERS = """INSERT INTO {s}.answers (command, digest, position)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[])"""
_ALL_ANSWERS = """SELECT command, digest, position FROM {s}.answers
    WHERE command > %(after)s ORDER BY command LIMIT %(limit)s"""
_ANSWERS = "SELECT command, digest, position FROM {s}.answers WHERE command = ANY (%(commands)s)"

_BEAT = """INSERT INTO {s}.nodes VALUES (%(name)s, %(version)s, %(position)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, position = excluded.position,
        seen = excluded.seen"""

_WAIT_FOR_STANDBYS = b"""SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')"""
_FORGET = "DELETE FROM {s}.nodes WHERE seen < clock_timestamp() - interval '1 day'"

_encode = msgspec.json.Encoder().encode


class PostgresRecorder(LedgerRecorder):
    """Opens the ledger in a schema of a database, or makes it. Safe for threads.

    Any number of processes on any number of machines may open the same ledger. `schema` separates
    several ledgers of one database. `read_only`: the ledger must exist, and appending is refused.
    `create`: whether it may be made. `part_of`: for a new access ledger, the id of the main ledger.
    `id_`: for a new copy, the id of its original.

    Raises `DatabaseError` if the schema is that of a newer program, `OperationalError` if the
    server cannot be reached.
    """

    distant = True

    def __init__(
        self,
        database: str | Database,
        *,
        schema: str = "ledger",
        read_only: bool = False,
        create: bool = True,
        part_of: str | None = None,
        id_: str | None = None,
    ) -> None:
        super().__init__()
        self.schema = require_name(schema)
        self._own = isinstance(database, str)
        self.database = Database(database) if isinstance(database, str) else database
        self.url = self.database.url
        self.place = f"{self.database.place} ({schema})"
        #: The name of this recorder among the nodes.
        self.node = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self._read_only = read_only
        self._statements: dict[str, bytes] = {}
        self._writing = threading.Lock()
        self._writer: Connection[Any] | None = None
        #: Whether the current append has got past step 1.
        self._locked = False
        self._beating = threading.Lock()
        self._beater: Connection[Any] | None = None
        #: The connections whose last commit the standbys did not acknowledge.
        self._warned: set[int] = set()
        #: The last position of which this node knows that the standbys have it.
        self._safe = 0
        try:
            with self.database.translated():
                self._prepare(part_of, id_, create=create and not read_only)
        except BaseException:
            self._close_own()
            raise

    def _prepare(self, part_of: str | None, id_: str | None, *, create: bool) -> None:
        with self.database.pool.connection() as connection:
            if create and not exists(connection, f"{self.schema}.head"):
                migrate(connection, self.schema, part_of, id_)
            check_schema(connection, self.schema)

    def tables(self, name: str, declared: Declared) -> PostgresTables:
        """Return the tables of a purpose that belong to this ledger; make them if they are missing.

        Raises ``DatabaseError`` if this role may not make them.
        """
        return PostgresTables(
            self.database, f"{self.schema}_{name}", declared, read_only=self._read_only
        )

    def accesses(self, id_: str | None = None) -> PostgresRecorder:
        """Open the access ledger of this ledger, in its own schema of the same database."""
        return PostgresRecorder(
            self.database,
            schema=f"{self.schema}_access",
            read_only=self._read_only,
            part_of=self.identity().id,
            id_=id_,
        )

    def lease(self, name: str) -> Lease:
        """Return the lease of what only one node may do."""
        return Lease(self.database, self.schema, name, self.node)

    # Reading

    def head(self) -> int:
        """Return the last position; 0 if nothing was recorded."""
        return int(self._fetch(_HEAD)[0][0])

    def page(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> list[DCBSequencedEvent]:
        if after >= head:
            return []
        within = {"after": after, "head": head, "size": size}
        if not items:
            return [event_of(row) for row in self._fetch(_ALL, within)]
        return [event_of(row) for row in self._fetch(_MATCHING, {**within, **self._ranges(items)})]

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
        if self._closed:
            raise ProgrammingError("the ledger was closed")
        return self.database.fetch(self._sql(statement), parameters)

    def _sql(self, statement: str) -> bytes:
        known = self._statements.get(statement)
        if known is None:
            known = statement.replace("{s}", self.schema).encode()
            self._statements[statement] = known
        return known

    # Writing

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        """Return the answers to those of these commands that recorded nothing."""
        return [Answered(*row) for row in self._fetch(_ANSWERS, {"commands": list(commands)})]

    def all_answers(self, after: str, limit: int) -> list[Answered]:
        """Return up to ``limit`` answers of commands whose ids come after ``after``, by id."""
        found = self._fetch(_ALL_ANSWERS, {"after": after, "limit": limit})
        return [Answered(*row) for row in found]

    def record(self, batch: Batch) -> int:
        with self._writing:
            try:
                with self.database.translated():
                    last = self._append_again(batch)
            except (OperationalError, persistence.InterfaceError) as error:
                if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                    raise  # step 1 failed: the server has rolled back
                if not self._outlive():
                    raise StillCommitting(str(error)) from error
                raise
            # The wait for the standbys may have been cancelled. Then all can read the events, but
            # a takeover could lose them: a later write must be acknowledged first.
            if self._unacknowledged(self._writer) and not self._outlive():
                raise StillCommitting("the standbys did not acknowledge the append in time")
            self._safe = max(self._safe, last)
        return last

    def _append_again(self, batch: Batch) -> int:
        """Append; use another connection if this one broke before step 1: then nothing was sent."""
        self._locked = False
        try:
            return self._append(batch)
        except psycopg.OperationalError:
            lost = self._writer
            if self._locked or lost is None or not (lost.broken or lost.closed):
                raise
            self._writer = None
            return self._append(batch)

    def _append(self, batch: Batch) -> int:
        connection = self._connected()
        with connection.transaction():
            # 1. Lock. A crash here leaves nothing: the server rolls back and frees the row.
            raised = connection.execute(self._sql(_RAISE), {"number": len(batch.rows)}).fetchone()
            assert raised is not None
            self._locked = True
            last = int(raised[0])
            head = last - len(batch.rows)
            # 2. Check. A crash here leaves nothing.
            if batch.overtaken(head):
                self._check(connection, batch, head)
                if batch.later is not None:
                    newest = connection.execute(self._sql(_DATA_AT), {"head": head}).fetchone()
                    assert newest is not None
                    batch.date_after(newest[0])
            if batch.commands:
                asked = {"commands": list(batch.commands)}
                answered = connection.execute(self._sql(_ANSWERS), asked).fetchone()
                batch.require_unanswered(answered is not None)
            # 3. Insert. A crash before the commit leaves nothing of the call; after it, everything.
            numbered = range(head + 1, last + 1)
            placed = [(p, *row) for p, row in zip(numbered, batch.rows, strict=True)]
            with connection.pipeline():
                for statement, rows in (
                    (_INSERT, placed),
                    (_INSERT_TAGS, batch.index(numbered)),
                    (_INSERT_ANSWERS, batch.answered(head)),
                ):
                    if rows:
                        columns = [list(column) for column in zip(*rows, strict=True)]
                        connection.execute(self._sql(statement), columns)
        return last

    def _check(self, connection: Connection[Any], batch: Batch, head: int) -> None:
        """Raise `IntegrityError` if an event that others appended meanwhile matches."""
        # By one tag of each item: an event is compared only with the items about its own subjects.
        wanted: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
        for item in batch.require_unmatched():
            handle = item.tags[0] if item.tags else ""
            wanted.setdefault(handle, []).append((frozenset(item.types), frozenset(item.tags)))
        tail = connection.execute(self._sql(_TAIL), {"after": batch.after, "head": head})
        for type_, encoded in tail:
            tags = frozenset(decode_tags(encoded))
            for handle in (*tags, ""):
                for types, some in wanted.get(handle, ()):
                    if (not types or type_ in types) and some <= tags:
                        raise IntegrityError(batch.condition)

    def _connected(self) -> Connection[Any]:
        """Return the connection that appends; connect again if the last one was lost."""
        if self._closed:
            raise ProgrammingError("the ledger was closed")
        if self._read_only:
            raise OperationalError("this ledger was opened for reading only")
        if self._writer is None or self._writer.closed or self._writer.broken:
            self._writer = None  # if connecting fails, nothing is lost
            self._writer = self._connect("append")
        return self._writer

    def _connect(self, purpose: str) -> Connection[Any]:
        connection = self.database.connect(purpose)
        connection.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}".encode())
        silent = f"SET idle_in_transaction_session_timeout = {SILENT_MILLISECONDS}"
        connection.execute(silent.encode())
        # A server may be set to wait for less than the standbys' disks, and never for less here.
        connection.execute(_WAIT_FOR_STANDBYS)

        def heard(notice: psycopg.errors.Diagnostic) -> None:
            if notice.severity_nonlocalized == "WARNING":
                self._warned.add(id(connection))

        self._warned.discard(id(connection))  # of an earlier connection at the same address
        connection.add_notice_handler(heard)
        return connection

    def _unacknowledged(self, connection: Connection[Any] | None) -> bool:
        """Whether the server warned since the last call that a commit is not acknowledged.

        It says so by a warning when the wait for the standbys was cancelled, and commits.
        """
        warned = id(connection) in self._warned
        self._warned.discard(id(connection))
        return warned

    def _outlive(self) -> bool:
        """Wait until a lost or unacknowledged commit has ended, and the standbys have what it left.

        Return whether that is so. A server that waits for a standby holds the lock of the head row
        for as long as that takes. The row is locked by a write: its commit is acknowledged only
        after all earlier ones.
        """
        lost, self._writer = self._writer, None
        if lost is None:
            return True  # the server was never reached
        self._warned.discard(id(lost))
        lost.close()
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._closed and (left := deadline - time.monotonic()) > 0:
            try:
                connection = self._connected()
                with connection.transaction():
                    connection.execute(f"SET LOCAL lock_timeout = {max(1, int(left * 1000))}")
                    row = connection.execute(self._sql(_TOUCH)).fetchone()
            except psycopg.errors.LockNotAvailable:
                return False
            except (psycopg.Error, PersistenceError):
                self._writer = None
                time.sleep(0.1)
            else:
                if not self._unacknowledged(connection):
                    assert row is not None
                    self._safe = max(self._safe, int(row[0]))
                    return True
                time.sleep(0.1)
        return False

    # What may be shown to others

    def acknowledged(self) -> LedgerRecorder:
        """Return this ledger as it may be shown to others: up to the position that cannot vanish.

        With standbys, a commit whose wait for them was cancelled can be read, although a takeover
        would lose it. So a position may be shown once a *later* write of this node was
        acknowledged: its own append, or a heartbeat.
        """
        return Acknowledged(self)

    def acknowledged_head(self) -> int:
        """Return the last position that cannot vanish, no less than any that could be read before.

        Raises ``OperationalError`` if the standbys do not acknowledge a heartbeat in time.
        """
        head = self.head()
        if head <= self._safe or self._read_only:
            return head
        if not self._beating.acquire(timeout=ACKNOWLEDGE_SECONDS):
            raise OperationalError(_NOT_ACKNOWLEDGED)
        try:
            if head > self._safe and not self._beat(head):
                raise OperationalError(_NOT_ACKNOWLEDGED)
        finally:
            self._beating.release()
        return self._safe

    def confirm(self, position: int) -> None:
        """Return when the standbys have what was recorded up to a position; it may then be shown.

        Raises ``OperationalError`` if they do not acknowledge it in time.
        """
        if position > self._safe:
            self.acknowledged_head()

    def require_acknowledged(self) -> None:
        """Return when the standbys have everything that was committed before this call.

        Raises ``OperationalError`` if they do not acknowledge it in time.
        """
        head = self.head()
        with self._beating:
            if not self._beat(head):
                raise OperationalError(_NOT_ACKNOWLEDGED)

    def _beat(self, head: int) -> bool:
        """Write the heartbeat of this node; return whether the standbys acknowledged it."""
        beaten = False
        for attempt in range(2):  # the connection may have broken since the last heartbeat
            with self.database.translated():
                try:
                    beaten = self._write_beat(head)
                    break
                except psycopg.OperationalError:
                    if attempt:
                        raise
        if not beaten:
            return False
        self._safe = max(self._safe, head)
        return True

    def _write_beat(self, head: int) -> bool:
        if self._beater is None or self._beater.closed or self._beater.broken:
            self._beater = None
            self._beater = self._connect("heartbeat")
            self._beater.execute(self._sql(_FORGET))
        beater = self._beater
        # A standby that is away would keep the commit waiting for ever.
        cancelling = threading.Timer(
            ACKNOWLEDGE_SECONDS, beater.cancel_safe, kwargs={"timeout": ACKNOWLEDGE_SECONDS}
        )
        cancelling.daemon = True
        cancelling.start()
        try:
            beat = {"name": self.node, "version": VERSION, "position": head}
            beater.execute(self._sql(_BEAT), beat)
        except psycopg.errors.QueryCanceled:
            return False
        finally:
            cancelling.cancel()
            cancelling.join()  # if it had begun, it could otherwise cancel the next heartbeat
        return not self._unacknowledged(beater)

    def writable(self) -> bool:
        """Whether an append could lock the head row now."""
        try:
            with self.database.transaction() as connection:
                connection.execute(f"SET LOCAL lock_timeout = {_TRIED_MILLISECONDS}")
                connection.execute(self._sql(f"{_HEAD} FOR UPDATE"))
        except PersistenceError:
            return False
        return True

    # Identity

    def identity(self) -> Identity:
        """Return the ledger's identity."""
        id_, part_of = self._fetch("SELECT id, part_of FROM {s}.head")[0]
        return Identity(id_, part_of, "")

    def is_copy(self) -> bool:
        """Whether this is a copy: a database does not know; its log does (``SignedStore``)."""
        return False

    # Closing

    def close(self) -> None:
        """Close every connection and end subscriptions. May be called twice, from any thread."""
        with self._guard:
            self._closed = True
        self._stop_listening()
        self._close_own()
        for lock, connection in ((self._writing, self._writer), (self._beating, self._beater)):
            with lock:
                if connection is not None:
                    connection.close()
        self._wake()  # wake last, because a woken thread looks and must find the ledger closed

    def _close_own(self) -> None:
        if self._own:
            self.database.close()


class Acknowledged(LedgerRecorder):
    """A ledger up to the acknowledged position; everything else is the recorder's."""

    distant = True

    def __init__(self, recorder: PostgresRecorder) -> None:
        super().__init__()
        self._recorder = recorder
        self.place = recorder.place

    def head(self) -> int:
        return self._recorder.acknowledged_head()

    def page(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> list[DCBSequencedEvent]:
        return self._recorder.page(items, after, head, size)

    def rows(self, after: int, limit: int) -> list[Row]:
        return self._recorder.rows(after, min(limit, max(0, self.head() - after)))

    def leaves(self, after: int, limit: int) -> list[bytes]:
        return self._recorder.leaves(after, min(limit, max(0, self.head() - after)))

    def record(self, batch: Batch) -> int:
        return self._recorder.record(batch)

    def tag_rows(self, after_position: int, up_to_position: int) -> list[tuple[int, str, str]]:
        return self._recorder.tag_rows(after_position, min(up_to_position, self.head()))

    def tagged(self, tags: Sequence[str]) -> bool:
        return self._recorder.tagged(tags)

    def counts_by_type(self) -> dict[str, int]:
        """Return how many events of each type are recorded."""
        return self._recorder.counts_by_type()

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        """Return the answers to those of these commands that recorded nothing."""
        return self._recorder.answers(commands)

    def all_answers(self, after: str, limit: int) -> list[Answered]:
        return self._recorder.all_answers(after, limit)

    def writable(self) -> bool:
        """Whether an append could lock the head row now."""
        return self._recorder.writable()

    def identity(self) -> Identity:
        return self._recorder.identity()

    def is_copy(self) -> bool:
        return self._recorder.is_copy()

    def listen(self, event: threading.Event) -> None:
        self._recorder.listen(event)

    def unlisten(self, event: threading.Event) -> None:
        self._recorder.unlisten(event)

    def confirm(self, position: int) -> None:
        self._recorder.confirm(position)

    def whole(self) -> LedgerRecorder:
        return self._recorder

    def close(self) -> None:
        self._recorder.close()


def migrate(
    connection: Connection[Any], schema: str, part_of: str | None = None, id_: str | None = None
) -> None:
    """Make a ledger in a schema, or add partitions to it; needs the role that owns the schema."""
    with connection.transaction():
        # Two nodes may start at once: the second one waits and finds the tables.
        lock_name(connection, schema)
        if not exists(connection, f"{schema}.head"):
            make_schema(connection, schema, Declared((), ()))
            for statement in _TABLES:
                connection.execute(statement.replace("{s}", schema).encode())
            connection.execute(
                f"INSERT INTO {schema}.head VALUES (1, 0, 1, %s, %s, %s)".encode(),
                (SCHEMA_VERSION, id_ or secrets.token_hex(16), part_of),
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
    if not exists(connection, f"{schema}.head"):
        raise DatabaseError(f"there is no ledger in the schema {schema} of this database")
    row = connection.execute(f"SELECT version FROM {schema}.head".encode()).fetchone()
    version = row[0] if row else None
    if version != SCHEMA_VERSION:
        raise DatabaseError(
            f"the schema {schema} must have version {SCHEMA_VERSION}, which this program knows; "
            f"it has {version}. Use the program that made it. Nothing was changed."
        )
