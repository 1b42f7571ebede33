"""Files and folders that stand under their name whole or not at all."""

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

#: How the name of what is not whole yet ends.
UNFINISHED = ".part"

#: Pages of a database that are copied before the progress is told.
_PAGES = 2_000
_CHUNK = 1 << 20
_BUSY_SECONDS = 10.0

#: Told how much is done, and of how much.
Progress = Callable[[int, int], None]


def flush_folder(folder: Path) -> None:
    """Have the names in a folder survive a loss of power."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows has none, and flushes names by itself
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """A new folder beside ``target``, for its owner alone; it is gone when the block ends.

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
    """A folder to fill, which stands at ``target`` once the block has ended, and not before.

    Every file in it is on the disk by then. Raises ``FileExistsError`` if ``target`` exists.
    """
    refuse_existing(target)
    with unfinished(target) as folder:
        yield folder
        flush_tree(folder)
        refuse_existing(target)  # still: renaming would replace an empty folder
        folder.rename(target)
    flush_folder(target.absolute().parent)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """As ``whole_folder``, for a single file: the block writes it where it is told."""
    refuse_existing(target)
    with unfinished(target) as folder:
        file = folder / target.name
        yield file
        flush_tree(folder)
        os.link(file, target)  # unlike a renaming, this never replaces anything
    flush_folder(target.absolute().parent)


def refuse_existing(target: Path) -> None:
    """Raise ``FileExistsError`` if there is anything under this name."""
    if target.exists() or target.is_symlink():
        raise FileExistsError(f"{target} exists already; it is not overwritten")


def flush_tree(folder: Path) -> None:
    """Have a folder and everything below it be its owner's alone, and survive a loss of power."""
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
    """The SHA-256 of a file (hex)."""
    with path.open("rb") as file:
        found = sha256()
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def copy_file(source: Path, target: Path) -> str:
    """Copy a file; the SHA-256 (hex) of what was written, which nobody can have changed since."""
    found = sha256()
    with source.open("rb") as reading, target.open("xb") as writing:
        while chunk := reading.read(_CHUNK):
            found.update(chunk)
            writing.write(chunk)
    return found.hexdigest()


def number_of(path: Path) -> str:
    """By what a file is told from a copy of it, on one file system."""
    # As text: some file systems number with more than 63 bits. With the time of birth, where there
    # is one: a number is given out again.
    found = path.stat()
    born = getattr(found, "st_birthtime", None)
    return str(found.st_ino) if born is None else f"{found.st_ino} {born}"


#: What others than the owner of a file may do with it: anything, or change it.
ANY, CHANGE = 0o077, 0o022


def open_to_others(path: Path, access: int) -> int | None:
    """The mode of a file or folder that gives others any of ``access``; ``None`` if it does not.

    Where modes say nothing (Windows) none does. Raises ``FileNotFoundError``.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if os.name == "posix" and mode & access else None


#: What may be done about a file that is damaged, by how its name ends; the first that fits.
#: What is lost with each is said in the README.
_DAMAGED: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (".tiles.db",),
        (
            "Stop the service, delete this file with its -wal and -shm neighbours, and serve "
            "again: the tiles are made anew of the events."
        ),
    ),
    (
        (".views.db", ".views.db.lock"),
        (
            "Stop the service, delete this file with its -wal and -shm neighbours, and serve "
            "again, or run `supervision-ledger rebuild`: the views are made anew of the "
            "events."
        ),
    ),
    (
        (".tokens.db",),
        (
            "Put a backup of this file back, or delete it with its -wal and -shm neighbours: "
            "then no token is good any more, and new ones are created by `supervision-ledger "
            "token create`."
        ),
    ),
    (
        (".signed.db", "witness.db"),
        (
            "Do not delete it: what was signed cannot be made anew. Stop the service and put "
            "the newest backup of this file back (docs/backup.md)."
        ),
    ),
    (
        (".vault.db",),
        (
            "Do not delete it: the keys in it cannot be made anew, and what they seal cannot "
            "be read without them. Stop the service and put the newest copy of this file "
            "back. If there is none, move it away and serve with --accept-lost-keys "
            "(docs/backup.md)."
        ),
    ),
    (
        (".key", ".key.next"),
        (
            "Do not delete it: a new key would be another log. Stop the service and put the "
            "copy of this file back. If there is none, the log has ended: move the key away, "
            "and serve once with --origin and another name (docs/backup.md)."
        ),
    ),
    (
        (".access.db",),
        (
            "Do not delete it: who was refused and who looked is recorded nowhere else. Stop "
            "the service, put the newest backup of this file back (docs/backup.md), and run "
            "verify."
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
    """Return what may be done about a damaged file of a ledger: delete it, or put a backup back."""
    return next(words for endings, words in _DAMAGED if path.name.endswith(endings))


def trouble(path: Path, error: Exception) -> str:
    """Return what is wrong with a file, and what may be done where trying again is no use."""
    if path.is_dir():
        return f"{path} must be a file; it is a folder. Move the folder away. {advice(path)}"
    if is_damaged(error):
        return f"{path}: {error}. {advice(path)}"
    return f"{path}: {advised(error)}"


#: What SQLite puts beside a file; each gets the mode that the file has at that moment.
_JOURNALS = ("-wal", "-shm", "-journal")


def new_private(path: Path) -> None:
    """Make an empty file for its owner alone (mode 0600), whatever the umask, if there is none.

    SQLite takes it for a new database. Where it cannot be made, whoever opens it is told why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def make_private(path: Path) -> None:
    """Take from others what they may do with a file or folder, and with the journals beside it.

    What others may *write* stays as it is, because closing it would hide that it was open:
    ``refuse_writable`` refuses it. Raises ``PersistenceError`` where the mode cannot be changed.
    """
    for one in (path, *(Path(f"{path}{name}") for name in _JOURNALS)):
        with suppress(FileNotFoundError):  # a journal may go at any moment
            mode = open_to_others(one, ANY)
            if mode is None or mode & CHANGE:
                continue
            try:
                one.chmod(mode & ~ANY)
            except OSError as error:
                raise PersistenceError(
                    f"{one} must be readable by its owner alone; its mode is {mode:04o}, and this "
                    "process cannot change it. chmod go-rwx it."
                ) from error


