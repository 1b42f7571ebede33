"""Receipts (c2sp.org/tlog-proof): proofs of single events that can be kept and checked offline."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence

import msgspec

from ledger.transparency.checkpoints import parse_size, signed_checkpoint
from ledger.transparency.merkle import HASH_SIZE, ProofError, leaf_hash, verify_inclusion
from ledger.transparency.notes import NoteError, Verifier, parse_note

_HEAD = "c2sp.org/tlog-proof@v1"


class Receipt(msgspec.Struct, frozen=True):
    """The proof that an entry is the leaf ``index`` of the tree in a signed checkpoint."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """Return the text of the receipt."""
        hashes = (b64encode(digest).decode() for digest in self.proof)
        lines = [_HEAD, f"index {self.index}", *hashes, ""]
        return "\n".join(lines).encode() + b"\n" + self.checkpoint

    def verify(self, entry: bytes, keys: Sequence[Verifier]) -> list[Verifier]:
        """Return those of ``keys`` that signed the checkpoint in the name of its log.

        Raises ``ProofError`` if none of them did, or if the entry is not in the tree.
        """
        try:
            checkpoint, signers = signed_checkpoint(parse_note(self.checkpoint), keys)
        except NoteError as error:
            raise ProofError(f"the checkpoint is not valid: {error}") from error
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.proof, checkpoint.root)
        return signers


def parse_receipt(data: bytes) -> Receipt:
    """Return the receipt in ``data``. Raises ``ProofError`` if it is not a receipt."""
    head, found, checkpoint = data.partition(b"\n\n")
    try:
        first, *lines = head.decode().split("\n")
    except UnicodeDecodeError:
        raise ProofError("the receipt is not UTF-8") from None
    if first != _HEAD or not found:
        raise ProofError(f"a receipt must begin with {_HEAD}")
    if lines and lines[0].startswith("extra "):
        lines = lines[1:]
    word, _, index = lines[0].partition(" ") if lines else ("", "", "")
    if word != "index":
        raise ProofError("the receipt must name an index; it does not")
    try:
        at = parse_size(index)
    except NoteError as error:
        raise ProofError(
            f"the index of the receipt must be a number below 2**63: {error}"
        ) from error
    return Receipt(at, tuple(_hash(line) for line in lines[1:]), checkpoint)


def _hash(line: str) -> bytes:
    try:
        digest = b64decode(line, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != HASH_SIZE:
        raise ProofError(f"a line of the proof must be a hash in base64; it is {line[:60]!r}")
    return digest
