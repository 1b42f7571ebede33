"""Restore a ledger from a backup, after checking everything in it.

By each checkpoint that it signed, a log has promised which event is at which position. So the
restored tree is compared with a published checkpoint: it must begin with that checkpoint's tree, or
be the beginning of it. In the second case events are lost, and readers may hold receipts of them. A
log that signed other events at their positions under the same name would look forged. So the log
of that name ends (``ledger.transparency.ended``), but only if the caller accepts the loss
(``accept_loss``).

Everything is checked in a folder next to the ledger, and then moved into place, the ledger's own
file last. So the files that a crash leaves are not a ledger, and the next attempt refuses to
overwrite them.
"""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

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
    SECRETS,
    SIGNED,
    CopyError,
    Manifest,
    Progress,
    blobs_named,
    lacking_evidence,
    places,
    read_manifest,
)
from ledger.kernel.clock import Clock, system_clock
from ledger.opening import UnusableUrl, key_file, sibling
from ledger.stores.blobs import BlobDamaged, BlobMissing, Blobs
from ledger.stores.files import copy_file, flush_folder, flush_tree, refuse_existing, unfinished
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency import ended
from ledger.transparency.checkpoints import Checkpoint, parse_checkpoint
from ledger.transparency.keys import KeyFileError, read_key, settle_key
from ledger.transparency.memory import Memory
from ledger.transparency.merkle import ProofError
from ledger.transparency.notes import NoteError, Verifier, parse_note, parse_vkey
from ledger.transparency.published import Published, Unreachable
from ledger.transparency.store import SIGNED_SCHEMA, SignedStore, newest_in
from ledger.verification import Files, verify_ledger, verify_records
from ledger.verification.condition import condition
from ledger.verification.ended import roots_at
from ledger.verification.keys import Reign, check_signed, reigns_of

#: Which checkpoint decided the comparison: a given one, the newest in the backup itself, the newest
#: that this machine remembers to have signed, or none, because the log had signed nothing. The
#: largest checkpoint decides.
Source = Literal["given", "backup", "machine", "none"]


_WHOSE: dict[Source, str] = {
    "given": "the published checkpoint",
    "machine": "the newest checkpoint that this machine remembers to have signed",
    "backup": "the backup's own checkpoint",
}


class Restored(msgspec.Struct, frozen=True):
    """What was restored, and how it compares with the checkpoint that decided.

    ``root`` is in base64. ``lost``: how many events the checkpoint has beyond the restored ones.
    ``proven``: whether the smaller of the two trees was shown to be the beginning of the larger.
    ``lacking``: digests that events name and whose content the backup does not hold. ``origin``,
    ``vkey``: the log's name and key, if it signed anything. ``key_there``: whether the private key
    is where the service looks for it; ``access_key_there``: the same for the access ledger's log,
    if it has one. ``copied``: whether an operator must confirm that no newer checkpoint was
    published and that no other copy is in use, before the log signs (``resume_log``).
    """

    events: int
    root: str
    access_events: int
    compared_with: Source
    checkpoint_size: int
    lost: int
    proven: bool
    origin: str | None
    vkey: str | None
    key_there: bool
    access_key_there: bool
    ended: bool
    copied: bool
    lacking: tuple[str, ...]
    made_at: datetime

    @property
    def well(self) -> bool:
        """Whether no event and no blob is missing."""
        return not self.lost and not self.lacking


class _Compared(msgspec.Struct, frozen=True):
    """A checkpoint that was compared with the restored tree."""

    source: Source
    checkpoint: Checkpoint
    note: bytes
    lost: int
    proven: bool


