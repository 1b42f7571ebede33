"""Check the receipt of an event without the service: its place in the log, and the signature.

The formats are those of C2SP: tlog-proof, tlog-checkpoint and signed-note; the tree is that of
RFC 6962. Signatures need the extra ``receipts`` (the package ``cryptography``).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import NamedTuple

import msgspec

_HEAD = "c2sp.org/tlog-proof@v1"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_ED25519 = 1
_HASH = 32


class ReceiptError(ValueError):
    """A receipt does not prove the record."""


class Proved(msgspec.Struct, frozen=True):
    """What a receipt proves: the record is at ``position`` of ``log``, which had ``size`` events.

    ``root``: the log's root hash at that size; other readers of the same log have the same.
    """

    log: str
    position: int
    size: int
    root: bytes


class Receipt(msgspec.Struct, frozen=True):
    """A record as it was stored, and the proof that it is in the log. Keep both, byte for byte."""

    record: bytes
    proof: bytes

    def verify(self, key: str) -> Proved:
        """Return what the receipt proves under a log's key; raise ``ReceiptError`` otherwise.

        ``key``: as ``/v1/log/key`` gives it; keep it apart from the receipts.
        """
        head, cut, checkpoint = self.proof.partition(b"\n\n")
        lines = _text(head).split("\n")
        if not cut or lines[0] != _HEAD:
            raise ReceiptError(f"a receipt must begin with {_HEAD}")
        if len(lines) > 1 and lines[1].startswith("extra "):
            del lines[1]
        word, _, index = (lines[1] if len(lines) > 1 else "").partition(" ")
        if word != "index":
            raise ReceiptError("the receipt must name an index; it does not")
        log, size, root = _checkpoint(_signed_text(checkpoint, _parsed_key(key)), key)
        path = [_hash(line) for line in lines[2:]]
        at = _number(index)
        if _root(self.record, at, size, path) != root:
            raise ReceiptError("the record is not in the log at this position")
        return Proved(log, at + 1, size, root)


class _Key(NamedTuple):
    name: str
    id: bytes
    public: bytes


def _parsed_key(key: str) -> _Key:
    parts = key.strip().split("+", 2)  # the key itself may contain a plus
    if len(parts) != 3:
        raise ReceiptError("the key of a log must be <name>+<key id>+<key>")
    name, given, encoded = parts
    blob = _base64(encoded)
    if len(blob) != 33 or blob[0] != _ED25519:
        raise ReceiptError(f"the key of {name!r} must be an Ed25519 key of a log")
    id_ = sha256(name.encode() + b"\n" + blob).digest()[:4]
    if given != id_.hex():
        raise ReceiptError(f"the key of {name!r} does not belong to the key id {given}")
    return _Key(name, id_, blob[1:])


def _signed_text(note: bytes, key: _Key) -> str:
    """Return the text of a signed note, if the key signed it."""
    text, cut, signatures = _text(note).rpartition("\n\n")
    if not cut or not signatures.endswith("\n"):
        raise ReceiptError("the checkpoint has no signatures")
    text += "\n"
    for line in signatures[:-1].split("\n"):
        mark, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if mark != "—" or not name or not encoded:
            raise ReceiptError("a signature of the checkpoint cannot be read")
        blob = _base64(encoded)
        if name == key.name and blob[:4] == key.id:
            _require_signed(key, text.encode(), blob[4:])
            return text
    raise ReceiptError(f"the checkpoint is not signed by {key.name}, key {key.id.hex()}")


def _require_signed(key: _Key, text: bytes, signature: bytes) -> None:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an optional extra
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PublicKey,
        )
    except ImportError as error:
        raise ImportError(
            "checking receipts needs the package cryptography: "
            "pip install 'supervision-ledger-client[receipts]'"
        ) from error
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text)
    except (InvalidSignature, ValueError):
        raise ReceiptError(f"the signature of {key.name} is wrong") from None


def _checkpoint(text: str, key: str) -> tuple[str, int, bytes]:
    lines = text.split("\n")
    if len(lines) < 4:
        raise ReceiptError("a checkpoint must have a name, a size and a root on three lines")
    name, size, root = lines[:3]
    if name != key.partition("+")[0]:
        raise ReceiptError(f"the checkpoint is of another log, {name!r}")
    return name, _number(size), _hash(root)


def _root(record: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that a path leads to (RFC 9162, section 2.1.3.2)."""
    if index >= size:
        raise ReceiptError(f"there is no leaf {index} in a log of {size}")
    digest, at, last = sha256(b"\x00" + record).digest(), index, size - 1
    for sibling in path:
        # Without a sibling on this level, the subtree moves up unchanged.
        while at == last and not at % 2 and last:
            at, last = at // 2, last // 2
        if not last:
            raise ReceiptError("the proof is too long")
        pair = sibling + digest if at % 2 else digest + sibling
        digest = sha256(b"\x01" + pair).digest()
        at, last = at // 2, last // 2
    while at == last and not at % 2 and last:
        at, last = at // 2, last // 2
    if last:
        raise ReceiptError("the proof is too short")
    return digest


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ReceiptError(f"a size or index must be a whole number; it is {text[:40]!r}")
    return int(text)


def _hash(line: str) -> bytes:
    digest = _base64(line)
    if len(digest) != _HASH:
        raise ReceiptError("a hash must have 32 bytes")
    return digest


def _base64(text: str) -> bytes:
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        raise ReceiptError(f"{text[:40]!r} is not base64") from None
    if b64encode(decoded).decode() != text:  # bits behind the last byte must be zero
        raise ReceiptError(f"{text[:40]!r} is not base64 in its one form")
    return decoded


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ReceiptError("the receipt is not UTF-8") from None
