"""The log's private key, in a file that only its owner may read.

The file holds one line in the form of Go's sumdb/note: ``PRIVATE+KEY+<name>+<key id>+<key>``, so
that other programs can sign with it too. Whoever has it can sign in the name of this log: a thief
can show different people different ledgers, but cannot change what witnesses have seen.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.transparency.notes import ED25519, NoteError, Signer

_BEGIN = "PRIVATE+KEY+"


class KeyFileError(ValueError):
    """The key file cannot be used as it is."""


def make_key(path: Path, name: str) -> Signer:
    """Make a new key and write it to a file of mode 0600. Raises ``KeyFileError`` if it exists."""
    signer = Signer(name, Ed25519PrivateKey.generate())
    line = encode_key(signer) + "\n"
    try:
        # Never readable by others, not even for a moment, and never over another key.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"there is a key already at {path}; it is not overwritten") from None
    with os.fdopen(file, "w", encoding="utf-8") as out:
        out.write(line)
        out.flush()
        os.fsync(out.fileno())
    return signer


def read_key(path: Path) -> Signer:
    """The key in a file. Raises ``KeyFileError`` if others may read it, or it is no key."""
    if os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        raise KeyFileError(
            f"{path} may be read by others (mode {mode:04o}): chmod 600 it. If others had access "
            "to this machine, rotate the key."
        )
    try:
        return decode_key(path.read_text("utf-8"))
    except (NoteError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path} holds no key of a log: {error}") from error


def encode_key(signer: Signer) -> str:
    """The private key as one line."""
    verifier = signer.verifier()
    blob = bytes([ED25519]) + signer.private.private_bytes_raw()
    return f"{_BEGIN}{signer.name}+{verifier.key_id:08x}+{b64encode(blob).decode()}"


def decode_key(line: str) -> Signer:
    """The private key of a line. Raises ``NoteError`` if it is none."""
    parts = line.strip().removeprefix(_BEGIN).split("+", 2)
    if not line.startswith(_BEGIN) or len(parts) != 3:
        raise NoteError("it has the form PRIVATE+KEY+<name>+<key id>+<key>")
    name, given, encoded = parts
    try:
        blob = b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if len(blob) != 33 or blob[0] != ED25519:
        raise NoteError("it is not the key of an Ed25519 signer")
    signer = Signer(name, Ed25519PrivateKey.from_private_bytes(blob[1:]))
    if f"{signer.verifier().key_id:08x}" != given:
        raise NoteError("the key does not belong to its key id")
    return signer