def restore(
    folder: Path,
    ledger_file: Path,
    *,
    published: Published | None = None,
    vkey: str | None = None,
    accept_loss: bool = False,
    clock: Clock = system_clock,
    progress: Progress = lambda what, done, total: None,
) -> Restored:
    """Restore a backup as the ledger at ``ledger_file``, which must not exist yet.

    ``published``: a checkpoint to compare with; give the newest that can be found. The backup's own
    checkpoint and the one that this machine remembers (``ledger.transparency.memory``) are compared
    too. ``vkey``: the log's public key as known from elsewhere; without it the backup's is used.

    Raises ``CopyError`` if the backup is damaged, is of another log, contradicts the checkpoint, or
    lacks events that the checkpoint covers (the last only without ``accept_loss``). Raises
    ``UnusableUrl`` if files are in the way. In these cases nothing is restored.
    """
    manifest = read_manifest(folder)
    if not ledger_file.absolute().parent.is_dir():
        raise UnusableUrl(f"the directory {ledger_file.absolute().parent} must exist")
    _refuse_present(ledger_file, manifest)
    known = _known_key(manifest, vkey)
    access = sibling(ledger_file, "access")
    with unfinished(ledger_file) as staged:
        _take(folder, manifest, staged, partial(progress, "files"))
        for name in (LEDGER, ACCESS):
            _verify_records(staged / name, progress)
        for name in (SIGNED, ACCESS_SIGNED):
            _check_promises(staged / name)
        _check_accesses(staged)
        lacking = _check_blobs(staged)
        reigns = _reigns_in(staged, known)
        key = reigns[-1].keys[0] if reigns else None
        compared = _compare(staged, manifest, reigns, published)
        loses = compared is not None and compared.lost > 0
        if loses and compared is not None:
            if not accept_loss:
                raise CopyError(_refusal(compared, manifest))
            assert key is not None
            _end_log(staged, compared, manifest, key, clock)
        _check_keys(ledger_file, staged, key, loses=loses)
        copied = (staged / SIGNED).exists()
        if loses or not copied or (compared is not None and compared.source == "given"):
            # The operator gave the newest published checkpoint; a given one that is smaller than
            # the backup's does not decide. So the log may continue. The access ledger's log
            # publishes nothing, and continues together with the main one.
            for name in (SIGNED, ACCESS_SIGNED):
                if (staged / name).exists():
                    with closing(SignedStore(staged / name)) as signed:
                        signed.settle()
            copied = False
        for name in (LEDGER, ACCESS):
            if (staged / name).exists():
                with SQLiteRecorder(staged / name) as recorder:
                    recorder.settle()
        flush_tree(staged)
        _place(staged, places(ledger_file))
    return Restored(
        events=manifest.events,
        root=manifest.root,
        access_events=manifest.access_events,
        compared_with=compared.source if compared else "none",
        checkpoint_size=compared.checkpoint.size if compared else 0,
        lost=compared.lost if compared else 0,
        proven=compared.proven if compared else False,
        origin=compared.checkpoint.origin if compared else None,
        vkey=key.vkey() if key else None,
        key_there=key_file(ledger_file).exists(),
        access_key_there=not sibling(access, "signed").exists() or key_file(access).exists(),
        ended=loses,
        copied=copied,
        lacking=lacking,
        made_at=manifest.made_at,
    )


def _refuse_present(ledger_file: Path, manifest: Manifest) -> None:
    """Refuse to overwrite files, and to leave files that were made from other events."""
    parts = places(ledger_file)
    brought = {file.path.partition("/")[0] for file in manifest.files}
    # An operator who keeps the key elsewhere may already have put it in place, and made new tokens.
    stays = SECRETS - brought
    paths = [path for name, path in parts.items() if name not in stays]
    paths += [sibling(ledger_file, made) for made in ("tiles", "views")]
    paths += [Path(f"{path}{tail}") for path in list(paths) for tail in ("-wal", "-shm")]
    existing = [str(path) for path in paths if path.exists() or path.is_symlink()]
    if existing:
        raise UnusableUrl(
            f"a ledger must not be restored over another one. Move away first: "
            f"{', '.join(existing)}"
        )


def _known_key(manifest: Manifest, vkey: str | None) -> Verifier | None:
    """Return the public key from which the log's other keys follow. Raises ``CopyError``."""
    known = vkey or manifest.vkey
    try:
        return parse_vkey(known) if known else None
    except NoteError as error:
        raise CopyError(str(error)) from error


