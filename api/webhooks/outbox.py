"""What is known of each webhook outside of the ledger: its secrets, how far it is, its attempts.

It is in a file or schema of the ledger, like the tokens. The secrets are in the clear, because each
message is signed with them: a thief who reads them can sign messages to the subscribers in the name
of this ledger, and read nothing of it. No event, answer or log line has a secret. If the outbox is
lost, each webhook needs a new secret and then sends everything again from where it was registered.

One node at a time sends. One that was paused may still note what it sent before: a cursor only
rises, so that takes nothing back.

``delivered`` and ``parked`` move the cursor in the same transaction. A crash before it leaves a
message that was sent and is not noted: it is sent again, under the same id.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from ledger.stores import StoreError
from ledger.stores.files import CHANGE, open_to_others, private_file
from ledger.stores.tables import Declared, Tables, Transaction, as_tables

#: What became of an attempt: whether the receiver took the message, refused it, did not answer in
#: time, could not be reached, or must not be reached.
Outcome = Literal["delivered", "refused", "timed_out", "unreachable", "blocked"]

#: What became of an acknowledgement in a receiver's answer; ``not_recorded``: it was signed,
#: but a rule forbids it, or the removal was acknowledged otherwise.
Acknowledgement = Literal["accepted", "not_recorded", "not_signed", "not_valid"]

#: The attempts that are kept of each webhook.
MOST_ATTEMPTS = 1_000

#: The most secrets that sign at a time.
MOST_SECRETS = 3

_TABLES = {
    "cursors": """
    webhook TEXT PRIMARY KEY,
    position INTEGER NOT NULL, -- everything up to here was sent, parked or withheld
    failures INTEGER NOT NULL DEFAULT 0,  -- attempts of the next message that failed
    refusals INTEGER NOT NULL DEFAULT 0,  -- those of them that the receiver answered
    failing_since TEXT,
    stopped_at TEXT,           -- the receiver answered 410
    learnt INTEGER NOT NULL DEFAULT 0  -- the last event about the webhook that was acted on
    """,
    "secrets": """
    webhook TEXT NOT NULL,
    number INTEGER NOT NULL,   -- the newest has the highest
    id TEXT NOT NULL,          -- the beginning of its SHA-256
    secret TEXT NOT NULL,
    made_at TEXT NOT NULL,
    ends_at TEXT,              -- it signs until then
    PRIMARY KEY (webhook, number)
    """,
    "attempts": """
    webhook TEXT NOT NULL,
    number INTEGER NOT NULL,
    position INTEGER NOT NULL, -- 0: a test
    at TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    milliseconds INTEGER NOT NULL,
    acknowledgement TEXT,
    PRIMARY KEY (webhook, number)
    """,
    "parked": """
    webhook TEXT NOT NULL,
    position INTEGER NOT NULL,
    type TEXT NOT NULL,
    at TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (webhook, position)
    """,
    "repeats": """
    webhook TEXT NOT NULL,
    event INTEGER NOT NULL,    -- the event that asks for it
    next INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (webhook, event)
    """,
    "received": """
    subject TEXT NOT NULL,     -- record:<id>, removal:<id>, or altered:<position>
    unit TEXT NOT NULL,
    way TEXT NOT NULL,         -- see Way
    first_at TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (subject, unit, way)
    """,
}

OUTBOX = Declared(
    tuple(
        f"CREATE TABLE IF NOT EXISTS {name} ({columns}) STRICT" for name, columns in _TABLES.items()
    ),
    tuple(
        f"CREATE TABLE {{s}}.{name} ({columns})".replace("INTEGER", "bigint").replace(
            "TEXT", 'text COLLATE "C"'
        )
        for name, columns in _TABLES.items()
    ),
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
    refusals: int = 0
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
    """That a message about a subject reached a receiver, by which way, and when first.

    Of exports the last position counts, and of their removals the last time too: a record that
    was removed leaves again if it is reinstated.
    """

    unit: str
    subject: str
    way: Way
    first_at: str
    position: int


class Outbox:
    """The state of all webhooks. Thread-safe; several nodes may use it."""

    def __init__(self, place: Path | Tables) -> None:
        if isinstance(place, Path):
            private_file(place)
            if (mode := open_to_others(place, CHANGE)) is not None:
                raise StoreError(
                    f"{place} must be writable by its owner alone; its mode is {mode:04o}. chmod "
                    "go-w it, and let every subscriber have a new secret made."
                )
        self._tables = as_tables(place, OUTBOX)

    def close(self) -> None:
        """Close the tables. May be called twice."""
        self._tables.close()

    # Secrets

    def add_secret(self, webhook: str, secret: Secret, others_end_at: str) -> None:
        """Let a secret sign; the others sign until ``others_end_at``, or end before."""
        with self._tables.writing() as write:
            write.execute(
                "DELETE FROM {s}secrets WHERE webhook = ? AND ends_at <= ?",
                (webhook, secret.made_at),
            )
            write.execute(
                "UPDATE {s}secrets SET ends_at = ? WHERE webhook = ?"
                " AND (ends_at IS NULL OR ends_at > ?)",
                (others_end_at, webhook, others_end_at),
            )
            write.execute(
                "INSERT INTO {s}secrets (webhook, number, id, secret, made_at) VALUES (?,"
                " (SELECT coalesce(max(number), 0) + 1 FROM {s}secrets WHERE webhook = ?),"
                " ?, ?, ?)",
                (webhook, webhook, secret.id, secret.secret, secret.made_at),
            )
            write.execute(
                "DELETE FROM {s}secrets WHERE webhook = ? AND number NOT IN (SELECT number"
                " FROM {s}secrets WHERE webhook = ? ORDER BY number DESC LIMIT ?)",
                (webhook, webhook, MOST_SECRETS),
            )

    def secrets(self, webhook: str, now: str) -> list[Secret]:
        """Return the secrets that sign now, newest first."""
        rows = self._tables.rows(
            "SELECT id, secret, made_at, ends_at FROM {s}secrets WHERE webhook = ?"
            " AND (ends_at IS NULL OR ends_at > ?) ORDER BY number DESC",
            webhook,
            now,
        )
        return [Secret(*row) for row in rows]

    def forget(self, webhook: str) -> None:
        """Delete the secrets of a webhook that has ended."""
        with self._tables.writing() as write:
            write.execute("DELETE FROM {s}secrets WHERE webhook = ?", (webhook,))

    # How far

    def cursor(self, webhook: str, begin: int) -> Cursor:
        """Return how far a webhook is; at first, at ``begin``."""
        rows = self._tables.rows(
            "SELECT position, failures, refusals, failing_since, stopped_at, learnt FROM {s}cursors"
            " WHERE webhook = ?",
            webhook,
        )
        return Cursor(*rows[0]) if rows else Cursor(begin)

    def move(self, webhook: str, position: int) -> None:
        """Note that everything up to a position was sent, parked or withheld."""
        with self._tables.writing() as write:
            _move(write, webhook, position)

    def set_back(self, webhook: str, position: int, to: int) -> None:
        """Set a webhook back from a position, because the ledger was restored from a backup."""
        with self._tables.writing() as write:
            write.execute(
                "UPDATE {s}cursors SET position = ?, learnt = CASE WHEN learnt > ? THEN ? ELSE"
                " learnt END WHERE webhook = ? AND position = ?",
                (to, to, to, webhook, position),
            )

    def tried(self, webhook: str, attempt: Attempt, *, begin: int | None) -> None:
        """Keep an attempt that failed. ``begin``: where the webhook is; ``None`` for a test."""
        with self._tables.writing() as write:
            _keep(write, webhook, attempt)
            if begin is not None:
                write.execute(
                    "INSERT INTO {s}cursors AS c (webhook, position, failures, refusals,"
                    " failing_since) VALUES (?, ?, 1, ?, ?) ON CONFLICT (webhook) DO UPDATE SET"
                    " failures = c.failures + 1, refusals = c.refusals + excluded.refusals,"
                    " failing_since = coalesce(c.failing_since, excluded.failing_since)",
                    (webhook, begin, int(attempt.outcome == "refused"), attempt.at),
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
        with self._tables.writing() as write:
            _keep(write, webhook, attempt)
            for subject in subjects:
                _receive(write, Receipt(unit, subject, "webhook", attempt.at, attempt.position))
            write.execute(
                "DELETE FROM {s}parked WHERE webhook = ? AND position = ?",
                (webhook, attempt.position),
            )
            if repeat is None:
                _move(write, webhook, cursor)
            else:
                _advance(write, webhook, repeat, cursor)

    def park(self, webhook: str, parked: Parked, cursor: int, repeat: Repeat | None = None) -> None:
        """Put a message aside that the receiver refused each time, and move on."""
        with self._tables.writing() as write:
            write.execute(
                "INSERT INTO {s}parked (webhook, position, type, at, attempts)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (webhook, position) DO UPDATE SET"
                " at = excluded.at, attempts = excluded.attempts",
                (webhook, parked.position, parked.type, parked.at, parked.attempts),
            )
            if repeat is None:
                _move(write, webhook, cursor)
            else:
                _advance(write, webhook, repeat, cursor)

    def stop(self, webhook: str, begin: int, at: str) -> None:
        """Note that the receiver wants no more messages (status 410)."""
        with self._tables.writing() as write:
            write.execute(
                "INSERT INTO {s}cursors (webhook, position, stopped_at) VALUES (?, ?, ?)"
                " ON CONFLICT (webhook) DO UPDATE SET stopped_at = excluded.stopped_at",
                (webhook, begin, at),
            )

    def resume(self, webhook: str, begin: int, event: int) -> None:
        """Send again after the receiver stopped the webhook; the same event counts once."""
        with self._tables.writing() as write:
            if _learnt(write, webhook, begin, event):
                write.execute(
                    "UPDATE {s}cursors SET stopped_at = NULL WHERE webhook = ?", (webhook,)
                )

    # What is sent again

    def repeat(self, webhook: str, begin: int, asked: Repeat) -> None:
        """Note that a range is to be sent again; the same event is noted once."""
        with self._tables.writing() as write:
            if _learnt(write, webhook, begin, asked.event):
                write.execute(
                    "INSERT INTO {s}repeats (webhook, event, next, last) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (webhook, event) DO NOTHING",
                    (webhook, asked.event, asked.next, asked.last),
                )

    def repeated(self, webhook: str, repeat: Repeat, cursor: int) -> None:
        """Note that a range was sent again up to a position."""
        with self._tables.writing() as write:
            _advance(write, webhook, repeat, cursor)

    def next_repeat(self, webhook: str) -> Repeat | None:
        """Return the first range that is to be sent again."""
        rows = self._tables.rows(
            "SELECT event, next, last FROM {s}repeats WHERE webhook = ? ORDER BY event LIMIT 1",
            webhook,
        )
        return Repeat(*rows[0]) if rows else None

    # What is shown

    def attempts(self, webhook: str, limit: int) -> list[Attempt]:
        """Return the last attempts, newest first."""
        rows = self._tables.rows(
            "SELECT position, at, outcome, milliseconds, status, acknowledgement FROM {s}attempts"
            " WHERE webhook = ? ORDER BY number DESC LIMIT ?",
            webhook,
            limit,
        )
        return [Attempt(*row) for row in rows]

    def parked(self, webhook: str, after: int, limit: int) -> list[Parked]:
        """Return the parked messages after a position, in order."""
        rows = self._tables.rows(
            "SELECT position, type, at, attempts FROM {s}parked WHERE webhook = ? AND position > ?"
            " ORDER BY position LIMIT ?",
            webhook,
            after,
            limit,
        )
        return [Parked(*row) for row in rows]

    # What was received

    def receive(self, receipts: Iterable[Receipt]) -> None:
        """Keep that messages reached their subscribers; the first time counts."""
        with self._tables.writing() as write:
            for receipt in receipts:
                _receive(write, receipt)

    def received(self, subjects: Iterable[str]) -> list[Receipt]:
        """Return which subscribers received a message about the subjects."""
        rows: list[Any] = []
        for subject in subjects:
            rows += self._tables.rows(
                "SELECT unit, subject, way, first_at, position FROM {s}received WHERE subject = ?"
                " ORDER BY unit, way",
                subject,
            )
        return [Receipt(*row) for row in rows]


def moment(at: datetime) -> str:
    """Return a moment as the tables keep it: in order as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _move(write: Transaction, webhook: str, position: int) -> None:
    write.execute(
        "INSERT INTO {s}cursors AS c (webhook, position) VALUES (?, ?)"
        " ON CONFLICT (webhook) DO UPDATE SET position = CASE WHEN c.position > excluded.position"
        " THEN c.position ELSE excluded.position END, failures = 0, refusals = 0,"
        " failing_since = NULL",
        (webhook, position),
    )


