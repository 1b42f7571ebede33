"""Sealed files of evidence: opaque bytes, each under its subject and the digest of its content.

``EvidenceStore`` is the interface of a store; ``EvidenceFolder`` keeps the files in a folder. A
file is stored in four steps. The comment at each says what a crash there leaves.

1. Write it to a ``.part`` file, locked by its writer.
2. Flush it and rename it to its digest with the ending ``.new``: it now waits for its event.
3. Flush the folders.
4. When an event names it, ``settle`` removes the ending.

A sweep removes waiting files that no event names. It may read the ledger just before a command
records the event. So the command first calls ``hold``, which resets the file's age, and ``remove``
checks the age again under the same lock.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from ledger.stores import StoreError
from ledger.stores.files import flush_folder, make_private

_DIGEST = re.compile(r"[0-9a-f]{64}")
_WAITING = ".new"
_PART = ".part"
#: The file in each folder that names the subject. Its few bytes do not count as used.
_SUBJECT = "subject"

if sys.platform == "win32":  # without locks, the age of a part shows whether its writer is gone

    def _lock(file: int) -> None:
        if time.time() - os.fstat(file).st_mtime < 3600:
            raise BlockingIOError

else:
    import fcntl

    def _lock(file: int) -> None:
        """Lock a file. Raises ``BlockingIOError`` if another process has locked it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class EvidenceError(StoreError):
    """The store of evidence cannot store or return a file; the message says why."""


class Waiting(msgspec.Struct, frozen=True):
    """A file that was uploaded and is not known to be named by an event yet.

    ``age`` is in seconds, ``size`` in bytes as stored.
    """

    subject: str
    digest: str
    age: float
    size: int


class Incoming(Protocol):
    """A file that is being written, until ``keep`` or ``discard`` is called."""

    def write(self, content: bytes) -> None:
        """Append to the file."""

    def keep(self, digest: str) -> int:
        """Store the file durably under its digest; return by how many bytes the store grew.

        Return 0 if a file is already stored under that digest.
        """

    def discard(self) -> None:
        """Remove the unfinished file. May be called twice, and after ``keep``."""


class EvidenceStore(Protocol):
    """The interface of a store of sealed files. Safe for threads."""

    def begin(self, subject: str) -> Incoming:
        """Begin to write a file of a subject."""

    def open(self, subject: str, digest: str) -> tuple[BinaryIO, int] | None:
        """Open a file and return it with its length; ``None`` if it does not exist."""

    def waiting(self) -> Iterator[Waiting]:
        """Yield every file that is not known to be named by an event."""

    def hold(self, subject: str, digest: str) -> None:
        """Reset the age of a waiting file to zero."""

    def settle(self, subject: str, digest: str) -> int:
        """Note that an event names a file; return how many bytes no longer wait."""

    def remove(self, subject: str, digest: str, older: float) -> bool:
        """Remove a file if it has waited longer than ``older`` seconds; return whether it did."""

    def erase(self, subject: str) -> None:
        """Remove every file of a subject."""

    def used(self) -> tuple[int, int]:
        """Return the bytes of all files, and of the waiting files."""


