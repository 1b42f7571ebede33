"""Files of evidence: receive, seal under a key for each case, read, and erase them.

The bytes are in a store (``ledger.stores.evidence``), the keys in the vault. The ledger's events
hold the digests of the contents, and say which files to keep and which keys to destroy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, get_args

import msgspec

from ledger.general.mediatypes import ENOUGH, media_type_of
from ledger.general.vocabulary import StoredFile
from ledger.kernel import Event, Recorded, codec
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.kernel.messages import Told
from ledger.stores.evidence import EvidenceError, EvidenceStore, Incoming
from ledger.stores.naming import blobs_folder
from ledger.stores.recorder import LedgerRecorder
from ledger.systems.penalties.events import EvidenceAdded
from ledger.systems.process.events import (
    AvRecordSealed,
    CaseFilesErased,
    EvidenceSuperseded,
    ProcessStepRecorded,
)
from ledger.systems.process.folds import CaseFiles
from ledger.vault.sealing import Unsealable
from ledger.vault.store import Vault
from ledger.vault.streams import HEADER, StreamHead, StreamSealer, opened_stream, stream_head

#: The folder of the files within a ledger's folder of blobs.
FOLDER = "evidence"

#: The events that name a file.
Naming = ProcessStepRecorded | AvRecordSealed | EvidenceAdded | EvidenceSuperseded
NAMING: tuple[type[Event], ...] = get_args(Naming)

#: How many seconds an upload is kept while no event names it.
WAITS = 24 * 3600.0
#: Seconds between two sweeps, which remove uploads that waited too long.
SWEEP_EVERY = 3600.0

#: The most bytes of one file and of all files, and the share that waiting files may use.
MOST = 512 * 1024 * 1024
QUOTA = 50 * 1024 * 1024 * 1024
WAITING_SHARE = 0.25


class Rejected(Told, EvidenceError):
    """A file is not taken, and why."""


class NoRoom(Rejected):
    """The quota of the evidence store is used up."""


class Unnamed(Rejected):
    """The kind of the file is not accepted."""


class Erased(Rejected):
    """The key of a case's files was destroyed."""


def evidence_folder(ledger_file: Path) -> Path:
    """Return the folder of a ledger's files of evidence."""
    return blobs_folder(ledger_file) / FOLDER


def subject_of(case: str) -> str:
    """Return the name under which the vault keeps the key of a case's files."""
    return f"case:{case}"


class Taken(msgspec.Struct, frozen=True):
    """A file that was received."""

    digest: str
    file: StoredFile


