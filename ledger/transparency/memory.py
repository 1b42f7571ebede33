"""What this machine remembers of the logs that it signed, away from their ledgers' folders.

Whoever puts an older copy of a ledger's files in their place takes back what ``.signed.db``
promised, and no number of a file tells: copied into the same file it stays, and file systems give
it out again. So the newest checkpoint is kept in the home of whoever serves the log as well. It is
written after ``.signed.db``, so it is ahead of that file only if an older one lies in its place.

Best effort: without a home to write in the log goes on, with a warning. Another machine, another
user or a snapshot of the whole disk knows nothing of it; witnesses do.
"""

from __future__ import annotations

import os
import threading
from hashlib import sha256
from pathlib import Path

import structlog

from ledger.stores.files import flush_folder, unfinished
from ledger.transparency.checkpoints import Checkpoint
from ledger.transparency.notes import MAX_NOTE, NoteError, Verifier
from ledger.transparency.published import signed_by

log = structlog.get_logger("ledger.transparency")


def state_folder() -> Path:
    """Where this machine keeps what it remembers. Raises ``RuntimeError`` without a home.

    Under ``$XDG_STATE_HOME``, which counts if it is absolute, else ``~/.local/state``.
    """
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    state = given if given.is_absolute() else Path.home() / ".local" / "state"
    return state / "supervision-ledger"


def memory_file(key: Verifier) -> Path:
    """Where a key's newest checkpoint is remembered. Raises ``RuntimeError`` without a home."""
    # A key id has four bytes: anybody can make another key with the same one.
    digest = sha256(key.vkey().encode()).hexdigest()
    return state_folder() / f"{key.key_id:08x}-{digest[:16]}"


class Memory:
    """The newest checkpoint of each key, in a file that only its owner reads. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._warned = False

    def recall(self, key: Verifier) -> Checkpoint | None:
        """The newest checkpoint that a key is known to have signed here."""
        note = self.note(key)
        return None if note is None else signed_by(note, key)

    def note(self, key: Verifier) -> bytes | None:
        """The same as it was signed."""
        try:
            with memory_file(key).open("rb") as file:
                note = file.read(MAX_NOTE + 1)
            signed_by(note, key)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, NoteError) as error:
            # What its key did not sign says nothing, and gives way to what it signs next.
            self._warn("memory_unreadable", error)
            return None
        return note

    def remember(self, key: Verifier, note: bytes) -> None:
        """Put a signed checkpoint in the place of a smaller one."""
        with self._lock:
            try:
                size = signed_by(note, key).size
                held = self.recall(key)
                if held is None or held.size < size:
                    _replace(memory_file(key), note)
            except NoteError:
                return  # of another key: the one that signed it remembers it
            except (OSError, RuntimeError) as error:
                self._warn("memory_unwritable", error)

    def _warn(self, what: str, error: Exception) -> None:
        """Say it once: the log is signed several times a second."""
        if not self._warned:
            self._warned = True
            log.warning(
                what,
                error=f"{type(error).__name__}: {error}",
                effect="this machine does not notice if an older copy is put in the log's place",
            )


def _replace(path: Path, note: bytes) -> None:
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with unfinished(path) as folder:
        draft = folder / path.name
        # Never readable by others, not even for a moment.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(note)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    flush_folder(path.parent)
