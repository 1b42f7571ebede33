"""Blobs: long content that is stored with the ledger, each under the SHA-256 of its bytes.

A roster or a selection is too long for an event, so the event names it by its digest. A blob never
changes and is never replaced, so two writers of the same blob do no harm, and readers need no lock.
Put the blob here first, then record its digest: a crash in between leaves a blob that no event
names, never an event without its blob.

``put`` works in three steps. The comment at each says what a crash there leaves.

1. Write a temporary file and flush it to the disk.
2. Rename it to its digest.
3. Flush the folders.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from eventsourcing.persistence import PersistenceError

from ledger.stores.files import flush_folder, make_private
from ledger.stores.tables import Declared, Tables

_DIGEST = re.compile(r"[0-9a-f]{64}")

BLOBS = Declared(
    (),
    ('CREATE TABLE {s}.blobs (digest text COLLATE "C" PRIMARY KEY, content bytea NOT NULL)',),
    "SELECT, INSERT",
)

#: After this many seconds, the writer of a temporary file is considered dead.
ABANDONED = 3600.0


class BlobMissing(PersistenceError):
    """The store has no blob under a digest that an event names."""


class BlobDamaged(PersistenceError):
    """The content under a digest is not what was put there."""


class Blobs:
    """The blobs in one folder. Safe for threads and processes.

    With ``read_only`` the folder is not changed, and it need not exist.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        if read_only:
            return
        if folder.exists() and not folder.is_dir():
            raise PersistenceError(
                f"{folder} must be a folder; it is a file. Move the file away and put the newest "
                "backup of the folder back (docs/backup.md)."
            )
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_private(folder)
        before = time.time() - ABANDONED
        for left in folder.glob("*.tmp"):
            with suppress(FileNotFoundError):  # its writer has just finished
                if left.stat().st_mtime < before:
                    left.unlink()

    def put(self, content: bytes) -> str:
        """Keep ``content`` for ever and return its SHA-256 (hex). Durable when it returns."""
        digest = sha256(content).hexdigest()
        path = self._path(digest)
        if path.exists():
            if path.read_bytes() == content:
                return digest
            raise BlobDamaged(f"{path} is damaged: restore it from a backup")
        path.parent.mkdir(exist_ok=True, mode=0o700)
        # 1. Write. A crash leaves a .tmp file; `__init__` removes it once it is ABANDONED.
        handle, name = tempfile.mkstemp(suffix=".tmp", dir=self.folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # 2. Rename. A crash leaves the blob under either name, both whole.
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        # 3. Flush. A loss of power before this may undo the rename. Nothing is lost, because the
        # caller records the digest only after this returns.
        flush_folder(path.parent)
        flush_folder(self.folder)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the content under a digest. Raises ``BlobMissing`` or ``BlobDamaged``."""
        path = self._path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise BlobMissing(
                f"{path} is missing: the ledger names it, so restore the folder {self.folder} "
                "from the backup that belongs to it"
            ) from None
        if sha256(content).hexdigest() != digest:
            raise BlobDamaged(f"{path} is damaged: restore it from a backup")
        return content

    def has(self, digest: str) -> bool:
        """Whether a blob is stored under a digest; only ``get`` checks its content."""
        return self._path(digest).exists()

    def digests(self) -> Iterator[str]:
        """Yield the digests of all stored blobs, in order."""
        for path in sorted(self.folder.glob("??/*")):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"a digest must be a SHA-256 in hex; it is {digest!r}")
        # Spread the blobs over 256 folders, so that none becomes too large.
        return self.folder / digest[:2] / digest


class BlobRows(Blobs):
    """The blobs in a schema of the ledger's database, for all nodes. Safe for threads."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def put(self, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        if not self.has(digest):
            with self._tables.writing() as tables:
                tables.execute(
                    "INSERT INTO {s}blobs VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, content)
                )
        elif self.get(digest) != content:
            raise BlobDamaged(f"the blob {digest} is damaged: restore the database")
        return digest

    def get(self, digest: str) -> bytes:
        rows = self._tables.rows("SELECT content FROM {s}blobs WHERE digest = ?", digest)
        if not rows:
            raise BlobMissing(
                f"the blob {digest} is missing in {self._tables.place}: the ledger names it, so "
                "restore the database"
            )
        content = bytes(rows[0][0])
        if sha256(content).hexdigest() != digest:
            raise BlobDamaged(f"the blob {digest} is damaged: restore the database")
        return content

    def has(self, digest: str) -> bool:
        return bool(self._tables.rows("SELECT 1 FROM {s}blobs WHERE digest = ?", digest))

    def digests(self) -> Iterator[str]:
        last = ""
        while rows := self._tables.rows(
            "SELECT digest FROM {s}blobs WHERE digest > ? ORDER BY digest LIMIT 1000", last
        ):
            yield from (digest for (digest,) in rows)
            last = rows[-1][0]


class UnkeptBlobs(Blobs):
    """Blobs of which new ones are kept in memory only, for a command that is not recorded."""

    def __init__(self, kept: Blobs) -> None:
        self._kept = kept
        self._new: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        digest = sha256(content).hexdigest()
        self._new[digest] = content
        return digest

    def get(self, digest: str) -> bytes:
        return self._new[digest] if digest in self._new else self._kept.get(digest)

    def has(self, digest: str) -> bool:
        return digest in self._new or self._kept.has(digest)

    def digests(self) -> Iterator[str]:
        return iter(sorted({*self._kept.digests(), *self._new}))
