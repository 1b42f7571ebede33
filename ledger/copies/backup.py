"""A backup: a copy of a ledger and all that belongs to it, made while the ledger is in use.

``make_backup`` copies in this order, for these reasons:

1. The signed checkpoints. An event is recorded before a checkpoint that covers it is signed. So a
   ledger that is copied later holds every signed event. If asked for, copy also the key that signs
   at that time, and copy both again if the log changed its key in between.
2. The ledger, as it is at one moment.
3. The blobs and sealed files of evidence. Each is stored before the event that names it, so all
   that the copied events name exists by now.
4. The access ledger, after its own signed checkpoints. It does not depend on the other parts.
5. The manifest, last: a copy without a manifest was not completed.

All of this goes into a folder with a temporary name, which is flushed and then renamed. A crash
leaves only that folder. Tiles and views are not copied, because they can be made again from the
events.
"""

from __future__ import annotations

import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath

import msgspec

from ledger import VERSION
from ledger.copies.blobs import blobs_of, naming
from ledger.evidence import (
    FOLDER,
    NAMING,
    NamedFile,
    erased_cases,
    named_files,
    subject_of,
    wrong_file,
)
from ledger.kernel import codec
from ledger.kernel.clock import Clock, system_clock
from ledger.stores.blobs import BlobDamaged, BlobMissing, Blobs
from ledger.stores.evidence import EvidenceFolder
from ledger.stores.files import copy_database, digest_of, unchanging, whole_folder
from ledger.stores.naming import UnusableUrl, blobs_folder, key_file, refuse_neighbour, sibling
from ledger.systems.process.events import CaseFilesErased
from ledger.transparency.ended import ended_folder
from ledger.transparency.keys import KeyFileError, next_key, read_key
from ledger.transparency.merkle import Growing, leaf_hash
from ledger.transparency.store import Signed, newest_in

FORMAT = "supervision-ledger-backup/1"
MANIFEST = "manifest.json"

LEDGER = "ledger.db"
SIGNED = "signed.db"
ACCESS = "access.db"
ACCESS_SIGNED = "access.signed.db"
ACCESS_KEY = "access.key"
TOKENS = "tokens.db"
WEBHOOKS = "webhooks.db"
KEY = "log.key"
NEXT_KEY = "log.key.next"
BLOBS = "blobs"
ENDED = "ended"
#: The parts that are copied only if they are asked for.
SECRETS = frozenset({TOKENS, WEBHOOKS, KEY, NEXT_KEY, ACCESS_KEY})
PARTS = frozenset({LEDGER, SIGNED, ACCESS, ACCESS_SIGNED, BLOBS, ENDED}) | SECRETS

#: How many times to copy the key and the checkpoints until they fit. A log rarely changes its key.
_ATTEMPTS = 3
#: How many records to read from a copy at a time.
_PAGE = 10_000
#: How many bytes of a file of evidence to copy at a time.
_PART = 1024 * 1024

#: Receives what is being copied or checked, how much of it is done, and the total.
Progress = Callable[[str, int, int], None]


