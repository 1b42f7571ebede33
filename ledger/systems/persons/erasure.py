"""Destroy the keys of erased persons, as ``PersonErased`` requires.

The event is recorded first and the key is destroyed second, because the command may be refused and
a destroyed key cannot be restored. A crash in between leaves a key that the ledger says must be
destroyed. The service no longer shows data with it, and the next call destroys it: when the service
starts, or when a person is erased again. The same removes a key that returns with an old copy of
the vault.
"""

from __future__ import annotations

from ledger.stores.recorder import LedgerRecorder
from ledger.systems.persons.held import erased_persons
from ledger.vault.store import Vault


def destroy_keys(recorder: LedgerRecorder, vault: Vault) -> int:
    """Destroy the keys of all erased persons; return how many keys still existed.

    Raises ``VaultError``; the call may then be repeated.
    """
    return vault.destroy(erased_persons(recorder))
