"""The stores of tiles and of signed checkpoints: two files, or two schemas, of the ledger.

The tiles can be made again from the events. The signed checkpoints cannot: they are the log's
record of what it has promised. They have a place of their own, so that an old copy of the ledger or
of the tiles does not remove them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from ledger.stores import StoreError
from ledger.stores.files import trouble, unchanging
from ledger.stores.tables import Declared, Tables, Transaction, as_tables
from ledger.transparency.merkle import HASH_SIZE, root_of
from ledger.transparency.notes import Signature, parse_note
from ledger.transparency.tiles import HEIGHT, WIDTH, split

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
TILES = Declared(
    TILES_SCHEMA,
    (
        """CREATE TABLE {s}.tiles (
            level integer,
            n bigint,
            hashes bytea NOT NULL,
            PRIMARY KEY (level, n)
        )""",
        "CREATE TABLE {s}.tree (one integer PRIMARY KEY CHECK (one = 1), size bigint NOT NULL)",
        "INSERT INTO {s}.tree VALUES (1, 0)",
    ),
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
SIGNED = Declared(
    SIGNED_SCHEMA,
    (
        "CREATE TABLE {s}.keys (since bigint PRIMARY KEY, vkey text NOT NULL UNIQUE)",
        "CREATE TABLE {s}.place (one integer PRIMARY KEY CHECK (one = 1), file text NOT NULL)",
        """CREATE TABLE {s}.signed (
            size bigint PRIMARY KEY,
            root bytea NOT NULL,
            text text NOT NULL,
            signatures text NOT NULL,
            signed_at text NOT NULL
        )""",
        """CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'what was signed stays signed'; END $$""",
        """CREATE TRIGGER keys_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {s}.keys
        FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse()""",
        """CREATE TRIGGER signed_stays BEFORE DELETE OR TRUNCATE ON {s}.signed
        FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse()""",
        """CREATE TRIGGER signed_unchanged BEFORE UPDATE OF size, root, text ON {s}.signed
        FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse()""",
    ),
    "SELECT, INSERT, UPDATE",
)
_NEWEST = "SELECT size, root, text, signatures, signed_at FROM {s}signed ORDER BY size DESC LIMIT 1"


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


class TileStore:
    """The tiles of one tree. Several processes may extend it; each sees the work of the others."""

    def __init__(self, place: Path | Tables) -> None:
        self._tables = as_tables(place, TILES)

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._tables.close()

    @property
    def size(self) -> int:
        """How many leaves the tiles hold."""
        ((size,),) = self._tables.rows("SELECT size FROM {s}tree")
        return int(size)

    def tile(self, level: int, n: int, width: int) -> bytes:
        """Return the first ``width`` hashes of a tile. Raises ``KeyError`` if it has fewer."""
        rows = self._tables.rows("SELECT hashes FROM {s}tiles WHERE level = ? AND n = ?", level, n)
        hashes: bytes = rows[0][0] if rows else b""
        if len(hashes) < width * HASH_SIZE:
            raise KeyError((level, n, width))
        return hashes[: width * HASH_SIZE]

    def extend(self, size: int, leaves: Sequence[bytes]) -> int:
        """Append leaf hashes to a tree of ``size`` leaves, and return the new size.

        If another process has added leaves meanwhile, add nothing. All tiles of one call are
        written in one transaction, so a crash leaves the tree unchanged.
        """
        with self._tables.writing() as tables:
            ((now,),) = tables.execute("SELECT size FROM {s}tree")
            if now != size:
                return int(now)
            level, hashes = 0, list(leaves)
            while hashes:
                hashes = _extend(tables, level, size >> (HEIGHT * level), hashes)
                level += 1
            tables.execute("UPDATE {s}tree SET size = ?", (size + len(leaves),))
        return size + len(leaves)

    def clear(self) -> None:
        """Delete all tiles, so that they can be made again."""
        with self._tables.writing() as tables:
            tables.execute("DELETE FROM {s}tiles")
            tables.execute("UPDATE {s}tree SET size = 0")


def _extend(tables: Transaction, level: int, count: int, hashes: list[bytes]) -> list[bytes]:
    """Add hashes to a level that has ``count``; return the roots of the tiles that became full."""
    n, have = divmod(count, WIDTH)
    data = b"".join(hashes)
    if have:
        ((partial,),) = tables.execute(
            "SELECT hashes FROM {s}tiles WHERE level = ? AND n = ?", (level, n)
        )
        data = partial + data
    tiles = [data[start : start + _FULL] for start in range(0, len(data), _FULL)]
    tables.executemany(
        "INSERT INTO {s}tiles VALUES (?, ?, ?)"
        " ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes",
        [(level, n + index, tile) for index, tile in enumerate(tiles)],
    )
    return [root_of(split(tile)) for tile in tiles if len(tile) == _FULL]


def newest_in(path: Path) -> Signed | None:
    """Return the last checkpoint in a copied file of signed checkpoints, without writing to it."""
    try:
        with closing(sqlite3.connect(unchanging(path), uri=True)) as sqlite:
            row = sqlite.execute(_NEWEST.replace("{s}", "")).fetchone()
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

    def __init__(self, place: Path | Tables, *, read_only: bool = False) -> None:
        self._tables = as_tables(place, SIGNED, read_only=read_only)
        self.place = self._tables.place

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._tables.close()

    def newest(self) -> Signed | None:
        """Return the last signed checkpoint; ``None`` if nothing was signed."""
        rows = self._tables.rows(_NEWEST)
        return Signed(*rows[0]) if rows else None

    def covering(self, size: int) -> Signed | None:
        """Return the first signed checkpoint of at least ``size`` leaves; ``None`` if none."""
        rows = self._tables.rows(
            "SELECT size, root, text, signatures, signed_at FROM {s}signed WHERE size >= ?"
            " ORDER BY size LIMIT 1",
            size,
        )
        return Signed(*rows[0]) if rows else None

    def cosigned(self, limit: int) -> list[Signed]:
        """Return the last ``limit`` checkpoints with cosignatures, the newest first."""
        rows = self._tables.rows(
            "SELECT size, root, text, signatures, signed_at FROM {s}signed"
            " WHERE signatures LIKE ? ORDER BY size DESC LIMIT ?",
            "%\n_%",
            limit,
        )
        return [Signed(*row) for row in rows]

    def keys(self) -> list[LogKey]:
        """Return the keys of this log in order, the current one last; empty before any signature.

        The checkpoint of the size at which a key was replaced is signed by both keys.
        """
        return [LogKey(*row) for row in self._tables.rows("SELECT * FROM {s}keys ORDER BY since")]

    def begin(self, vkey: str) -> None:
        """Store, before the first signature, which key will sign, and the number of this file."""
        with self._tables.writing() as tables:
            tables.execute("INSERT INTO {s}keys VALUES (0, ?) ON CONFLICT DO NOTHING", (vkey,))
            self._settle(tables)

    def is_copy(self) -> bool:
        """Whether this file is a copy or a restored file that was not settled since."""
        rows = self._tables.rows("SELECT file FROM {s}place")
        return bool(self.keys()) and rows != [(self._tables.number(),)]

    def settle(self) -> None:
        """Make this file the original, after an operator checked that no other copy is in use."""
        with self._tables.writing() as tables:
            self._settle(tables)

    def _settle(self, tables: Transaction) -> None:
        tables.execute(
            "INSERT INTO {s}place VALUES (1, ?)"
            " ON CONFLICT (one) DO UPDATE SET file = excluded.file",
            (self._tables.number(),),
        )

    def replace(self, old: Signed | None, new: Signed, vkey: str) -> bool:
        """Add ``new`` if ``old`` is still the newest checkpoint; return whether it was added.

        ``vkey``: the key that signed it. Raises ``Retired`` if that is not the current key.
        """
        with self._tables.writing() as tables:
            holding = _holding(tables)
            if holding is None:
                tables.execute("INSERT INTO {s}keys VALUES (0, ?)", (vkey,))
            elif holding != vkey:
                raise Retired(holding)
            last = tables.execute(
                "SELECT size, root FROM {s}signed ORDER BY size DESC LIMIT 1"
            ).fetchone()
            if last != (None if old is None else (old.size, old.root)):
                return False
            tables.execute(
                "INSERT INTO {s}signed VALUES (?, ?, ?, ?, ?)",
                (new.size, new.root, new.text, new.signatures, new.signed_at),
            )
        return True

    def add_signature(self, size: int, signature: Signature) -> None:
        """Add a signature to a signed checkpoint, unless its key has already signed it."""
        with self._tables.writing() as tables:
            _add_signature(tables, size, signature)

    def hand_over(self, old: str, new: str, size: int, signature: Signature) -> LogKey | None:
        """Let the next key sign from now on; ``None`` if ``size`` is no longer the newest.

        ``signature``: that of the new key over the newest checkpoint, which the old key has signed
        already. Raises ``Retired`` if ``old`` is no longer the current key.
        """
        with self._tables.writing() as tables:
            holding = _holding(tables)
            if holding != old:
                raise Retired(holding or "no key yet")
            if tables.execute("SELECT max(size) FROM {s}signed").fetchone() != (size,):
                return None
            tables.execute("INSERT INTO {s}keys VALUES (?, ?)", (size, new))
            _add_signature(tables, size, signature)
        return LogKey(size, new)


def _holding(tables: Transaction) -> str | None:
    """Return the current key; ``None`` if no key has signed yet."""
    row = tables.execute("SELECT vkey FROM {s}keys ORDER BY since DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def _add_signature(tables: Transaction, size: int, signature: Signature) -> None:
    row = tables.execute(
        "SELECT text, signatures FROM {s}signed WHERE size = ?", (size,)
    ).fetchone()
    if row is None:
        return
    text, lines = row
    present = parse_note(f"{text}\n{lines}".encode()).signatures
    if any((line.name, line.key_id) == (signature.name, signature.key_id) for line in present):
        return
    tables.execute(
        "UPDATE {s}signed SET signatures = signatures || ? WHERE size = ?", (signature.line(), size)
    )
