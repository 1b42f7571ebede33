"""Verify the blobs that events name: each must exist and be whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ledger.copies.blobs import blobs_of, naming
from ledger.kernel.events import event_types
from ledger.stores.blobs import BlobDamaged, BlobMissing, Blobs
from ledger.verification.asking import Records
from ledger.verification.faults import Found


def verify_blobs(
    records: Records, folder: Path, tell: Callable[[int], None] = lambda blobs: None
) -> Found:
    """Compare every blob in ``folder`` that an event names with its digest."""
    found = Found()
    blobs = Blobs(folder, read_only=True)
    seen: set[str] = set()
    for record in records.of(*(event_types()[topic] for topic in naming())):
        for digest in sorted(blobs_of(record.event) - seen):
            seen.add(digest)
            try:
                blobs.get(digest)
            except (BlobMissing, BlobDamaged) as error:
                what = f"the event at position {record.position} names it: {error}"
                found.wrong(f"blob {digest}", what, record.position)
            found.count += 1
            tell(1)
    return found