class CopyError(ValueError):
    """A backup cannot be made or used; the message says why."""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup; ``path`` is relative to the backup's folder."""

    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of a backup.

    ``root``: the Merkle root of all its ``events``, in base64 as in a checkpoint. ``checkpoint``:
    the newest note that the log has signed, and ``vkey`` the public key of that time; both are
    ``None`` if nothing was signed or there is no log. ``lacking``: digests that events name and
    whose content was missing or damaged.
    """

    format: str
    program: str
    made_at: datetime
    events: int
    root: str
    access_events: int
    checkpoint: str | None
    vkey: str | None
    secrets: bool
    lacking: tuple[str, ...]
    files: tuple[File, ...]


def places(ledger_file: Path) -> dict[str, Path]:
    """Return the path of each part of a ledger in use, by its name in the backup."""
    return {
        LEDGER: ledger_file,
        SIGNED: sibling(ledger_file, "signed"),
        ACCESS: sibling(ledger_file, "access"),
        ACCESS_SIGNED: sibling(sibling(ledger_file, "access"), "signed"),
        ACCESS_KEY: key_file(sibling(ledger_file, "access")),
        TOKENS: sibling(ledger_file, "tokens"),
        WEBHOOKS: sibling(ledger_file, "webhooks"),
        KEY: key_file(ledger_file),
        NEXT_KEY: next_key(key_file(ledger_file)),
        BLOBS: blobs_folder(ledger_file),
        ENDED: ended_folder(ledger_file),
    }


def make_backup(
    ledger_file: Path,
    target: Path,
    *,
    with_secrets: bool = False,
    clock: Clock = system_clock,
    progress: Progress = lambda what, done, total: None,
) -> Manifest:
    """Copy a ledger to a new folder, while it is served or not. The manifest says what was copied.

    The private keys of the logs, the hashes of tokens and the secrets of webhooks are copied only
    ``with_secrets``.

    Raises ``UnusableUrl`` if there is no ledger, ``FileExistsError`` if ``target`` exists,
    ``CopyError`` if the ledger does not begin with the signed events, and ``OSError``. In these
    cases ``target`` is not made.
    """
    if not ledger_file.exists():
        raise UnusableUrl(f"there is no ledger at {ledger_file}; name an existing one")
    refuse_neighbour(target.absolute())
    if not target.absolute().parent.is_dir():
        raise UnusableUrl(f"there is no directory {target.absolute().parent} for the backup")
    made_at = clock().astimezone(UTC)
    parts = places(ledger_file)
    with whole_folder(target) as folder:

        def copy(name: str) -> Path | None:
            if not parts[name].exists():
                return None
            copied = folder / name
            copy_database(parts[name], copied, partial(progress, name))
            return copied

        signed_copy = copy(SIGNED)  # 1. the signed checkpoints
        if with_secrets:
            for _ in range(_ATTEMPTS):
                _copy_secrets(folder, parts, (KEY, NEXT_KEY))
                if _key_fits(folder, signed_copy):
                    break
                (folder / SIGNED).unlink()
                signed_copy = copy(SIGNED)
            else:
                raise CopyError(
                    f"the key at {parts[KEY]} must be that of {_key_that_signs(signed_copy)}, "
                    "which signs the log; it is another one. Nothing was copied, because such a "
                    "backup could not be restored"
                )
        newest = newest_in(signed_copy) if signed_copy else None
        copy(LEDGER)  # 2. the ledger
        events, root = _check_root(
            folder / LEDGER, newest, lambda done, total: progress("records", done, total)
        )
        # 3. the blobs and files of evidence
        lacking = _copy_blobs(folder, parts[BLOBS], partial(progress, "blobs"))
        lacking += copy_evidence(folder / LEDGER, parts[BLOBS], folder / BLOBS)
        access_signed = copy(ACCESS_SIGNED)  # 4. the access ledger
        access = copy(ACCESS)
        if access_signed and not access:
            raise CopyError(
                f"{parts[ACCESS]} must exist, because its log has signed checkpoints; it is "
                "missing. Nothing was copied"
            )
        kept, _ = (
            _check_root(
                access,
                newest_in(access_signed) if access_signed else None,
                partial(progress, "access records"),
                "access ledger",
            )
            if access
            else (0, b"")
        )
        if parts[ENDED].exists():
            shutil.copytree(parts[ENDED], folder / ENDED)
        if with_secrets:
            copy(TOKENS)
            copy(WEBHOOKS)
            _copy_secrets(folder, parts, (ACCESS_KEY,))
        manifest = Manifest(
            format=FORMAT,
            program=VERSION,
            made_at=made_at,
            events=events,
            root=b64encode(root).decode(),
            access_events=kept,
            checkpoint=newest.note().decode() if newest else None,
            vkey=_key_that_signs(signed_copy),
            secrets=with_secrets,
            lacking=lacking,
            files=tuple(_files(folder)),
        )
        encoded = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
        (folder / MANIFEST).write_bytes(encoded)  # 5. the manifest
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup. Raises ``CopyError`` if this program cannot read it."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise CopyError(
            f"{folder} has no {MANIFEST}: it is not a backup, or the backup was not completed"
        ) from None
    except msgspec.DecodeError as error:
        raise CopyError(f"{path} is damaged, or of another program: {error}") from error
    except RecursionError:
        raise CopyError(f"{path} is damaged: it is nested too deeply") from None
    if manifest.format != FORMAT:
        raise CopyError(f"{path} must have the format {FORMAT!r}; it has {manifest.format!r}")
    for file in manifest.files:
        parts = PurePosixPath(file.path).parts
        if not parts or ".." in parts or parts[0] not in PARTS or "\0" in file.path:
            raise CopyError(f"{MANIFEST} names {file.path!r}, which is not a part of a backup")
    return manifest


def blobs_named(ledger_file: Path) -> set[str]:
    """Return the digests of the blobs that the events of a copied ledger name.

    Raises ``CopyError``.
    """
    named = set()
    fields = naming()
    marks = ", ".join("?" * len(fields))
    with closing(sqlite3.connect(unchanging(ledger_file), uri=True)) as sqlite:
        for position, data in sqlite.execute(
            f"SELECT position, data FROM events WHERE type IN ({marks})",  # noqa: S608
            list(fields),
        ):
            try:
                event = codec.decode(position, data).event
            except codec.UnreadableRecord as error:
                raise CopyError(str(error)) from error
            named |= blobs_of(event)
    return named


def evidence_named(ledger_file: Path) -> list[NamedFile]:
    """Return the files of evidence that the events of a copied ledger name, without erased ones."""
    topics = (*(cls.TOPIC for cls in NAMING), CaseFilesErased.TOPIC)
    marks = ", ".join("?" * len(topics))
    with closing(sqlite3.connect(unchanging(ledger_file), uri=True)) as sqlite:
        stored = sqlite.execute(
            f"SELECT position, data FROM events WHERE type IN ({marks}) ORDER BY position",  # noqa: S608
            topics,
        ).fetchall()
    try:
        records = [codec.decode(position, data) for position, data in stored]
    except codec.UnreadableRecord as error:
        raise CopyError(str(error)) from error
    erased = erased_cases(records)
    return [file for file in named_files(records) if file.case not in erased]


def copy_evidence(ledger_file: Path, blobs: Path, target: Path) -> tuple[str, ...]:
    """Copy every sealed file that events name; return the digests of missing or damaged ones.

    Open each file by its digest: a listing of the folder would miss a file that is renamed
    meanwhile.
    """
    named = {(file.case, file.digest) for file in evidence_named(ledger_file)}
    source = EvidenceFolder(blobs / FOLDER, read_only=True)
    copies = EvidenceFolder(target / FOLDER, read_only=not named)
    for case, digest in sorted(named):
        opened = source.open(subject_of(case), digest)
        if opened is not None:
            with opened[0] as file:
                copy = copies.begin(subject_of(case))
                while part := file.read(_PART):
                    copy.write(part)
            copy.keep(digest)
            copies.settle(subject_of(case), digest)
    return lacking_evidence(ledger_file, target)


def lacking_evidence(ledger_file: Path, blobs: Path) -> tuple[str, ...]:
    """Return the digests of files of evidence that events name and that ``blobs`` does not hold."""
    store = EvidenceFolder(blobs / FOLDER, read_only=True)
    named = evidence_named(ledger_file)
    return tuple(sorted({f.digest for f in named if wrong_file(f, store, None) is not None}))


def _copy_secrets(folder: Path, parts: dict[str, Path], names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
        with suppress(FileNotFoundError):  # it does not exist, or was renamed at this moment
            shutil.copy(parts[name], folder / name)
            (folder / name).chmod(0o600)


def _key_fits(folder: Path, signed_copy: Path | None) -> bool:
    """Whether the signing key is among the copied keys; true too if the key is kept elsewhere."""
    vkey = _key_that_signs(signed_copy)
    copied = [folder / name for name in (KEY, NEXT_KEY) if (folder / name).exists()]
    if vkey is None or not copied:
        return True
    with suppress(KeyFileError):
        return any(read_key(path).verifier().vkey() == vkey for path in copied)
    return False


def _key_that_signs(signed_copy: Path | None) -> str | None:
    if signed_copy is None:
        return None
    with closing(sqlite3.connect(unchanging(signed_copy), uri=True)) as sqlite:
        row = sqlite.execute("SELECT vkey FROM keys ORDER BY since DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def _check_root(
    ledger_file: Path,
    newest: Signed | None,
    progress: Callable[[int, int], None],
    named: str = "ledger",
) -> tuple[int, bytes]:
    """Return how many events a copied ledger has, and their root, computed from the records.

    Raises ``CopyError`` if the root at the size of ``newest`` is not the signed one.
    """
    tree, signed_root = Growing(), None
    with closing(sqlite3.connect(unchanging(ledger_file), uri=True)) as sqlite:
        ((count,),) = sqlite.execute("SELECT count(*) FROM events")
        records = sqlite.execute("SELECT data FROM events ORDER BY position")
        while page := records.fetchmany(_PAGE):
            for (data,) in page:
                tree.add(leaf_hash(data))
                if newest is not None and tree.size == newest.size:
                    signed_root = tree.root()
            progress(tree.size, count)
    if newest is not None and signed_root != newest.root:
        raise CopyError(
            f"the {named} must begin with the {newest.size:,} events that were signed at "
            f"{newest.signed_at}; it does not. Nothing was copied. Run supervision-ledger verify, "
            "and do not change the files until the cause is known."
        )
    return tree.size, tree.root()


def _copy_blobs(folder: Path, blobs: Path, progress: Callable[[int, int], None]) -> tuple[str, ...]:
    """Copy every blob; return the digests of those that events name and that are not whole."""
    named = blobs_named(folder / LEDGER)
    if not blobs.exists():
        return tuple(sorted(named))
    source, target = Blobs(blobs), Blobs(folder / BLOBS)
    lacking: list[str] = []
    every = sorted(named.union(source.digests()))
    for done, digest in enumerate(every, start=1):
        progress(done, len(every))
        try:
            target.put(source.get(digest))
        except (BlobMissing, BlobDamaged):
            if digest in named:
                lacking.append(digest)
    return tuple(lacking)


def _files(folder: Path) -> Iterator[File]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        yield File(path=name, size=path.stat().st_size, sha256=digest_of(path))
