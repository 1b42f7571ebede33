"""Seal long content part by part: AES-256-GCM under a key derived for one file of one subject.

A sealed file is a header, followed by parts of ``PART`` bytes, each with its tag of 16 bytes. The
nonce of a part contains its number and whether it is the last one, so that no part can be left out,
moved or cut off (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár 2015). Every part is
bound to the header and to the subject. Memory use is limited, and each part can be opened alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.vault.sealing import Unsealable

#: Bytes of content in one part; the last one may be shorter.
PART = 64 * 1024

_MAGIC = b"SLEV1\n"
_SALT = 16
_TYPE = 58
#: Bytes before the first part: magic, salt, media type padded with blanks.
HEADER = len(_MAGIC) + _SALT + _TYPE
_TAG = 16


class StreamHead(msgspec.Struct, frozen=True):
    """The description of a sealed file's content: its size in bytes and its media type."""

    size: int
    media_type: str


class StreamSealer:
    """Seals one content for a subject, part by part.

    ``header`` comes first, then what ``update`` returns, then what ``finish`` returns.
    """

    def __init__(self, secret: bytes, subject: str, media_type: str) -> None:
        self.header = _MAGIC + secrets.token_bytes(_SALT) + media_type.encode().ljust(_TYPE)
        if len(self.header) != HEADER:
            raise ValueError(f"a media type must have at most {_TYPE} bytes")
        self._cipher, self._bound = _cipher(secret, subject, self.header)
        self._waiting = bytearray()
        self._number = 0

    def update(self, content: bytes) -> bytes:
        """Return the parts that are complete and not the last one."""
        self._waiting += content
        sealed = []
        while len(self._waiting) > PART:
            sealed.append(self._seal(bytes(self._waiting[:PART]), last=False))
            del self._waiting[:PART]
        return b"".join(sealed)

    def finish(self) -> bytes:
        """Return the last part. Do not call ``update`` after this."""
        return self._seal(bytes(self._waiting), last=True)

    def _seal(self, part: bytes, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), part, self._bound)
        self._number += 1
        return sealed


def stream_head(header: bytes, length: int) -> StreamHead:
    """Return the description of the content of a sealed file of ``length`` bytes.

    Raises ``Unsealable`` if the bytes are not those of a sealed file.
    """
    if len(header) != HEADER or not header.startswith(_MAGIC) or length <= HEADER + _TAG:
        raise Unsealable("this is not a sealed file")
    parts = -(-(length - HEADER) // (PART + _TAG))
    return StreamHead(
        size=length - HEADER - parts * _TAG,
        media_type=header[len(_MAGIC) + _SALT :].decode("ascii", "replace").strip(),
    )


def opened_stream(  # noqa: PLR0917 - the file and its key, and the range of bytes
    secret: bytes, subject: str, file: BinaryIO, length: int, first: int = 0, last: int = -1
) -> Iterator[bytes]:
    """Yield the content of a sealed file from byte ``first`` to ``last``, both included.

    If ``last`` is below 0, yield all bytes to the end. Raises ``Unsealable`` at the first part that
    cannot be opened.
    """
    file.seek(0)
    header = file.read(HEADER)
    head = stream_head(header, length)
    cipher, bound = _cipher(secret, subject, header)
    end = head.size - 1 if last < 0 else min(last, head.size - 1)
    final = (head.size - 1) // PART
    for number in range(first // PART, end // PART + 1):
        file.seek(HEADER + number * (PART + _TAG))
        sealed = file.read(PART + _TAG)
        try:
            part = cipher.decrypt(_nonce(number, last=number == final), sealed, bound)
        except InvalidTag:
            raise Unsealable(f"part {number} of the file cannot be opened") from None
        begins = number * PART
        yield part[max(0, first - begins) : end + 1 - begins]


def _cipher(secret: bytes, subject: str, header: bytes) -> tuple[AESGCM, bytes]:
    salt = header[len(_MAGIC) : len(_MAGIC) + _SALT]
    derived = HKDF(SHA256(), 32, salt, b"evidence\n" + subject.encode()).derive(secret)
    return AESGCM(derived), header + subject.encode()


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
