"""Whether the vault holds the keys that it has to: those of everybody registered and not erased.

A vault that was lost, or of which an older or another copy was put in its place, shows nothing of
itself until somebody asks for a person. So it is asked here for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ledger.kernel import Event, Recorded, codec
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.persons.events import PersonErased, PersonRegistered
from ledger.vault.sealing import Unsealable, unseal
from ledger.vault.store import Vault, VaultError


class WrongKey(msgspec.Struct, frozen=True):
    """A person whose key is not as it has to be, registered at ``position``; and why.

    ``lost``: it should open what was sealed; otherwise it should be gone, and is not.
    """

    person: str
    position: int
    what: str
    lost: bool = True


def erased_persons(recorder: SQLiteRecorder) -> set[str]:
    """Everybody who was erased."""
    events = (record.event for record in _all(recorder, PersonErased))
    return {event.person for event in events if isinstance(event, PersonErased)}


def wrong_keys(recorder: SQLiteRecorder, vault: Vault | None) -> Iterator[WrongKey]:
    """Whose key is missing or does not open, and whose should be gone; ``None``: no vault is there.

    Raises ``VaultError``.
    """
    erased = erased_persons(recorder)
    wrong = []
    for record in _all(recorder, PersonRegistered):
        event = record.event
        assert isinstance(event, PersonRegistered)
        what = _wrong(event, vault, gone=event.person in erased)
        if what is not None:
            lost = event.person not in erased
            wrong.append(WrongKey(event.person, record.position, what, lost))
    if wrong:
        # Somebody may have been erased since: first the event, then the key.
        erased = erased_persons(recorder) - erased
    yield from (one for one in wrong if one.person not in erased)


def refuse_lost_keys(recorder: SQLiteRecorder, path: Path) -> None:
    """Raise ``VaultError`` if the vault at ``path`` lacks keys. It is not made by this."""
    if path.exists():
        with Vault(path) as vault:
            lost = [one for one in wrong_keys(recorder, vault) if one.lost]
    else:
        lost = list(wrong_keys(recorder, None))
    if lost:
        state = "does not open what is sealed" if path.exists() else "is gone, with the keys"
        raise VaultError(
            f"the vault {path} {state} of {len(lost):,} persons, first {lost[0].person}, "
            f"registered at position {lost[0].position}. Put the vault back that belongs to this "
            "ledger. If it is lost for good, serve with --accept-lost-keys, and erase those "
            "persons: nothing of them can be read any more (docs/backup.md)."
        )


def _wrong(event: PersonRegistered, vault: Vault | None, *, gone: bool) -> str | None:
    secret = None if vault is None else vault.secret(event.person)
    if gone:
        return None if secret is None else "was erased, and the key is still there"
    if secret is None:
        return "the key is not there"
    try:
        unseal(secret, PersonRegistered.TOPIC, "name", event.name)
    except Unsealable:
        return "the key that is there does not open what was sealed"
    return None


def _all(recorder: SQLiteRecorder, of: type[Event]) -> Iterator[Recorded]:
    for stored in recorder.read(as_query([Selector((of.TOPIC,), ())])):
        yield codec.decode(stored.position, stored.event.data)
