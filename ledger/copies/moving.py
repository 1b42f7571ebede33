"""Copy a ledger with everything that belongs to it from one store to another, either way.

Positions, bytes and the ledger's id stay the same, so the copy is the same ledger: its log, if any,
signs only after an operator confirms that the source is no longer served (``log resume``). Views
and tiles are made again. A copy that was interrupted continues where it stopped.

The source may be in use. Its signed checkpoints are copied before its events, so that the events of
the copy include all that were signed; what events name is copied after them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from ledger.copies.backup import CopyError
from ledger.evidence import NAMING, named_files, subject_of
from ledger.kernel import codec
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.opening import (
    base_of,
    is_postgres,
    key_file,
    ledger_path,
    make_recorder,
    open_accesses,
    open_blobs,
    open_evidence_store,
    open_recorder,
    open_vault,
    sibling,
    tables_of,
)
from ledger.stores.evidence import EvidenceStore
from ledger.stores.files import copy_database
from ledger.stores.naming import blobs_folder, ended_folder
from ledger.stores.recorder import LedgerRecorder, Row
from ledger.stores.sqlite import SQLiteRecorder
from ledger.stores.tables import Declared, Tables, as_tables
from ledger.transparency.keys import next_key
from ledger.transparency.merkle import Growing, leaf_hash
from ledger.transparency.store import SIGNED

#: Events of one transaction, and bytes of a file read at a time.
PAGE = 2_000
_CHUNK = 1 << 20

#: Receives what is being copied, how much of it is done, and the total.
Progress = Callable[[str, int, int], None]


class Moved(msgspec.Struct, frozen=True):
    """What a copy holds. ``root``: the Merkle root of its events, hex, the same as the source's."""

    events: int
    root: str
    accesses: int
    accesses_root: str
    checkpoints: int
    blobs: int
    evidence: int
    keys: int
    key_of_log: bool


class Part(NamedTuple):
    """A table of a store that belongs to a ledger; its first ``key`` columns are unique."""

    what: str
    declared: Declared
    table: str
    columns: tuple[str, ...]
    key: int = 1
    #: The columns that may change later.
    changing: tuple[str, ...] = ()
    #: Whether the copy also loses the rows that the source no longer has.
    whole: bool = False


_SIGNED = (
    Part("signed", SIGNED, "keys", ("since", "vkey")),
    Part(
        "signed",
        SIGNED,
        "signed",
        ("size", "root", "text", "signatures", "signed_at"),
        changing=("signatures",),
    ),
    Part("signed", SIGNED, "place", ("one", "file")),
)


def copy_ledger(
    source: LedgerRecorder,
    target: LedgerRecorder,
    *,
    parts: Sequence[Part] = (),
    secrets: bool = True,
    vault: bool = True,
    progress: Progress = lambda what, done, total: None,
) -> Moved:
    """Copy a ledger into a store that is empty or holds the beginning of the same ledger.

    ``parts``: further tables to copy. ``secrets``: also copy the keys of the logs. ``vault``: also
    copy the keys of sealed data, which must get into no temporary file.

    Raises ``CopyError`` if the target holds another ledger, or if the roots differ at the end.
    """
    with ExitStack() as opened:
        _require_same(source, target)
        begun = _rows(source, target, _SIGNED)
        events, root = _events(source, target, "events", progress)
        accesses = opened.enter_context(open_accesses(source))
        identity = accesses.identity()
        id_ = None if identity is None else identity.id
        copied = opened.enter_context(open_accesses(target, id_))
        _require_same(accesses, copied)
        _rows(accesses, copied, _SIGNED)
        looks, looks_root = _events(accesses, copied, "accesses", progress)
        _rows(source, target, parts)
        blobs = _blobs(source, target, progress)
        evidence = _evidence(source, target, progress)
        keys = _vault(source, target) if vault else 0
        with_key = secrets and _key(source, target) and _key(accesses, copied)
    return Moved(
        events=events,
        root=root.hex(),
        accesses=looks,
        accesses_root=looks_root.hex(),
        checkpoints=begun,
        blobs=blobs,
        evidence=evidence,
        keys=keys,
        key_of_log=with_key,
    )


