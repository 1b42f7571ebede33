"""The keys of natural persons: there for everybody registered, gone for everybody erased (0.10)."""

from __future__ import annotations

import os
import time
from pathlib import Path

from ledger.stores import StoreError
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.persons.events import PersonErased, PersonRegistered
from ledger.systems.persons.held import WrongKey, wrong_keys
from ledger.vault.store import Vault
from ledger.verification.asking import Records
from ledger.verification.faults import Found
from ledger.verification.ranges import MOST

#: A key is destroyed after the event of it: how long that takes at most, in seconds.
_DESTROYING = 2.0


def verify_persons(records: Records, recorder: SQLiteRecorder, vault: Path) -> Found:
    """Hold the vault against who is registered and who was erased."""
    found = Found()
    erased = sum(1 for _ in records.of(PersonErased))
    found.count = sum(1 for _ in records.of(PersonRegistered)) - erased
    if vault.exists() and not os.access(vault, os.R_OK):
        found.remarks.append(f"{vault.name} may not be read by you, and was not looked at")
        return found
    try:
        wrong = _looked(recorder, vault)
        if any(not one.lost for one in wrong):
            time.sleep(_DESTROYING)
            wrong = _looked(recorder, vault)
    except StoreError as error:
        found.wrong(vault.name, f"cannot be read: {error}")
        return found
    if wrong and not vault.exists():
        what = (
            f"it is gone, and {len(wrong):,} persons are registered of whom nothing can be read "
            "without it: put it back from where it is kept"
        )
        found.wrong(vault.name, what)
        return found
    for one in wrong[:MOST]:
        found.wrong(f"person {one.person}", f"{vault.name}: {one.what}", one.position)
    return found


def _looked(recorder: SQLiteRecorder, vault: Path) -> list[WrongKey]:
    if not vault.exists():
        return list(wrong_keys(recorder, None))
    with Vault(vault, read_only=True) as opened:
        return list(wrong_keys(recorder, opened))