def private_file(path: Path) -> None:
    """Have a file that is about to be written be its owner's alone, new or not."""
    new_private(path)
    make_private(path)


def code_of(error: BaseException | None) -> int:
    """SQLite's code of an error, without the bits above that tell where it was noticed."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_ADVICE = {
    sqlite3.SQLITE_FULL: "The disk is full. Nothing of this call was recorded: free space, repeat.",
    sqlite3.SQLITE_BUSY: "Another process holds the write lock. Nothing of this call was recorded:"
    " repeat; if it lasts, look for a process that hangs inside a transaction.",
    sqlite3.SQLITE_READONLY: "The ledger is read-only for this process. Nothing was recorded: give"
    " it write permission on the file, its -wal and -shm neighbours and their directory.",
    sqlite3.SQLITE_CANTOPEN: "Check that the directory exists and may be written by this process.",
    sqlite3.SQLITE_IOERR: "The disk failed. Check it, then verify the ledger before going on.",
    sqlite3.SQLITE_CORRUPT: "The file is damaged. Stop writing, restore a backup, verify it.",
    sqlite3.SQLITE_NOTADB: "The file is not an SQLite database. Check the path.",
}


def advised(error: Exception) -> str:
    """What SQLite says of an error, and what to do about it."""
    return f"{error}. {_ADVICE.get(code_of(error), '')}".rstrip()


def is_damaged(error: BaseException | None) -> bool:
    """Whether SQLite says that a file is damaged, or none of its own: trying again is no use."""
    return code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def unchanging(path: Path) -> str:
    """The URI by which SQLite reads a database that nobody has open and that has no journal."""
    return f"{path.absolute().as_uri()}?mode=ro&immutable=1"


def connect_read_only(path: Path, busy_timeout: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """A connection to an SQLite file that cannot change it; to be shared by one thread at a time.

    It works on a medium that nobody can write too, where SQLite's own bookkeeping beside the file
    has no place. Raises `sqlite3.Error`.
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
            # Python cannot pass on what SQLite says of a name in there that is no text any more.
            connection.close()
            raise sqlite3.DatabaseError("its description of itself is damaged") from error
        except sqlite3.Error as error:
            connection.close()
            # What lies in a write-ahead log would not be seen: then the file is not the whole.
            log = path.with_name(f"{path.name}-wal")
            whole = not log.exists() or not log.stat().st_size
            refused = code_of(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if mode != "mode=ro" or not (refused and whole and path.exists()):
                raise
            continue
        return connection
    raise AssertionError("unreachable")


def mark_in(path: Path) -> int:
    """Which ledger a database lies with (``Identity.mark``); 0 if it does not say, or is none."""
    if path.suffix != ".db" or not path.is_file():
        return 0
    try:
        with closing(connect_read_only(path.absolute())) as sqlite:
            return int(sqlite.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return 0  # damaged: whoever opens it says so


def copy_database(
    source: Path, target: Path, progress: Progress = lambda done, total: None
) -> None:
    """Copy an SQLite database as it is at one moment, while others write to it.

    They are not held up. The copy is a single file without journals, readable from a medium that
    cannot be written. Raises ``PersistenceError``.
    """
    try:
        with (
            closing(connect_read_only(source.absolute())) as reading,
            closing(sqlite3.connect(target, isolation_level=None)) as writing,
        ):
            # A transaction that has read stays at the moment of that reading. Without it each
            # append would begin the copy anew.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            writing.execute("PRAGMA synchronous = OFF")  # flushed as a whole, when all is there
            reading.backup(
                writing, pages=_PAGES, progress=lambda _, left, total: progress(total - left, total)
            )
            reading.execute("COMMIT")
            writing.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise PersistenceError(f"{source} cannot be copied: {error}") from error
