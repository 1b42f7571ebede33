"""Opening a ledger by its URL: the store, the sequencer, the defaults that rules are judged by."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import ledger.registry  # noqa: F401 - declares every event type, so that every record is read
from ledger.evidence import evidence_folder
from ledger.general.audiences import knowers_of
from ledger.kernel import Actor, Ledger
from ledger.kernel.clock import Clock, system_clock
from ledger.stores.blobs import BLOBS, BlobRows, Blobs
from ledger.stores.evidence import EvidenceFolder, EvidenceStore
from ledger.stores.evidence_rows import EVIDENCE, EvidenceRows
from ledger.stores.files import CHANGE, copy_database, mark_in, open_to_others
from ledger.stores.naming import (
    UnusableUrl,
    belongings,
    blobs_folder,
    is_postgres,
    key_file,
    ledger_path,
    sibling,
)
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.sqlite import SQLiteRecorder
from ledger.stores.tables import Declared, Tables
from ledger.stores.takeover import Tell, logged, take_over
from ledger.systems.persons.held import refuse_lost_keys, refuse_lost_keys_in
from ledger.systems.policies.commands import SeedLedger
from ledger.systems.supervision.hooks import impersonal, late_entry
from ledger.systems.workplans.effects import evidence_changed
from ledger.transparency.ended import ended_logs
from ledger.transparency.keys import KeyFileError, following_key, next_key, settle_key
from ledger.transparency.log import TransparencyLog, refuse_taken
from ledger.transparency.memory import Memory, state_folder
from ledger.transparency.notes import Signer, Verifier, parse_vkey
from ledger.transparency.store import SIGNED, TILES, LogKey, Signed, SignedStore, TileStore
from ledger.vault.shared import VAULT, SharedVault
from ledger.vault.store import Vault

if TYPE_CHECKING:
    from ledger.stores.leases import Lease
    from ledger.stores.postgres import PostgresRecorder

__all__ = [
    "lease_of",
    "make_recorder",
    "as_server",
    "LEDGER_CLOCK",
    "UnusableUrl",
    "sibling",
    "claim",
    "base_of",
    "blobs_folder",
    "has_log",
    "is_postgres",
    "open_blobs",
    "open_evidence_store",
    "open_vault",
    "refuse_keys_lost",
    "require_postgres",
    "tables_of",
    "key_file",
    "ledger_path",
    "open_access_log",
    "open_accesses",
    "open_ledger",
    "open_log",
    "open_recorder",
    "open_shown_log",
    "refuse_anothers",
    "refuse_writable",
    "resume_log",
]

#: The actor of what the ledger itself records: defaults, and events that follow when a day passes.
LEDGER_CLOCK = Actor(unit_id="LEDGER", person_id="clock", role="ledger_clock")


def refuse_writable(ledger_file: Path) -> None:
    """Raise ``UnusableUrl`` if other users may write or replace a file of this ledger.

    A user who can write the tokens can act as anybody. Changes to the other files would be found
    only later, by ``verify``.
    """
    folder = ledger_file.absolute().parent
    for file in belongings(ledger_file.absolute()):
        with suppress(FileNotFoundError):  # SQLite may delete a journal at any moment
            if (mode := open_to_others(file, CHANGE)) is not None:
                raise UnusableUrl(
                    f"{file} must be writable by its owner alone; its mode is {mode:04o}. Run: "
                    f"chmod go-w {file}. If others had access to this machine, run verify and "
                    "check token list before you serve the ledger."
                )
    mode = open_to_others(folder, 0o002)
    if mode is not None and not mode & stat.S_ISVTX:
        raise UnusableUrl(
            f"the folder {folder} must not be writable by everybody, because other users could "
            f"replace the ledger's files; its mode is {mode:04o}. Run: chmod o-w {folder}"
        )


def open_recorder(
    url: str, *, create: bool = True, read_only: bool = False, tell: Tell = logged
) -> LedgerRecorder:
    """Open the store of a ledger: a file, or a database. With ``create=False`` it must exist.

    The files of a ledger that an earlier version made are renamed, unless it is opened
    ``read_only``; ``tell`` receives which. Raises ``UnusableUrl``, also for an access ledger.
    """
    if is_postgres(url):
        return _on_server(url, create=create, read_only=read_only)
    path = ledger_path(url)
    if not create and not path.exists():
        raise UnusableUrl(f"there is no ledger at {path}; import a register or serve it first")
    if not path.absolute().parent.is_dir():
        raise UnusableUrl(f"the directory {path.absolute().parent} must exist for the ledger")
    recorder = SQLiteRecorder(path, read_only=read_only)
    try:
        if not read_only and recorder.identity() is None:
            take_over(recorder, tell)
        _refuse_part(recorder)
    except BaseException:
        recorder.close()
        raise
    return recorder


def require_postgres(url: str) -> None:
    """Raise ``UnusableUrl`` unless a URL names a ledger in a database."""
    if not is_postgres(url):
        raise UnusableUrl(
            f"this needs a ledger in a database, as in postgresql://host/name; it is {url}"
        )


def make_recorder(url: str, original: LedgerRecorder) -> LedgerRecorder:
    """Open the store of a copy of a ledger for writing; a new one gets the id of the original."""
    identity = original.identity()
    id_ = None if identity is None else identity.id
    if is_postgres(url):
        return _on_server(url, id_=id_)
    return SQLiteRecorder(ledger_path(url), id_=id_)


def _on_server(
    url: str, *, create: bool = True, read_only: bool = False, id_: str | None = None
) -> LedgerRecorder:
    try:
        from ledger.stores.postgres import PostgresRecorder  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise UnusableUrl(
            "a ledger in PostgreSQL needs the package psycopg, which is not installed: pip install "
            f"'supervision-ledger[postgres]' ({error})"
        ) from error
    return PostgresRecorder(url, create=create, read_only=read_only, id_=id_)


def as_server(recorder: LedgerRecorder) -> PostgresRecorder:
    """Return the recorder of a database; only such a recorder is not one of a file."""
    assert not isinstance(recorder, SQLiteRecorder)
    return cast("PostgresRecorder", recorder.whole())


def base_of(recorder: LedgerRecorder) -> Path:
    """Return the path whose neighbours are the ledger's own files: its key, its ended logs.

    For a ledger in a database they are in a folder of this machine, named by the ledger's id, in
    ``$LEDGER_KEYS`` or in the state folder of the user.
    """
    if isinstance(recorder, SQLiteRecorder):
        return recorder.path
    identity = recorder.identity()
    assert identity is not None
    given = os.environ.get("LEDGER_KEYS")
    folder = (Path(given) if given else state_folder()) / (identity.part_of or identity.id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / ("log" if identity.part_of is None else "access")


def tables_of(recorder: LedgerRecorder, what: str, declared: Declared) -> Path | Tables:
    """Return the place of a store that belongs to a ledger: a file next to it, or a schema."""
    if isinstance(recorder, SQLiteRecorder):
        return claim(sibling(recorder.path, what), recorder)
    return as_server(recorder).tables(what, declared)


def lease_of(recorder: LedgerRecorder, name: str) -> Lease | None:
    """Return the lease of what one node does for all; ``None`` for a file: it has one service."""
    if isinstance(recorder, SQLiteRecorder):
        return None
    return as_server(recorder).lease(name)


def open_blobs(recorder: LedgerRecorder, *, read_only: bool = False) -> Blobs:
    """Open the blobs of a ledger."""
    if isinstance(recorder, SQLiteRecorder):
        return Blobs(blobs_folder(recorder.path), read_only=read_only)
    return BlobRows(as_server(recorder).tables("blobs", BLOBS))


def open_evidence_store(recorder: LedgerRecorder) -> EvidenceStore:
    """Open the store of a ledger's files of evidence."""
    if isinstance(recorder, SQLiteRecorder):
        return EvidenceFolder(evidence_folder(recorder.path))
    return EvidenceRows(as_server(recorder).tables("evidence", EVIDENCE))


