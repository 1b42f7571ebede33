"""The files of a ledger that an earlier program made, given the names that they have now.

That program called them by the ledger's name without its ending: ``ledger.db`` and
``ledger.sqlite`` both had ``ledger.key``. So they are taken over once, by a ledger that has no
identity yet, while its write lock is held and nobody has any of them open:

1. Every database is made one file without journals, which SQLite refuses while it is open
   elsewhere. A crash leaves all names as they were.
2. Each file gets its new name. A crash leaves some with the old one; the next opening goes on.
3. The ledger gets its identity, and looks for no earlier names again.

Where it cannot be told whose a file is, nothing is renamed, and it is said what lies in the way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import structlog

from ledger.stores.files import connect_read_only, flush_folder, mark_in
from ledger.stores.naming import ENDINGS, JOURNALS, UnusableUrl, ending_of, sibling
from ledger.stores.sqlite import APPLICATION_ID, SQLiteRecorder

log = structlog.get_logger("ledger.opening")

#: Told what was done, in words.
Tell = Callable[[str], None]


def logged(words: str) -> None:
    """Tell it to whoever reads the log."""
    log.warning("files_renamed", words=words)


def take_over(recorder: SQLiteRecorder, tell: Tell = logged) -> None:
    """Give the files of a ledger without an identity their names of today, then an identity.

    Raises ``UnusableUrl`` where it cannot be told whose they are, or one of them is in use.
    """
    moves: list[tuple[Path, Path]] = []

    def rename() -> None:
        moves.extend(earlier(recorder.path))
        _refuse_unclear(recorder.path, moves)
        for old, _ in moves:
            if old.suffix == ".db" and not old.name.endswith(".vault.db"):
                _alone(old)
        for old, new in moves:
            # The vault's journal is never unlinked, and belongs to its file: it goes with it.
            with suppress(FileNotFoundError):
                old.with_name(f"{old.name}-journal").rename(new.with_name(f"{new.name}-journal"))
            old.rename(new)
        flush_folder(recorder.path.parent)

    recorder.identify(rename)
    if moves:
        tell(
            "this ledger was made by an earlier version; its files were renamed: "
            + ", ".join(f"{old.name} → {new.name}" for old, new in moves)
        )


def refuse_earlier(recorder: SQLiteRecorder) -> None:
    """Raise ``UnusableUrl`` if files of this ledger have the names of an earlier program still."""
    if recorder.identity() is not None:
        return
    there = [old.name for old, _ in earlier(recorder.path)]
    if there:
        raise UnusableUrl(
            f"{recorder.path} was made by an earlier version of the program, which gave its files "
            f"other names ({', '.join(there)}). Serve it once with this version, which renames "
            "them, or use the version that made it."
        )


def earlier(ledger_file: Path) -> list[tuple[Path, Path]]:
    """What lies with a ledger under earlier names, each with its name of today."""
    stem = ledger_file.with_suffix("")
    access = sibling(ledger_file, "access")
    names = [
        *((f"{stem.name}{ending}", f"{ledger_file.name}{ending}") for ending in ENDINGS),
        *((f"{stem.name}.access{ending}", f"{access.name}{ending}") for ending in ENDINGS),
    ]
    pairs = [(ledger_file.with_name(old), ledger_file.with_name(new)) for old, new in names]
    found = [(old, new) for old, new in pairs if old != new and old.exists()]
    # A ledger of today may be called what this one was called without its ending.
    marked = any(mark_in(old) for old, _ in found if not old.name.endswith(".access.db"))
    return [] if marked else found


def _refuse_unclear(ledger_file: Path, moves: list[tuple[Path, Path]]) -> None:
    if not moves:
        return
    files = ", ".join(old.name for old, _ in moves)
    others = [path.name for path in _others(ledger_file)]
    if others:
        raise UnusableUrl(
            f"{ledger_file} was made by an earlier version of the program, and it cannot be told "
            f"whether {files} belong to it or to {', '.join(others)}, which lies in the same "
            "folder. Move that ledger or copy to another folder, and serve this one again."
        )
    for old, new in moves:
        if new.exists() or new.is_symlink():
            raise UnusableUrl(
                f"there are both {old} and {new}: move the one that does not belong to "
                f"{ledger_file.name} to another folder. Nothing was renamed."
            )


def _others(ledger_file: Path) -> Iterator[Path]:
    """Other ledgers that an earlier program gave the same names, or that are called so today."""
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
    """Leave a database without journals. Raises ``UnusableUrl`` if somebody else has it open."""
    try:
        with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as sqlite:
            sqlite.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise UnusableUrl(
            f"{path} must get a new name, and another process has it open: stop the service, and "
            f"every other program that uses this ledger, then serve it again ({error})"
        ) from error
    except sqlite3.DatabaseError:
        return  # damaged: whoever opens it says so, under its new name
