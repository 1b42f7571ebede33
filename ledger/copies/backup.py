"""A copy of a ledger with all that belongs to it, taken while it is being written.

What is copied, in this order, and why in this one:

1. What was signed. Every event under a signature is recorded before it is signed, so a ledger that
   is copied afterwards holds it: the copy never has promises that it cannot keep. With it the key
   that signs by then, if it is asked for: both again if the log changed its key in between.
2. The ledger, as it is at one moment.
3. What its events name by digest, files of evidence among it as they lie, sealed. A piece is put
   down before the event that names it, so whatever the copied events name is there by now.
4. The access ledger, after what its log signed. Nothing in it depends on the others.
5. The manifest, last: a copy without one was never finished.

All that in a folder of another name, which is flushed and then renamed. Tiles and views are not
copied: they are made again from the events.
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
KEY = "log.key"
NEXT_KEY = "log.key.next"
BLOBS = "blobs"
ENDED = "ended"
#: What is copied only if it is asked for.
SECRETS = frozenset({TOKENS, KEY, NEXT_KEY, ACCESS_KEY})
PARTS = frozenset({LEDGER, SIGNED, ACCESS, ACCESS_SIGNED, BLOBS, ENDED}) | SECRETS

#: How often key and promises are copied till they fit: a log does not change its key twice a day.
_ATTEMPTS = 3
#: Records that are read from a copy at a time.
_PAGE = 10_000
#: Bytes of a file of evidence that are copied at a time.
_PART = 1024 * 1024

#: Told what is being copied or looked at, how far that is, and of how much.
Progress = Callable[[str, int, int], None]


class CopyError(ValueError):
    """A backup cannot be made, or cannot be used, and why."""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup; ``path`` is relative to the backup's folder."""

    path: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds.

    ``root``: of the tree of all its ``events``, in base64 as in a checkpoint. ``checkpoint``: the
    newest note signed by the log that it covers, ``vkey`` the public key that signs by then; they
    are ``None`` if nothing was signed, or there is no log. ``lacking``: digests that
    events name and under which nothing whole was found.
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
    """Where each part of a backup lies when it is in use, by its name in the backup."""
    return {
        LEDGER: ledger_file,
        SIGNED: sibling(ledger_file, "signed"),
        ACCESS: sibling(ledger_file, "access"),
        ACCESS_SIGNED: sibling(sibling(ledger_file, "access"), "signed"),
        ACCESS_KEY: key_file(sibling(ledger_file, "access")),
        TOKENS: sibling(ledger_file, "tokens"),
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

    The private key of the log and the tokens' hashes are copied ``with_secrets`` alone.

    Raises ``UnusableUrl`` if there is no ledger, ``FileExistsError`` if ``target`` exists,
    ``CopyError`` if the ledger does not begin with what was signed, and whatever the disk raises.
    Nothing stands at ``target`` then.
    """
    if not ledger_file.exists():
        raise UnusableUrl(f"there is no ledger at {ledger_file}")
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

        signed_copy = copy(SIGNED)
        if with_secrets:
            for _ in range(_ATTEMPTS):
                _copy_secrets(folder, parts, (KEY, NEXT_KEY))
                if _key_fits(folder, signed_copy):
                    break
                (folder / SIGNED).unlink()
                signed_copy = copy(SIGNED)
            else:
                raise CopyError(
                    f"the key at {parts[KEY]} is not that of {_key_that_signs(signed_copy)}, which "
                    "signs: nothing was copied, as such a backup could not be restored"
                )
        newest = newest_in(signed_copy) if signed_copy else None
        copy(LEDGER)
        events, root = _check_root(
            folder / LEDGER, newest, lambda done, total: progress("records", done, total)
        )
        lacking = _copy_blobs(folder, parts[BLOBS], partial(progress, "blobs"))
        lacking += copy_evidence(folder / LEDGER, parts[BLOBS], folder / BLOBS)
        access_signed = copy(ACCESS_SIGNED)
        access = copy(ACCESS)
        if access_signed and not access:
            raise CopyError(
                f"{parts[ACCESS]} is gone, and what its log signed lies there: nothing was copied"
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
        (folder / MANIFEST).write_bytes(encoded)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises ``CopyError`` if it is none, or not one for this program."""
    path = folder / MANIFEST
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise CopyError(
            f"{folder} has no {MANIFEST}: it is no backup, or one that was never finished"
        ) from None
    except msgspec.DecodeError as error:
        raise CopyError(f"{path} is damaged, or of another program: {error}") from error
    except RecursionError:
        raise CopyError(f"{path} is damaged: it is nested without end") from None
    if found.format != FORMAT:
        raise CopyError(f"{path} has the format {found.format!r}; this program knows {FORMAT!r}")
    for file in found.files:
        parts = PurePosixPath(file.path).parts
        if not parts or ".." in parts or parts[0] not in PARTS or "\0" in file.path:
            raise CopyError(f"{MANIFEST} names {file.path!r}, which is no part of a backup")
    return found


def blobs_named(ledger_file: Path) -> set[str]:
    """The digests of the pieces that the events of a copied ledger name. Raises ``CopyError``."""
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
    """The files of evidence that the events of a copied ledger say are kept, and not erased."""
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


def copy_evidence(ledger_file: Path, pieces: Path, target: Path) -> tuple[str, ...]:
    """Copy every sealed file that events name; the digests of those that are not whole, or missing.

    Each is opened by its digest: a listing of the folder would miss one that is renamed meanwhile.
    """
    named = {(file.case, file.digest) for file in evidence_named(ledger_file)}
    source = EvidenceFolder(pieces / FOLDER, read_only=True)
    copies = EvidenceFolder(target / FOLDER, read_only=not named)
    for case, digest in sorted(named):
        found = source.open(subject_of(case), digest)
        if found is not None:
            with found[0] as file:
                copy = copies.begin(subject_of(case))
                while part := file.read(_PART):
                    copy.write(part)
            copy.keep(digest)
            copies.settle(subject_of(case), digest)
    return lacking_evidence(ledger_file, target)


def lacking_evidence(ledger_file: Path, pieces: Path) -> tuple[str, ...]:
    """The digests of files of evidence that events name and that do not lie among the pieces."""
    store = EvidenceFolder(pieces / FOLDER, read_only=True)
    named = evidence_named(ledger_file)
    return tuple(sorted({f.digest for f in named if wrong_file(f, store, None) is not None}))


def _copy_secrets(folder: Path, parts: dict[str, Path], names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
        with suppress(FileNotFoundError):  # there is none, or it took another's place just now
            shutil.copy(parts[name], folder / name)
            (folder / name).chmod(0o600)


def _key_fits(folder: Path, signed_copy: Path | None) -> bool:
    """Whether the key that signs is among the copied ones. Who keeps it elsewhere has none here."""
    vkey = _key_that_signs(signed_copy)
    there = [folder / name for name in (KEY, NEXT_KEY) if (folder / name).exists()]
    if vkey is None or not there:
        return True
    with suppress(KeyFileError):
        return any(read_key(one).verifier().vkey() == vkey for one in there)
    return False


def _key_that_signs(signed_copy: Path | None) -> str | None:
    if signed_copy is None:
        return None
    with closing(sqlite3.connect(unchanging(signed_copy), uri=True)) as sqlite:
        found = sqlite.execute("SELECT vkey FROM keys ORDER BY since DESC LIMIT 1").fetchone()
    return None if found is None else str(found[0])


def _check_root(
    ledger_file: Path,
    newest: Signed | None,
    progress: Callable[[int, int], None],
    named: str = "ledger",
) -> tuple[int, bytes]:
    """How many events a copied ledger has, and their root, from the records as they are."""
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
            f"the {named} does not begin with the {newest.size:,} events that were signed at "
            f"{newest.signed_at}: nothing was copied. Run supervision-ledger verify, and keep the "
            "files as they are until somebody has looked."
        )
    return tree.size, tree.root()


def _copy_blobs(
    folder: Path, pieces: Path, progress: Callable[[int, int], None]
) -> tuple[str, ...]:
    """Copy every piece there is; the digests of those that are named and not whole."""
    named = blobs_named(folder / LEDGER)
    if not pieces.exists():
        return tuple(sorted(named))
    source, target = Blobs(pieces), Blobs(folder / BLOBS)
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
