"""The private key of a log or a witness, in a file that only its owner may read.

The file holds one line in the form of Go's sumdb/note: ``PRIVATE+KEY+<name>+<key id>+<key>``, so
that other programs can sign with it too. A thief of a log's key can sign in the name of the log,
and show different ledgers to different readers, but cannot change what witnesses have seen. The
byte before the key gives its kind, so a log's key and a witness's key are never confused.
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

#: How the random name of a log begins that was never given one.
NAMELESS = "localhost/ledger-"


class KeyFileError(ValueError):
    """The key file is missing or cannot be used; the message says why."""


def make_key(path: Path, name: str, kind: int = ED25519) -> Signer:
    """Make a new key and write it to a file of mode 0600. Raises ``KeyFileError`` if it exists."""
    signer = Signer(name, Ed25519PrivateKey.generate())
    line = encode_key(signer, kind) + "\n"
    # Give the file its final name only when it is complete, so that a crash never leaves half a
    # key there.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    # Create it with its mode, so that others cannot read it even for a moment.
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, path)  # unlike a rename, this never replaces another key
    except FileExistsError:
        raise KeyFileError(f"{path} must not exist yet; its key was not overwritten") from None
    finally:
        draft.unlink()
    flush_folder(path.absolute().parent)
    return signer


def read_key(path: Path, kind: int = ED25519) -> Signer:
    """Return the key in a file.

    Raises ``KeyFileError`` if others may read the file, or if it does not hold a key of this kind.
    """
    if path.is_dir():
        raise KeyFileError(
            f"{path} must be a file; it is a folder. Move the folder away. {advice(path)}"
        )
    if (mode := open_to_others(path, ANY)) is not None:
        raise KeyFileError(
            f"{path} must be readable by its owner alone; its mode is {mode:04o}. Run: chmod 600 "
            f"{path}. If others had access to this machine, rotate the key."
        )
    try:
        return decode_key(path.read_text("utf-8"), kind)
    except (NoteError, UnicodeDecodeError) as error:
        raise KeyFileError(
            f"{path} must hold a key of {_OWNERS[kind]}: {error}. {advice(path)}"
        ) from error


def next_key(path: Path) -> Path:
    """Return the file of the key that will follow the one at ``path``."""
    return path.with_name(f"{path.name}.next")


def following_key(path: Path, origin: str | None) -> Signer:
    """Return the key that will follow the one at ``path``: the waiting one, or a new one.

    ``origin``: the name of the log; ``None`` for a log without a name yet, which gets a random one.
    Raises ``KeyFileError`` if the waiting key has another name.
    """
    waiting = next_key(path)
    if not waiting.exists():
        return make_key(waiting, origin or f"{NAMELESS}{secrets.token_hex(4)}")
    key = read_key(waiting)
    if origin not in (None, key.name):
        raise KeyFileError(f"{waiting} must hold a key of {origin!r}; it holds one of {key.name!r}")
    return key


def settle_key(path: Path, vkey: str) -> Signer:
    """Return the current key, whose public half is ``vkey``, and complete step 5 of a rotation.

    Raises ``KeyFileError`` if it is neither the key at ``path`` nor the waiting one.
    """
    following = next_key(path)
    signer = _read_any(path)
    if signer is None or signer.verifier().vkey() != vkey:
        waiting = _read_any(following)
        if waiting is not None and waiting.verifier().vkey() == vkey:
            with suppress(FileNotFoundError):  # another process has renamed it
                following.replace(path)
            flush_folder(path.absolute().parent)
        signer = _read_any(path)
    if signer is None:
        raise KeyFileError(
            f"there is no key at {path}, and this log signs with {vkey}: put its key back. With a "
            "new key it would be another log."
        )
    if signer.verifier().vkey() != vkey:
        raise KeyFileError(
            f"{path} holds the key {signer.verifier().vkey()}, but this log signs with {vkey}. "
            "Put the key of the log there. Nothing is signed until then."
        )
    return signer


def _read_any(path: Path) -> Signer | None:
    try:
        return read_key(path)
    except FileNotFoundError:
        return None


def encode_key(signer: Signer, kind: int = ED25519) -> str:
    """Return the private key as one line."""
    blob = bytes([kind]) + signer.private.private_bytes_raw()
    return f"{_BEGIN}{signer.name}+{signer.verifier(kind).key_id:08x}+{b64encode(blob).decode()}"


def decode_key(line: str, kind: int = ED25519) -> Signer:
    """Return the private key of a line. Raises ``NoteError`` unless it is one of this kind."""
    parts = line.strip().removeprefix(_BEGIN).split("+", 2)
    if not line.startswith(_BEGIN) or len(parts) != 3:
        raise NoteError("it must have the form PRIVATE+KEY+<name>+<key id>+<key>")
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
