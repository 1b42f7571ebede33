"""What a log sends to a witness, and gets back (c2sp.org/tlog-witness v1.0.0, add-checkpoint)."""

from __future__ import annotations

from base64 import b64decode, b64encode

import msgspec

from ledger.transparency.checkpoints import cosigned, cosigned_at, parse_size
from ledger.transparency.merkle import HASH_SIZE
from ledger.transparency.notes import MAX_NOTE, Note, NoteError, Signature, Verifier, parse_note

#: Hashes that a proof between two trees may have: there are 63 levels above the leaves.
MAX_PROOF = 63
#: Bytes of a submission: its lines, and a checkpoint with as many signatures as one may have.
MAX_SUBMISSION = 256 * 1024
#: Bytes of an answer; some sixty signatures of the longest kind there is would fit.
MAX_ANSWER = 256 * 1024

#: How the answer to a wrong old size says what it is.
SIZE_TYPE = "text/x.tlog.size"

assert MAX_SUBMISSION < MAX_NOTE


class Submission(msgspec.Struct, frozen=True):
    """A checkpoint for a witness that has seen ``old`` leaves, with the proof from there."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(b64encode(one).decode() for one in self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse_submission(data: bytes) -> Submission:
    """The body of a request, taken apart. Raises ``NoteError`` if it is none."""
    head, found, checkpoint = data.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("the lines before the checkpoint are not ASCII") from None
    if not found or not first.startswith("old "):
        raise NoteError("a submission is 'old <size>', the proof, an empty line and a checkpoint")
    if len(lines) > MAX_PROOF:
        raise NoteError(f"a proof has at most {MAX_PROOF} hashes")
    proof = tuple(_hash(line) for line in lines)
    return Submission(parse_size(first.removeprefix("old ")), proof, checkpoint)


def parse_cosignature(text: str, answer: bytes, witness: Verifier) -> Signature:
    """A witness's signature in its answer, checked. Raises ``NoteError`` if there is no good one.

    ``text``: that of the checkpoint that it was asked to sign.
    """
    signatures = parse_note(text.encode() + b"\n" + answer).signatures
    (signature, *_) = cosigned(Note(text, signatures), [witness])
    if not 0 < cosigned_at(signature) < 2**63:
        raise NoteError(f"the signature of {witness.name!r} says no time")
    return signature


def _hash(line: str) -> bytes:
    try:
        found = b64decode(line, validate=True)
    except ValueError:
        found = b""
    if len(found) != HASH_SIZE or b64encode(found).decode() != line:
        raise NoteError(f"{line[:60]!r} is no hash")
    return found