@contextmanager
def in_file(url: str, *, parts: Sequence[Part] = (), secrets: bool = False) -> Iterator[Path]:
    """Give the block the file of a ledger: its own, or a temporary copy of one in a database."""
    if not is_postgres(url):
        yield ledger_path(url)
        return
    with TemporaryDirectory(prefix="ledger-") as folder:
        path = Path(folder) / "ledger.db"
        with (
            open_recorder(url, create=False) as source,
            make_recorder(f"sqlite:///{path}", source) as target,
        ):
            copy_ledger(source, target, parts=parts, secrets=secrets, vault=False)
        yield path


@contextmanager
def trial_of(url: str) -> Iterator[str]:
    """Give the block the URL of a temporary copy of a ledger, for a trial."""
    if is_postgres(url):
        with in_file(url) as copied:
            yield f"sqlite:///{copied}"
        return
    path = ledger_path(url)
    with TemporaryDirectory(prefix="trial-") as folder:
        copy = Path(folder) / "ledger.db"
        if path.exists():
            copy_database(path, copy)
        if blobs_folder(path).is_dir():
            blobs_folder(copy).symlink_to(blobs_folder(path).absolute())  # a trial only reads it
        yield f"sqlite:///{copy}"


@contextmanager
def filled_from_file(url: str, *, parts: Sequence[Part] = ()) -> Iterator[Path]:
    """Give the block the path of a ledger's file to make; one in a database is filled from it.

    Raises ``FileExistsError`` if the database already holds events.
    """
    if not is_postgres(url):
        yield ledger_path(url)
        return
    with TemporaryDirectory(prefix="ledger-") as folder:
        path = Path(folder) / "ledger.db"
        yield path
        with (
            open_recorder(f"sqlite:///{path}", create=False) as source,
            make_recorder(url, source) as target,
        ):
            if target.head():
                raise FileExistsError(f"{target.place} must be empty; nothing was restored")
            copy_ledger(source, target, parts=parts, vault=False)  # no backup has one


def _events(
    source: LedgerRecorder, target: LedgerRecorder, what: str, progress: Progress
) -> tuple[int, bytes]:
    """Copy the events and answers that the target lacks; return their number and root."""
    head, done = source.head(), target.head()
    tree, copy = Growing(), Growing()
    _grow(tree, source, min(done, head))
    _grow(copy, target, done)
    if done > head or tree.root() != copy.root():
        raise CopyError(
            f"{target.place} holds {done:,} events that are not the first ones of {source.place}. "
            "Nothing was changed."
        )
    for page in _pages(source, done, head):
        for row in page:
            # The leaf that the target stores is made from the bytes, so a changed one shows.
            if leaf_hash(row.data) != row.leaf:
                raise CopyError(f"event {row.position} of {source.place} was changed: verify it")
            tree.add(row.leaf)
        progress(what, target.take_rows(page), head)
    _grow(copy, target, head)
    if copy.root() != tree.root():
        raise CopyError(f"the roots of {source.place} and {target.place} differ: copy again")
    last = ""
    while answers := source.all_answers(last, PAGE):
        target.take_answers([answer for answer in answers if answer.position <= head])
        last = answers[-1].command
    return head, copy.root()


def _grow(tree: Growing, recorder: LedgerRecorder, head: int) -> None:
    while leaves := recorder.leaves(tree.size, min(PAGE, head - tree.size)):
        for leaf in leaves:
            tree.add(leaf)


def _require_same(source: LedgerRecorder, target: LedgerRecorder) -> None:
    if source.identity() is None or _id(source) != _id(target):
        raise CopyError(
            f"{target.place} must be empty or hold the same ledger as {source.place}; it holds "
            "another one. Nothing was changed."
        )


def _id(recorder: LedgerRecorder) -> tuple[str, str | None] | None:
    identity = recorder.identity()
    return None if identity is None else (identity.id, identity.part_of)