def open_vault(recorder: LedgerRecorder) -> Vault:
    """Open the vault of a ledger, and make it if there is none."""
    if isinstance(recorder, SQLiteRecorder):
        return Vault(sibling(recorder.path, "vault"), mark=recorder.mark())
    server = as_server(recorder)
    folder = base_of(recorder).with_name("vault")
    return SharedVault(server.tables("vault", VAULT), folder, server.require_acknowledged)


def refuse_keys_lost(recorder: LedgerRecorder) -> None:
    """Raise ``VaultError`` if the vault of a ledger lacks keys; this never makes a vault."""
    if isinstance(recorder, SQLiteRecorder):
        refuse_lost_keys(recorder, sibling(recorder.path, "vault"))
    else:
        with open_vault(recorder) as vault:  # its rows are in the database, which is there
            refuse_lost_keys_in(recorder, vault, vault.path)


def open_accesses(recorder: LedgerRecorder, id_: str | None = None) -> LedgerRecorder:
    """Open the access ledger of a ledger; ``id_``: the id of a new one that is a copy.

    Raises ``UnusableUrl`` if it is another ledger's.
    """
    whole = recorder.identity()
    assert whole is not None
    if not isinstance(recorder, SQLiteRecorder):
        return as_server(recorder).accesses(id_)
    path = sibling(recorder.path, "access")
    accesses = SQLiteRecorder(path, part_of=whole.id, id_=id_)
    try:
        accesses.identify(part_of=whole.id)
        _require_part(accesses, recorder)
    except BaseException:
        accesses.close()
        raise
    return accesses


