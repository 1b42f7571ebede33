"""Write files and folders atomically, keep them private, and copy SQLite databases."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from eventsourcing.persistence import PersistenceError

#: The ending of the name of an unfinished file or folder.
UNFINISHED = ".part"

#: How many pages of a database are copied between two reports of progress.
_PAGES = 2_000
_CHUNK = 1 << 20
_BUSY_SECONDS = 10.0

#: Receives how much is done, and the total.
Progress = Callable[[int, int], None]


def flush_folder(folder: Path) -> None:
    """Flush a folder, so that the names in it survive a loss of power."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows does not have it, and flushes names by itself
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Make a private folder next to ``target`` for the block, and remove it afterwards.

    A crash leaves it, under a name that begins with the target's and ends in ``UNFINISHED``.
    """
    folder = Path(
        tempfile.mkdtemp(prefix=f"{target.name}.", suffix=UNFINISHED, dir=target.absolute().parent)
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give the block a folder to fill, and rename it to ``target`` when the block ends.

    All its files are flushed to the disk first. Raises ``FileExistsError`` if ``target`` exists.
    """
    refuse_existing(target)
    with unfinished(target) as folder:
        yield folder
        flush_tree(folder)
        refuse_existing(target)  # check again: renaming would replace an empty folder
        folder.rename(target)
    flush_folder(target.absolute().parent)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """As ``whole_folder``, for a single file: the block writes to the path that it gets."""
    refuse_existing(target)
    with unfinished(target) as folder:
        file = folder / target.name
        yield file
        flush_tree(folder)
        os.link(file, target)  # unlike a renaming, this never replaces anything
    flush_folder(target.absolute().parent)


def refuse_existing(target: Path) -> None:
    """Raise ``FileExistsError`` if a file or folder of this name exists."""
    if target.exists() or target.is_symlink():
        raise FileExistsError(f"{target} must not exist yet; it was not overwritten")


def flush_tree(folder: Path) -> None:
    """Make a folder and everything in it private, and flush it to the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            make_private(path)
            flush_folder(path)
            continue
        make_private(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
    flush_folder(folder)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file (hex)."""
    with path.open("rb") as file:
        digest = sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def copy_file(source: Path, target: Path) -> str:
    """Copy a file and return the SHA-256 (hex) of the bytes as they were written."""
    digest = sha256()
    with source.open("rb") as reading, target.open("xb") as writing:
        while chunk := reading.read(_CHUNK):
            digest.update(chunk)
            writing.write(chunk)
    return digest.hexdigest()


def number_of(path: Path) -> str:
    """Return a text that distinguishes a file from its copies on the same file system."""
    # It is a text, because some file systems have numbers of more than 63 bits. It includes the
    # time of creation where that is known, because file systems reuse numbers.
    status = path.stat()
    born = getattr(status, "st_birthtime", None)
    return str(status.st_ino) if born is None else f"{status.st_ino} {born}"


#: Permission bits of others than the owner: any access, and write access.
ANY, CHANGE = 0o077, 0o022


def open_to_others(path: Path, access: int) -> int | None:
    """Return the mode of a file or folder if it gives others any of ``access``, else ``None``.

    Return ``None`` on Windows, which does not use modes. Raises ``FileNotFoundError``.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if os.name == "posix" and mode & access else None


#: What to do about a damaged file, by the ending of its name; the first that fits is used. The
#: README says what is lost with each file.
_DAMAGED: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (".tiles.db",),
        (
            "Stop the service, delete this file with its -wal and -shm neighbours, and serve "
            "again: the tiles are made again from the events."
        ),
    ),
    (
        (".views.db", ".views.db.lock"),
        (
            "Stop the service, delete this file with its -wal and -shm neighbours, and serve "
            "again, or run `supervision-ledger rebuild`: the views are made again from the "
            "events."
        ),
    ),
    (
        (".tokens.db",),
        (
            "Put a backup of this file back, or delete it with its -wal and -shm neighbours: "
            "then no token is valid any more; create new ones with `supervision-ledger token "
            "create`."
        ),
    ),
    (
        (".webhooks.db",),
        (
            "Put a backup of this file back, or delete it with its -wal and -shm neighbours: "
            "then each subscriber must have a new secret made, and gets every message again; who "
            "received what before is not known any more."
        ),
    ),
    (
        (".signed.db", "witness.db"),
        (
            "Do not delete it: signatures cannot be made again. Stop the service and put the "
            "newest backup of this file back (docs/backup.md)."
        ),
    ),
    (
        (".vault.db",),
        (
            "Do not delete it: the keys in it cannot be made again, and sealed data cannot be "
            "read without them. Stop the service and put the newest copy of this file back. "
            "If there is none, move it away and serve with --accept-lost-keys "
            "(docs/backup.md)."
        ),
    ),
    (
        (".key", ".key.next"),
        (
            "Do not delete it: with a new key the log would be a different log. Stop the "
            "service and put the copy of this file back. If there is none, the log has ended: "
            "move the key away, and serve once with --origin and another name "
            "(docs/backup.md)."
        ),
    ),
    (
        (".access.db",),
        (
            "Do not delete it: refused commands and consultations are recorded nowhere else. "
            "Stop the service, put the newest backup of this file back (docs/backup.md), and "
            "run verify."
        ),
    ),
    (
        ("",),
        (
            "Do not delete it: its events are recorded nowhere else. Stop the service, put "
            "the newest backup of this file back (docs/backup.md), and run verify."
        ),
    ),
)


def advice(path: Path) -> str:
    """Return what to do about a damaged file of a ledger: delete it, or put a backup back."""
    return next(words for endings, words in _DAMAGED if path.name.endswith(endings))


def trouble(path: Path, error: Exception) -> str:
    """Return what is wrong with a file, and what to do about it."""
    if path.is_dir():
        return f"{path} must be a file; it is a folder. Move the folder away. {advice(path)}"
    if is_damaged(error):
        return f"{path}: {error}. {advice(path)}"
    return f"{path}: {advised(error)}"


#: The files that SQLite puts next to a database, with the mode that the database has then.
_JOURNALS = ("-wal", "-shm", "-journal")


def new_private(path: Path) -> None:
    """Make an empty private file (mode 0600, whatever the umask), if it does not exist.

    SQLite treats it as a new database. If it cannot be made, opening it afterwards says why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def make_private(path: Path) -> None:
    """Remove all access of others to a file or folder, and to the journals next to it.

    Leave it unchanged if others may *write* it, because removing that would hide that it was open;
    ``refuse_writable`` refuses such a file. Raises ``PersistenceError`` if the mode cannot be
    changed.
    """
    for file in (path, *(Path(f"{path}{name}") for name in _JOURNALS)):
        with suppress(FileNotFoundError):  # SQLite may delete a journal at any moment
            mode = open_to_others(file, ANY)
            if mode is None or mode & CHANGE:
                continue
            try:
                file.chmod(mode & ~ANY)
            except OSError as error:
                raise PersistenceError(
                    f"{file} must be readable by its owner alone; its mode is {mode:04o}, and this "
                    f"process cannot change it. Run: chmod go-rwx {file}"
                ) from error


