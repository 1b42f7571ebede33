"""Check that the vault holds the keys of all persons who were registered and not erased.

A vault that was lost, or replaced by an older or a wrong copy, is not noticed until an official
asks for a person. This module therefore checks all persons at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ledger.kernel import Event, Recorded, codec
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.stores.recorder import LedgerRecorder
from ledger.systems.persons.events import PersonErased, PersonRegistered
from ledger.vault.sealing import Unsealable, unseal
from ledger.vault.store import Vault, VaultError


class WrongKey(msgspec.Struct, frozen=True):
    """A person, registered at ``position``, whose key is missing, wrong, or still present.

    ``lost``: the key should open the sealed data and does not; otherwise the person was erased and
    the key still exists. ``what`` says which of these it is.
    """

    person: str
    position: int
    what: str
    lost: bool = True


def erased_persons(recorder: LedgerRecorder) -> set[str]:
    """Return the tokens of all erased persons."""
    events = (record.event for record in _all(recorder, PersonErased))
    return {event.person for event in events if isinstance(event, PersonErased)}


def wrong_keys(recorder: LedgerRecorder, vault: Vault | None) -> Iterator[WrongKey]:
    """Return every person with a missing, wrong or undestroyed key.

    ``vault`` is ``None`` if there is no vault. Raises ``VaultError``.
    """
    erased = erased_persons(recorder)
    wrong = []
    for record in _all(recorder, PersonRegistered):
        event = record.event
        assert isinstance(event, PersonRegistered)
        fault = _fault(event, vault, gone=event.person in erased)
        if fault is not None:
            lost = event.person not in erased
            wrong.append(WrongKey(event.person, record.position, fault, lost))
    if wrong:
        # A person may have been erased meanwhile: the event is recorded before the key goes.
        erased = erased_persons(recorder) - erased
    yield from (key for key in wrong if key.person not in erased)


def refuse_lost_keys(recorder: LedgerRecorder, path: Path) -> None:
    """Raise ``VaultError`` if the vault at ``path`` lacks keys; this never creates a vault."""
    if path.exists():
        with Vault(path) as vault:
            refuse_lost_keys_in(recorder, vault, path)
    else:
        refuse_lost_keys_in(recorder, None, path)


def refuse_lost_keys_in(recorder: LedgerRecorder, vault: Vault | None, path: Path) -> None:
    """Raise ``VaultError`` if a vault, at ``path``, lacks keys."""
    lost = [key for key in wrong_keys(recorder, vault) if key.lost]
    if lost:
        state = "is missing, with the keys" if vault is None else "does not open the sealed data"
        raise VaultError(
            f"the vault {path} {state} of {len(lost):,} persons; the first is {lost[0].person}, "
            f"registered at position {lost[0].position}. Put the vault back that belongs to this "
            "ledger. If it is lost for good, serve with --accept-lost-keys and erase those "
            "persons, whose data can no longer be read (docs/backup.md)."
        )


def _fault(event: PersonRegistered, vault: Vault | None, *, gone: bool) -> str | None:
    secret = None if vault is None else vault.secret(event.person)
    if gone:
        return None if secret is None else "the person was erased, and the key still exists"
    if secret is None:
        return "the key is missing"
    try:
        unseal(secret, PersonRegistered.TOPIC, "name", event.name)
    except Unsealable:
        return "the key does not open the sealed data"
    return None


def _all(recorder: LedgerRecorder, of: type[Event]) -> Iterator[Recorded]:
    for stored in recorder.read(as_query([Selector((of.TOPIC,), ())])):
        yield codec.decode(stored.position, stored.event.data)
