"""Sealed files of evidence: opaque bytes, each under its subject and the digest of its content.

``EvidenceStore`` is all that is asked of a store; ``EvidenceFolder`` keeps the files in a folder. A
file comes in so (what a crash leaves is said at each step):

1. It is written under a name of its own, locked by its writer. A crash leaves a ``.part`` file
   whose lock is gone; the next process that opens the folder removes it.
2. It is flushed and renamed to its digest, as waiting (``.new``). A crash leaves either.
3. The folders are flushed. From here on the file survives a loss of power.
4. Once an event names it, ``settle`` takes the mark away. A crash before leaves it waiting: a
   sweep looks in the ledger before it removes a file.

A command holds a file before its event is recorded. A sweep may have asked the ledger just before
that, so ``remove`` looks at the age again, under the lock that ``hold`` takes.
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
#: Says in each place whose files lie there. A few bytes, which are not counted as used.
_SUBJECT = "subject"

if sys.platform == "win32":  # no locks: the age of a part tells whether its writer is gone

    def _lock(file: int) -> None:
        if time.time() - os.fstat(file).st_mtime < 3600:
            raise BlockingIOError

else:
    import fcntl

    def _lock(file: int) -> None:
        """Lock a file; raises ``BlockingIOError`` where another process has it."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class EvidenceError(StoreError):
    """The store of evidence does not take or give a file, and why."""


class Waiting(msgspec.Struct, frozen=True):
    """A file that was uploaded and that no event is known to name yet.

    ``age`` in seconds; ``size`` in bytes as stored.
    """

    subject: str
    digest: str
    age: float
    size: int


class Incoming(Protocol):
    """A file that is being written. One of ``keep`` and ``discard`` ends it."""

    def write(self, content: bytes) -> None:
        """Append to it."""

    def keep(self, digest: str) -> int:
        """Put it under its digest, durably; returns by how many bytes the store grew.

        None, where a file lies under that digest already.
        """

    def discard(self) -> None:
        """Leave nothing of it. May be called twice, and after ``keep``."""


class EvidenceStore(Protocol):
    """What is asked of a store of sealed files. Safe for threads."""

    def begin(self, subject: str) -> Incoming:
        """Begin a file of a subject."""

    def open(self, subject: str, digest: str) -> tuple[BinaryIO, int] | None:
        """Open a file and tell its length; ``None`` where there is none."""

    def waiting(self) -> Iterator[Waiting]:
        """Every file that no event is known to name."""

    def hold(self, subject: str, digest: str) -> None:
        """Have a waiting file wait from now on."""

    def settle(self, subject: str, digest: str) -> int:
        """Take note that an event names a file; returns how many bytes wait no longer."""

    def remove(self, subject: str, digest: str, older: float) -> bool:
        """Remove a file that has waited longer than ``older`` seconds; tells whether it had."""

    def erase(self, subject: str) -> None:
        """Remove every file of a subject."""

    def used(self) -> tuple[int, int]:
        """Return the bytes of all files, and of those that wait."""


class EvidenceFolder:
    """The sealed files in one folder. Safe for threads and processes.

    With ``read_only`` the folder stays as it is, and need not be there.
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
        """Begin a file of a subject."""
        return _Part(self, subject)

    def open(self, subject: str, digest: str) -> tuple[BinaryIO, int] | None:
        """Open a file and tell its length; ``None`` where there is none."""
        kept, waiting = self._paths(subject, digest)
        # The kept name once more: the file may be settled after the first look.
        for path in (kept, waiting, kept):
            with suppress(FileNotFoundError):
                file = path.open("rb")
                return file, os.fstat(file.fileno()).st_size
        return None

    def waiting(self) -> Iterator[Waiting]:
        """Every file that no event is known to name."""
        now = time.time()
        for path in sorted(self.folder.glob(f"??/*/*{_WAITING}")):
            with suppress(FileNotFoundError):  # settled or removed at this moment
                found = path.stat()
                subject = (path.parent / _SUBJECT).read_text("utf-8")
                yield Waiting(
                    subject, path.name.removesuffix(_WAITING), now - found.st_mtime, found.st_size
                )

    def hold(self, subject: str, digest: str) -> None:
        """Have a waiting file wait from now on."""
        with suppress(FileNotFoundError), self._lock:
            os.utime(self._paths(subject, digest)[1])

    def settle(self, subject: str, digest: str) -> int:
        """Take note that an event names a file; returns how many bytes wait no longer."""
        kept, waiting = self._paths(subject, digest)
        try:
            with self._lock:
                size = waiting.stat().st_size
                waiting.replace(kept)
        except FileNotFoundError:
            return 0
        flush_folder(kept.parent)
        return size

    def remove(self, subject: str, digest: str, older: float) -> bool:
        """Remove a file that has waited longer than ``older`` seconds; tells whether it had."""
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
        """Return the bytes of all files, and of those that wait."""
        total = waits = 0
        for path in self.folder.glob("**/*"):
            with suppress(FileNotFoundError):
                if path.is_file() and path.name != _SUBJECT:
                    size = path.stat().st_size
                    total += size
                    waits += size if path.suffix in {_WAITING, _PART} else 0
        return total, waits

    def _place(self, subject: str) -> Path:
        # An id may have characters that a name of a file has not, and be too long for one.
        mark = sha256(subject.encode()).hexdigest()[:40]
        return self.folder / mark[:2] / mark

    def _paths(self, subject: str, digest: str) -> tuple[Path, Path]:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no SHA-256 in hex")
        place = self._place(subject)
        return place / digest, place / f"{digest}{_WAITING}"

    def take_in(self, subject: str, part: Path, digest: str) -> int:
        """Put a part that is whole under its digest; returns by how many bytes the store grew."""
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
                part.replace(waiting)
        except FileNotFoundError:
            raise EvidenceError(
                f"{part} was removed while it was written; send the file again"
            ) from None
        for folder in (place, place.parent, self.folder):
            flush_folder(folder)
        return added


class _Part:
    """A file that is being written into a folder."""

    def __init__(self, folder: EvidenceFolder, subject: str) -> None:
        self._folder, self._subject = folder, subject
        handle, name = tempfile.mkstemp(suffix=_PART, dir=folder.folder)
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb", buffering=0)
        with suppress(BlockingIOError):
            _lock(handle)

    def write(self, content: bytes) -> None:
        """Append to it."""
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def keep(self, digest: str) -> int:
        """Put it under its digest, durably; returns by how many bytes the store grew."""
        os.fsync(self._file.fileno())
        added = self._folder.take_in(self._subject, self._path, digest)
        self.discard()
        return added

    def discard(self) -> None:
        """Leave nothing of it. May be called twice, and after ``keep``."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def _remove_abandoned(part: Path) -> None:
    """Remove a part whose writer is gone."""
    with suppress(FileNotFoundError, BlockingIOError), part.open("rb") as file:
        _lock(file.fileno())
        part.unlink()