def private_file(path: Path) -> None:
    """Make a file private before it is written, whether or not it exists."""
    new_private(path)
    make_private(path)


def code_of(error: BaseException | None) -> int:
    """Return SQLite's primary code of an error, without the bits of the extended code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_ADVICE = {
    sqlite3.SQLITE_FULL: "The disk is full. This call recorded nothing. Free some space and repeat"
    " it.",
    sqlite3.SQLITE_BUSY: "Another process holds the write lock. This call recorded nothing. Repeat"
    " it; if the lock lasts, look for a process that hangs inside a transaction.",
    sqlite3.SQLITE_READONLY: "This process may not write the ledger. Nothing was recorded. Give it"
    " write permission on the file, its -wal and -shm neighbours and their directory.",
    sqlite3.SQLITE_CANTOPEN: "Check that the directory exists and that this process may write it.",
    sqlite3.SQLITE_IOERR: "The disk failed. Check it, then verify the ledger before you continue.",
    sqlite3.SQLITE_CORRUPT: "The file is damaged. Stop writing, restore a backup, verify it.",
    sqlite3.SQLITE_NOTADB: "The file is not an SQLite database. Check the path.",
}


def advised(error: Exception) -> str:
    """Return SQLite's message of an error, and what to do about it."""
    return f"{error}. {_ADVICE.get(code_of(error), '')}".rstrip()


def is_damaged(error: BaseException | None) -> bool:
    """Whether SQLite says that a file is damaged or not a database, so that a retry cannot help."""
    return code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def unchanging(path: Path) -> str:
    """Return the URI by which SQLite reads a database that is not in use and has no journal."""
    return f"{path.absolute().as_uri()}?mode=ro&immutable=1"


def connect_read_only(path: Path, busy_timeout: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """Return a read-only connection to an SQLite file, for use by one thread at a time.

    It also works on a read-only medium, where SQLite cannot write its journals next to the file.
    Raises `sqlite3.Error`.
    """
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(
            f"{path.as_uri()}?{mode}",
            uri=True,
            timeout=busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except UnicodeDecodeError as error:
            # SQLite's message quotes a damaged name from the schema, which Python cannot decode.
            connection.close()
            raise sqlite3.DatabaseError("its schema is damaged") from error
        except sqlite3.Error as error:
            connection.close()
            # An immutable connection does not read the write-ahead log, so a log must not exist.
            log = path.with_name(f"{path.name}-wal")
            whole = not log.exists() or not log.stat().st_size
            refused = code_of(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if mode != "mode=ro" or not (refused and whole and path.exists()):
                raise
            continue
        return connection
    raise AssertionError("unreachable")


def mark_in(path: Path) -> int:
    """Return the mark of the ledger that a database belongs to (``Identity.mark``); 0 if none."""
    if path.suffix != ".db" or not path.is_file():
        return 0
    try:
        with closing(connect_read_only(path.absolute())) as sqlite:
            return int(sqlite.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return 0  # it is damaged; opening it reports that


def copy_database(
    source: Path, target: Path, progress: Progress = lambda done, total: None
) -> None:
    """Copy an SQLite database as it is at one moment, while other processes write to it.

    The copy does not delay them. It is a single file without journals, which can be read from a
    read-only medium. Raises ``PersistenceError``.
    """
    try:
        with (
            closing(connect_read_only(source.absolute())) as reading,
            closing(sqlite3.connect(target, isolation_level=None)) as writing,
        ):
            # Read inside a transaction, which then keeps seeing that moment. Without it, each
            # append would restart the copy.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            writing.execute("PRAGMA synchronous = OFF")  # the caller flushes the complete file
            reading.backup(
                writing, pages=_PAGES, progress=lambda _, left, total: progress(total - left, total)
            )
            reading.execute("COMMIT")
            writing.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise PersistenceError(f"{source} cannot be copied: {error}") from error
