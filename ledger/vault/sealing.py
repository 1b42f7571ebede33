"""Sealing: AES-256-GCM under a person's own key, bound to one event type and field."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.general.vocabulary import PersonId
from ledger.kernel import Value

#: The first half of a secret encrypts, the second half makes nonces.
HALF = 32
SECRET_BYTES = 2 * HALF

_NONCE_BYTES = 12
#: Texts are padded to a multiple of this many bytes, so that the length does not reveal a name.
_BLOCK = 64
_END = b"\x80"


class Sealed(Value):
    """封存的个人信息: a text about a person that only the person's key opens.

    Nonce and ciphertext (with its tag) are base64. The ciphertext can be opened only for the event
    type and field for which it was sealed.
    """

    person: PersonId
    nonce: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{16}(?![\s\S])")]
    ciphertext: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![\s\S])",
            max_length=16_384,
        ),
    ]


class Unsealable(ValueError):
    """A sealed text does not open: wrong key, wrong event type or field, or damaged."""


def seal(secret: bytes, person: str, topic: str, field: str, text: str) -> Sealed:
    """Return ``text`` sealed for one field of one event type.

    The same text sealed again for the same place gives the same bytes, so that a repeated request
    is recognised. The nonce is a keyed hash of place and text, so two texts never share a nonce.
    """
    place = _place(person, topic, field)
    padded = text.encode() + _END
    padded += b"\0" * (-len(padded) % _BLOCK)
    nonce = hmac.digest(secret[HALF:], place + b"\0" + padded, "sha256")[:_NONCE_BYTES]
    sealed = AESGCM(secret[:HALF]).encrypt(nonce, padded, place)
    return Sealed(
        person=person, nonce=b64encode(nonce).decode(), ciphertext=b64encode(sealed).decode()
    )


def unseal(secret: bytes, topic: str, field: str, sealed: Sealed) -> str:
    """Return the sealed text. Raises ``Unsealable``."""
    try:
        padded = AESGCM(secret[:HALF]).decrypt(
            b64decode(sealed.nonce),
            b64decode(sealed.ciphertext),
            _place(sealed.person, topic, field),
        )
    except (InvalidTag, ValueError):
        raise Unsealable(f"{field} of {topic} about {sealed.person} cannot be unsealed") from None
    return padded.rstrip(b"\0").removesuffix(_END).decode()


def _place(person: str, topic: str, field: str) -> bytes:
    """Return the bytes that bind a ciphertext to its event type, field and person."""
    return f"{topic}\n{field}\n{person}".encode()
