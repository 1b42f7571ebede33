"""A backup where it lies: each file against the manifest, and all of it as a ledger is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ledger.copies.backup import (
    ACCESS,
    ACCESS_KEY,
    ACCESS_SIGNED,
    BLOBS,
    ENDED,
    KEY,
    LEDGER,
    NEXT_KEY,
    PARTS,
    SECRETS,
    SIGNED,
    File,
    Manifest,
    read_manifest,
)
from ledger.kernel.clock import system_clock
from ledger.stores import StoreError
from ledger.stores.files import digest_of
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.keys import KeyFileError, read_key
from ledger.transparency.notes import NoteError, Verifier, parse_vkey
from ledger.transparency.store import newest_in
from ledger.verification.ended import roots_at
from ledger.verification.faults import Fault, Files, Verification
from ledger.verification.identity import COPIED
from ledger.verification.keys import reigns_of
from ledger.verification.ranges import CLOCK_SET
from ledger.verification.whole import A_COPY, Progress, verify_ledger

_PLACE = "manifest"


def verify_backup(
    folder: Path,
    *,
    keys: Sequence[Verifier] = (),
    witnesses: Sequence[Verifier] = (),
    workers: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Verification:
    """Verify a backup where it is, without changing it.

    ``keys``: known keys of the log; without them the key in the manifest is used. Raises
    ``CopyError`` if the folder is not a backup, and ``StoreError`` if its ledger cannot be read.
    """
    manifest = read_manifest(folder)
    faults = list(_manifest_faults(folder, manifest))
    for done, file in enumerate(manifest.files, start=1):
        faults += _file(folder, file)
        progress("files", done, len(manifest.files))
    if not (folder / LEDGER).exists():
        return Verification(0, (*faults, Fault(0, "it holds no ledger", LEDGER)))
    known = keys or _stated(manifest)
    files = Files(
        ledger=(folder / LEDGER).absolute(),
        signed=(folder / SIGNED).absolute(),
        key=(folder / KEY).absolute(),
        blobs=folder / BLOBS,
        access=(folder / ACCESS).absolute(),
        access_signed=(folder / ACCESS_SIGNED).absolute(),
        access_key=(folder / ACCESS_KEY).absolute(),
        ended=folder / ENDED,
    )
    found = verify_ledger(
        files, keys=known, witnesses=witnesses, workers=workers, progress=progress
    )
    faults += found.faults
    faults += _unlike(folder, manifest, found)
    if not found.faults:
        # The keys in damaged files cannot be followed.
        faults += _keys(folder, manifest, files, known)
        if manifest.lacking:
            faults.append(Fault(0, "it says that blobs are lacking, but none is", _PLACE))
    # Every file in a backup is a copy, so drop the remarks that say so.
    remarks = tuple(text for text in found.remarks if not text.endswith((A_COPY, COPIED)))
    if not keys and known:
        remarks += (f"the key was taken from the backup; compare it: {manifest.vkey}",)
    return msgspec.structs.replace(
        found,
        faults=tuple(faults),
        remarks=remarks,
        counts={"files": len(manifest.files)} | found.counts,
    )


def _file(folder: Path, file: File) -> list[Fault]:
    path = folder / file.path
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return [Fault(0, "is a link that leads out of the backup", file.path)]
        size, digest = path.stat().st_size, digest_of(path)
    except OSError as error:
        return [Fault(0, f"cannot be read: {error.strerror or error}", file.path)]
    if digest != file.sha256:
        return [Fault(0, "was changed: its SHA-256 is not that in the manifest", file.path)]
    if size != file.size:
        return [Fault(0, f"has {size:,} bytes instead of {file.size:,}", file.path)]
    return []


def _manifest_faults(folder: Path, manifest: Manifest) -> Iterator[Fault]:
    """Yield the faults of the manifest that do not depend on the content of the files."""
    named = {file.path for file in manifest.files}
    if LEDGER not in named:
        yield Fault(0, f"it names no {LEDGER}", _PLACE)
    if not manifest.secrets:
        for secret in sorted(SECRETS & named):
            yield Fault(0, f"it was made without secrets, but holds {secret}", _PLACE)
    for part in sorted(PARTS):
        inside = [folder / part, *(folder / part).rglob("*")]
        for path in sorted(item for item in inside if item.is_file()):
            name = path.relative_to(folder).as_posix()
            if name not in named:
                yield Fault(0, "the manifest does not name it, so it would not be restored", name)
    if not manifest.program.isprintable():
        yield Fault(0, f"it was made by {manifest.program!r}, which is not a version", _PLACE)
    made_at = manifest.made_at
    if made_at.tzinfo is None or made_at - system_clock() > CLOCK_SET:
        what = (
            "the time at which it was made must have an offset and not be in the future; it is "
            f"{made_at.isoformat()}"
        )
        yield Fault(0, what, _PLACE)


def _unlike(folder: Path, manifest: Manifest, found: Verification) -> Iterator[Fault]:
    """Yield the differences between the manifest and the ledgers of the backup."""
    with SQLiteRecorder(folder / LEDGER, read_only=True) as recorder:
        events, root = max(roots_at(recorder, ()).items())
    if (events, b64encode(root).decode()) != (manifest.events, manifest.root):
        what = f"it names another root of {manifest.events:,} events than the {events:,} records"
        yield Fault(0, what, _PLACE)
    accesses = found.counts.get("access records", 0)
    if accesses != manifest.access_events:
        what = f"it counts {manifest.access_events:,} accesses, but there are {accesses:,}"
        yield Fault(0, what, _PLACE)
    try:
        newest = newest_in(folder / SIGNED) if (folder / SIGNED).exists() else None
        note = None if newest is None else newest.note().decode()
    except StoreError:
        return  # the check of the file reports it
    if note != manifest.checkpoint:
        yield Fault(0, "it names another checkpoint than the newest signed one", _PLACE)


def _keys(
    folder: Path, manifest: Manifest, files: Files, known: Sequence[Verifier]
) -> Iterator[Fault]:
    """Yield the faults of the keys in a backup, the public one and the private ones."""
    signed = (folder / SIGNED).exists()
    if not known:
        if signed:
            yield Fault(0, "it names no public key, so signatures cannot be checked", _PLACE)
        signs = None
    else:
        reigns, _ = reigns_of(files if signed else Files(ledger=files.ledger), known)
        signs = reigns[-1].keys[0]
        if signed and signs.vkey() != manifest.vkey:
            yield Fault(0, f"its key must be {signs.vkey()}, which signs; it is not", _PLACE)
    held = [name for name in (KEY, NEXT_KEY) if (folder / name).exists()]
    try:
        private = [read_key(folder / name).verifier() for name in held]
    except KeyFileError as error:
        yield Fault(0, str(error), KEY)
        return
    if private and (not signed or signs not in private):
        what = "it is not the key of this log" if signed else "no checkpoint that it signed is here"
        yield Fault(0, what, held[0])


def _stated(manifest: Manifest) -> tuple[Verifier, ...]:
    try:
        return (parse_vkey(manifest.vkey),) if manifest.vkey else ()
    except NoteError:
        return ()  # a remark says that no key is known
