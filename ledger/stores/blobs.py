"""Long content beside the ledger, each piece under the SHA-256 of its bytes.

A roster, a selection: what an event is too small for and names by its digest. A piece never
changes and is never replaced, so two writers of the same one do no harm, and a reader needs no
lock. Put it here first and record its digest then: a crash in between leaves a piece that nobody
names, never a name without its piece.

``put``, in this order (what a crash leaves is said at each step):

1. Write a temporary file and flush it to the disk. A crash leaves a ``.tmp`` file that the next
   opening removes once it is old.
2. Rename it to its digest. A crash leaves either.
3. Flush the directories. From here on the piece survives a loss of power.
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

_DIGEST = re.compile(r"[0-9a-f]{64}")

#: A temporary file older than this belongs to a writer that is gone, in seconds.
ABANDONED = 3600.0


class BlobMissing(PersistenceError):
    """The store has no piece under a digest that something recorded."""


class BlobDamaged(PersistenceError):
    """What lies under a digest is not what was put there."""


class Blobs:
    """The pieces in one folder. Safe for threads and processes.

    With ``read_only`` the folder stays as it is, and need not be there.
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
            with suppress(FileNotFoundError):  # its writer is alive, and has finished
                if left.stat().st_mtime < before:
                    left.unlink()

    def put(self, content: bytes) -> str:
        """Keep ``content`` for ever; returns its SHA-256 (hex). Durable when it returns."""
        digest = sha256(content).hexdigest()
        path = self._path(digest)
        if path.exists():
            if path.read_bytes() == content:
                return digest
            raise BlobDamaged(f"{path} is damaged: restore it from a backup")
        path.parent.mkdir(exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(suffix=".tmp", dir=self.folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)
        flush_folder(self.folder)
        return digest

    def get(self, digest: str) -> bytes:
        """The content under a digest. Raises ``BlobMissing`` or ``BlobDamaged``."""
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
        """Whether something lies under a digest; ``get`` says whether it is whole."""
        return self._path(digest).exists()

    def digests(self) -> Iterator[str]:
        """The digests under which something lies, in order."""
        for path in sorted(self.folder.glob("??/*")):
            if _DIGEST.fullmatch(path.name):
                yield path.name

    def _path(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no SHA-256 in hex")
        # No directory grows without end.
        return self.folder / digest[:2] / digest
