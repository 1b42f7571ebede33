"""The act code that officers show at the door (执法码): unguessable and short enough to print.

A code is 32 characters of base32 in groups of four. It encodes the position of the approval in five
bytes, and fifteen bytes of the SHA-256 of a signature over that position. The approval names task,
officers, matters and day, and the log proves it; the position alone reveals nothing about it.
Without the ledger's signing key, a forger must guess 120 bits.
"""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from binascii import Error
from collections.abc import Callable
from hashlib import sha256

#: A function that signs bytes with the ledger's key; equal bytes give equal signatures.
Sign = Callable[[bytes], bytes]

_PLACE, _TAG = 5, 15
_LENGTH = 32
_GROUP = 4


def made(sign: Sign, position: int) -> str:
    """Return the code of the approval at a position of the ledger."""
    place = position.to_bytes(_PLACE, "big")
    text = b32encode(place + _tag(sign, place)).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def position_of(sign: Sign, code: str) -> int | None:
    """Return the position in a code, or ``None`` if the code was not made with this key.

    Each call takes one signature, also for an invalid code, so that its time reveals nothing.
    """
    content = _content(code) or bytes(_PLACE + _TAG)
    place, tag = content[:_PLACE], content[_PLACE:]
    if not hmac.compare_digest(tag, _tag(sign, place)):
        return None
    return int.from_bytes(place, "big")


def looks_made(code: str) -> bool:
    """Return whether a code has the form of those that the service makes."""
    return _content(code) is not None


def digest_of(code: str) -> str:
    """Return the SHA-256 (hex) of a code, ignoring case, spaces and hyphens."""
    return sha256(_bare(code).encode()).hexdigest()


def _bare(code: str) -> str:
    return code.replace("-", "").replace(" ", "").upper()


def _content(code: str) -> bytes | None:
    text = _bare(code)
    if len(text) != _LENGTH or not text.isascii():
        return None
    try:
        return b32decode(text)
    except Error:
        return None


def _tag(sign: Sign, place: bytes) -> bytes:
    return sha256(sign(b"supervision-ledger act code\n" + place)).digest()[:_TAG]
