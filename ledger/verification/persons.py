"""Verify the keys of persons: registered persons must have one, erased ones must not (0.10)."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ledger.stores import StoreError
from ledger.stores.recorder import LedgerRecorder
from ledger.systems.persons.events import PersonErased, PersonRegistered
from ledger.systems.persons.held import WrongKey, wrong_keys
from ledger.vault.store import Vault
from ledger.verification.asking import Records
from ledger.verification.faults import Found
from ledger.verification.ranges import MOST

#: How many seconds it takes at most to destroy a key after its event was recorded.
_DESTROYING = 2.0


def verify_persons(records: Records, recorder: LedgerRecorder, vault: Path) -> Found:
    """Compare the vault with the registered and the erased persons."""
    found = Found()
    erased = sum(1 for _ in records.of(PersonErased))
    found.count = sum(1 for _ in records.of(PersonRegistered)) - erased
    if vault.exists() and not os.access(vault, os.R_OK):
        found.remarks.append(f"{vault.name} was not checked, because you may not read it")
        return found
    try:
        wrong = _looked(recorder, vault)
        if any(not key.lost for key in wrong):
            time.sleep(_DESTROYING)
            wrong = _looked(recorder, vault)
    except StoreError as error:
        found.wrong(vault.name, f"cannot be read: {error}")
        return found
    if wrong and not vault.exists():
        what = (
            f"it is missing, and the data of {len(wrong):,} registered persons cannot be read "
            "without it: put the copy of this file back"
        )
        found.wrong(vault.name, what)
        return found
    for key in wrong[:MOST]:
        found.wrong(f"person {key.person}", f"{vault.name}: {key.what}", key.position)
    return found


def _looked(recorder: LedgerRecorder, vault: Path) -> list[WrongKey]:
    if not vault.exists():
        return list(wrong_keys(recorder, None))
    with Vault(vault, read_only=True) as opened:
        return list(wrong_keys(recorder, opened))
