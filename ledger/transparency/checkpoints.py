"""Checkpoints (c2sp.org/tlog-checkpoint) and what witnesses add to them (tlog-cosignature)."""

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

#: Sizes are below this everywhere (the specification says 2**63).
MAX_SIZE = 2**63


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a log: how many leaves, under which root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return check_text(f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n")


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in a note's text. Raises ``NoteError``; extension lines are passed over."""
    lines = check_text(text).split("\n")[:-1]
    if len(lines) < 3 or not lines[0] or not all(lines):
        raise NoteError("a checkpoint has an origin, a size and a root on three lines")
    origin, size, encoded = lines[:3]
    try:
        root = b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        root = b""
    if len(root) != HASH_SIZE:
        raise NoteError(f"{encoded[:60]!r} is no root")
    return Checkpoint(origin, parse_size(size), root)


def signed_checkpoint(note: Note, keys: Sequence[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
    """The checkpoint of a note, and which of a log's keys have signed it.

    Raises ``NoteError`` as ``verified``, and unless one of those that signed bears the log's name:
    a key speaks for no other log.
    """
    checkpoint = parse_checkpoint(note.text)
    good = {(one.name, one.key_id) for one in verified(note, keys)}
    signers = [key for key in keys if (key.name, key.key_id) in good]
    own = [key for key in signers if key.name == checkpoint.origin]
    if not own:
        names = ", ".join(sorted({key.name for key in signers}))
        raise NoteError(
            f"it is of the log {checkpoint.origin!r}, and signed in the name of {names}"
        )
    return checkpoint, own


def parse_size(text: str) -> int:
    """A size in decimal, written in the one way there is. Raises ``NoteError`` for others."""
    # The length first: Python refuses to make a number of thousands of digits with another error.
    if len(text) > 19 or not text.isascii() or not text.isdigit() or str(int(text)) != text:
        raise NoteError(f"{text[:30]!r} is no size")
    if int(text) >= MAX_SIZE:
        raise NoteError(f"{text} is above every size")
    return int(text)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """The checkpoint as a note signed by its log."""
    return Note(checkpoint.text(), (signer.sign(checkpoint.text()),))


def cosign(text: str, signer: Signer, seconds: int) -> Signature:
    """A witness's signature of a checkpoint's text, at a moment in seconds since 1970."""
    return Signature(
        signer.name,
        signer.verifier(COSIGNATURE).key_id,
        seconds.to_bytes(8, "big") + signer.private.sign(_cosigned(text, seconds)),
    )


def cosigned(note: Note, witnesses: list[Verifier]) -> list[Signature]:
    """The cosignatures by known witnesses, each checked. Raises ``NoteError`` as ``verified``."""
    return verified(note, witnesses, _read_cosignature)


def cosigned_at(signature: Signature) -> int:
    """When a witness says it signed, in seconds since 1970."""
    return int.from_bytes(signature.signature[:8], "big")


def _read_cosignature(text: str, signature: bytes) -> tuple[bytes, bytes]:
    return _cosigned(text, int.from_bytes(signature[:8], "big")), signature[8:]


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
