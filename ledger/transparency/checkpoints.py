"""Checkpoints (c2sp.org/tlog-checkpoint) and their cosignatures (c2sp.org/tlog-cosignature)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence

import msgspec

from ledger.transparency.merkle import HASH_SIZE
from ledger.transparency.notes import (
    COSIGNATURE,
    Note,
    NoteError,
    Signature,
    Signer,
    Verifier,
    check_text,
    verified,
)

#: All sizes must be below this (the specification says 2**63).
MAX_SIZE = 2**63


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a log: its number of leaves and its root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return check_text(f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n")


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint in a note's text, and ignore extension lines. Raises ``NoteError``."""
    lines = check_text(text).split("\n")[:-1]
    if len(lines) < 3 or not lines[0] or not all(lines):
        raise NoteError("a checkpoint must have an origin, a size and a root on three lines")
    origin, size, encoded = lines[:3]
    try:
        root = b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        root = b""
    if len(root) != HASH_SIZE:
        raise NoteError(f"a root must be a hash in base64; it is {encoded[:60]!r}")
    return Checkpoint(origin, parse_size(size), root)


def signed_checkpoint(note: Note, keys: Sequence[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
    """Return the checkpoint of a note, and those of ``keys`` that signed it for its log.

    Raises ``NoteError`` as ``verified`` does, and if none of the signing keys has the log's name,
    because a key can sign only for the log of its name.
    """
    checkpoint = parse_checkpoint(note.text)
    good = {(signature.name, signature.key_id) for signature in verified(note, keys)}
    signers = [key for key in keys if (key.name, key.key_id) in good]
    own = [key for key in signers if key.name == checkpoint.origin]
    if not own:
        names = ", ".join(sorted({key.name for key in signers}))
        raise NoteError(
            f"it must be signed in the name of its log {checkpoint.origin!r}; it is signed in the "
            f"name of {names}"
        )
    return checkpoint, own


def parse_size(text: str) -> int:
    """Return a size in decimal notation without leading zeros. Raises ``NoteError``."""
    # Check the length first: Python raises another error for a number of thousands of digits.
    if len(text) > 19 or not text.isascii() or not text.isdigit() or str(int(text)) != text:
        raise NoteError(f"a size must be a decimal number; it is {text[:30]!r}")
    if int(text) >= MAX_SIZE:
        raise NoteError(f"a size must be below 2**63; it is {text}")
    return int(text)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """Return the checkpoint as a note signed by its log."""
    return Note(checkpoint.text(), (signer.sign(checkpoint.text()),))


def cosign(text: str, signer: Signer, seconds: int) -> Signature:
    """Return a witness's signature of a checkpoint's text, at a time in seconds since 1970."""
    return Signature(
        signer.name,
        signer.verifier(COSIGNATURE).key_id,
        seconds.to_bytes(8, "big") + signer.private.sign(_cosigned(text, seconds)),
    )


def cosigned(note: Note, witnesses: list[Verifier]) -> list[Signature]:
    """Return the verified cosignatures by known witnesses. Raises ``NoteError`` as ``verified``."""
    return verified(note, witnesses, _read_cosignature)


def cosigned_at(signature: Signature) -> int:
    """Return when a witness states that it signed, in seconds since 1970."""
    return int.from_bytes(signature.signature[:8], "big")


def _read_cosignature(text: str, signature: bytes) -> tuple[bytes, bytes]:
    return _cosigned(text, int.from_bytes(signature[:8], "big")), signature[8:]


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
