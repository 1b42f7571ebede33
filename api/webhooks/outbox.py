"""What is known of each webhook outside of the ledger: its secrets, how far it is, its attempts.

The secrets are in the clear, because each message is signed with them: a thief who reads the file
can sign messages to the subscribers in the name of this ledger, and read nothing of it. The file is
private like that of the tokens, and no event, answer or log line has a secret. If the file is lost,
each webhook needs a new secret and then sends everything again from where it was registered.

``delivered`` and ``parked`` move the cursor in the same transaction. A crash before it leaves a
message that was sent and is not noted: it is sent again, under the same id.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from ledger.stores import StoreError
from ledger.stores.files import CHANGE, open_to_others, private_file, trouble

#: What became of an attempt: whether the receiver took the message, refused it, did not answer in
#: time, could not be reached, or must not be reached.
Outcome = Literal["delivered", "refused", "timed_out", "unreachable", "blocked"]

#: What became of an acknowledgement in a receiver's answer.
Acknowledgement = Literal["accepted", "not_signed", "not_valid"]

#: The attempts that are kept of each webhook.
MOST_ATTEMPTS = 1_000

#: The most secrets that sign at a time.
MOST_SECRETS = 3

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS secrets (
    webhook TEXT NOT NULL,
    id TEXT NOT NULL,          -- the beginning of its SHA-256
    secret TEXT NOT NULL,
    made_at TEXT NOT NULL,
    ends_at TEXT,              -- it signs until then
    PRIMARY KEY (webhook, id)
) STRICT""",
    """CREATE TABLE IF NOT EXISTS cursors (
    webhook TEXT PRIMARY KEY,
    position INTEGER NOT NULL, -- everything up to here was sent, parked or withheld
    failures INTEGER NOT NULL DEFAULT 0,  -- attempts of the next message that failed
    failing_since TEXT,
    stopped_at TEXT,           -- the receiver answered 410
    learnt INTEGER NOT NULL DEFAULT 0  -- the last event about the webhook that was acted on
) STRICT""",
    """CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY,
    webhook TEXT NOT NULL,
    position INTEGER NOT NULL, -- 0: a test
    at TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    milliseconds INTEGER NOT NULL,
    acknowledgement TEXT
) STRICT""",
    "CREATE INDEX IF NOT EXISTS attempts_of ON attempts (webhook, number)",
    """CREATE TABLE IF NOT EXISTS parked (
    webhook TEXT NOT NULL,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    at TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (webhook, position)
) STRICT""",
    """CREATE TABLE IF NOT EXISTS repeats (
    webhook TEXT NOT NULL,
    event INTEGER NOT NULL,    -- the event that asks for it
    next INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (webhook, event)
) STRICT""",
    """CREATE TABLE IF NOT EXISTS received (
    unit TEXT NOT NULL,
    subject TEXT NOT NULL,     -- record:<id>, removal:<id>, or altered:<position>
    way TEXT NOT NULL,         -- see Way
    first_at TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (unit, subject, way)
) STRICT""",
)


class Secret(msgspec.Struct, frozen=True):
    """A secret of a webhook; ``ends_at`` is the moment until which it signs."""

    id: str
    secret: str
    made_at: str
    ends_at: str | None = None

    def __repr__(self) -> str:
        return f"Secret({self.id})"