def _refuse_part(recorder: SQLiteRecorder) -> None:
    identity = recorder.identity()
    if identity is not None and identity.part_of is not None:
        raise UnusableUrl(
            f"{recorder.path} is the access ledger of another ledger: open that ledger"
        )


def _require_part(accesses: SQLiteRecorder, recorder: SQLiteRecorder) -> None:
    whole, part = recorder.identity(), accesses.identity()
    if whole is None or part is None or part.part_of != whole.id:
        raise UnusableUrl(_ANOTHERS.format(path=accesses.path, ledger=recorder.path))


def claim(path: Path, recorder: SQLiteRecorder) -> Path:
    """Mark a sibling database with the ledger's identity before it is used, and return its path.

    A new file is marked as soon as it exists. So it cannot be taken for the file of another ledger.
    Raises ``UnusableUrl`` if it is already marked as that of another ledger.
    """
    own = recorder.mark()
    if own is None:
        return path
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as sqlite:
        if sqlite.execute("PRAGMA user_version").fetchone() == (0,):
            sqlite.execute(f"PRAGMA user_version = {own}")
    refuse_anothers(path, recorder)
    return path


def refuse_anothers(path: Path, recorder: SQLiteRecorder) -> None:
    """Raise ``UnusableUrl`` if a database is marked as belonging to another ledger."""
    own, mark = recorder.mark(), mark_in(path)
    if mark and own is not None and mark != own:
        raise UnusableUrl(_ANOTHERS.format(path=path, ledger=recorder.path))


_ANOTHERS = (
    "{path} must belong to {ledger}, but is marked as belonging to another ledger; nothing was "
    "changed. Put the right file there, or move this one away."
)


@contextmanager
def open_log(
    recorder: LedgerRecorder,
    *,
    origin: str | None = None,
    create: bool = True,
    clock: Clock = system_clock,
    remembered: bool = True,
) -> Iterator[TransparencyLog]:
    """Open the transparency log of a ledger for signing.

    The first call makes a key named ``origin``: the address at which the log is served, without
    scheme, as in ``ledger.example.gov.cn/v1/log``. The name cannot be changed later. If
    ``remembered``, this machine remembers the newest checkpoint. Raises ``UnusableUrl`` if
    ``origin`` differs from the log's name, if there is no log and ``create`` is false, and for a
    copy of a log (``resume_log``). Raises ``Forked`` if the machine remembers more than the log
    does, and ``KeyFileError`` for a key that cannot be used.
    """
    if not create:
        _require_begun(recorder)
    path = base_of(recorder)
    with ExitStack() as opened:
        signed = SignedStore(tables_of(recorder, "signed", SIGNED))
        opened.callback(signed.close)
        if not signed.keys() and recorder.is_copy():
            raise UnusableUrl(_BARE_COPY.format(path=recorder.place))
        signer = _signer(path, origin, signed, elsewhere=not isinstance(recorder, SQLiteRecorder))
        memory = Memory() if remembered and isinstance(signer, Signer) else None
        if memory is not None and isinstance(signer, Signer):
            refuse_taken(memory, signer.verifier(), signed)
        if signed.is_copy():
            raise UnusableUrl(_COPY.format(path=signed.place, last=_last(signed)))
        tiles = TileStore(tables_of(recorder, "tiles", TILES))
        opened.callback(tiles.close)
        yield TransparencyLog(
            recorder.acknowledged(),
            tiles,
            signed,
            signer,
            clock=clock,
            renew=partial(settle_key, key_file(path)),
            memory=memory,
        )


