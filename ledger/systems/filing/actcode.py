"""The act code at the door (执法码): made by the service, unguessable, short enough to print.

A code is 32 characters of base32, in groups of four: the position of the approval that it stands
for in five bytes, and fifteen bytes of the SHA-256 of a signature over that position. The approval
binds task, officers, matters and day, and the log proves it; a position tells nobody what lies
there. Whoever lacks the ledger's signing key guesses 120 bits.
"""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from binascii import Error
from collections.abc import Callable
from hashlib import sha256

#: Signs bytes with the ledger's key; the same bytes give the same signature.
Sign = Callable[[bytes], bytes]

_PLACE, _TAG = 5, 15
_LENGTH = 32
_GROUP = 4


def made(sign: Sign, position: int) -> str:
    """The code of the approval at a position of the ledger."""
    place = position.to_bytes(_PLACE, "big")
    text = b32encode(place + _tag(sign, place)).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def position_of(sign: Sign, code: str) -> int | None:
    """The position that a code stands for; ``None`` for whatever this key did not make.

    It costs one signature, whatever is asked.
    """
    content = _content(code) or bytes(_PLACE + _TAG)
    place, tag = content[:_PLACE], content[_PLACE:]
    if not hmac.compare_digest(tag, _tag(sign, place)):
        return None
    return int.from_bytes(place, "big")


def looks_made(code: str) -> bool:
    """Whether a code has the form of those that the service makes."""
    return _content(code) is not None


def digest_of(code: str) -> str:
    """SHA-256 (hex) of a code, in whatever groups and case it is written."""
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
