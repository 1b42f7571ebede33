"""Sealing: AES-256-GCM under a person's own key, bound to the place that it was sealed for."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.general.vocabulary import PersonId
from ledger.kernel import Value

#: Half of a secret encrypts, the other half makes nonces.
HALF = 32
SECRET_BYTES = 2 * HALF

_NONCE_BYTES = 12
#: Texts are filled up to a multiple of so many bytes, so that a length tells nothing of a name.
_BLOCK = 64
_END = b"\x80"


class Sealed(Value):
    """封存的个人信息: a text about a person that only the person's key opens.

    Nonce and ciphertext (with its tag) are base64. The ciphertext opens for the event type and
    field that it was sealed for and for no other.
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
    """What was sealed does not open: another key, another place, or damaged."""


def seal(secret: bytes, person: str, topic: str, field: str, text: str) -> Sealed:
    """``text`` sealed for one field of one event type.

    The same text sealed again for the same place gives the same bytes, so that a request that is
    sent again is recognised. The nonce is a keyed hash of everything: two texts never share one.
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
    """The text. Raises ``Unsealable``."""
    try:
        padded = AESGCM(secret[:HALF]).decrypt(
            b64decode(sealed.nonce),
            b64decode(sealed.ciphertext),
            _place(sealed.person, topic, field),
        )
    except (InvalidTag, ValueError):
        raise Unsealable(f"{field} of {topic} about {sealed.person} does not open") from None
    return padded.rstrip(b"\0").removesuffix(_END).decode()


def _place(person: str, topic: str, field: str) -> bytes:
    """What a ciphertext is bound to: it cannot be moved to another field, event or person."""
    return f"{topic}\n{field}\n{person}".encode()
