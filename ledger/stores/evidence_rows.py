"""Sealed files of evidence in a schema of the ledger's database, for all nodes.

The rows have the states of ``EvidenceFolder``: a file is written in parts, then waits for its
event, then is settled. A file whose writer is gone has no digest, and is removed after an hour.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from ledger.stores.evidence import EvidenceError, Waiting
from ledger.stores.tables import Declared, Tables

#: Bytes of one part: what one statement writes or reads.
PART = 256 * 1024

EVIDENCE = Declared(
    (),
    (
        """CREATE TABLE {s}.files (
            file bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            subject text NOT NULL,
            digest text,  -- NULL while it is written
            waiting boolean NOT NULL DEFAULT true,
            size bigint NOT NULL DEFAULT 0,
            changed timestamptz NOT NULL DEFAULT clock_timestamp(),
            UNIQUE (subject, digest)
        )""",
        "CREATE INDEX files_waiting ON {s}.files (subject, digest) WHERE waiting",
        """CREATE TABLE {s}.parts (
            file bigint NOT NULL REFERENCES {s}.files ON DELETE CASCADE,
            n integer NOT NULL,
            content bytea NOT NULL,
            PRIMARY KEY (file, n)
        )""",
    ),
)
_ABANDONED = """DELETE FROM {s}files
    WHERE digest IS NULL AND changed < clock_timestamp() - interval '1 hour'"""
_TOUCH = """UPDATE {s}files SET changed = clock_timestamp()
    WHERE subject = ? AND digest = ? AND waiting"""
_WAITING = """SELECT subject, digest, extract(epoch FROM clock_timestamp() - changed)::float8, size
    FROM {s}files WHERE waiting AND digest IS NOT NULL ORDER BY subject, digest"""
_REMOVE = """DELETE FROM {s}files WHERE subject = ? AND digest = ? AND waiting
    AND changed < clock_timestamp() - make_interval(secs => ?)"""
_USED = """SELECT coalesce(sum(size), 0)::bigint,
    coalesce(sum(size) FILTER (WHERE waiting), 0)::bigint FROM {s}files"""


class EvidenceRows:
    """An ``EvidenceStore`` in tables of a database."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def begin(self, subject: str) -> _Rows:
        """Begin to write a file of a subject."""
        return _Rows(self.tables, subject)

    def open(self, subject: str, digest: str) -> tuple[BinaryIO, int] | None:
        """Open a file and return it with its length; ``None`` if it does not exist."""
        rows = self.tables.rows(
            "SELECT file, size FROM {s}files WHERE subject = ? AND digest = ?", subject, digest
        )
        if not rows:
            return None
        ((file, size),) = rows
        return io.BufferedReader(_Reading(self.tables, file, size), PART), size

    def waiting(self) -> Iterator[Waiting]:
        """Yield every file that is not known to be named by an event; remove abandoned ones."""
        with self.tables.writing() as writing:
            writing.execute(_ABANDONED)
        for row in self.tables.rows(_WAITING):
            yield Waiting(*row)

    def hold(self, subject: str, digest: str) -> None:
        """Reset the age of a waiting file to zero."""
        with self.tables.writing() as writing:
            writing.execute(_TOUCH, (subject, digest))

    def settle(self, subject: str, digest: str) -> int:
        """Note that an event names a file; return how many bytes no longer wait."""
        with self.tables.writing() as writing:
            row = writing.execute(
                "UPDATE {s}files SET waiting = false"
                " WHERE subject = ? AND digest = ? AND waiting RETURNING size",
                (subject, digest),
            ).fetchone()
        return 0 if row is None else int(row[0])

    def remove(self, subject: str, digest: str, older: float) -> bool:
        """Remove a file if it has waited longer than ``older`` seconds; return whether it did."""
        with self.tables.writing() as writing:
            return bool(writing.execute(_REMOVE, (subject, digest, older)).rowcount)

    def erase(self, subject: str) -> None:
        """Remove every file of a subject."""
        with self.tables.writing() as writing:
            writing.execute("DELETE FROM {s}files WHERE subject = ?", (subject,))

    def used(self) -> tuple[int, int]:
        """Return the bytes of all files, and of the waiting files."""
        ((total, waits),) = self.tables.rows(_USED)
        return total, waits


class _Rows:
    """A file that is being written into the tables."""

    def __init__(self, tables: Tables, subject: str) -> None:
        self._tables, self._subject = tables, subject
        self._buffer = bytearray()
        self._parts = self._size = 0
        self._kept = False
        with tables.writing() as writing:
            (self._file,) = writing.execute(
                "INSERT INTO {s}files (subject) VALUES (?) RETURNING file", (subject,)
            ).fetchone()

    def write(self, content: bytes) -> None:
        """Append to the file."""
        self._buffer += content
        while len(self._buffer) >= PART:
            self._flush(PART)

    def _flush(self, size: int) -> None:
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        with self._tables.writing() as writing:
            done = writing.execute(
                "UPDATE {s}files SET size = size + ?, changed = clock_timestamp() WHERE file = ?",
                (len(part), self._file),
            )
            if not done.rowcount:
                raise EvidenceError("the file was removed while it was written; send it again")
            writing.execute(
                "INSERT INTO {s}parts VALUES (?, ?, ?)", (self._file, self._parts, part)
            )
        self._parts += 1
        self._size += len(part)

    def keep(self, digest: str) -> int:
        """Store the file durably under its digest; return by how many bytes the store grew."""
        if self._buffer:
            self._flush(len(self._buffer))
        with self._tables.writing() as writing:
            there = writing.execute(
                "SELECT 1 FROM {s}files WHERE subject = ? AND digest = ?", (self._subject, digest)
            ).fetchone()
            if there is not None:
                writing.execute(_TOUCH, (self._subject, digest))
                writing.execute("DELETE FROM {s}files WHERE file = ?", (self._file,))
            else:
                writing.execute(
                    "UPDATE {s}files SET digest = ?, changed = clock_timestamp() WHERE file = ?",
                    (digest, self._file),
                )
        self._kept = True
        return 0 if there is not None else self._size

    def discard(self) -> None:
        """Remove the unfinished file. May be called twice, and after ``keep``."""
        if not self._kept:
            self._kept = True
            with self._tables.writing() as writing:
                writing.execute("DELETE FROM {s}files WHERE file = ?", (self._file,))


class _Reading(io.RawIOBase):
    """The content of a file, read part by part."""

    def __init__(self, tables: Tables, file: int, size: int) -> None:
        self._tables, self._file, self._size = tables, file, size
        self._at = 0
        self._part: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n, skip = divmod(self._at, PART)
        if self._part[0] != n:
            rows = self._tables.rows(
                "SELECT content FROM {s}parts WHERE file = ? AND n = ?", self._file, n
            )
            self._part = n, bytes(rows[0][0]) if rows else b""
        content = self._part[1][skip : skip + len(buffer)]
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