def _reigns_in(staged: Path, known: Verifier | None) -> tuple[Reign, ...]:
    """Return the keys of the backup's log, each with its range of sizes. Raises ``CopyError``."""
    if known is None:
        return ()
    signed = staged / SIGNED
    files = Files(ledger=staged / LEDGER, signed=signed if signed.exists() else None)
    reigns, faults = reigns_of(files, [known])
    if faults:
        raise CopyError(
            f"the backup is of another ledger, or it was changed: {faults[0].words}. Nothing "
            "was restored."
        )
    return reigns


def _signed_by(note: bytes, reigns: tuple[Reign, ...]) -> Checkpoint:
    """Return the checkpoint of a note. Raises ``NoteError`` unless the right key signed it."""
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    check_signed(parsed, checkpoint.size, reigns)
    return checkpoint


def _take(
    folder: Path, manifest: Manifest, staged: Path, progress: Callable[[int, int], None]
) -> None:
    """Copy every file of the manifest, and check the copy: the backup may change meanwhile."""
    faults = []
    for number, file in enumerate(manifest.files, start=1):
        target = staged / file.path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            if not (folder / file.path).resolve().is_relative_to(folder.resolve()):
                faults.append(f"{file.path} is a link that leads out of the backup")
                continue
            digest = copy_file(folder / file.path, target)
        except OSError as error:
            faults.append(f"{file.path} cannot be read: {error.strerror or error}")
            continue
        if (size := target.stat().st_size) != file.size:
            faults.append(f"{file.path} has {size:,} bytes instead of {file.size:,}")
        elif digest != file.sha256:
            faults.append(f"{file.path} was changed: its SHA-256 is not that in the manifest")
        progress(number, len(manifest.files))
    named = {file.path for file in manifest.files}
    if LEDGER not in named:
        faults.append(f"the manifest names no {LEDGER}")
    if not manifest.secrets and (secret := sorted(SECRETS & named)):
        faults.append(f"it was made without secrets, but holds {', '.join(secret)}")
    if faults:
        raise CopyError(
            "the backup is damaged, and nothing was restored. "
            + "; ".join(faults[:10])
            + (f"; and {len(faults) - 10} more" if len(faults) > 10 else "")
            + ". Use an earlier or later backup."
        )
    for name in (KEY, NEXT_KEY, ACCESS_KEY):
        if (staged / name).exists():
            (staged / name).chmod(0o600)


def _verify_records(ledger_file: Path, progress: Progress) -> None:
    if not ledger_file.exists():
        return
    with SQLiteRecorder(ledger_file) as recorder:
        head = recorder.head()
        found = verify_records(
            recorder, progress=lambda done: progress(ledger_file.name, done, head)
        )
    if found.faults:
        first = "; ".join(fault.words for fault in found.faults[:5])
        raise CopyError(
            f"{ledger_file.name} has {len(found.faults)} faults, and nothing was restored: {first}"
        )


def _check_accesses(staged: Path) -> None:
    """Refuse an access ledger that does not begin with what its log signed."""
    signed = staged / ACCESS_SIGNED
    if not signed.exists():
        return
    if not (staged / ACCESS).exists():
        raise CopyError(f"the backup is incomplete: it holds {ACCESS_SIGNED}, but not {ACCESS}")
    with closing(SignedStore(signed)) as store:
        held = store.keys()
    keys = [parse_vkey(key.vkey) for key in held]
    found = verify_ledger(
        Files(ledger=staged / ACCESS, signed=signed, part=True), keys=keys, workers=1
    )
    if found.faults:
        first = "; ".join(fault.words for fault in found.faults[:5])
        raise CopyError(f"the access ledger is not the one that its log signed: {first}")


def _check_promises(signed: Path) -> None:
    """Refuse a file of signed checkpoints whose schema is not the program's own.

    Such a file could lack the triggers that keep signed checkpoints unchanged.
    """
    if signed.exists() and (wrong := condition(signed, SIGNED_SCHEMA)[0]):
        raise CopyError(
            f"{signed.name} does not have the program's schema, and nothing was restored: "
            + "; ".join(fault.words for fault in wrong[:5])
        )


