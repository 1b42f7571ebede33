"""Receipts (c2sp.org/tlog-proof): a proof of one event that can be kept and checked offline."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence

import msgspec

from ledger.transparency.checkpoints import parse_size, signed_checkpoint
from ledger.transparency.merkle import HASH_SIZE, ProofError, leaf_hash, verify_inclusion
from ledger.transparency.notes import NoteError, Verifier, parse_note

_HEAD = "c2sp.org/tlog-proof@v1"


class Receipt(msgspec.Struct, frozen=True):
    """That an entry is the leaf ``index`` of the tree in a signed checkpoint."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The text of the receipt."""
        lines = [_HEAD, f"index {self.index}", *(b64encode(one).decode() for one in self.proof), ""]
        return "\n".join(lines).encode() + b"\n" + self.checkpoint

    def verify(self, entry: bytes, keys: Sequence[Verifier]) -> list[Verifier]:
        """Which of ``keys`` have signed the tree that the entry is in, in the name of its log.

        Raises ``ProofError`` if none has, or the entry is not in that tree.
        """
        try:
            checkpoint, signers = signed_checkpoint(parse_note(self.checkpoint), keys)
        except NoteError as error:
            raise ProofError(f"the checkpoint is not good: {error}") from error
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, self.proof, checkpoint.root)
        return signers


def parse_receipt(data: bytes) -> Receipt:
    """A receipt taken apart. Raises ``ProofError`` if it is none."""
    head, found, checkpoint = data.partition(b"\n\n")
    try:
        first, *lines = head.decode().split("\n")
    except UnicodeDecodeError:
        raise ProofError("the receipt is not UTF-8") from None
    if first != _HEAD or not found:
        raise ProofError(f"a receipt begins with {_HEAD}")
    if lines and lines[0].startswith("extra "):
        lines = lines[1:]
    word, _, index = lines[0].partition(" ") if lines else ("", "", "")
    if word != "index":
        raise ProofError("the receipt names no index")
    try:
        at = parse_size(index)
    except NoteError as error:
        raise ProofError(f"the index of the receipt is no number below 2**63: {error}") from error
    return Receipt(at, tuple(_hash(line) for line in lines[1:]), checkpoint)


def _hash(line: str) -> bytes:
    try:
        found = b64decode(line, validate=True)
    except ValueError:
        found = b""
    if len(found) != HASH_SIZE:
        raise ProofError(f"{line[:60]!r} is no hash")
    return found
