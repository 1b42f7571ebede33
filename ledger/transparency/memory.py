"""This machine's memory of the logs that it signed, kept outside the ledgers' folders.

If an operator replaces a ledger's files by an older copy, ``.signed.db`` forgets newer checkpoints.
The file number does not reveal this: it stays the same if the content is copied into the same file,
and file systems reuse numbers. So the newest checkpoint is also kept in the home folder of the user
who serves the log. It is written after ``.signed.db``, so it is newer only if ``.signed.db`` was
replaced by an older copy.

This is best effort: without a writable home folder the log continues, with a warning. Another
machine, another user and a snapshot of the whole disk do not have this memory; witnesses do.
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
    """Return the folder of this machine's memory. Raises ``RuntimeError`` without a home folder.

    It is in ``$XDG_STATE_HOME`` if that is an absolute path, else in ``~/.local/state``.
    """
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    state = given if given.is_absolute() else Path.home() / ".local" / "state"
    return state / "supervision-ledger"


def memory_file(key: Verifier) -> Path:
    """Return the file of a key's newest checkpoint. Raises ``RuntimeError`` without a home."""
    # A key id has only four bytes, so anybody can make another key with the same id.
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
        """Return the remembered checkpoint as a signed note; ``None`` if there is none."""
        try:
            with memory_file(key).open("rb") as file:
                note = file.read(MAX_NOTE + 1)
            signed_by(note, key)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, NoteError) as error:
            # Ignore a note that the key did not sign; the next signed checkpoint replaces it.
            self._warn("memory_unreadable", error)
            return None
        return note

    def remember(self, key: Verifier, note: bytes) -> None:
        """Remember a signed checkpoint if it is larger than the remembered one."""
        with self._lock:
            try:
                size = signed_by(note, key).size
                held = self.recall(key)
                if held is None or held.size < size:
                    _replace(memory_file(key), note)
            except NoteError:
                return  # another key signed it, and that key's memory has it
            except (OSError, RuntimeError) as error:
                self._warn("memory_unwritable", error)

    def _warn(self, what: str, error: Exception) -> None:
        """Warn only once, because the log is signed several times a second."""
        if not self._warned:
            self._warned = True
            log.warning(
                what,
                error=f"{type(error).__name__}: {error}",
                effect="this machine cannot notice if an older copy replaces the log's files",
            )


def _replace(path: Path, note: bytes) -> None:
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with unfinished(path) as folder:
        draft = folder / path.name
        # Create it with its mode, so that others cannot read it even for a moment.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(note)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    flush_folder(path.parent)