def _pages(recorder: LedgerRecorder, after: int, head: int) -> Iterator[list[Row]]:
    while after < head and (page := recorder.rows(after, min(PAGE, head - after))):
        yield page
        after = page[-1].position


def _rows(source: LedgerRecorder, target: LedgerRecorder, parts: Sequence[Part]) -> int:
    """Copy rows of tables; return how many there are."""
    number = 0
    for part in parts:
        if isinstance(source, SQLiteRecorder) and not sibling(source.path, part.what).exists():
            continue  # opening it would make it
        with (
            closing(_opened(source, part)) as reading,
            closing(_opened(target, part)) as writing,
            writing.writing() as tables,
        ):
            names = ", ".join(part.columns)
            rows = reading.rows(f"SELECT {names} FROM {{s}}{part.table}")  # noqa: S608 - our own names
            if part.whole:
                tables.execute(f"DELETE FROM {{s}}{part.table}")  # noqa: S608
            changes = ", ".join(f"{name} = excluded.{name}" for name in part.changing)
            what = f"DO UPDATE SET {changes}" if changes else "DO NOTHING"
            unique = ", ".join(part.columns[: part.key])
            conflict = "" if part.whole else f" ON CONFLICT ({unique}) {what}"
            marks = ", ".join("?" * len(part.columns))
            statement = f"INSERT INTO {{s}}{part.table} ({names}) VALUES ({marks}){conflict}"  # noqa: S608
            tables.executemany(statement, rows)
            number += len(rows) if part.table == "signed" else 0
    return number


def _opened(recorder: LedgerRecorder, part: Part) -> Tables:
    return as_tables(tables_of(recorder, part.what, part.declared), part.declared)


def _blobs(source: LedgerRecorder, target: LedgerRecorder, progress: Progress) -> int:
    reading, writing = open_blobs(source), open_blobs(target)
    digests = list(reading.digests())
    for done, digest in enumerate(digests, start=1):
        if not writing.has(digest):
            writing.put(reading.get(digest))
        progress("blobs", done, len(digests))
    return len(digests)


def _evidence(source: LedgerRecorder, target: LedgerRecorder, progress: Progress) -> int:
    """Copy the files that events name, sealed as they are."""
    reading, writing = open_evidence_store(source), open_evidence_store(target)
    selector = Selector(tuple(event.TOPIC for event in NAMING), ())
    records = (codec.decode(s.position, s.event.data) for s in source.read(as_query([selector])))
    files = sorted({(subject_of(file.case), file.digest) for file in named_files(records)})
    number = 0
    for done, (subject, digest) in enumerate(files, start=1):
        number += _file(reading, writing, subject, digest)
        progress("evidence", done, len(files))
    return number


def _file(reading: EvidenceStore, writing: EvidenceStore, subject: str, digest: str) -> bool:
    opened = reading.open(subject, digest)
    if opened is None:
        return False  # erased, or missing: `verify` says which
    with opened[0] as file:
        there = writing.open(subject, digest)
        if there is not None:
            there[0].close()
        else:
            incoming = writing.begin(subject)
            for chunk in iter(partial(file.read, _CHUNK), b""):
                incoming.write(chunk)
            incoming.keep(digest)
    writing.settle(subject, digest)
    return True


def _vault(source: LedgerRecorder, target: LedgerRecorder) -> int:
    with open_vault(source) as reading, open_vault(target) as writing:
        return writing.take_keys(reading.all_keys())


def _key(source: LedgerRecorder, target: LedgerRecorder) -> bool:
    """Copy the private key of a log and the statements of ended ones; whether it has a key here."""
    here, there = base_of(source), base_of(target)
    if ended_folder(here).is_dir():
        shutil.copytree(ended_folder(here), ended_folder(there), dirs_exist_ok=True)
    for old, new in (
        (key_file(here), key_file(there)),
        (next_key(key_file(here)), next_key(key_file(there))),
    ):
        if old.exists() and not new.exists():
            content = old.read_bytes()
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    return key_file(there).exists()
