"""Signed notes (c2sp.org/signed-note): a text, followed by one line for each signature."""

from __future__ import annotations

import unicodedata
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: The bytes that mark the kinds of keys.
ED25519 = 0x01
COSIGNATURE = 0x04

#: The most signature lines of a note; the specification asks for at least 16.
MAX_SIGNATURES = 64
#: The most bytes of a note.
MAX_NOTE = 1_000_000

_BEGIN = "— "  # an em dash and a space


class NoteError(ValueError):
    """A note, a signature or a key is not valid."""


class Signature(msgspec.Struct, frozen=True):
    """A signature line of a note: the signer's name, the key id and the signature bytes."""

    name: str
    key_id: int
    signature: bytes

    def line(self) -> str:
        """Return the line as it is in the note."""
        blob = self.key_id.to_bytes(4, "big") + self.signature
        return f"{_BEGIN}{self.name} {b64encode(blob).decode()}\n"


class Note(msgspec.Struct, frozen=True):
    """A text (it ends in a newline) and its signatures, which are not verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the bytes of the note."""
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
        """Return the key in its text form: ``<name>+<key id>+<key>``."""
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
        """Return the public key, by which others can check the signatures."""
        return Verifier(self.name, kind, self.public)

    def sign(self, text: str) -> Signature:
        """Return the signature of a note's text."""
        return Signature(
            self.name, self.verifier().key_id, self.private.sign(check_text(text).encode())
        )


def key_id(name: str, kind: int, public: bytes) -> int:
    """Return the first four bytes of the SHA-256 over name, newline, kind and key."""
    digest = sha256(check_name(name).encode() + b"\n" + bytes([kind]) + public).digest()
    return int.from_bytes(digest[:4], "big")


def parse_vkey(vkey: str) -> Verifier:
    """Return the key that is written as ``<name>+<key id>+<key>``. Raises ``NoteError``."""
    parts = vkey.strip().split("+", 2)  # the key itself may contain a plus
    if len(parts) != 3:
        raise NoteError(f"a verifier key must be <name>+<key id>+<key>; it is {vkey!r}")
    name, given, encoded = parts
    blob = _decode(encoded)
    if len(blob) != 33 or blob[0] not in (ED25519, COSIGNATURE):
        raise NoteError(f"the key of {name!r} must be of kind 1 or 4; it is of another kind")
    verifier = Verifier(check_name(name), blob[0], blob[1:])
    if given != f"{verifier.key_id:08x}":
        raise NoteError(f"the key of {name!r} does not belong to the key id {given}")
    return verifier


def parse_note(data: bytes) -> Note:
    """Return the note in ``data``. Raises ``NoteError`` if it is not a note."""
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


#: Returns the bytes that a signature signs, and the bare signature within the signature's bytes.
Reader = Callable[[str, bytes], tuple[bytes, bytes]]


def verified(note: Note, keys: Iterable[Verifier], read: Reader | None = None) -> list[Signature]:
    """Return the verified signatures by known keys, and ignore those by unknown keys.

    ``read`` is for signatures of other kinds than Ed25519. Raises ``NoteError`` if the signature of
    a known key is wrong, or if no known key has signed.
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
    """Return the name of a key. Raises ``NoteError`` for a name that a key cannot have."""
    if not name or "+" in name or any(unicodedata.category(c) in _NO_NAME for c in name):
        raise NoteError(
            f"the name of a key must not be empty or contain a space or a plus; it is {name!r}"
        )
    return name


_NO_NAME = {"Zs", "Zl", "Zp", "Cc"}


def check_text(text: str) -> str:
    """Return the text of a note. Raises ``NoteError`` for a text that cannot be signed."""
    if not text.endswith("\n") or any(char < " " and char != "\n" for char in text):
        raise NoteError("the text of a note must end in a newline and have no control characters")
    return text


def _signature(line: str) -> Signature:
    name, found, encoded = line.removeprefix(_BEGIN).partition(" ")
    if not line.startswith(_BEGIN) or not found:
        raise NoteError(f"{line[:60]!r} is not a signature line")
    blob = _decode(encoded)
    if len(blob) < 5:
        raise NoteError(f"the signature of {name!r} is too short")
    return Signature(check_name(name), int.from_bytes(blob[:4], "big"), blob[4:])


def _decode(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        raise NoteError(f"{encoded[:60]!r} is not base64") from None
