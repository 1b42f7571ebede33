"""Signed notes (c2sp.org/signed-note): a text, and under it one line for each signature."""

from __future__ import annotations

import unicodedata
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: Kinds of keys by the byte that stands for them.
ED25519 = 0x01
COSIGNATURE = 0x04

#: Signature lines that a note may have; the specification asks for at least 16.
MAX_SIGNATURES = 64
#: Bytes of a note.
MAX_NOTE = 1_000_000

_BEGIN = "— "  # an em dash and a space


class NoteError(ValueError):
    """A note, a signature or a key is not what it should be."""


class Signature(msgspec.Struct, frozen=True):
    """One line under a note: who signed, with which key, and the bytes."""

    name: str
    key_id: int
    signature: bytes

    def line(self) -> str:
        """As it stands under the note."""
        blob = self.key_id.to_bytes(4, "big") + self.signature
        return f"{_BEGIN}{self.name} {b64encode(blob).decode()}\n"


class Note(msgspec.Struct, frozen=True):
    """A text (it ends in a newline) and its signatures, of which nothing is known yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The bytes of the note."""
        lines = "".join(signature.line() for signature in self.signatures)
        return f"{self.text}\n{lines}".encode()


class Verifier(msgspec.Struct, frozen=True):
    """A name with a public key of one kind."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> int:
        """The four bytes by which signature lines name this key."""
        return key_id(self.name, self.kind, self.public)

    def vkey(self) -> str:
        """The key as people hand it on: ``<name>+<key id>+<key>``."""
        blob = bytes([self.kind]) + self.public
        return f"{self.name}+{self.key_id:08x}+{b64encode(blob).decode()}"

    def holds(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the Ed25519 signature over these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer(msgspec.Struct, frozen=True):
    """A name with a private key."""

    name: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    def verifier(self, kind: int = ED25519) -> Verifier:
        """What others need to check the signatures."""
        return Verifier(self.name, kind, self.public)

    def sign(self, text: str) -> Signature:
        """The signature of a note's text."""
        return Signature(
            self.name, self.verifier().key_id, self.private.sign(check_text(text).encode())
        )


def key_id(name: str, kind: int, public: bytes) -> int:
    """SHA-256 over name, newline, kind and key, the first four bytes."""
    digest = sha256(check_name(name).encode() + b"\n" + bytes([kind]) + public).digest()
    return int.from_bytes(digest[:4], "big")


def parse_vkey(vkey: str) -> Verifier:
    """The key of a ``<name>+<key id>+<key>``. Raises ``NoteError`` for anything else."""
    parts = vkey.strip().split("+", 2)  # the key itself may contain a plus
    if len(parts) != 3:
        raise NoteError(f"{vkey!r} is no verifier key: it has the form <name>+<key id>+<key>")
    name, given, encoded = parts
    blob = _decode(encoded)
    if len(blob) != 33 or blob[0] not in (ED25519, COSIGNATURE):
        raise NoteError(f"the key of {name!r} is of a kind that is not known here")
    verifier = Verifier(check_name(name), blob[0], blob[1:])
    if given != f"{verifier.key_id:08x}":
        raise NoteError(f"the key of {name!r} does not belong to the key id {given}")
    return verifier


def parse_note(data: bytes) -> Note:
    """A note taken apart. Raises ``NoteError`` if it is none."""
    if len(data) > MAX_NOTE:
        raise NoteError("the note is too long")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise NoteError("the note is not UTF-8") from None
    if any(char < " " and char != "\n" for char in whole):
        raise NoteError("the note contains a control character")
    text, found, lines = whole.rpartition("\n\n")
    if not found or not lines.endswith("\n"):
        raise NoteError("the note has no signatures")
    signed = tuple(_signature(line) for line in lines[:-1].split("\n"))
    if len(signed) > MAX_SIGNATURES:
        raise NoteError(f"the note has more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", signed)


#: Gives the bytes that a signature of a kind signs, and the bare signature among its bytes.
Reader = Callable[[str, bytes], tuple[bytes, bytes]]


def verified(note: Note, keys: Iterable[Verifier], read: Reader | None = None) -> list[Signature]:
    """The signatures by known keys, each checked. Unknown keys say nothing and are passed over.

    ``read`` says what signatures of another kind than Ed25519 sign. Raises ``NoteError`` if a known
    key's signature is wrong, or none is known.
    """
    known = {(key.name, key.key_id): key for key in keys}
    good = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        message, bare = (note.text.encode(), signature.signature)
        if read is not None:
            message, bare = read(note.text, signature.signature)
        if not key.holds(message, bare):
            raise NoteError(f"the signature of {signature.name!r} is wrong")
        good.append(signature)
    if not good:
        names = ", ".join(sorted({key.name for key in known.values()})) or "nobody known"
        raise NoteError(f"the note is not signed by {names}")
    return good


def check_name(name: str) -> str:
    """The name of a key. Raises ``NoteError`` for one that no key can have."""
    if not name or "+" in name or any(unicodedata.category(c) in _NO_NAME for c in name):
        raise NoteError(f"{name!r} cannot name a key: no spaces, no plus, not empty")
    return name


_NO_NAME = {"Zs", "Zl", "Zp", "Cc"}


def check_text(text: str) -> str:
    """The text of a note. Raises ``NoteError`` for one that cannot be signed."""
    if not text.endswith("\n") or any(char < " " and char != "\n" for char in text):
        raise NoteError("the text of a note ends in a newline and has no control characters")
    return text


def _signature(line: str) -> Signature:
    name, found, encoded = line.removeprefix(_BEGIN).partition(" ")
    if not line.startswith(_BEGIN) or not found:
        raise NoteError(f"{line[:60]!r} is no signature line")
    blob = _decode(encoded)
    if len(blob) < 5:
        raise NoteError(f"the signature of {name!r} is too short")
    return Signature(check_name(name), int.from_bytes(blob[:4], "big"), blob[4:])


def _decode(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        raise NoteError(f"{encoded[:60]!r} is not base64") from None
