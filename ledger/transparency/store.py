"""The stores of tiles and of signed checkpoints: two SQLite files that belong to the ledger.

The tiles can be made again from the events. The signed checkpoints cannot: they are the log's
record of what it has promised. They have a file of their own, so that an old copy of the ledger or
of the tiles does not remove them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ledger.stores import StoreError
from ledger.stores.files import connect_read_only, number_of, private_file, trouble, unchanging
from ledger.transparency.merkle import HASH_SIZE, root_of
from ledger.transparency.notes import Signature, parse_note
from ledger.transparency.tiles import HEIGHT, WIDTH, split

_BUSY_SECONDS = 10.0
_FULL = WIDTH * HASH_SIZE

TILES_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS tiles (
        level INTEGER,
        n INTEGER,
        hashes BLOB NOT NULL,
        PRIMARY KEY (level, n)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS tree (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        size INTEGER NOT NULL
    ) STRICT""",
    "INSERT OR IGNORE INTO tree VALUES (1, 0)",
)
SIGNED_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS keys (
        since INTEGER PRIMARY KEY,
        vkey TEXT NOT NULL UNIQUE
    ) STRICT""",
    *(
        f"CREATE TRIGGER IF NOT EXISTS keys_no_{what} BEFORE {what} ON keys BEGIN"
        f" SELECT RAISE(ABORT, 'which key held when stays'); END"
        for what in ("update", "delete")
    ),
    """CREATE TABLE IF NOT EXISTS place (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        file TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS signed (
        size INTEGER PRIMARY KEY,
        root BLOB NOT NULL,
        text TEXT NOT NULL,
        signatures TEXT NOT NULL,
        signed_at TEXT NOT NULL
    ) STRICT""",
    *(
        f"CREATE TRIGGER IF NOT EXISTS signed_no_{name} BEFORE {what} ON signed BEGIN"
        f" SELECT RAISE(ABORT, 'what was signed stays signed'); END"
        for name, what in (("update", "UPDATE OF size, root, text"), ("delete", "DELETE"))
    ),
)
_NEWEST = "SELECT size, root, text, signatures, signed_at FROM signed ORDER BY size DESC LIMIT 1"


class Signed(msgspec.Struct, frozen=True):
    """A signed checkpoint: its text and its signature lines, cosignatures included."""

    size: int
    root: bytes
    text: str
    signatures: str
    signed_at: str

    def note(self) -> bytes:
        """The checkpoint as it is served."""
        return f"{self.text}\n{self.signatures}".encode()


class LogKey(msgspec.Struct, frozen=True):
    """A public key of a log, and the size from which it signs, until the next key does."""

    since: int
    vkey: str


class Retired(Exception):
    """The key was replaced by another one, ``vkey``, and can no longer sign."""

    def __init__(self, vkey: str) -> None:
        super().__init__(f"this log signs with {vkey} now")
        self.vkey = vkey


class SQLiteFile:
    """An SQLite file with one connection, shared between threads by a lock."""

    def __init__(self, path: Path, schema: Sequence[str], *, read_only: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        if not read_only:
            private_file(path)
        with self._translated():
            if read_only:
                self._sqlite = connect_read_only(path.absolute(), _BUSY_SECONDS)
                return
            self._sqlite = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._sqlite.execute("PRAGMA journal_mode = WAL")
            self._sqlite.execute("PRAGMA synchronous = FULL")
            for statement in schema:
                self._sqlite.execute(statement)

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._lock:
            self._sqlite.close()

    def rows(self, sql: str, *parameters: Any) -> list[Any]:
        """Return the rows that a statement finds."""
        with self._lock, self._translated():
            return self._sqlite.execute(sql, parameters).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block in a transaction with the write lock; roll back if it raises."""
        with self._lock, self._translated():
            self._sqlite.execute("BEGIN IMMEDIATE")
            try:
                yield self._sqlite
                self._sqlite.execute("COMMIT")
            except BaseException:
                self._sqlite.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(trouble(self.path, error)) from error


class TileStore:
    """The tiles of one tree. Several processes may extend it; each sees the work of the others."""

    def __init__(self, path: Path) -> None:
        self._file = SQLiteFile(path, TILES_SCHEMA)

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    @property
    def size(self) -> int:
        """How many leaves the tiles hold."""
        ((size,),) = self._file.rows("SELECT size FROM tree")
        return int(size)

    def tile(self, level: int, n: int, width: int) -> bytes:
        """Return the first ``width`` hashes of a tile. Raises ``KeyError`` if it has fewer."""
        rows = self._file.rows("SELECT hashes FROM tiles WHERE level = ? AND n = ?", level, n)
        hashes: bytes = rows[0][0] if rows else b""
        if len(hashes) < width * HASH_SIZE:
            raise KeyError((level, n, width))
        return hashes[: width * HASH_SIZE]

    def extend(self, size: int, leaves: Sequence[bytes]) -> int:
        """Append leaf hashes to a tree of ``size`` leaves, and return the new size.

        If another process has added leaves meanwhile, add nothing. All tiles of one call are
        written in one transaction, so a crash leaves the tree unchanged.
        """
        with self._file.writing() as sqlite:
            ((now,),) = sqlite.execute("SELECT size FROM tree")
            if now != size:
                return int(now)
            level, hashes = 0, list(leaves)
            while hashes:
                hashes = _extend(sqlite, level, size >> (HEIGHT * level), hashes)
                level += 1
            sqlite.execute("UPDATE tree SET size = ?", (size + len(leaves),))
        return size + len(leaves)

    def clear(self) -> None:
        """Delete all tiles, so that they can be made again."""
        with self._file.writing() as sqlite:
            sqlite.execute("DELETE FROM tiles")
            sqlite.execute("UPDATE tree SET size = 0")


def _extend(sqlite: sqlite3.Connection, level: int, count: int, hashes: list[bytes]) -> list[bytes]:
    """Add hashes to a level that has ``count``; return the roots of the tiles that became full."""
    n, have = divmod(count, WIDTH)
    data = b"".join(hashes)
    if have:
        ((partial,),) = sqlite.execute(
            "SELECT hashes FROM tiles WHERE level = ? AND n = ?", (level, n)
        )
        data = partial + data
    tiles = [data[start : start + _FULL] for start in range(0, len(data), _FULL)]
    sqlite.executemany(
        "INSERT INTO tiles VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hashes = excluded.hashes",
        [(level, n + index, tile) for index, tile in enumerate(tiles)],
    )
    return [root_of(split(tile)) for tile in tiles if len(tile) == _FULL]


def newest_in(path: Path) -> Signed | None:
    """Return the last checkpoint in a copied file of signed checkpoints, without writing to it."""
    try:
        with closing(sqlite3.connect(unchanging(path), uri=True)) as sqlite:
            row = sqlite.execute(_NEWEST).fetchone()
    except sqlite3.Error as error:
        raise StoreError(trouble(path, error)) from error
    return Signed(*row) if row else None


class SignedStore:
    """Every signed checkpoint. A new one is accepted only as the successor of the newest.

    If the original and a copy of this file both continued, they would sign two histories. So the
    file stores its own inode number, and a copy has another one. A reused inode number, or content
    copied over an existing file, is not noticed here; ``ledger.transparency.memory`` notices these
    cases. Only witnesses notice copies of whole disks.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._file = SQLiteFile(path, SIGNED_SCHEMA, read_only=read_only)

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def newest(self) -> Signed | None:
        """Return the last signed checkpoint; ``None`` if nothing was signed."""
        rows = self._file.rows(_NEWEST)
        return Signed(*rows[0]) if rows else None

    def covering(self, size: int) -> Signed | None:
        """Return the first signed checkpoint of at least ``size`` leaves; ``None`` if none."""
        rows = self._file.rows(
            "SELECT size, root, text, signatures, signed_at FROM signed WHERE size >= ?"
            " ORDER BY size LIMIT 1",
            size,
        )
        return Signed(*rows[0]) if rows else None

    def cosigned(self, limit: int) -> list[Signed]:
        """Return the last ``limit`` checkpoints with cosignatures, the newest first."""
        rows = self._file.rows(
            "SELECT size, root, text, signatures, signed_at FROM signed"
            " WHERE instr(signatures, char(10)) < length(signatures) ORDER BY size DESC LIMIT ?",
            limit,
        )
        return [Signed(*row) for row in rows]

    def keys(self) -> list[LogKey]:
        """Return the keys of this log in order, the current one last; empty before any signature.

        The checkpoint of the size at which a key was replaced is signed by both keys.
        """
        return [LogKey(*row) for row in self._file.rows("SELECT * FROM keys ORDER BY since")]

    def begin(self, vkey: str) -> None:
        """Store, before the first signature, which key will sign, and the number of this file."""
        with self._file.writing() as sqlite:
            sqlite.execute("INSERT OR IGNORE INTO keys VALUES (0, ?)", (vkey,))
            self._settle(sqlite)

    def is_copy(self) -> bool:
        """Whether this file is a copy or a restored file that was not settled since."""
        rows = self._file.rows("SELECT file FROM place")
        return bool(self.keys()) and rows != [(number_of(self._file.path),)]

    def settle(self) -> None:
        """Make this file the original, after an operator checked that no other copy is in use."""
        with self._file.writing() as sqlite:
            self._settle(sqlite)

    def _settle(self, sqlite: sqlite3.Connection) -> None:
        sqlite.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (number_of(self._file.path),))

    def replace(self, old: Signed | None, new: Signed, vkey: str) -> bool:
        """Add ``new`` if ``old`` is still the newest checkpoint; return whether it was added.

        ``vkey``: the key that signed it. Raises ``Retired`` if that is not the current key.
        """
        with self._file.writing() as sqlite:
            holding = _holding(sqlite)
            if holding is None:
                sqlite.execute("INSERT INTO keys VALUES (0, ?)", (vkey,))
            elif holding != vkey:
                raise Retired(holding)
            last = sqlite.execute(
                "SELECT size, root FROM signed ORDER BY size DESC LIMIT 1"
            ).fetchone()
            if last != (None if old is None else (old.size, old.root)):
                return False
            sqlite.execute(
                "INSERT INTO signed VALUES (?, ?, ?, ?, ?)",
                (new.size, new.root, new.text, new.signatures, new.signed_at),
            )
        return True

    def add_signature(self, size: int, signature: Signature) -> None:
        """Add a signature to a signed checkpoint, unless its key has already signed it."""
        with self._file.writing() as sqlite:
            _add_signature(sqlite, size, signature)

    def hand_over(self, old: str, new: str, size: int, signature: Signature) -> LogKey | None:
        """Let the next key sign from now on; ``None`` if ``size`` is no longer the newest.

        ``signature``: that of the new key over the newest checkpoint, which the old key has signed
        already. Raises ``Retired`` if ``old`` is no longer the current key.
        """
        with self._file.writing() as sqlite:
            holding = _holding(sqlite)
            if holding != old:
                raise Retired(holding or "no key yet")
            if sqlite.execute("SELECT max(size) FROM signed").fetchone() != (size,):
                return None
            sqlite.execute("INSERT INTO keys VALUES (?, ?)", (size, new))
            _add_signature(sqlite, size, signature)
        return LogKey(size, new)


def _holding(sqlite: sqlite3.Connection) -> str | None:
    """Return the current key; ``None`` if no key has signed yet."""
    row = sqlite.execute("SELECT vkey FROM keys ORDER BY since DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def _add_signature(sqlite: sqlite3.Connection, size: int, signature: Signature) -> None:
    row = sqlite.execute("SELECT text, signatures FROM signed WHERE size = ?", (size,)).fetchone()
    if row is None:
        return
    text, lines = row
    present = parse_note(f"{text}\n{lines}".encode()).signatures
    if any((line.name, line.key_id) == (signature.name, signature.key_id) for line in present):
        return
    sqlite.execute(
        "UPDATE signed SET signatures = signatures || ? WHERE size = ?", (signature.line(), size)
    )
