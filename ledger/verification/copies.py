"""A backup where it lies: each file against the manifest, and all of it as a ledger is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ledger.backup import ACCESS, KEY, LEDGER, PIECES, SIGNED, Manifest, read_manifest
from ledger.stores.files import digest_of
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.notes import NoteError, Verifier, parse_vkey
from ledger.verification.ended import roots_at
from ledger.verification.faults import Fault, Files, Verification
from ledger.verification.whole import Progress, verify_ledger

_PLACE = "manifest"


def verify_backup(
    folder: Path,
    *,
    keys: Sequence[Verifier] = (),
    witnesses: Sequence[Verifier] = (),
    workers: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Verification:
    """Verify a backup without putting it anywhere; nothing in it is changed.

    ``keys``: known to be the log's; without them the one in the manifest is believed. Raises
    ``CopyError`` if it is no backup, and ``StoreError`` for a ledger in it that cannot be read.
    """
    manifest = read_manifest(folder)
    faults = []
    for done, file in enumerate(manifest.files, start=1):
        faults += _file(folder, file.path, file.sha256)
        progress("files", done, len(manifest.files))
    if not (folder / LEDGER).exists():
        return Verification(0, (*faults, Fault(0, "it holds no ledger", LEDGER)))
    known = keys or _stated(manifest)
    found = verify_ledger(
        Files(
            ledger=(folder / LEDGER).absolute(),
            signed=(folder / SIGNED).absolute(),
            key=(folder / KEY).absolute(),
            blobs=folder / PIECES,
            access=(folder / ACCESS).absolute(),
        ),
        keys=known,
        witnesses=witnesses,
        workers=workers,
        progress=progress,
    )
    with SQLiteRecorder(folder / LEDGER, read_only=True) as recorder:
        events, root = max(roots_at(recorder, ()).items())
    if (events, b64encode(root).decode()) != (manifest.events, manifest.root):
        what = f"it names another root of {manifest.events:,} events than the {events:,} records"
        faults.append(Fault(0, what, _PLACE))
    remarks = found.remarks
    if not keys and known:
        remarks += (f"the key was the backup's own; compare it: {manifest.vkey}",)
    return msgspec.structs.replace(
        found,
        faults=(*faults, *found.faults),
        remarks=remarks,
        counts={"files": len(manifest.files)} | found.counts,
    )


def _file(folder: Path, path: str, digest: str) -> list[Fault]:
    try:
        if digest_of(folder / path) == digest:
            return []
    except OSError as error:
        return [Fault(0, f"cannot be read: {error.strerror or error}", path)]
    return [Fault(0, "was changed: its SHA-256 is not the manifest's", path)]


def _stated(manifest: Manifest) -> tuple[Verifier, ...]:
    try:
        return (parse_vkey(manifest.vkey),) if manifest.vkey else ()
    except NoteError:
        return ()  # the remark that no key is known says it
