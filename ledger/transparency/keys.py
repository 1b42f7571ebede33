"""The private key of a log or a witness, in a file that only its owner may read.

The file holds one line in the form of Go's sumdb/note: ``PRIVATE+KEY+<name>+<key id>+<key>``, so
that other programs can sign with it too. Whoever has a log's can sign in the name of this log: a
thief can show different people different ledgers, but cannot change what witnesses have seen. The
byte before the key says which kind it is, so neither is ever taken for the other.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.stores.files import ANY, advice, flush_folder, open_to_others
from ledger.transparency.notes import COSIGNATURE, ED25519, NoteError, Signer

_BEGIN = "PRIVATE+KEY+"
_OWNERS = {ED25519: "a log", COSIGNATURE: "a witness"}


class KeyFileError(ValueError):
    """The key file cannot be used as it is."""


def make_key(path: Path, name: str, kind: int = ED25519) -> Signer:
    """Make a new key and write it to a file of mode 0600. Raises ``KeyFileError`` if it exists."""
    signer = Signer(name, Ed25519PrivateKey.generate())
    line = encode_key(signer, kind) + "\n"
    # Under its own name only when it is complete: a crash never leaves half a key there.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    # Never readable by others, not even for a moment.
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, path)  # and never over another key
    except FileExistsError:
        raise KeyFileError(f"there is a key already at {path}; it is not overwritten") from None
    finally:
        draft.unlink()
    flush_folder(path.absolute().parent)
    return signer


def read_key(path: Path, kind: int = ED25519) -> Signer:
    """The key in a file. Raises ``KeyFileError`` if others may read it, or it is no such key."""
    if path.is_dir():
        raise KeyFileError(
            f"{path} must be a file; it is a folder. Move the folder away. {advice(path)}"
        )
    if (mode := open_to_others(path, ANY)) is not None:
        raise KeyFileError(
            f"{path} may be read by others (mode {mode:04o}): chmod 600 it. If others had access "
            "to this machine, rotate the key."
        )
    try:
        return decode_key(path.read_text("utf-8"), kind)
    except (NoteError, UnicodeDecodeError) as error:
        raise KeyFileError(
            f"{path} holds no key of {_OWNERS[kind]}: {error}. {advice(path)}"
        ) from error


def next_key(path: Path) -> Path:
    """Where the key lies that is to follow the one at ``path``."""
    return path.with_name(f"{path.name}.next")


def following_key(path: Path, origin: str | None) -> Signer:
    """The key that is to take the place at ``path``: the one that waits beside it, or a new one.

    ``origin``: its name, for a log that has none yet any. Raises ``KeyFileError`` if one of another
    name waits.
    """
    waiting = next_key(path)
    if not waiting.exists():
        return make_key(waiting, origin or f"localhost/ledger-{secrets.token_hex(4)}")
    found = read_key(waiting)
    if origin not in (None, found.name):
        raise KeyFileError(f"{waiting} holds a key of {found.name!r}, not of {origin!r}")
    return found


def settle_key(path: Path, vkey: str) -> Signer:
    """The key that signs now, at ``path``; the step that a rotation was stopped before is made up.

    ``vkey``: its public half. Raises ``KeyFileError`` if the key is neither there nor the next one.
    """
    following = next_key(path)
    signer = _read_any(path)
    if signer is None or signer.verifier().vkey() != vkey:
        waiting = _read_any(following)
        if waiting is not None and waiting.verifier().vkey() == vkey:
            with suppress(FileNotFoundError):  # somebody else was faster
                following.replace(path)
            flush_folder(path.absolute().parent)
        signer = _read_any(path)
    if signer is None:
        raise KeyFileError(
            f"there is no key at {path}, and this log signs with {vkey}: put its key back. A new "
            "one would be another log."
        )
    if signer.verifier().vkey() != vkey:
        raise KeyFileError(
            f"{path} holds the key {signer.verifier().vkey()}, and this log signs with {vkey}. "
            "Put that one there. Nothing is signed till then."
        )
    return signer


def _read_any(path: Path) -> Signer | None:
    try:
        return read_key(path)
    except FileNotFoundError:
        return None


def encode_key(signer: Signer, kind: int = ED25519) -> str:
    """The private key as one line."""
    blob = bytes([kind]) + signer.private.private_bytes_raw()
    return f"{_BEGIN}{signer.name}+{signer.verifier(kind).key_id:08x}+{b64encode(blob).decode()}"


def decode_key(line: str, kind: int = ED25519) -> Signer:
    """The private key of a line. Raises ``NoteError`` if it is none, or of another kind."""
    parts = line.strip().removeprefix(_BEGIN).split("+", 2)
    if not line.startswith(_BEGIN) or len(parts) != 3:
        raise NoteError("it has the form PRIVATE+KEY+<name>+<key id>+<key>")
    name, given, encoded = parts
    try:
        blob = b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if len(blob) != 33 or blob[0] != kind:
        raise NoteError(f"it is not the Ed25519 key of {_OWNERS[kind]}")
    signer = Signer(name, Ed25519PrivateKey.from_private_bytes(blob[1:]))
    if f"{signer.verifier(kind).key_id:08x}" != given:
        raise NoteError("the key does not belong to its key id")
    return signer
