"""The embedded store: a `DCBRecorder` in one SQLite file.

The store is trusted with the order of the events, not with their integrity: a person who can write
the file can change events, and the column `leaf` and the Merkle log built on it reveal that.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from functools import cache, lru_cache
from itertools import chain
from operator import itemgetter
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

import msgspec
from eventsourcing import persistence
from eventsourcing.dcb.api import DCBQueryItem, DCBSequencedEvent
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    IntegrityError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
)

from ledger.kernel import budget
from ledger.kernel.store import Answered
from ledger.stores.files import (
    advised,
    code_of,
    connect_read_only,
    is_damaged,
    make_private,
    new_private,
    number_of,
    trouble,
)
from ledger.stores.recorder import (
    FIRST_PAGE,
    Batch,
    Identity,
    LedgerRecorder,
    Row,
    event_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

APPLICATION_ID = 0x4C444752  # "LDGR"; the commands `file` and `sqlite3` show it
SCHEMA_VERSION = 1

TERMS = 50  # index ranges per statement; SQLite refuses more than 500
INSERTED = 256  # rows per statement; SQLite takes 32,766 values
SMALLEST_PAGE = 512  # bytes
# Tags are spread over their index, so the same pages change again and again. Copying them back
# four times less often than SQLite's default made large appends a third faster. The WAL grows to
# some 20 MB.
CHECKPOINT_PAGES = 4000
_TRIED_SECONDS = 0.1  # how long `writable` waits for the write lock

SCHEMA = (
    # The index events_by_type contains the position too, because it is the rowid.
    """CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        type TEXT NOT NULL,
        data BLOB NOT NULL,
        tags TEXT NOT NULL,  -- JSON array, in the order given
        leaf BLOB NOT NULL   -- SHA-256(0x00 || data), RFC 6962
    ) STRICT""",
    """CREATE TABLE event_tags (
        tag TEXT NOT NULL,
        type TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (tag, type, position)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX events_by_type ON events (type)",
    """CREATE TRIGGER events_gapless BEFORE INSERT ON events
    WHEN NEW.position IS NOT (SELECT coalesce(max(position), 0) + 1 FROM events)
    BEGIN SELECT RAISE(ABORT, 'ledger: the position of a new event must be the last one plus 1');
    END""",
    *(
        f"""CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, 'ledger: {verb} of {table} is refused, events are for ever');
        END"""
        for table in ("events", "event_tags")
        for verb in ("UPDATE", "DELETE")
    ),
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

#: The table of the ledger's identity. A file that an earlier version made does not have it.
MORE_SCHEMA = (
    # The id of this ledger, the ledger that it is a part of, and the number of its file.
    """CREATE TABLE identity (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL,
        part_of TEXT,
        file TEXT NOT NULL
    ) STRICT""",
)

#: Commands that recorded nothing, by their id. They are not events, because nothing happened.
ANSWERS_SCHEMA = (
    """CREATE TABLE answers (
        command TEXT PRIMARY KEY,
        digest TEXT NOT NULL,  -- of the request
        position INTEGER NOT NULL  -- the head when it was answered
    ) STRICT, WITHOUT ROWID""",
)

_POSITION = itemgetter(0)
_HEAD = "SELECT max(position) FROM events"
_EVENT = "SELECT e.position, e.type, e.data, e.tags FROM events e"
_ALL = f"{_EVENT} WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_INSERT_EVENT = "INSERT INTO events (position, type, data, tags, leaf) VALUES (?, ?, ?, ?, ?)"
_INSERT_TAG = "INSERT INTO event_tags (tag, type, position) VALUES (?, ?, ?)"
_ROWS = (
    "SELECT position, type, data, tags, leaf FROM events WHERE position > ?"
    " ORDER BY position LIMIT ?"
)
_DATA_AT = "SELECT data FROM events WHERE position = ?"
_LEAVES = "SELECT leaf FROM events WHERE position > ? ORDER BY position LIMIT ?"
_TAG_ROWS = (
    "SELECT position, type, tag FROM event_tags WHERE position > ? AND position <= ?"
    " ORDER BY position, tag"
)
_TAGGED = "SELECT 1 FROM event_tags WHERE tag = ? LIMIT 1"
# Jumps from type to type in the index, so the cost depends on the number of types, not of events.
_TYPES_OF_TAG = """WITH RECURSIVE hop (type) AS (
    SELECT min(type) FROM event_tags WHERE tag = ?1
    UNION ALL
    SELECT (SELECT min(type) FROM event_tags WHERE tag = ?1 AND type > hop.type)
    FROM hop WHERE hop.type IS NOT NULL
) SELECT type FROM hop WHERE type IS NOT NULL"""

_ANSWERS = (
    "SELECT command, digest, position FROM answers"
    " WHERE command IN (SELECT value FROM json_each(?))"
)
_ALL_ANSWERS = (
    "SELECT command, digest, position FROM answers WHERE command > ? ORDER BY command LIMIT ?"
)
_INSERT_ANSWER = "INSERT INTO answers (command, digest, position) VALUES (?, ?, ?)"
_HAS_ANSWERS = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'answers'"
_IDENTITY = "SELECT id, part_of, file FROM identity"
_HAS_IDENTITY = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'identity'"

_encode = msgspec.json.Encoder().encode

Shape = tuple[tuple[bool, int], ...]  # of a statement: for each term, has it a type; how many tags
Term = tuple[tuple[bool, int], list[str]]  # one index range: its shape and its parameters


class _Connection:
    """A connection, with a lock so that `close` waits for a running statement."""

    def __init__(self, path: Path, mode: str, busy_timeout: float) -> None:
        self.lock = threading.Lock()
        try:
            if mode == "ro":
                self.sqlite = connect_read_only(path, busy_timeout)
            else:
                self.sqlite = sqlite3.connect(
                    f"{path.as_uri()}?mode={mode}",
                    uri=True,
                    timeout=busy_timeout,
                    isolation_level=None,
                    check_same_thread=False,
                    cached_statements=256,
                )
            self.sqlite.execute("PRAGMA temp_store = MEMORY")  # sorting a page needs no file
        except sqlite3.Error as error:
            raise _translated(error, path) from error

    def close(self) -> None:
        with self.lock:
            self.sqlite.close()


class SQLiteRecorder(LedgerRecorder):
    """Opens the ledger at `path`, or creates it. Safe to share between threads; close it.

    Any number of processes may open the same file on one machine (not over a network file system).
    With `read_only` the file is never changed, and appending is refused. `part_of`: for a new
    access ledger, the id of the main ledger. `id_`: for a new copy, the id of its original.

    Raises `ProgrammingError` if `path` is not a plain file path, `DatabaseError` if the file is not
    a ledger or its schema is newer than this code, `OperationalError` if it cannot be opened.
    """

    distant = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout: float = 10.0,
        read_only: bool = False,
        part_of: str | None = None,
        id_: str | None = None,
    ) -> None:
        super().__init__()
        name = os.fspath(path)
        if not name or name.startswith((":", "file:")):
            msg = f"a ledger must be a file, not :memory: or a URI; the path is {name!r}"
            raise ProgrammingError(msg)
        self.path = Path(name).absolute()
        self.place = str(self.path)
        self._busy_timeout = busy_timeout
        self._local = threading.local()
        self._readers: dict[threading.Thread, _Connection] = {}  # guarded by `_guard`
        _refuse_fragment(self.path)
        self._reads = "ro" if read_only else "rw"
        if not read_only:
            new_private(self.path)
        self._writer = _Connection(self.path, "ro" if read_only else "rwc", busy_timeout)
        try:
            if read_only:
                check_schema(self._writer.sqlite, self.path)
            else:
                _prepare(self._writer.sqlite, self.path, busy_timeout, part_of, id_)
                make_private(self.path)
        except sqlite3.Error as error:
            self._writer.close()
            raise _translated(error, self.path) from error
        except BaseException:
            self._writer.close()
            raise

    # Reading

    def head(self) -> int:
        """Return the last position; 0 if nothing was recorded."""
        return self._fetch(_HEAD)[0][0] or 0

    def page(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> list[DCBSequencedEvent]:
        if after >= head:
            return []
        if not items:
            return [event_of(row) for row in self._fetch(_ALL, (after, head, size))]
        terms = _terms(items, self._fetch if size > FIRST_PAGE else None)
        found: dict[int, Any] = {}  # by position, because several statements may match an event
        for shape, parameters in _statements(terms):
            rows = self._fetch(_page_sql(shape), (after, head, *parameters, size))
            # The rows come in order, but SQL does not promise it. An ORDER BY would cost more.
            rows.sort(key=_POSITION)
            if len(terms) <= TERMS:
                return [event_of(row) for row in rows]
            found.update((row[0], row) for row in rows)
            if (
                len(rows) == size
            ):  # this statement fills the page, so later positions are not needed
                head = rows[-1][0]
        return [event_of(found[position]) for position in sorted(found)[:size]]

    def rows(self, after: int, limit: int) -> list[Row]:
        """Return up to `limit` rows after position `after` as they are stored."""
        return [Row(*row) for row in self._fetch(_ROWS, (after, limit))]

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """Return the leaf hashes of up to `limit` events after position `after`, in order."""
        return [leaf for (leaf,) in self._fetch(_LEAVES, (after, limit))]

    def tag_rows(self, after_position: int, up_to_position: int) -> list[tuple[int, str, str]]:
        """Return the tag index as (position, type, tag) in `(after_position, up_to_position]`.

        Each call scans the whole index, so that it finds superfluous rows too. Use wide ranges
        (100,000 positions and more).
        """
        return self._fetch(_TAG_ROWS, (after_position, up_to_position))

    def tagged(self, tags: Sequence[str]) -> bool:
        """Whether any event carries any of the tags; the cost does not depend on their number."""
        return any(self._fetch(_TAGGED, (tag,)) for tag in tags)

    def counts_by_type(self) -> dict[str, int]:
        """Return how many events of each type are recorded."""
        return dict(self._fetch("SELECT type, count(*) FROM events GROUP BY type ORDER BY type"))

    def _fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        try:
            reader: _Connection = self._local.reader
        except AttributeError:
            reader = self._open_reader()
        with reader.lock:
            try:
                return reader.sqlite.execute(sql, parameters).fetchall()
            except sqlite3.OperationalError as error:
                if code_of(error) == sqlite3.SQLITE_INTERRUPT:
                    raise budget.Exhausted(
                        "the question took too long, or its client has gone"
                    ) from error
                raise self._failure(error) from error
            except (sqlite3.Error, UnicodeError, OverflowError) as error:
                raise self._failure(error) from error

    def _open_reader(self) -> _Connection:
        reader = _Connection(self.path, self._reads, self._busy_timeout)
        reader.sqlite.set_progress_handler(budget.spent, budget.STATEMENT_STEPS)
        with self._guard:
            for thread in [t for t in self._readers if not t.is_alive()]:
                self._readers.pop(thread).close()
            # Check this under the guard, so that `close` sees every open connection.
            if self._closed:
                reader.close()
            else:
                self._readers[threading.current_thread()] = reader
                self._local.reader = reader
        return reader

    def _failure(self, error: Exception) -> PersistenceError:
        if self._closed:
            return ProgrammingError(f"the ledger {self.path} was closed")
        return _translated(error, self.path)

    # Writing

    def answers(self, commands: Sequence[str]) -> list[Answered]:
        """Return the answers to those of these commands that recorded nothing."""
        return [
            Answered(*row) for row in self._fetch(_ANSWERS, (_encode(list(commands)).decode(),))
        ]

    def all_answers(self, after: str, limit: int) -> list[Answered]:
        """Return up to ``limit`` answers of commands whose ids come after ``after``, by id."""
        return [Answered(*row) for row in self._fetch(_ALL_ANSWERS, (after, limit))]

    def record(self, batch: Batch) -> int:
        with self._writer.lock:
            writer = self._writer.sqlite
            try:
                writer.execute("BEGIN IMMEDIATE")
                head: int = writer.execute(_HEAD).fetchone()[0] or 0
                if batch.overtaken(head):
                    self._check(batch, head)
                    batch.date_after(writer.execute(_DATA_AT, (head,)).fetchone()[0])
                if batch.commands:
                    asked = (_encode(list(batch.commands)).decode(),)
                    answered = writer.execute(_ANSWERS, asked).fetchone()
                    batch.require_unanswered(answered is not None)
                last = head + len(batch.rows)
                numbered = range(head + 1, last + 1)
                placed = [(p, *row) for p, row in zip(numbered, batch.rows, strict=True)]
                _insert(writer, _INSERT_EVENT, placed)
                _insert(writer, _INSERT_TAG, batch.index(numbered))
                _insert(writer, _INSERT_ANSWER, batch.answered(head))
                # A crash before the commit leaves nothing of the call; after it, everything.
                writer.execute("COMMIT")
            except BaseException as error:
                # After some errors (disk full) SQLite has rolled back by itself.
                if not self._closed and writer.in_transaction:
                    writer.execute("ROLLBACK")
                if isinstance(error, (sqlite3.Error, UnicodeError, OverflowError)):
                    raise self._failure(error) from error
                raise
        return last

    def _check(self, batch: Batch, head: int) -> None:
        def fetch(sql: str, parameters: Sequence[Any]) -> list[Any]:
            return self._writer.sqlite.execute(sql, parameters).fetchall()

        for shape, parameters in _statements(_terms(batch.require_unmatched(), fetch)):
            if fetch(_any_sql(shape), (batch.after, head, *parameters)):
                raise IntegrityError(batch.condition)

    # Identity

    def identity(self) -> Identity | None:
        """Return the ledger's identity; ``None`` for a file that an earlier version made."""
        if not self._fetch(_HAS_IDENTITY):
            return None
        rows = self._fetch(_IDENTITY)
        if not rows:
            raise DataError(f"{self.path} must have an identity; its row is missing. Verify it.")
        return Identity(*rows[0])

    def is_copy(self) -> bool:
        """Whether this file is a copy or a restored file that was not settled since."""
        identity = self.identity()
        return identity is not None and identity.file != number_of(self.path)

    def settle(self) -> None:
        """Make this file the original, if it has an identity."""
        if self.identity() is not None:
            sql = "UPDATE identity SET file = ?"
            self._alone(lambda writer: writer.execute(sql, (number_of(self.path),)))

    def identify(
        self, before: Callable[[], None] = lambda: None, part_of: str | None = None
    ) -> None:
        """Call ``before`` and give a file of an earlier version its identity, only once.

        Both happen under the write lock. A crash before the commit leaves the file without an
        identity, and the next opening repeats both.
        """

        def write(writer: sqlite3.Connection) -> None:
            if not writer.execute(_HAS_IDENTITY).fetchone():
                before()
                _identify(writer, self.path, part_of)

        self._alone(write)

    def _alone(self, work: Callable[[sqlite3.Connection], object]) -> None:
        with self._writer.lock:
            writer = self._writer.sqlite
            try:
                writer.execute("BEGIN IMMEDIATE")
                work(writer)
                writer.execute("COMMIT")
            except BaseException as error:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise self._failure(error) from error
                raise

    # Waiting

    def writable(self) -> bool:
        """Whether an append could get the file's write lock now."""
        try:
            tried = _Connection(self.path, "rw", _TRIED_SECONDS)
        except (sqlite3.Error, PersistenceError):
            return False
        try:
            tried.sqlite.execute("BEGIN IMMEDIATE")
            tried.sqlite.execute("ROLLBACK")
        except sqlite3.Error:
            return False
        finally:
            tried.close()
        return True

    # Closing

    def close(self) -> None:
        """Close every connection and end subscriptions. May be called twice, from any thread."""
        with self._guard:
            self._closed = True
            readers = list(self._readers.values())
            self._readers.clear()
        self._stop_listening()
        for connection in (*readers, self._writer):
            connection.close()
        self._wake()  # wake last, because a woken thread looks and must find the ledger closed


def _identify(
    connection: sqlite3.Connection, path: Path, part_of: str | None, id_: str | None = None
) -> None:
    for statement in MORE_SCHEMA:
        connection.execute(statement)
    values = (id_ or secrets.token_hex(16), part_of, number_of(path))
    connection.execute("INSERT INTO identity VALUES (1, ?, ?, ?)", values)


def _prepare(
    connection: sqlite3.Connection,
    path: Path,
    busy_timeout: float,
    part_of: str | None,
    id_: str | None,
) -> None:
    """Make an empty file a ledger, refuse any other file unchanged, and switch to WAL."""
    connection.execute("PRAGMA synchronous = FULL")
    # On macOS fsync alone leaves the data in the drive's cache; elsewhere this has no effect.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    if _is_empty(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _is_empty(connection):  # check again: another process may have been faster
                for statement in SCHEMA:
                    connection.execute(statement)
                _identify(connection, path, part_of, id_)
                for statement in ANSWERS_SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    check_schema(connection, path)
    if not connection.execute(_HAS_ANSWERS).fetchone():  # an earlier version made the file
        for statement in ANSWERS_SCHEMA:
            connection.execute(statement.replace("TABLE", "TABLE IF NOT EXISTS", 1))
    # Switch after the schema was checked, because a file that is not a ledger must not be changed.
    # A crash in between leaves a sound ledger, and the next opening switches it.
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            # SQLite does not wait for the lock here, so try again.
            if code_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            msg = f"{path} must be on a disk that allows write-ahead logging. Use a local disk."
            raise OperationalError(msg)
        return


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `DatabaseError` unless the file is a ledger of a schema that this program knows."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id != APPLICATION_ID:
        msg = f"{path} is an SQLite database, but not a ledger. Check the path; it was not changed."
        raise DatabaseError(msg)
    if version != SCHEMA_VERSION:
        age = "newer" if version > SCHEMA_VERSION else "older"
        msg = (
            f"{path} has the {age} ledger schema {version}; this program knows {SCHEMA_VERSION}."
            " Use the program that wrote it. The file was not changed."
        )
        raise DatabaseError(msg)


def _refuse_fragment(path: Path) -> None:
    # SQLite treats a file shorter than its smallest page as empty, and overwrites it. Read only the
    # size: opening and closing the file would drop this process's locks on it.
    try:
        status = path.stat()
    except OSError:
        return  # it does not exist or cannot be read: SQLite creates it or reports the error
    if S_ISREG(status.st_mode) and 0 < status.st_size < SMALLEST_PAGE:
        msg = f"{path} is not a ledger and not a database. Check the path; it was not changed."
        raise DatabaseError(msg)


def _is_empty(connection: sqlite3.Connection) -> bool:
    sql = """SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id a, pragma_user_version v"""
    return bool(connection.execute(sql).fetchone() == (0, 0, 0))


def _terms(items: Sequence[DCBQueryItem], fetch: Any) -> list[Term]:
    """Return the index ranges of `items`: for each item one range for each type.

    With `fetch`, an item without types gets the types of its first tag. Their ranges are ordered by
    position, so the cost of a page depends only on its length. Without `fetch`, SQLite sorts one
    range over the whole tag, which is faster for the few events of most tags.
    """
    terms: list[Term] = []
    for item in items:
        tags, types = item.tags, item.types
        if not types and fetch is not None:
            types = [row[0] for row in fetch(_TYPES_OF_TAG, (tags[0],))]
        elif not types:
            terms.append(((False, len(tags)), tags))
        shape = (True, len(tags))
        terms.extend((shape, [type_, *tags]) for type_ in types)
    return terms


def _statements(terms: Sequence[Term]) -> Iterator[tuple[Shape, list[str]]]:
    """Divide the terms into statements; yield the shape and the parameters of each."""
    for start in range(0, len(terms), TERMS):
        group = terms[start : start + TERMS]
        yield tuple([s for s, _ in group]), [value for _, values in group for value in values]


def _term_sql(typed: bool, tags: int) -> str:
    # ?1 and ?2 come before the first bare "?", which SQLite numbers after the highest so far.
    sql = f"SELECT t.position FROM {'event_tags' if tags else 'events'} t"
    sql += " WHERE t.position > ?1 AND t.position <= ?2"
    sql += " AND t.type = ?" if typed else ""
    sql += " AND t.tag = ?" if tags else ""
    probe = (
        "SELECT 1 FROM event_tags x WHERE x.tag = ? AND x.type = t.type AND x.position = t.position"
    )
    return sql + f" AND EXISTS ({probe})" * (tags - 1)


@lru_cache(maxsize=1024)
def _page_sql(shape: Shape) -> str:
    # The ORDER BY is part of the compound statement, so SQLite merges the ranges, each of which is
    # in order, and drops duplicates on the way, instead of collecting and sorting all rows.
    union = " UNION ".join(_term_sql(*term) for term in shape)
    return (
        f"SELECT e.position, e.type, e.data, e.tags FROM ({union} ORDER BY 1 LIMIT ?) p"
        " CROSS JOIN events e ON e.position = p.position"
    )


@lru_cache(maxsize=1024)
def _any_sql(shape: Shape) -> str:
    return " UNION ALL ".join(_term_sql(*term) for term in shape) + " LIMIT 1"


def _insert(writer: sqlite3.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, many with each statement; their numbers are powers of two, for few statements.

    A statement for each row would release Python's interpreter lock for each row, and then wait
    until a busy thread releases it.
    """
    done = 0
    while done < len(rows):
        size = min(INSERTED, 1 << ((len(rows) - done).bit_length() - 1))
        values = list(chain.from_iterable(rows[done : done + size]))
        writer.execute(_insert_sql(sql, size), values)
        done += size


@cache
def _insert_sql(sql: str, rows: int) -> str:
    head, _, row = sql.partition(" VALUES ")
    return f"{head} VALUES {', '.join([row] * rows)}"


def _translated(error: Exception, path: Path) -> PersistenceError:
    if not isinstance(error, sqlite3.Error):  # a lone surrogate, an integer beyond 64 bits
        return DataError(f"the value cannot be stored or looked up: {error}")
    # Only a failed append condition may raise IntegrityError, which callers answer with a retry.
    # Rows that the database refuses would be refused again.
    name = "DataError" if isinstance(error, sqlite3.IntegrityError) else type(error).__name__
    kind: type[PersistenceError] = getattr(persistence, name, DatabaseError)
    if path.is_dir() or is_damaged(error):
        return kind(trouble(path, error))
    return kind(f"{path}: {advised(error)}")