def _learnt(write: Transaction, webhook: str, begin: int, event: int) -> bool:
    """Note that an event about a webhook is known; return whether it was new.

    What is sent next may be another message then, and begins without failures.
    """
    write.execute(
        "INSERT INTO {s}cursors (webhook, position) VALUES (?, ?) ON CONFLICT (webhook) DO NOTHING",
        (webhook, begin),
    )
    done = write.execute(
        "UPDATE {s}cursors SET learnt = ?, failures = 0, refusals = 0, failing_since = NULL"
        " WHERE webhook = ? AND learnt < ?",
        (event, webhook, event),
    )
    return bool(done.rowcount > 0)


def _advance(write: Transaction, webhook: str, repeat: Repeat, cursor: int) -> None:
    write.execute(
        "UPDATE {s}cursors SET failures = 0, refusals = 0, failing_since = NULL WHERE webhook = ?",
        (webhook,),
    )
    write.execute(
        "UPDATE {s}repeats SET next = ? WHERE webhook = ? AND event = ? AND next <= ?",
        (cursor + 1, webhook, repeat.event, cursor),
    )
    write.execute("DELETE FROM {s}repeats WHERE webhook = ? AND next > last", (webhook,))


def _keep(write: Transaction, webhook: str, attempt: Attempt) -> None:
    write.execute(
        "INSERT INTO {s}attempts (webhook, number, position, at, outcome, milliseconds, status,"
        " acknowledgement) VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM {s}attempts"
        " WHERE webhook = ?), ?, ?, ?, ?, ?, ?)",
        (
            webhook,
            webhook,
            attempt.position,
            attempt.at,
            attempt.outcome,
            attempt.milliseconds,
            attempt.status,
            attempt.acknowledgement,
        ),
    )
    write.execute(
        "DELETE FROM {s}attempts WHERE webhook = ? AND number <= (SELECT max(number) - ?"
        " FROM {s}attempts WHERE webhook = ?)",
        (webhook, MOST_ATTEMPTS, webhook),
    )


def _receive(write: Transaction, receipt: Receipt) -> None:
    write.execute(
        "INSERT INTO {s}received AS r (unit, subject, way, first_at, position)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (subject, unit, way) DO UPDATE SET"
        " position = excluded.position, first_at = CASE WHEN excluded.way = 'export'"
        " THEN r.first_at ELSE excluded.first_at END"
        " WHERE excluded.way IN ('export', 'export_removed') AND r.position < excluded.position",
        (receipt.unit, receipt.subject, receipt.way, receipt.first_at, receipt.position),
    )