@contextmanager
def open_shown_log(
    recorder: LedgerRecorder, *, clock: Clock = system_clock
) -> Iterator[TransparencyLog]:
    """Open the log of a ledger only for proofs: it signs nothing, and changes no file.

    It also works on a read-only medium and for a copy of a log. The tiles are copied to a temporary
    file, where missing ones are added. Raises ``UnusableUrl`` if there is no log yet.
    """
    _require_begun(recorder)
    with ExitStack() as opened:
        if isinstance(recorder, SQLiteRecorder):
            refuse_anothers(sibling(recorder.path, "signed"), recorder)
            signed = SignedStore(sibling(recorder.path, "signed"), read_only=True)
        else:
            signed = SignedStore(tables_of(recorder, "signed", SIGNED))
        opened.callback(signed.close)
        keys = signed.keys()
        if not keys:
            raise UnusableUrl(_NO_LOG.format(path=recorder.place))
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="tiles-")))
        if isinstance(recorder, SQLiteRecorder):
            kept = sibling(recorder.path, "tiles")
            if kept.exists():
                refuse_anothers(kept, recorder)
                copy_database(kept, folder / "tiles.db")
        tiles = TileStore(folder / "tiles.db")
        opened.callback(tiles.close)
        yield TransparencyLog(recorder, tiles, signed, parse_vkey(keys[-1].vkey), clock=clock)


def has_log(recorder: LedgerRecorder) -> bool:
    """Whether the log of a ledger has begun."""
    if isinstance(recorder, SQLiteRecorder):
        return sibling(recorder.path, "signed").exists()
    return bool(_signed_keys(recorder))


def _require_begun(recorder: LedgerRecorder) -> None:
    if not has_log(recorder):
        raise UnusableUrl(_NO_LOG.format(path=recorder.place))


_NO_LOG = (
    "the ledger {path} has no log yet: serve it once, with --origin and the address at which the "
    "log will be found"
)


@contextmanager
def open_access_log(
    recorder: LedgerRecorder, origin: str, *, clock: Clock = system_clock
) -> Iterator[TransparencyLog]:
    """Open the log of the access ledger, which has its own key; ``origin``: the main log's name.

    When it begins, its name is made from ``origin``; later it stays. This machine does not remember
    its checkpoints: it publishes nothing, and grows with every consultation, so a backup would
    always seem too old. Raises what ``open_log`` raises.
    """
    with closing(SignedStore(tables_of(recorder, "signed", SIGNED))) as signed:
        begun = bool(signed.keys())
    name = None if begun else f"{origin}/access"
    with open_log(recorder, origin=name, clock=clock, remembered=False) as log:
        yield log


def _signer(
    path: Path, origin: str | None, signed: SignedStore, *, elsewhere: bool
) -> Signer | Verifier:
    """Return the current key of the log; make a new one for a log that begins.

    ``elsewhere``: the key may be on other nodes alone; then this one only checks signatures.

    The public key is stored before the key's file gets its final name, as in a rotation. So a crash
    leaves a waiting key, never a key of which it is unknown whether it has signed.
    """
    key, keys = key_file(path), signed.keys()
    if not keys:
        if key.exists():
            raise KeyFileError(
                f"there is a key at {key}, but {signed.place} holds no checkpoint that it signed: "
                "put the right file there. If it is lost, the log of this key has ended: move the "
                "key away, and serve once with --origin and another name (docs/backup.md)."
            )
        _refuse_ended(path, origin)
        first = following_key(key, origin)
        _refuse_ended(path, first.name)
        signed.begin(first.verifier().vkey())
        keys = signed.keys()
    if not key.exists() and not next_key(key).exists() and elsewhere:
        return parse_vkey(keys[-1].vkey)  # another node signs
    signer = settle_key(key, keys[-1].vkey)
    if origin not in (None, signer.name):
        raise UnusableUrl(
            f"the name of this ledger's log must stay {signer.name!r}; it cannot become {origin!r}"
        )
    _refuse_ended(path, signer.name)
    return signer


