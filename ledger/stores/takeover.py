"""Rename the files of a ledger that an earlier version of the program made.

That version named the siblings after the ledger's name without its ending: ``ledger.db`` and
``ledger.sqlite`` both had ``ledger.key``. So a ledger without an identity renames its files once,
while it holds its write lock and no other process has any of them open:

1. Turn each database into one file without journals. SQLite refuses this while another process has
   the database open.
2. Rename each file.
3. Give the ledger its identity; after that it never looks for earlier names again.

The comments at the steps say what a crash leaves. If it is not clear which ledger a file belongs
to, nothing is renamed, and the exception names the files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import structlog

from ledger.stores.files import connect_read_only, flush_folder, mark_in
from ledger.stores.naming import ENDINGS, JOURNALS, UnusableUrl, ending_of, sibling
from ledger.stores.recorder import LedgerRecorder
from ledger.stores.sqlite import APPLICATION_ID, SQLiteRecorder

log = structlog.get_logger("ledger.opening")

#: Receives a sentence that says what was done.
Tell = Callable[[str], None]


def logged(words: str) -> None:
    """Write a sentence to the log."""
    log.warning("files_renamed", words=words)


def take_over(recorder: SQLiteRecorder, tell: Tell = logged) -> None:
    """Rename the files of a ledger without an identity, then give it an identity.

    Raises ``UnusableUrl`` if it is not clear which ledger a file belongs to, or if one is in use.
    """
    moves: list[tuple[Path, Path]] = []

    def rename() -> None:
        moves.extend(earlier(recorder.path))
        _refuse_unclear(recorder.path, moves)
        # 1. Single files. A crash here leaves all names as they were.
        for old, _ in moves:
            if old.suffix == ".db" and not old.name.endswith(".vault.db"):
                _alone(old)
        # 2. Rename. A crash here leaves some files with their old names; the ledger has no identity
        # yet, so the next opening renames the rest.
        for old, new in moves:
            # The vault's journal is never deleted and belongs to its file, so rename it too.
            with suppress(FileNotFoundError):
                old.with_name(f"{old.name}-journal").rename(new.with_name(f"{new.name}-journal"))
            old.rename(new)
        flush_folder(recorder.path.parent)

    # 3. Identity. A crash before its commit leaves the ledger without one, as in step 2.
    recorder.identify(rename)
    if moves:
        tell(
            "this ledger was made by an earlier version; its files were renamed: "
            + ", ".join(f"{old.name} → {new.name}" for old, new in moves)
        )


def refuse_earlier(recorder: LedgerRecorder) -> None:
    """Raise ``UnusableUrl`` if files of this ledger still have the names of an earlier version."""
    if not isinstance(recorder, SQLiteRecorder) or recorder.identity() is not None:
        return
    names = [old.name for old, _ in earlier(recorder.path)]
    if names:
        raise UnusableUrl(
            f"{recorder.path} was made by an earlier version of the program, which gave its files "
            f"other names ({', '.join(names)}). Serve it once with this version, which renames "
            "them, or use the version that made it."
        )


def earlier(ledger_file: Path) -> list[tuple[Path, Path]]:
    """Return the siblings that have earlier names, each with its present name."""
    stem = ledger_file.with_suffix("")
    access = sibling(ledger_file, "access")
    names = [
        *((f"{stem.name}{ending}", f"{ledger_file.name}{ending}") for ending in ENDINGS),
        *((f"{stem.name}.access{ending}", f"{access.name}{ending}") for ending in ENDINGS),
    ]
    pairs = [(ledger_file.with_name(old), ledger_file.with_name(new)) for old, new in names]
    existing = [(old, new) for old, new in pairs if old != new and old.exists()]
    # These may be the siblings of another ledger whose name is this one's without its ending. The
    # mark of a present ledger shows that.
    marked = any(mark_in(old) for old, _ in existing if not old.name.endswith(".access.db"))
    return [] if marked else existing


def _refuse_unclear(ledger_file: Path, moves: list[tuple[Path, Path]]) -> None:
    if not moves:
        return
    files = ", ".join(old.name for old, _ in moves)
    others = [path.name for path in _others(ledger_file)]
    if others:
        raise UnusableUrl(
            f"{ledger_file} was made by an earlier version of the program, and it is not clear "
            f"whether {files} belong to it or to {', '.join(others)} in the same folder. Move that "
            "ledger or copy to another folder, and serve this one again."
        )
    for old, new in moves:
        if new.exists() or new.is_symlink():
            raise UnusableUrl(
                f"{old} and {new} must not both exist: move the one that does not belong to "
                f"{ledger_file.name} to another folder. Nothing was renamed."
            )


def _others(ledger_file: Path) -> Iterator[Path]:
    """Yield the other ledgers in the folder whose siblings had, or have, the same names."""
    stem = ledger_file.with_suffix("").name
    for path in sorted(ledger_file.parent.iterdir()):
        alike = path.name == stem or path.with_suffix("").name == stem
        if path == ledger_file or not alike or not path.is_file() or path.name.endswith(JOURNALS):
            continue
        if ending_of(path.name) is None and _is_ledger(path):
            yield path


def _is_ledger(path: Path) -> bool:
    try:
        with closing(connect_read_only(path)) as sqlite:
            return bool(sqlite.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,))
    except sqlite3.Error:
        return False


def _alone(path: Path) -> None:
    """Leave a database without journals. Raises ``UnusableUrl`` if another process has it open."""
    try:
        with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as sqlite:
            sqlite.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise UnusableUrl(
            f"{path} must be renamed, but another process has it open: stop the service and every "
            f"other program that uses this ledger, then serve it again ({error})"
        ) from error
    except sqlite3.DatabaseError:
        return  # it is damaged; opening it under its new name reports that
