"""Requests to witnesses and their answers (c2sp.org/tlog-witness v1.0.0, add-checkpoint)."""

from __future__ import annotations

from base64 import b64decode, b64encode

import msgspec

from ledger.transparency.checkpoints import cosigned, cosigned_at, parse_size
from ledger.transparency.merkle import HASH_SIZE
from ledger.transparency.notes import MAX_NOTE, Note, NoteError, Signature, Verifier, parse_note

#: The most hashes of a proof between two trees: there are 63 levels above the leaves.
MAX_PROOF = 63
#: The most bytes of a submission: its lines, and a checkpoint with the most signatures allowed.
MAX_SUBMISSION = 256 * 1024
#: The most bytes of an answer; some sixty signatures of the longest existing kind would fit.
MAX_ANSWER = 256 * 1024

#: The media type of the answer to a wrong old size.
SIZE_TYPE = "text/x.tlog.size"

assert MAX_SUBMISSION < MAX_NOTE


class Submission(msgspec.Struct, frozen=True):
    """A checkpoint for a witness, with a proof that it continues the tree of ``old`` leaves."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Return the body of the request."""
        lines = [f"old {self.old}", *(b64encode(part).decode() for part in self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse_submission(data: bytes) -> Submission:
    """Return the submission in the body of a request. Raises ``NoteError``."""
    head, found, checkpoint = data.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteError("the lines before the checkpoint are not ASCII") from None
    if not found or not first.startswith("old "):
        raise NoteError(
            "a submission must have the lines 'old <size>', the proof, an empty line and a "
            "checkpoint"
        )
    if len(lines) > MAX_PROOF:
        raise NoteError(f"a proof must have at most {MAX_PROOF} hashes; it has {len(lines)}")
    proof = tuple(_hash(line) for line in lines)
    return Submission(parse_size(first.removeprefix("old ")), proof, checkpoint)


def parse_cosignature(text: str, answer: bytes, witness: Verifier) -> Signature:
    """Return the verified signature in a witness's answer. Raises ``NoteError``.

    ``text``: the text of the checkpoint that the witness was asked to sign.
    """
    signatures = parse_note(text.encode() + b"\n" + answer).signatures
    (signature, *_) = cosigned(Note(text, signatures), [witness])
    if not 0 < cosigned_at(signature) < 2**63:
        raise NoteError(f"the signature of {witness.name!r} must state a time; it does not")
    return signature


def _hash(line: str) -> bytes:
    try:
        digest = b64decode(line, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != HASH_SIZE or b64encode(digest).decode() != line:
        raise NoteError(f"a line of the proof must be a hash in base64; it is {line[:60]!r}")
    return digest