_BARE_COPY = (
    "{path} is a copy of a ledger without its log's signed checkpoints, so it signs nothing. To "
    "make it a separate ledger with its own log, run once: supervision-ledger log resume. To "
    "replace the ledger by it, put back the other files of the ledger too (docs/backup.md)."
)

_COPY = (
    "{path} is a copy, or was restored: {last}. If two copies were served, the log would sign two "
    "histories. If no other copy is served and nothing newer was published, run once: "
    "supervision-ledger log resume. Otherwise restore the newest backup with --checkpoint "
    "(docs/backup.md)."
)


def _last(signed: SignedStore) -> str:
    newest = signed.newest()
    if newest is None:
        return "nothing was signed yet"
    return f"the newest checkpoint that it knows has {newest.size:,} events, of {newest.signed_at}"


def resume_log(recorder: LedgerRecorder) -> Signed | None:
    """Let a copy of a log continue as the log itself; return the newest checkpoint in it.

    The log of the access ledger continues too. The operator is responsible that no other copy is in
    use and that nothing newer was published. Raises ``UnusableUrl`` if nothing is a copy, and
    ``Forked`` if this machine remembers a newer checkpoint.
    """
    if not has_log(recorder) or not _signed_keys(recorder):
        _resume_bare(recorder)
        return None
    with closing(SignedStore(tables_of(recorder, "signed", SIGNED))) as signed:
        for key in signed.keys()[-1:]:
            refuse_taken(Memory(), parse_vkey(key.vkey), signed)
        newest = signed.newest()
    copied = False
    with ExitStack() as opened:
        ledgers = [recorder]
        if _has_accesses(recorder):
            ledgers.append(opened.enter_context(open_accesses(recorder)))
        for ledger in ledgers:
            if has_log(ledger):
                with closing(SignedStore(tables_of(ledger, "signed", SIGNED))) as signed:
                    if signed.is_copy():
                        signed.settle()
                        copied = True
            if isinstance(ledger, SQLiteRecorder) and ledger.is_copy():
                ledger.settle()
                copied = True
    if not copied:
        raise UnusableUrl(
            f"{recorder.place} is not a copy: the log continues when the ledger is served"
        )
    return newest


def _has_accesses(recorder: LedgerRecorder) -> bool:
    if isinstance(recorder, SQLiteRecorder):
        return sibling(recorder.path, "access").exists()
    return True


def _signed_keys(recorder: LedgerRecorder) -> list[LogKey]:
    with closing(SignedStore(tables_of(recorder, "signed", SIGNED))) as signed:
        return signed.keys()


def _resume_bare(recorder: LedgerRecorder) -> None:
    """Let a copy of a ledger's file without its log continue as a separate ledger."""
    if not recorder.is_copy():
        raise UnusableUrl(f"{recorder.place} has no log, and is not a copy")
    assert isinstance(recorder, SQLiteRecorder)
    recorder.settle()


def _refuse_ended(path: Path, origin: str | None) -> None:
    for log in ended_logs(path):
        if log.origin == origin:
            raise UnusableUrl(
                f"the log {origin!r} must not sign again: it ended at {log.stated_at}, when "
                f"{log.lost:,} events that it had signed were lost. Move its key away and serve "
                "once with --origin and another name (docs/backup.md)."
            )


def open_ledger(recorder: LedgerRecorder, *, clock: Clock = system_clock) -> Ledger:
    """Open the ledger of a store, and record the policy defaults and calendars that it lacks."""
    ledger = Ledger(
        recorder,
        shown=recorder.acknowledged(),
        clock=clock,
        hooks=(evidence_changed, late_entry, impersonal),
        audiences=knowers_of,
    )
    try:
        ledger.execute(SeedLedger(), LEDGER_CLOCK)
    except BaseException:
        ledger.close()
        raise
    return ledger
