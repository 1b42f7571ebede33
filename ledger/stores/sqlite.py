"""The embedded store: a `DCBRecorder` in one SQLite file.

Everything rests on one property: a recorded event never changes and positions are gapless from 1.
So a head read once stays a snapshot for ever ("all events up to the head" is the same set whenever
it is asked), and reads need neither a transaction nor a cursor held open while somebody iterates.

Trusted with: the order of the events. Not trusted with their integrity: whoever can write the file
can change it, and is found out by `leaf` and by the Merkle log built on it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from functools import cache, lru_cache
from hashlib import sha256
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from eventsourcing import persistence
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBReadResponse,
    DCBRecorder,
    DCBSequencedEvent,
)
from eventsourcing.dcb.persistence import DCBListenNotifySubscription
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
from ledger.kernel.threads import Worker
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

APPLICATION_ID = 0x4C444752  # "LDGR"; `file` and sqlite3 show it
SCHEMA_VERSION = 1

FIRST_PAGE = 100  # most folds read fewer events, and then one statement is all
PAGE = 1000  # events held in memory by an unlimited read
TERMS = 50  # index ranges per statement; SQLite refuses more than 500
INSERTED = 256  # rows per statement; SQLite takes 32,766 values
SMALLEST_PAGE = 512  # bytes
# Tags land all over their index, so the same pages change again and again: copying them back four
# times less often than SQLite's habit took a third off large appends, for a WAL of some 20 MB.
CHECKPOINT_PAGES = 4000
_TRIED_SECONDS = 0.1  # how long one who only tries waits for the write lock
POLL_SECONDS = 0.025  # how often other processes' appends are looked for
POLL_STEP_SECONDS = 60.0  # how long one look may take

SCHEMA = (
    # events_by_type carries the position too: it is the rowid.
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

#: What a ledger's file holds besides its events. A file that an earlier program made lacks it.
MORE_SCHEMA = (
    # Which ledger this is, of which other ledger it is a part, and which file it was made as.
    """CREATE TABLE identity (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL,
        part_of TEXT,
        file TEXT NOT NULL
    ) STRICT""",
)

#: Commands that recorded nothing, remembered by their id. No events: nothing happened.
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
_LEAVES = "SELECT leaf FROM events WHERE position > ? ORDER BY position LIMIT ?"
_TAG_ROWS = (
    "SELECT position, type, tag FROM event_tags WHERE position > ? AND position <= ?"
    " ORDER BY position, tag"
)
_TAGGED = "SELECT 1 FROM event_tags WHERE tag = ? LIMIT 1"
# Hops from type to type in the index: the cost is the number of types, not of events.
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
_INSERT_ANSWER = "INSERT INTO answers (command, digest, position) VALUES (?, ?, ?)"
_HAS_ANSWERS = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'answers'"
_IDENTITY = "SELECT id, part_of, file FROM identity"
_HAS_IDENTITY = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'identity'"

# From the list of tags to `Row.tags` and back, lossless.
_encode = msgspec.json.Encoder().encode
decode_tags = msgspec.json.Decoder(list[str]).decode


def encode_tags(tags: Sequence[str]) -> str:
    """The text under which a list of tags is stored: JSON, without spaces.

    Raises ``TypeError`` for what is no text.
    """
    if not all(isinstance(tag, str) for tag in tags):
        raise TypeError(f"{tags!r} are no tags")
    return _encode(tags).decode()


Shape = tuple[tuple[bool, int], ...]  # of a statement: per term, has it a type and how many tags
Term = tuple[tuple[bool, int], list[str]]  # one index range: its shape and its parameters


class Row(NamedTuple):
    """An event exactly as it lies in the file, for verification."""

    position: int
    type: str
    data: bytes
    tags: str
    leaf: bytes


class Identity(NamedTuple):
    """Which ledger a file holds. A copy of the file has the same ``id`` and another number.

    ``part_of``: the ledger that it is the access ledger of. ``file``: the number of the file that
    the ledger was made in, or last settled in (``number_of``).
    """

    id: str
    part_of: str | None
    file: str

    @property
    def mark(self) -> int:
        """What a database that lies with this ledger has as its ``user_version``; never 0."""
        return int.from_bytes(sha256(self.id.encode()).digest()[:4]) & 0x7FFFFFFF or 1


class SQLiteReadResponse(DCBReadResponse):
    """Events in order of position; unlimited reads fetch them in pages as they are iterated."""

    def __init__(self, events: Iterator[DCBSequencedEvent], head: int | None) -> None:
        self._events = events
        self._head = head

    @property
    def head(self) -> int | None:
        """The last position at the time of the call; with a limit, that of the last event."""
        return self._head

    def __iter__(self) -> Iterator[DCBSequencedEvent]:
        return self._events  # not self: spares the caller a Python call per event

    def __next__(self) -> DCBSequencedEvent:
        return next(self._events)


class _Connection:
    """A connection and the lock that keeps `close` from pulling it away under a statement."""

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


class SQLiteRecorder(DCBRecorder):
    """Opens the ledger at `path`, or creates it. Safe to share between threads; close it.

    Any number of processes may open the same file on one machine (not over a network file system).
    With `read_only` nothing of the file is ever changed, and appending is refused. `part_of`: the
    ledger whose part a new file is.

    Raises `ProgrammingError` if `path` is not a plain file path, `DatabaseError` if the file is not
    a ledger or its schema is newer than this code, `OperationalError` if it cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        busy_timeout: float = 10.0,
        read_only: bool = False,
        part_of: str | None = None,
    ) -> None:
        name = os.fspath(path)
        if not name or name.startswith((":", "file:")):
            msg = f"{name!r} is not a file path; a ledger lives in a file (no :memory:, no URI)"
            raise ProgrammingError(msg)
        self.path = Path(name).absolute()
        self._busy_timeout = busy_timeout
        self._closed = False
        self._local = threading.local()
        self._readers: dict[threading.Thread, _Connection] = {}
        self._listeners: set[threading.Event] = set()
        #: The thread that looks for what other processes append; started for the first listener.
        self.poller = Worker("ledger-poll", self._poll, limit=POLL_STEP_SECONDS)
        self._polling = False
        self._stop_polling = threading.Event()
        self._guard = threading.Lock()  # of the six above; held for moments only
        _refuse_fragment(self.path)
        self._reads = "ro" if read_only else "rw"
        if not read_only:
            new_private(self.path)
        self._writer = _Connection(self.path, "ro" if read_only else "rwc", busy_timeout)
        try:
            if read_only:
                check_schema(self._writer.sqlite, self.path)
            else:
                _prepare(self._writer.sqlite, self.path, busy_timeout, part_of)
                make_private(self.path)
        except sqlite3.Error as error:
            self._writer.close()
            raise _translated(error, self.path) from error
        except BaseException:
            self._writer.close()
            raise

    # Reading

    def head(self) -> int:
        """The last position, 0 if nothing was recorded."""
        return self._fetch(_HEAD)[0][0] or 0

    def read(
        self,
        query: DCBQuery | None = None,
        *,
        after: int | None = None,
        limit: int | None = None,
    ) -> DCBReadResponse:
        """The events after `after` that match any item of `query`, in order, at most `limit`.

        Without a limit the response's head is the last position at the time of the call, whatever
        matched, and no event beyond it is returned however late one iterates. With a limit it is
        the position of the last event returned, or None.

        Raises `PersistenceError` (its subclasses), also while a long response is iterated.
        """
        items = query.items if query else []
        if any(not item.types and not item.tags for item in items):
            items = []  # such an item matches everything
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
        """The events that match any item of `query`, in order, up to position `head`.

        For a caller who knows a head and asks many small questions: it saves asking for it.
        """
        events = self._page(query.items, 0, head, FIRST_PAGE)
        if len(events) < FIRST_PAGE:
            return iter(events)
        return chain(events, self._pages(query.items, events[-1].position, head, PAGE))

    def _pages(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> Iterator[DCBSequencedEvent]:
        while size > 0:
            page = self._page(items, after, head, size)
            yield from page
            if len(page) < size:
                return
            after = page[-1].position

    def _page(
        self, items: list[DCBQueryItem], after: int, head: int, size: int
    ) -> list[DCBSequencedEvent]:
        if after >= head:
            return []
        if not items:
            return [_event(row) for row in self._fetch(_ALL, (after, head, size))]
        terms = _terms(items, self._fetch if size > FIRST_PAGE else None)
        found: dict[int, Any] = {}  # an event matched by several statements comes once
        for shape, parameters in _statements(terms):
            rows = self._fetch(_page_sql(shape), (after, head, *parameters, size))
            # In order already, but SQL does not promise it, and an ORDER BY costs more than this.
            rows.sort(key=_POSITION)
            if len(terms) <= TERMS:
                return [_event(row) for row in rows]
            found.update((row[0], row) for row in rows)
            if len(rows) == size:  # this one alone fills the page: beyond it nothing is wanted
                head = rows[-1][0]
        return [_event(found[position]) for position in sorted(found)[:size]]

    def rows(self, after: int, limit: int) -> list[Row]:
        """Up to `limit` rows after position `after` as they are stored, for verification."""
        return [Row(*row) for row in self._fetch(_ROWS, (after, limit))]

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """The leaf hashes of up to `limit` events after position `after`, in order."""
        return [leaf for (leaf,) in self._fetch(_LEAVES, (after, limit))]

    def tag_rows(self, after_position: int, up_to_position: int) -> list[tuple[int, str, str]]:
        """The tag index as (position, type, tag) in `(after_position, up_to_position]`, in order.

        Each call scans the whole index, so that rows nobody would look for are found: ask for wide
        ranges (100,000 positions and more).
        """
        return self._fetch(_TAG_ROWS, (after_position, up_to_position))

    def tagged(self, tags: Sequence[str]) -> bool:
        """Whether any event carries any of the tags; costs the same however many do."""
        return any(self._fetch(_TAGGED, (tag,)) for tag in tags)

    def counts_by_type(self) -> dict[str, int]:
        """How many events of each type are recorded."""
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
                    raise budget.Exhausted("the question took longer than it may") from error
                raise self._failure(error) from error
            except (sqlite3.Error, UnicodeError, OverflowError) as error:
                raise self._failure(error) from error

    def _open_reader(self) -> _Connection:
        reader = _Connection(self.path, self._reads, self._busy_timeout)
        reader.sqlite.set_progress_handler(budget.spent, budget.STATEMENT_STEPS)
        with self._guard:
            for thread in [t for t in self._readers if not t.is_alive()]:
                self._readers.pop(thread).close()
            # Checked under the guard, so that `close` sees every connection there is.
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
        """Which of these commands were answered without recording anything."""
        return [
            Answered(*row) for row in self._fetch(_ANSWERS, (_encode(list(commands)).decode(),))
        ]

    def append(
        self,
        events: Sequence[DCBEvent],
        condition: DCBAppendCondition | None = None,
        *,
        answers: Sequence[Answered] = (),
        commands: Sequence[str] = (),
    ) -> int:
        """Records the events in one durable transaction and returns the position of the last.

        `answers` are remembered with them, which may be none then. It is a failed condition too if
        any of `commands` was answered meanwhile.

        Raises `IntegrityError` if an event after `condition.after` matches the condition (an empty
        query matches every event), `ProgrammingError` if there are no events, `DataError` if they
        cannot be stored, `OperationalError` if the disk is full, the file locked or read-only.
        After any error nothing of the call is recorded.
        """
        if not events and not answers:
            msg = "append was called without events"
            raise ProgrammingError(msg)
        # Hashing and encoding stand outside the lock: other threads need not wait for them.
        try:
            rows = [
                (e.type, e.data, encode_tags(e.tags), sha256(b"\x00" + e.data).digest())
                for e in events
            ]
        except (TypeError, UnicodeError) as error:
            msg = f"an event needs bytes as data and a list of strings as tags: {error}"
            raise DataError(msg) from error
        with self._writer.lock:
            writer = self._writer.sqlite
            try:
                writer.execute("BEGIN IMMEDIATE")
                head: int = writer.execute(_HEAD).fetchone()[0] or 0
                if condition is not None and head > max(condition.after or 0, 0):
                    self._check(condition, head)
                self._check_unanswered(commands)
                last = head + len(rows)
                numbered = range(head + 1, last + 1)
                placed = [(p, *row) for p, row in zip(numbered, rows, strict=True)]
                _insert(writer, _INSERT_EVENT, placed)
                index = [
                    (tag, event.type, position)
                    for position, event in zip(numbered, events, strict=True)
                    for tag in dict.fromkeys(event.tags)  # tagged twice alike, indexed once
                ]
                index.sort()  # neighbours in the index are written together
                _insert(writer, _INSERT_TAG, index)
                if answers:
                    # Positions were foreseen behind the condition; others may have come between.
                    seen = (condition and condition.after) or 0
                    moved = [
                        (a.command, a.digest, a.position + (head - seen) * (a.position > seen))
                        for a in answers
                    ]
                    _insert(writer, _INSERT_ANSWER, moved)
                writer.execute("COMMIT")  # before it, a crash leaves nothing; after it, everything
            except BaseException as error:
                # After some errors (disk full) SQLite has rolled back by itself.
                if not self._closed and writer.in_transaction:
                    writer.execute("ROLLBACK")
                if isinstance(error, (sqlite3.Error, UnicodeError, OverflowError)):
                    raise self._failure(error) from error
                raise
        self._wake()
        return last

    def _check(self, condition: DCBAppendCondition, head: int) -> None:
        after, items = condition.after or 0, condition.fail_if_events_match.items
        if not items or any(not item.types and not item.tags for item in items):
            raise IntegrityError(condition)

        def fetch(sql: str, parameters: Sequence[Any]) -> list[Any]:
            return self._writer.sqlite.execute(sql, parameters).fetchall()

        for shape, parameters in _statements(_terms(items, fetch)):
            if fetch(_any_sql(shape), (after, head, *parameters)):
                raise IntegrityError(condition)

    def _check_unanswered(self, commands: Sequence[str]) -> None:
        asked = (_encode(list(commands)).decode(),)
        if commands and self._writer.sqlite.execute(_ANSWERS, asked).fetchone():
            raise IntegrityError(f"a command was answered meanwhile, of {commands}")

    # Identity

    def identity(self) -> Identity | None:
        """Which ledger this is; ``None`` for a file that an earlier program made."""
        if not self._fetch(_HAS_IDENTITY):
            return None
        rows = self._fetch(_IDENTITY)
        if not rows:
            raise DataError(f"{self.path} does not say which ledger it is. Verify the ledger.")
        return Identity(*rows[0])

    def mark(self) -> int | None:
        """The mark of what lies with this ledger (``Identity.mark``)."""
        identity = self.identity()
        return None if identity is None else identity.mark

    def is_copy(self) -> bool:
        """Whether this file was copied, or restored, since it was made or last settled."""
        identity = self.identity()
        return identity is not None and identity.file != number_of(self.path)

    def settle(self) -> None:
        """From here on this file is the original, if it says at all which ledger it is."""
        if self.identity() is not None:
            sql = "UPDATE identity SET file = ?"
            self._alone(lambda writer: writer.execute(sql, (number_of(self.path),)))

    def identify(
        self, before: Callable[[], None] = lambda: None, part_of: str | None = None
    ) -> None:
        """Give a file of an earlier program its identity, once, after doing what comes ``before``.

        Both under the write lock. A crash leaves it without, and the next opening repeats both.
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
        """Whether an append would get the file's write lock now."""
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

    def subscribe(
        self, query: DCBQuery | None = None, *, after: int | None = None
    ) -> SQLiteSubscription:
        """The matching events after `after`, then those yet to come, until it is stopped."""
        return SQLiteSubscription(self, query=query, after=after)

    def wait_for_append(self, after: int, timeout: float) -> bool:
        """Blocks until `head() > after`; False after `timeout` seconds.

        Raises `ProgrammingError` as soon as the ledger is closed.
        """
        deadline = time.monotonic() + timeout
        appended = threading.Event()
        self.listen(appended)
        try:
            while True:
                appended.clear()  # before looking: what comes after the look sets it again
                if self.head() > after:
                    return True
                if not appended.wait(max(0.0, deadline - time.monotonic())):
                    return False
        finally:
            self.unlisten(appended)

    def listen(self, event: threading.Event) -> None:
        """Sets `event` after every append, by this process at once, by others within 50 ms."""
        with self._guard:
            if self._closed:
                event.set()  # whoever waits looks at once, and meets the error
                return
            self._listeners.add(event)
            if not self._polling:
                self._polling = True
                self.poller.start()

    def unlisten(self, event: threading.Event) -> None:
        """Undoes `listen`."""
        with self._guard:
            self._listeners.discard(event)

    def _wake(self) -> None:
        with self._guard:
            for event in self._listeners:
                event.set()

    def _poll(self) -> None:
        seen = -1
        while not self._stop_polling.wait(POLL_SECONDS):
            if not self._listeners:
                continue
            self.poller.step()
            try:
                head = self.head()
            except PersistenceError:
                head = -1  # wake them all: each meets the error itself, in its own thread
            if head != seen or head == -1:
                seen = head
                self._wake()
            self.poller.rest()

    # Closing

    def close(self) -> None:
        """Closes every connection and ends subscriptions; may be called twice, from any thread."""
        with self._guard:
            self._closed = True
            readers = list(self._readers.values())
            self._readers.clear()
        self.poller.ending()
        self._stop_polling.set()
        self.poller.join()
        for connection in (*readers, self._writer):
            connection.close()
        self._wake()  # last: whoever is woken looks, and must find it closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class SQLiteSubscription(DCBListenNotifySubscription[SQLiteRecorder]):
    """Iterates over recorded events and blocks for new ones; `stop()` ends it from any thread."""

    def __init__(
        self, recorder: SQLiteRecorder, query: DCBQuery | None = None, after: int | None = None
    ) -> None:
        super().__init__(recorder=recorder, query=query, after=after)
        self._recorder.listen(self._has_been_notified)
        # The base class is already pulling; what was appended between its first look and
        # `listen` woke nobody, so it looks again.
        self._has_been_notified.set()

    def stop(self) -> None:
        """Ends the iteration, at once even if it is blocked."""
        super().stop()
        self._recorder.unlisten(self._has_been_notified)


def _identify(connection: sqlite3.Connection, path: Path, part_of: str | None) -> None:
    for statement in MORE_SCHEMA:
        connection.execute(statement)
    values = (secrets.token_hex(16), part_of, number_of(path))
    connection.execute("INSERT INTO identity VALUES (1, ?, ?, ?)", values)


def _prepare(
    connection: sqlite3.Connection, path: Path, busy_timeout: float, part_of: str | None
) -> None:
    """Makes an empty file a ledger, refuses any other file untouched, switches to WAL."""
    connection.execute("PRAGMA synchronous = FULL")
    # On macOS fsync leaves the data in the drive's cache; elsewhere this changes nothing.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    if _is_empty(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _is_empty(connection):  # still: another process may have been faster
                for statement in SCHEMA:
                    connection.execute(statement)
                _identify(connection, path, part_of)
                for statement in ANSWERS_SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    check_schema(connection, path)
    if not connection.execute(_HAS_ANSWERS).fetchone():  # an earlier program made the file
        for statement in ANSWERS_SCHEMA:
            connection.execute(statement.replace("TABLE", "TABLE IF NOT EXISTS", 1))
    # After the schema, not before: a file that is not ours must stay as it was. A crash in between
    # leaves a sound ledger, and the next opening switches it.
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            # Switching does not wait for a lock by itself.
            if code_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            msg = f"{path} cannot use write-ahead logging. Put it on a local disk."
            raise OperationalError(msg)
        return


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raises `DatabaseError` unless the file is a ledger as this program knows them."""
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
    # SQLite takes a file shorter than its smallest page for an empty one and overwrites it. Only
    # the size is asked: opening and closing the file would drop this process's locks on it.
    try:
        status = path.stat()
    except OSError:
        return  # not there, or not for us: SQLite creates it or says what is wrong
    if S_ISREG(status.st_mode) and 0 < status.st_size < SMALLEST_PAGE:
        msg = f"{path} is not a ledger and not a database. Check the path; it was not changed."
        raise DatabaseError(msg)


def _is_empty(connection: sqlite3.Connection) -> bool:
    sql = """SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id a, pragma_user_version v"""
    return bool(connection.execute(sql).fetchone() == (0, 0, 0))


def _event(row: Any) -> DCBSequencedEvent:
    try:
        return DCBSequencedEvent(DCBEvent(row[1], row[2], decode_tags(row[3])), row[0])
    except ValueError as error:
        msg = f"the tags of event {row[0]} are damaged: {error}. Verify the ledger."
        raise DataError(msg) from error


def _terms(items: Sequence[DCBQueryItem], fetch: Any) -> list[Term]:
    """The index ranges that `items` consist of: per item one for each type.

    With `fetch`, an item without types gets those its first tag occurs with: their ranges are
    ordered by position, so a page costs its own length. Without, one range over the whole tag is
    sorted, which is faster for the small tags of most folds.
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
    """Cuts the terms into statements: the shape and the parameters of each."""
    for start in range(0, len(terms), TERMS):
        group = terms[start : start + TERMS]
        yield tuple([s for s, _ in group]), [value for _, values in group for value in values]


def _term_sql(typed: bool, tags: int) -> str:
    # ?1 and ?2 stand before the first bare "?", which numbers itself from the highest so far.
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
    # The ORDER BY is part of the compound: SQLite then merges the ranges (each is in order) and
    # drops duplicates on the way, lazily, instead of collecting and sorting all of them.
    union = " UNION ".join(_term_sql(*term) for term in shape)
    return (
        f"SELECT e.position, e.type, e.data, e.tags FROM ({union} ORDER BY 1 LIMIT ?) p"
        " CROSS JOIN events e ON e.position = p.position"
    )


@lru_cache(maxsize=1024)
def _any_sql(shape: Shape) -> str:
    return " UNION ALL ".join(_term_sql(*term) for term in shape) + " LIMIT 1"


def _insert(writer: sqlite3.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, many with each statement, in portions of powers of two, so that shapes are few.

    A statement for each row would let go of the interpreter lock at each row, and wait for a busy
    thread to give it back.
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
    # An IntegrityError invites to repeat with fresh reads, and means a failed condition alone.
    # Rows that the database refuses will be refused again.
    name = "DataError" if isinstance(error, sqlite3.IntegrityError) else type(error).__name__
    kind: type[PersistenceError] = getattr(persistence, name, DatabaseError)
    if path.is_dir() or is_damaged(error):
        return kind(trouble(path, error))
    return kind(f"{path}: {advised(error)}")