def _check_blobs(staged: Path) -> tuple[str, ...]:
    """Return the digests that events name and whose content is missing or damaged."""
    named, lacking = blobs_named(staged / LEDGER), []
    if named or (staged / BLOBS).exists():
        blobs = Blobs(staged / BLOBS)
        for digest in sorted(named):
            try:
                blobs.get(digest)
            except (BlobMissing, BlobDamaged):
                lacking.append(digest)
    return (*lacking, *lacking_evidence(staged / LEDGER, staged / BLOBS))


def _compare(
    staged: Path, manifest: Manifest, reigns: tuple[Reign, ...], published: Published | None
) -> _Compared | None:
    """Compare the tree with every known checkpoint, and return the comparison with the largest.

    Raises ``CopyError`` if the tree contradicts any of them.
    """
    signed = newest_in(staged / SIGNED) if (staged / SIGNED).exists() else None
    note = signed.note() if signed is not None and signed.size else None
    if (note.decode() if note else None) != manifest.checkpoint:
        raise CopyError("the manifest must name the newest signed checkpoint; it names another one")
    if not reigns and (note or published):
        raise CopyError(
            "the backup does not hold the log's public key: give it as --vkey (the service shows "
            "it at /v1/log/key)"
        )
    candidates: list[tuple[Source, bytes]] = []
    remembered = (Memory().note(key) for reign in reigns for key in reign.keys)
    candidates += [("machine", kept) for kept in remembered if kept is not None]
    if note:
        candidates.append(("backup", note))
    if published is not None:
        candidates.append(("given", published.note))
    checkpoints = []
    for source, candidate in candidates:
        try:
            if source == "machine":
                # `Memory.note` has checked that the log's own key signed it. The key of its size
                # may be the next one, which may have signed it later.
                checkpoint = parse_checkpoint(parse_note(candidate).text)
            else:
                checkpoint = _signed_by(candidate, reigns)
            checkpoints.append((source, candidate, checkpoint))
        except NoteError as error:
            raise CopyError(f"{_WHOSE[source]} is not valid: {error}") from error
    with SQLiteRecorder(staged / LEDGER) as recorder:
        roots = roots_at(recorder, {checkpoint.size for _, _, checkpoint in checkpoints})
    size, root = max(roots.items())
    if size != manifest.events or b64encode(root).decode() != manifest.root:
        raise CopyError(
            f"the {size:,} records do not lead to the root in the manifest, of "
            f"{manifest.events:,} events"
        )
    compared = [
        _stand(
            _Compared(
                source, checkpoint, compared_note, max(0, checkpoint.size - size), proven=False
            ),
            roots,
            size,
            published if source == "given" else None,
        )
        for source, compared_note, checkpoint in checkpoints
    ]
    if any(other.lost for other in compared if other.source == "backup"):
        raise CopyError("the backup is incomplete: its log has signed more events than it holds")
    return max(reversed(compared), key=lambda other: other.checkpoint.size, default=None)


def _stand(
    unproven: _Compared, roots: dict[int, bytes], size: int, published: Published | None
) -> _Compared:
    """Compare the tree of ``size`` with a checkpoint. Raises ``CopyError`` if it contradicts."""
    checkpoint = unproven.checkpoint
    proven = msgspec.structs.replace(unproven, proven=True)
    if not unproven.lost:
        if roots[checkpoint.size] != checkpoint.root:
            raise CopyError(
                f"the first {checkpoint.size:,} events of the backup are not those of "
                f"{_WHOSE[unproven.source]}: one of the two is of another ledger, or is forged. "
                "Nothing was restored; keep both as evidence."
            )
        return proven
    if published is None:
        return unproven
    try:
        published.prove_beginning(size, roots[size], checkpoint)
    except Unreachable:
        return unproven
    except ProofError as error:
        raise CopyError(
            f"the backup is not the beginning of the published checkpoint's tree ({error}): one of "
            "the two is of another ledger, or is forged. Nothing was restored; keep both as "
            "evidence."
        ) from error
    return proven