class EvidenceFolder:
    """The sealed files in one folder. Safe for threads and processes.

    With ``read_only`` the folder is not changed, and it need not exist.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        if read_only:
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_private(folder)
        for part in folder.glob(f"*{_PART}"):
            _remove_abandoned(part)

    def begin(self, subject: str) -> Incoming:
        """Begin to write a file of a subject."""
        return _Part(self, subject)

    def open(self, subject: str, digest: str) -> tuple[BinaryIO, int] | None:
        """Open a file and return it with its length; ``None`` if it does not exist."""
        kept, waiting = self._paths(subject, digest)
        # Try the kept name again at the end: the file may be settled after the first try.
        for path in (kept, waiting, kept):
            with suppress(FileNotFoundError):
                file = path.open("rb")
                return file, os.fstat(file.fileno()).st_size
        return None

    def waiting(self) -> Iterator[Waiting]:
        """Yield every file that is not known to be named by an event."""
        now = time.time()
        for path in sorted(self.folder.glob(f"??/*/*{_WAITING}")):
            with suppress(FileNotFoundError):  # settled or removed at this moment
                status = path.stat()
                subject = (path.parent / _SUBJECT).read_text("utf-8")
                digest = path.name.removesuffix(_WAITING)
                yield Waiting(subject, digest, now - status.st_mtime, status.st_size)

    def hold(self, subject: str, digest: str) -> None:
        """Reset the age of a waiting file to zero."""
        with suppress(FileNotFoundError), self._lock:
            os.utime(self._paths(subject, digest)[1])

    def settle(self, subject: str, digest: str) -> int:
        """Note that an event names a file; return how many bytes no longer wait."""
        kept, waiting = self._paths(subject, digest)
        try:
            with self._lock:
                size = waiting.stat().st_size
                # 4. Settle. A crash before this leaves the file waiting, although an event names
                # it. A sweep reads the ledger before it removes a file, so it is not lost.
                waiting.replace(kept)
        except FileNotFoundError:
            return 0
        flush_folder(kept.parent)
        return size

    def remove(self, subject: str, digest: str, older: float) -> bool:
        """Remove a file if it has waited longer than ``older`` seconds; return whether it did."""
        waiting = self._paths(subject, digest)[1]
        with suppress(FileNotFoundError), self._lock:
            if time.time() - waiting.stat().st_mtime > older:
                waiting.unlink()
                return True
        return False

    def erase(self, subject: str) -> None:
        """Remove every file of a subject."""
        shutil.rmtree(self._place(subject), ignore_errors=True)

    def used(self) -> tuple[int, int]:
        """Return the bytes of all files, and of the waiting files."""
        total = waits = 0
        for path in self.folder.glob("**/*"):
            with suppress(FileNotFoundError):
                if path.is_file() and path.name != _SUBJECT:
                    size = path.stat().st_size
                    total += size
                    waits += size if path.suffix in {_WAITING, _PART} else 0
        return total, waits

    def _place(self, subject: str) -> Path:
        # An id may contain characters that a file name cannot, and may be too long.
        mark = sha256(subject.encode()).hexdigest()[:40]
        return self.folder / mark[:2] / mark

    def _paths(self, subject: str, digest: str) -> tuple[Path, Path]:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"a digest must be a SHA-256 in hex; it is {digest!r}")
        place = self._place(subject)
        return place / digest, place / f"{digest}{_WAITING}"

    def take_in(self, subject: str, part: Path, digest: str) -> int:
        """Store a complete part under its digest; return by how many bytes the store grew."""
        kept, waiting = self._paths(subject, digest)
        place = kept.parent
        if not (place / _SUBJECT).exists():
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(suffix=".tmp", dir=place)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(subject)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place / _SUBJECT)
        try:
            with self._lock:
                if kept.exists():
                    return 0
                before = waiting.stat().st_size if waiting.exists() else 0
                added = part.stat().st_size - before
                # 2. Rename. A crash leaves either the part or the waiting file.
                part.replace(waiting)
        except FileNotFoundError:
            raise EvidenceError(
                f"{part} was removed while it was written; send the file again"
            ) from None
        # 3. Flush. A loss of power before this may undo the rename; the upload was not answered.
        for folder in (place, place.parent, self.folder):
            flush_folder(folder)
        return added


class _Part:
    """A file that is being written into a folder."""

    def __init__(self, folder: EvidenceFolder, subject: str) -> None:
        self._folder, self._subject = folder, subject
        # 1. Write. A crash leaves a .part file whose lock is gone; the next process that opens the
        # folder removes it.
        handle, name = tempfile.mkstemp(suffix=_PART, dir=folder.folder)
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb", buffering=0)
        with suppress(BlockingIOError):
            _lock(handle)

    def write(self, content: bytes) -> None:
        """Append to the file."""
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def keep(self, digest: str) -> int:
        """Store the file durably under its digest; return by how many bytes the store grew."""
        os.fsync(self._file.fileno())
        added = self._folder.take_in(self._subject, self._path, digest)
        self.discard()
        return added

    def discard(self) -> None:
        """Remove the unfinished file. May be called twice, and after ``keep``."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def _remove_abandoned(part: Path) -> None:
    """Remove a part whose writer is gone."""
    with suppress(FileNotFoundError, BlockingIOError), part.open("rb") as file:
        _lock(file.fileno())
        part.unlink()
