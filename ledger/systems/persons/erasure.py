"""Destroying the keys of those who were erased: what follows from ``PersonErased``.

The event comes first, the key second. The event is decided: it may be refused, and a key that is
gone cannot be had back. A crash in between leaves a key that the ledger says is to be destroyed:
nobody is shown anything by it any more, and whoever comes by here next destroys it, the service
when it starts and whoever erases again. So a key that comes back with an old copy of the vault
does not stay either.
"""

from __future__ import annotations

from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.persons.held import erased_persons
from ledger.vault.store import Vault


def destroy_keys(recorder: SQLiteRecorder, vault: Vault) -> int:
    """Destroy every key that the ledger says is erased; returns how many there still were.

    Raises ``VaultError``, and may then be repeated.
    """
    return vault.destroy(erased_persons(recorder))
