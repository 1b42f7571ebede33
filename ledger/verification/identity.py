"""Check that a ledger and its siblings belong together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ledger.stores import StoreError
from ledger.stores.files import mark_in, number_of
from ledger.stores.recorder import Identity
from ledger.stores.sqlite import SQLiteRecorder
from ledger.verification.faults import Fault, Files

#: The remark on a ledger whose file was copied or restored and not settled since.
COPIED = (
    "the ledger's file is a copy, or names another file as the original: without its signed "
    "checkpoints it starts a log only after an operator confirms it (log resume)"
)

_ID = re.compile(r"[0-9a-f]{32}\Z")
_FILE = re.compile(r"[0-9]+( [0-9.]+)?\Z")


def verify_identity(files: Files, recorder: SQLiteRecorder) -> tuple[list[Fault], list[str]]:
    """Return the faults and remarks about the identity of a ledger and its siblings.

    A ledger that an earlier version made has no identity, so nothing is checked.
    """
    try:
        identity = recorder.identity()
    except StoreError as error:
        return [Fault(0, f"its identity cannot be read: {error}", files.ledger.name)], []
    if identity is None:
        return [], []
    faults = [] if _well_formed(identity) else [Fault(0, _UNCLEAR, files.ledger.name)]
    if identity.part_of is not None and not files.part:
        what = "it says that it is the access ledger of another ledger"
        faults.append(Fault(0, what, files.ledger.name))
    faults += [
        Fault(0, "it is marked as that of another ledger", path.name)
        for path in (files.tiles, files.signed, files.vault, files.webhooks)
        if path is not None and mark_in(path) not in (0, identity.mark)
    ]
    if files.access is not None:
        faults += _access(files, identity)
    return faults, [COPIED] if identity.file != number_of(files.ledger) else []


def _access(files: Files, identity: Identity) -> Iterator[Fault]:
    assert files.access is not None
    try:
        with SQLiteRecorder(files.access, read_only=True) as accesses:
            part = accesses.identity()
    except StoreError:
        return  # the check of the access ledger reports it
    if part is None:
        return
    if part.part_of != identity.id:
        yield Fault(0, "it says that it is the access ledger of another one", files.access.name)


def _well_formed(identity: Identity) -> bool:
    return bool(_ID.match(str(identity.id)) and _FILE.match(str(identity.file)))


_UNCLEAR = "its identity does not have the form that the program writes"
