"""Destroying the keys of those who were erased: what follows from ``PersonErased``.

The event comes first, the key second. The event is decided: it may be refused, and a key that is
gone cannot be had back. A crash in between leaves a key that the ledger says is to be destroyed:
nobody is shown anything by it any more, and whoever comes by here next destroys it, the service
when it starts and whoever erases again. So a key that comes back with an old copy of the vault
does not stay either.
"""

from __future__ import annotations

from ledger.kernel import codec
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.persons.events import PersonErased
from ledger.stores.sqlite import SQLiteRecorder
from ledger.vault.store import Vault

_ERASURES = Selector((PersonErased.TOPIC,), ())


def destroy_keys(recorder: SQLiteRecorder, vault: Vault) -> int:
    """Destroy every key that the ledger says is erased; returns how many there still were.

    Raises ``VaultError``, and may then be repeated.
    """
    erased = set()
    for stored in recorder.read(as_query([_ERASURES])):
        event = codec.decode(stored.position, stored.event.data).event
        assert isinstance(event, PersonErased)
        erased.add(event.person)
    return vault.destroy(erased)