class Upload:
    """A file that is being received, until ``keep`` or ``discard`` is called. Safe for threads.

    A request may be cancelled while a thread still writes for it: ``discard`` waits for that
    thread, and later writes are ignored.
    """

    def __init__(self, files: EvidenceFiles, case: str, secret: bytes) -> None:
        self._files, self._case, self._secret = files, case, secret
        self._digest = sha256()
        self._begins = b""
        self._size = 0
        self._stored = 0
        self._lock = threading.Lock()
        self._discarded = False
        self._sealer: StreamSealer | None = None
        self._media_type = ""
        self._incoming: Incoming = files.store.begin(subject_of(case))

    def write(self, content: bytes) -> None:
        """Receive the next bytes. Raises ``NoRoom`` and ``Unnamed``."""
        with self._lock:
            if not self._discarded:
                self._write(content)

    def _write(self, content: bytes) -> None:
        self._digest.update(content)
        self._size += len(content)
        sealer = self._sealer
        if sealer is None:
            self._begins += content
            if len(self._begins) < ENOUGH:
                return
            content, self._begins = self._begins, b""
            sealer = self._begin(content)
        self._store(sealer.update(content))

    def keep(self) -> Taken:
        """Store the file durably under its digest; it then waits for an event that names it.

        Raises ``Erased`` if the files of the case were erased meanwhile.
        """
        with self._lock:
            if self._discarded:
                raise EvidenceError("the upload was cancelled; send the file again")
            return self._keep()

    def _keep(self) -> Taken:
        sealer = self._sealer
        if sealer is None:
            sealer = self._begin(self._begins)
            self._store(sealer.update(self._begins))
        self._store(sealer.finish())
        digest = self._digest.hexdigest()
        added = self._incoming.keep(digest)
        self._files.release(self._stored - added)
        self._stored = added
        # An erasure records its event first and removes the files last. So either this check finds
        # its event, or the erasure removes this file too.
        if digest in self._files.require_not_erased(self._case).files:
            self._files.settle(self._case, digest)  # an event names it: it replaces a lost copy
        self._stored = 0  # the file is stored and counted, so `discard` must not release it
        return Taken(digest, StoredFile(size=self._size, media_type=self._media_type))

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the bytes received so far."""
        return self._digest.digest()

    def discard(self) -> None:
        """Remove the unfinished file. May be called twice, and after ``keep``. Blocks on disk."""
        with self._lock:
            self._discarded = True
            self._incoming.discard()
            self._files.release(self._stored)
            self._stored = 0

    def _begin(self, begins: bytes) -> StreamSealer:
        media_type = media_type_of(begins[:ENOUGH])
        if media_type is None:
            raise Unnamed("evidence.file-must-be-of-kept-kind")
        self._media_type = media_type
        self._sealer = sealer = StreamSealer(self._secret, subject_of(self._case), media_type)
        self._store(sealer.header)
        return sealer

    def _store(self, sealed: bytes) -> None:
        self._files.reserve(len(sealed))
        self._stored += len(sealed)
        self._incoming.write(sealed)


class EvidenceFiles:
    """The files of evidence of one ledger. Safe for threads.

    ``most``: the most bytes of one file. ``quota``: the most bytes of all files as stored, of which
    waiting files may use ``WAITING_SHARE``.
    """

    def __init__(
        self,
        recorder: LedgerRecorder,
        store: EvidenceStore,
        vault: Vault,
        *,
        most: int = MOST,
        quota: int = QUOTA,
    ) -> None:
        self._recorder, self.store, self._vault = recorder, store, vault
        self.most, self.quota = most, quota
        self._lock = threading.Lock()
        self._used, self._waits = store.used()
        self._swept = 0.0

    def receive(self, case: str) -> Upload:
        """Begin to receive a file of a case, which must exist.

        Raises ``Erased``, ``NoRoom`` and ``VaultError``.
        """
        name = subject_of(case)
        self.reserve(0)
        secret = self._vault.secret(name) or self._vault.keep(name)
        if secret is None:
            raise _erased(case)
        self.require_not_erased(case)
        return Upload(self, case, secret)

    def require_not_erased(self, case: str) -> CaseFiles:
        """Return the files of a case that events name.

        If they were erased, remove all that is left of them and raise ``Erased``.
        """
        named = self.of_case(case)
        if named.erased:
            self.store.erase(subject_of(case))
            raise _erased(case)
        return named

    def held(self, case: str, digest: str) -> StoredFile | None:
        """Return what ``stored`` returns, and reset the age of a waiting file.

        So the file still exists when a command that names it is recorded. The caller must check
        that the sender acts for the case.
        """
        self.store.hold(subject_of(case), digest)
        return self.stored(case, digest)

    def stored(self, case: str, digest: str) -> StoredFile | None:
        """Return the size and kind of a file; ``None`` if it does not exist or was erased."""
        if self._vault.secret(subject_of(case)) is None:
            return None
        opened = self.store.open(subject_of(case), digest)
        if opened is None:
            return None
        file, length = opened
        with file:
            head = _head(file, length)
        return StoredFile(size=head.size, media_type=head.media_type)

    def read(
        self, case: str, digest: str, first: int = 0, last: int = -1
    ) -> Generator[bytes, None, None] | None:
        """Return the content from byte ``first`` to ``last``, in parts; ``None`` if not stored.

        Raises ``Unsealable`` at the first part that cannot be opened.
        """
        name = subject_of(case)
        secret = self._vault.secret(name)
        opened = self.store.open(name, digest)
        if secret is None or opened is None:
            if opened is not None:
                opened[0].close()
            return None
        return _closing(opened[0], opened_stream(secret, name, *opened, first, last))

    def of_case(self, case: str) -> CaseFiles:
        """Return the files of a case that events name."""
        fold = CaseFiles(case)
        stored = self._recorder.read(as_query([fold.selector()]))
        return fold.over([codec.decode(s.position, s.event.data) for s in stored])

    def reserve(self, size: int) -> None:
        """Count bytes that are about to be stored. Raises ``NoRoom``."""
        self.sweep_in_time()
        with self._lock:
            if self._used + size > self.quota or self._waits + size > self.quota * WAITING_SHARE:
                raise NoRoom("evidence.store-full")
            self._used += size
            self._waits += size

    def release(self, size: int) -> None:
        """Release bytes that were counted and not stored."""
        with self._lock:
            self._used -= size
            self._waits -= size

    def settle(self, case: str, digest: str) -> None:
        """Note that an event names a file, so that it no longer waits."""
        size = self.store.settle(subject_of(case), digest)
        with self._lock:
            self._waits -= size

    def sweep_in_time(self) -> None:
        """Sweep if the last sweep was more than ``SWEEP_EVERY`` seconds ago."""
        with self._lock:
            due = time.monotonic() - self._swept > SWEEP_EVERY or not self._swept
            if due:
                self._swept = time.monotonic()
        if due:
            self.sweep()

    def sweep(self, older: float = WAITS) -> int:
        """Settle the uploads that events name, and remove old others; return how many."""
        removed = 0
        for waiting in list(self.store.waiting()):
            case = waiting.subject.removeprefix("case:")
            if waiting.digest in self.of_case(case).files:
                self.settle(case, waiting.digest)
            elif waiting.age > older and self.store.remove(waiting.subject, waiting.digest, older):
                removed += 1
        self._measure()
        return removed

    def _measure(self) -> None:
        used, waits = self.store.used()
        with self._lock:
            self._used, self._waits = used, waits

    def erase(self) -> int:
        """Destroy the keys and files of every case whose files the ledger says are erased.

        The event is recorded first, as with persons: if a crash comes before the key is destroyed,
        the next call completes the erasure. Return how many keys were destroyed.
        """
        names = [subject_of(case) for case in erased_cases(_of(self._recorder, CaseFilesErased))]
        destroyed = self._vault.destroy(names)
        for name in names:
            self.store.erase(name)
        if names:
            self._measure()
        return destroyed


def open_evidence(
    recorder: LedgerRecorder,
    store: EvidenceStore,
    vault: Vault,
    *,
    most: int = MOST,
    quota: int = QUOTA,
) -> EvidenceFiles:
    """Open the files of evidence of a ledger, and complete interrupted erasures."""
    files = EvidenceFiles(recorder, store, vault, most=most, quota=quota)
    files.erase()
    return files


def erased_cases(records: Iterable[Recorded]) -> set[str]:
    """Return the cases whose files were erased according to ``records``."""
    return {record.event.case for record in records if isinstance(record.event, CaseFilesErased)}


class WrongFile(msgspec.Struct, frozen=True):
    """A file that an event names and that is missing or changed; ``what`` describes the fault."""

    case: str
    digest: str
    position: int
    what: str


class NamedFile(msgspec.Struct, frozen=True, order=True):
    """A file that this ledger keeps according to the event at ``position``."""

    case: str
    digest: str
    position: int
    size: int


def named_files(records: Iterable[Recorded]) -> Iterator[NamedFile]:
    """Yield the files that this ledger keeps according to ``records``."""
    for record in records:
        event = record.event
        if isinstance(event, Naming) and event.file is not None and event.kept_digest is not None:
            yield NamedFile(event.case, event.kept_digest, record.position, event.file.size)


def wrong_file(named: NamedFile, store: EvidenceStore, vault: Vault | None) -> WrongFile | None:
    """Return the fault of a file, if any; without the vault check only that it has its length."""

    def wrong(what: str) -> WrongFile:
        return WrongFile(named.case, named.digest, named.position, what)

    name = subject_of(named.case)
    opened = store.open(name, named.digest)
    if opened is None:
        return wrong("the file is missing; restore it from a backup")
    file, length = opened
    with file:
        try:
            if _head(file, length).size != named.size:
                return wrong("the file has another length; restore it from a backup")
            if vault is None:
                return None
            secret = vault.secret(name)
            if secret is None:
                return wrong("the key that opens the file is not in the vault")
            digest = sha256()
            for part in opened_stream(secret, name, file, length):
                digest.update(part)
        except Unsealable:
            return wrong("the file was changed; restore it from a backup")
    if digest.hexdigest() != named.digest:
        return wrong("the file is another one; restore it from a backup")
    return None


def _erased(case: str) -> Erased:
    return Erased("evidence.files-of-case-erased", case=case)


def _head(file: BinaryIO, length: int) -> StreamHead:
    return stream_head(file.read(HEADER), length)


def _closing(file: BinaryIO, parts: Iterator[bytes]) -> Generator[bytes, None, None]:
    with file:
        yield from parts


def _of(recorder: LedgerRecorder, *types: type[Event]) -> Iterator[Recorded]:
    for stored in recorder.read(as_query([Selector(tuple(t.TOPIC for t in types), ())])):
        yield codec.decode(stored.position, stored.event.data)


__all__ = [
    "FOLDER",
    "MOST",
    "NAMING",
    "QUOTA",
    "Erased",
    "EvidenceFiles",
    "NamedFile",
    "NoRoom",
    "Taken",
    "Unnamed",
    "Upload",
    "WrongFile",
    "erased_cases",
    "evidence_folder",
    "named_files",
    "open_evidence",
    "subject_of",
    "wrong_file",
]