class Cursor(msgspec.Struct, frozen=True):
    """How far a webhook is, and how its next message fares."""

    position: int
    failures: int = 0
    failing_since: str | None = None
    stopped_at: str | None = None
    learnt: int = 0


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to send a message; ``position`` is 0 for a test."""

    position: int
    at: str
    outcome: Outcome
    milliseconds: int
    status: int | None = None
    acknowledgement: Acknowledgement | None = None


class Parked(msgspec.Struct, frozen=True):
    """A message that the receiver refused each time."""

    position: int
    type: str
    at: str
    attempts: int


class Repeat(msgspec.Struct, frozen=True):
    """A range of positions that is sent again, from ``next`` on."""

    event: int
    next: int
    last: int


#: How a message reached its receiver: as the feed, by a webhook, in an exported table; or in the
#: list of an exported batch of what must be removed.
Way = Literal["feed", "webhook", "export", "export_removed"]


class Receipt(msgspec.Struct, frozen=True):
    """That a message about a subject reached a receiver, by which way, and when first."""

    unit: str
    subject: str
    way: Way
    first_at: str
    position: int


class Outbox:
    """The state of all webhooks in one SQLite file. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        private_file(path)
        if (mode := open_to_others(path, CHANGE)) is not None:
            raise StoreError(
                f"{path} must be writable by its owner alone; its mode is {mode:04o}. chmod go-w "
                "it, and let every subscriber have a new secret made."
            )
        self._lock = threading.Lock()
        try:
            self._sqlite = sqlite3.connect(
                os.fspath(path), timeout=10, isolation_level=None, check_same_thread=False
            )
            self._sqlite.execute("PRAGMA journal_mode = WAL")
            for statement in _SCHEMA:
                self._sqlite.execute(statement)
        except sqlite3.Error as error:
            raise StoreError(trouble(path, error)) from error

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._sqlite.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._sqlite.execute("BEGIN IMMEDIATE")
                yield self._sqlite
                self._sqlite.execute("COMMIT")
            except BaseException as error:
                if self._sqlite.in_transaction:
                    self._sqlite.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise StoreError(trouble(self.path, error)) from error
                raise

    def _read(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            try:
                return self._sqlite.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise StoreError(trouble(self.path, error)) from error

    # Secrets

    def add_secret(self, webhook: str, secret: Secret, others_end_at: str) -> None:
        """Let a secret sign; the others sign until ``others_end_at``, or end before."""
        with self._writing() as write:
            write.execute(
                "DELETE FROM secrets WHERE webhook = ? AND ends_at <= ?", (webhook, secret.made_at)
            )
            write.execute(
                "UPDATE secrets SET ends_at = ?1 WHERE webhook = ?2"
                " AND (ends_at IS NULL OR ends_at > ?1)",
                (others_end_at, webhook),
            )
            write.execute(
                "INSERT INTO secrets (webhook, id, secret, made_at) VALUES (?, ?, ?, ?)",
                (webhook, secret.id, secret.secret, secret.made_at),
            )
            write.execute(
                "DELETE FROM secrets WHERE webhook = ?1 AND id NOT IN (SELECT id FROM secrets"
                " WHERE webhook = ?1 ORDER BY made_at DESC, rowid DESC LIMIT ?2)",
                (webhook, MOST_SECRETS),
            )

    def secrets(self, webhook: str, now: str) -> list[Secret]:
        """Return the secrets that sign now, newest first."""
        rows = self._read(
            "SELECT id, secret, made_at, ends_at FROM secrets WHERE webhook = ?"
            " AND (ends_at IS NULL OR ends_at > ?) ORDER BY made_at DESC, rowid DESC",
            webhook,
            now,
        )
        return [Secret(*row) for row in rows]

    def forget(self, webhook: str) -> None:
        """Delete the secrets of a webhook that has ended."""
        with self._writing() as write:
            write.execute("DELETE FROM secrets WHERE webhook = ?", (webhook,))

    # How far

    def cursor(self, webhook: str, begin: int) -> Cursor:
        """Return how far a webhook is; at first, at ``begin``."""
        rows = self._read(
            "SELECT position, failures, failing_since, stopped_at, learnt FROM cursors"
            " WHERE webhook = ?",
            webhook,
        )
        return Cursor(*rows[0]) if rows else Cursor(begin)

    def move(self, webhook: str, position: int) -> None:
        """Note that everything up to a position was sent, parked or withheld."""
        with self._writing() as write:
            _move(write, webhook, position)

    def set_back(self, webhook: str, position: int) -> None:
        """Set a webhook back to a position, because the ledger was restored from a backup."""
        with self._writing() as write:
            write.execute(
                "UPDATE cursors SET position = ?, learnt = min(learnt, ?) WHERE webhook = ?",
                (position, position, webhook),
            )

    def tried(self, webhook: str, attempt: Attempt, *, begin: int | None) -> None:
        """Keep an attempt that failed. ``begin``: where the webhook is; ``None`` for a test."""
        with self._writing() as write:
            _keep(write, webhook, attempt)
            if begin is not None:
                write.execute(
                    "INSERT INTO cursors (webhook, position, failures, failing_since)"
                    " VALUES (?, ?, 1, ?) ON CONFLICT (webhook) DO UPDATE SET"
                    " failures = failures + 1,"
                    " failing_since = coalesce(failing_since, excluded.failing_since)",
                    (webhook, begin, attempt.at),
                )

    def delivered(  # noqa: PLR0917 - the facts of one delivery
        self,
        webhook: str,
        unit: str,
        attempt: Attempt,
        cursor: int,
        subjects: Iterable[str],
        repeat: Repeat | None = None,
    ) -> None:
        """Keep that a message was taken, and move on: the cursor, or the range sent again."""
        with self._writing() as write:
            _keep(write, webhook, attempt)
            for subject in subjects:
                _receive(write, Receipt(unit, subject, "webhook", attempt.at, attempt.position))
            write.execute(
                "DELETE FROM parked WHERE webhook = ? AND position = ?",
                (webhook, attempt.position),
            )
            if repeat is None:
                _move(write, webhook, cursor)
            else:
                _advance(write, webhook, repeat, cursor)

    def park(self, webhook: str, parked: Parked, cursor: int, repeat: Repeat | None = None) -> None:
        """Put a message aside that the receiver refused each time, and move on."""
        with self._writing() as write:
            write.execute(
                "INSERT OR REPLACE INTO parked (webhook, position, type, at, attempts)"
                " VALUES (?, ?, ?, ?, ?)",
                (webhook, parked.position, parked.type, parked.at, parked.attempts),
            )
            if repeat is None:
                _move(write, webhook, cursor)
            else:
                _advance(write, webhook, repeat, cursor)

    def stop(self, webhook: str, begin: int, at: str) -> None:
        """Note that the receiver wants no more messages (status 410)."""
        with self._writing() as write:
            write.execute(
                "INSERT INTO cursors (webhook, position, stopped_at) VALUES (?, ?, ?)"
                " ON CONFLICT (webhook) DO UPDATE SET stopped_at = excluded.stopped_at",
                (webhook, begin, at),
            )

    def resume(self, webhook: str, begin: int, event: int) -> None:
        """Send again after the receiver stopped the webhook; the same event counts once."""
        with self._writing() as write:
            if _learnt(write, webhook, begin, event):
                write.execute(
                    "UPDATE cursors SET stopped_at = NULL, failures = 0, failing_since = NULL"
                    " WHERE webhook = ?",
                    (webhook,),
                )

    # What is sent again

    def repeat(self, webhook: str, begin: int, asked: Repeat) -> None:
        """Note that a range is to be sent again; the same event is noted once."""
        with self._writing() as write:
            if _learnt(write, webhook, begin, asked.event):
                write.execute(
                    "INSERT INTO repeats (webhook, event, next, last) VALUES (?, ?, ?, ?)",
                    (webhook, asked.event, asked.next, asked.last),
                )

    def repeated(self, webhook: str, repeat: Repeat, cursor: int) -> None:
        """Note that a range was sent again up to a position."""
        with self._writing() as write:
            _advance(write, webhook, repeat, cursor)

    def next_repeat(self, webhook: str) -> Repeat | None:
        """Return the first range that is to be sent again."""
        rows = self._read(
            "SELECT event, next, last FROM repeats WHERE webhook = ? ORDER BY event LIMIT 1",
            webhook,
        )
        return Repeat(*rows[0]) if rows else None

    # What is shown

    def attempts(self, webhook: str, limit: int) -> list[Attempt]:
        """Return the last attempts, newest first."""
        rows = self._read(
            "SELECT position, at, outcome, milliseconds, status, acknowledgement FROM attempts"
            " WHERE webhook = ? ORDER BY number DESC LIMIT ?",
            webhook,
            limit,
        )
        return [Attempt(*row) for row in rows]

    def parked(self, webhook: str, after: int, limit: int) -> list[Parked]:
        """Return the parked messages after a position, in order."""
        rows = self._read(
            "SELECT position, type, at, attempts FROM parked WHERE webhook = ? AND position > ?"
            " ORDER BY position LIMIT ?",
            webhook,
            after,
            limit,
        )
        return [Parked(*row) for row in rows]

    # What was received

    def receive(self, receipts: Iterable[Receipt]) -> None:
        """Keep that messages reached their subscribers; the first time counts."""
        with self._writing() as write:
            for receipt in receipts:
                _receive(write, receipt)

    def received(self, subjects: Iterable[str]) -> list[Receipt]:
        """Return which subscribers received a message about the subjects."""
        rows: list[Any] = []
        for subject in subjects:
            rows += self._read(
                "SELECT unit, subject, way, first_at, position FROM received WHERE subject = ?"
                " ORDER BY unit, way",
                subject,
            )
        return [Receipt(*row) for row in rows]


def moment(at: datetime) -> str:
    """Return a moment as the file keeps it: in order as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _move(write: sqlite3.Connection, webhook: str, position: int) -> None:
    write.execute(
        "INSERT INTO cursors (webhook, position) VALUES (?, ?) ON CONFLICT (webhook) DO UPDATE SET"
        " position = max(position, excluded.position), failures = 0, failing_since = NULL",
        (webhook, position),
    )


def _learnt(write: sqlite3.Connection, webhook: str, begin: int, event: int) -> bool:
    """Note that an event about a webhook is known; return whether it was new."""
    write.execute(
        "INSERT OR IGNORE INTO cursors (webhook, position) VALUES (?, ?)", (webhook, begin)
    )
    done = write.execute(
        "UPDATE cursors SET learnt = ?1 WHERE webhook = ?2 AND learnt < ?1", (event, webhook)
    )
    return done.rowcount > 0


def _advance(write: sqlite3.Connection, webhook: str, repeat: Repeat, cursor: int) -> None:
    write.execute(
        "UPDATE cursors SET failures = 0, failing_since = NULL WHERE webhook = ?", (webhook,)
    )
    write.execute(
        "UPDATE repeats SET next = ? WHERE webhook = ? AND event = ?",
        (cursor + 1, webhook, repeat.event),
    )
    write.execute("DELETE FROM repeats WHERE webhook = ? AND next > last", (webhook,))


def _keep(write: sqlite3.Connection, webhook: str, attempt: Attempt) -> None:
    done = write.execute(
        "INSERT INTO attempts (webhook, position, at, outcome, milliseconds, status,"
        " acknowledgement) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            webhook,
            attempt.position,
            attempt.at,
            attempt.outcome,
            attempt.milliseconds,
            attempt.status,
            attempt.acknowledgement,
        ),
    )
    if done.lastrowid is not None and done.lastrowid % 100 == 0:
        write.execute(
            "DELETE FROM attempts WHERE webhook = ?1 AND number <= (SELECT number FROM attempts"
            " WHERE webhook = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            (webhook, MOST_ATTEMPTS),
        )


def _receive(write: sqlite3.Connection, receipt: Receipt) -> None:
    write.execute(
        "INSERT OR IGNORE INTO received (unit, subject, way, first_at, position)"
        " VALUES (?, ?, ?, ?, ?)",
        (receipt.unit, receipt.subject, receipt.way, receipt.first_at, receipt.position),
    )
