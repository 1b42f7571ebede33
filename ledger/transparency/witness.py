"""A witness of other logs (c2sp.org/tlog-witness v1.0.0): it confirms that they only grow.

The witness stores the last cosigned checkpoint of each log before it sends the signature, and
checks in the same transaction that the new checkpoint continues the stored one. So neither two
simultaneous requests nor a crash can make it cosign two trees of which neither is the beginning of
the other. A crash after the transaction loses a signature that was not sent; the log asks again.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog

from ledger.kernel.clock import Clock, system_clock
from ledger.stores.tables import SQLiteFile
from ledger.transparency.checkpoints import Checkpoint, cosign, parse_checkpoint
from ledger.transparency.merkle import EMPTY_ROOT, ProofError, verify_consistency
from ledger.transparency.notes import NoteError, Signer, Verifier, parse_note, verified
from ledger.transparency.submissions import Submission, parse_submission

log = structlog.get_logger("ledger.witness")

_COSIGNED = (
    """CREATE TABLE IF NOT EXISTS cosigned (
        log TEXT PRIMARY KEY,
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        text TEXT NOT NULL,
        signatures TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER IF NOT EXISTS cosigned_grows BEFORE UPDATE ON cosigned
        WHEN new.size < old.size OR (new.size = old.size AND new.root != old.root)
        BEGIN SELECT RAISE(ABORT, 'a log only grows'); END""",
    """CREATE TRIGGER IF NOT EXISTS cosigned_no_delete BEFORE DELETE ON cosigned
        BEGIN SELECT RAISE(ABORT, 'what was cosigned stays cosigned'); END""",
)


class NotCosigned(Exception):
    """The witness declined a submission."""


class Malformed(NotCosigned):
    """The submission does not have the right form, or its old size is above its size."""


class UnknownLog(NotCosigned):
    """The witness does not know the log of the submission."""


class NotSigned(NotCosigned):
    """No trusted key of the log has signed the checkpoint, or such a signature is wrong."""


class OtherSize(NotCosigned):
    """The submission's old size is not that of the last cosigned checkpoint."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the last cosigned checkpoint has {size} leaves; start the proof there")
        self.size = size


class NotProven(NotCosigned):
    """The proof does not show that the tree begins with the last cosigned one."""


class Cosigned(msgspec.Struct, frozen=True):
    """The last cosigned checkpoint of a log, signed by the log and the witness."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: str

    def note(self) -> bytes:
        """Return the checkpoint in the form in which it is served."""
        return f"{self.text}\n{self.signatures}".encode()


def prepare_store(path: Path) -> bool:
    """Make the file of a witness if it does not exist; return whether it has cosigned before."""
    with closing(SQLiteFile(path, _COSIGNED)) as file:
        return bool(file.rows("SELECT 1 FROM cosigned LIMIT 1"))


class Witness:
    """Cosigns checkpoints of the logs it knows. Safe for threads, and for processes on one file.

    ``logs``: the trusted keys. The name of a key is the origin of its log; a log that changes its
    key has two.
    """

    def __init__(
        self,
        path: Path,
        signer: Signer,
        logs: Sequence[Verifier],
        *,
        clock: Clock = system_clock,
    ) -> None:
        self.signer = signer
        self._clock = clock
        self._keys: dict[str, list[Verifier]] = {}
        for key in logs:
            self._keys.setdefault(key.name, []).append(key)
        self._file = SQLiteFile(path, _COSIGNED)

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def add_checkpoint(self, body: bytes) -> str:
        """Cosign a submission, store it, and return the signature line. Raises ``NotCosigned``."""
        try:
            submission = parse_submission(body)
            note = parse_note(submission.checkpoint)
            checkpoint = parse_checkpoint(note.text)
        except NoteError as error:
            raise Malformed(str(error)) from error
        keys = self._keys.get(checkpoint.origin)
        if keys is None:
            raise UnknownLog(f"this witness does not know the log {checkpoint.origin[:200]!r}")
        try:
            by_log = verified(note, keys)
        except NoteError as error:
            raise NotSigned(str(error)) from error
        if submission.old > checkpoint.size:
            raise Malformed(
                f"the old size must not be above the size {checkpoint.size}; it is {submission.old}"
            )
        return self._cosign(
            submission, checkpoint, note.text, "".join(signature.line() for signature in by_log)
        )

    def newest(self, log: str) -> Cosigned | None:
        """What was cosigned last of a log, which is named by the SHA-256 (hex) of its origin."""
        found = self._file.rows(
            "SELECT origin, size, root, text, signatures FROM cosigned WHERE log = ?", log
        )
        return Cosigned(*found[0]) if found else None

    def _cosign(
        self, submission: Submission, checkpoint: Checkpoint, text: str, by_log: str
    ) -> str:
        name = origin_hash(checkpoint.origin)
        # All in one transaction that holds the write lock: what is compared cannot change until
        # what replaces it is on disk.
        with self._file.writing() as sqlite:
            last = sqlite.execute(
                "SELECT size, root FROM cosigned WHERE log = ?", (name,)
            ).fetchone()
            size, root = last or (0, EMPTY_ROOT)
            if submission.old != size:
                raise OtherSize(size)
            if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
                raise NotProven("a tree without leaves has another root")
            try:
                verify_consistency(size, checkpoint.size, submission.proof, root, checkpoint.root)
            except ProofError as error:
                if checkpoint.size == size and checkpoint.root != root:
                    # The log has signed two trees of one size: keep this evidence. A wrong proof
                    # alone is not evidence, because anybody can send one with a public checkpoint.
                    log.error(
                        "log_not_consistent",
                        origin=checkpoint.origin,
                        size=size,
                        root=b64encode(root).decode(),
                        checkpoint=text,
                        signatures=by_log,
                        error=str(error),
                    )
                raise NotProven(str(error)) from error
            line = cosign(text, self.signer, int(self._clock().timestamp())).line()
            sqlite.execute(
                "INSERT INTO cosigned VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " size = excluded.size, root = excluded.root, text = excluded.text,"
                " signatures = excluded.signatures",
                (name, checkpoint.origin, checkpoint.size, checkpoint.root, text, by_log + line),
            )
        return line


def origin_hash(origin: str) -> str:
    """Return the SHA-256 (hex) of an origin, by which a witness's readers name a log."""
    return sha256(origin.encode()).hexdigest()