def _refusal(compared: _Compared, manifest: Manifest) -> str:
    shown = (
        "The backup is the beginning of that tree."
        if compared.proven
        else "It was not shown whether the backup is the beginning of that tree, because its tiles "
        "were not available with the checkpoint."
    )
    return (
        f"{_WHOSE[compared.source]} covers {compared.checkpoint.size:,} events and the backup "
        f"holds {manifest.events:,}: it lacks {compared.lost:,}. {shown} Nothing was restored. "
        "First look for a later backup, and for the ledger's own file. If those events are lost "
        "for good, add --accept-loss: it restores the events of the backup and ends the log "
        f"{compared.checkpoint.origin!r}, because this log must never sign other events at the "
        "positions of the lost ones. A log of another name then begins with the restored events "
        "(docs/backup.md)."
    )


def _end_log(
    staged: Path, compared: _Compared, manifest: Manifest, key: Verifier, clock: Clock
) -> None:
    """Move the log's checkpoints to the folder of ended logs, with a statement of the loss."""
    folder = staged / ENDED / f"{key.key_id:08x}"
    folder.mkdir(parents=True, mode=0o700)
    if (staged / SIGNED).exists():
        (staged / SIGNED).rename(folder / ended.SIGNED)
    if (staged / ACCESS_SIGNED).exists():
        # The access ledger's log starts again with the main one: it is named after the main one,
        # its key may not be in a backup, and no outsider holds a checkpoint of it.
        (staged / ACCESS_SIGNED).rename(folder / ACCESS_SIGNED)
    # Remove the keys of the ended logs: they are no longer needed, and could be misused.
    for name in (KEY, NEXT_KEY, ACCESS_KEY):
        (staged / name).unlink(missing_ok=True)
    (folder / ended.CHECKPOINT).write_bytes(compared.note)
    statement = ended.Ended(
        origin=compared.checkpoint.origin,
        vkey=key.vkey(),
        kept=manifest.events,
        kept_root=manifest.root,
        lost=compared.lost,
        proven=compared.proven,
        published=compared.note.decode(),
        stated_at=clock().astimezone(UTC).isoformat(timespec="seconds"),
    )
    encoded = msgspec.json.format(msgspec.json.encode(statement)) + b"\n"
    (folder / ended.STATEMENT).write_bytes(encoded)


def _check_keys(ledger_file: Path, staged: Path, key: Verifier | None, *, loses: bool) -> None:
    """Refuse a private key, in the backup or in place, that must not sign the restored ledger."""
    if (staged / KEY).exists() or (staged / NEXT_KEY).exists():
        if key is None or not (staged / SIGNED).exists():
            raise CopyError("the backup holds a private key, but no checkpoint that it signed")
        try:
            settle_key(staged / KEY, key.vkey())
        except KeyFileError:
            raise CopyError(
                f"the private key in the backup must be that of {key.vkey()}, which signs the log; "
                "it is another one. Nothing was restored."
            ) from None
    access_key = key_file(sibling(ledger_file, "access"))
    if loses and access_key.exists():
        raise UnusableUrl(
            "the access ledger's log must start again together with the main one: move its key "
            f"away from {access_key}"
        )
    path = key_file(ledger_file)
    if not path.exists() or key is None:
        return
    if read_key(path).verifier() != key:
        raise UnusableUrl(
            f"the key at {path} must be that of {key.vkey()}: put the right one there"
        )
    if loses:
        raise UnusableUrl(
            f"the log {key.name!r} ends because events are lost: move its key away from {path}, so "
            "that it never signs again"
        )


def _place(staged: Path, parts: dict[str, Path]) -> None:
    """Move all parts to their places, the ledger's own file last.

    A crash leaves parts without a ledger, which the next attempt refuses to overwrite.
    """
    placed: list[Path] = []
    try:
        for name in sorted(parts, key=lambda name: name == LEDGER):
            if (staged / name).exists():
                refuse_existing(parts[name])  # check again: it may have appeared meanwhile
                (staged / name).rename(parts[name])
                placed.append(parts[name])
    except BaseException:
        for path in placed:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    flush_folder(parts[LEDGER].absolute().parent)
