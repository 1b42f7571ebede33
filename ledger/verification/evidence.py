"""Verify the files of evidence that events name: each must exist and have its digest."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ledger.evidence import FOLDER, NAMING, erased_cases, named_files, wrong_file
from ledger.stores import StoreError
from ledger.stores.evidence import EvidenceFolder
from ledger.systems.process.events import CaseFilesErased
from ledger.vault.store import Vault
from ledger.verification.asking import Records
from ledger.verification.faults import Found


def verify_evidence(
    records: Records,
    blobs: Path,
    vault: Path | None,
    tell: Callable[[int], None] = lambda files: None,
) -> Found:
    """Open each file that was not erased, and compare its content with its digest.

    Without a readable vault, check only the length of each file.
    """
    found = Found()
    store = EvidenceFolder(blobs / FOLDER, read_only=True)
    erased = erased_cases(records.of(CaseFilesErased))
    named = [file for file in named_files(records.of(*NAMING)) if file.case not in erased]
    if not named:
        return found
    with ExitStack() as opened:
        keys = None
        if vault is not None and vault.exists() and os.access(vault, os.R_OK):
            try:
                keys = opened.enter_context(Vault(vault, read_only=True))
            except StoreError as error:
                found.wrong(vault.name, f"cannot be read: {error}")
        if keys is None:
            found.remarks.append(
                f"{len(named):,} files of evidence were not opened, because their keys are missing"
            )
        for file in named:
            wrong = wrong_file(file, store, keys)
            if wrong is not None:
                where = f"evidence {wrong.digest} of case {wrong.case}"
                found.wrong(where, wrong.what, wrong.position)
            found.count += 1
            tell(1)
    return found
