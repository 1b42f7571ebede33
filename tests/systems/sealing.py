"""People whose data is sealed as the service seals it, for stories that go past it."""

from __future__ import annotations

from hashlib import shake_256

from ledger.systems.persons.events import PersonRegistered, SealedPerson
from ledger.vault.sealing import SECRET_BYTES, seal


def token(name: str) -> str:
    """The token of somebody, the same for the same name."""
    return f"psn-{shake_256(name.encode()).hexdigest(16)}"


def secret(name: str) -> bytes:
    """The key of somebody."""
    return shake_256(b"key of " + name.encode()).digest(SECRET_BYTES)


def someone(name: str = "店长") -> SealedPerson:
    """Somebody of that name."""
    person = token(name)
    return SealedPerson(
        person=person, name=seal(secret(name), person, PersonRegistered.TOPIC, "name", name)
    )
