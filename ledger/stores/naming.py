"""The file that a ledger URL names, and what the files that lie with it are called.

Each is called by the whole name of the ledger's file, so no two ledgers of a folder share one:
``a.db``, ``a.sqlite``, ``a`` and ``a.db.log`` have ``a.db.key``, ``a.sqlite.key`` and so on. For
the same reason a ledger cannot be called as such a file is, nor as a neighbour of SQLite's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: The ends of the names of SQLite's own neighbours of a file.
JOURNALS = ("-wal", "-shm", "-journal")

#: What lies with a ledger as a database, by what it holds.
DATABASES = ("access", "signed", "tiles", "views", "tokens", "vault")

#: The ends of the names of everything that lies with a ledger.
ENDINGS = (
    *(f".{what}.db" for what in DATABASES),
    ".views.db.lock",
    ".key",
    ".key.next",
    ".blobs",
    ".ended",
)

_SCHEME = "sqlite:///"
_SQLITE = b"SQLite format 3\0"


class UnusableUrl(ValueError):
    """The URL names no ledger that this program can open."""


def ledger_path(url: str) -> Path:
    """The file of a ledger URL: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    Everything after ``sqlite:///`` is the path as it stands: ``#``, ``?``, ``%`` and spaces are
    characters of the name. Raises ``UnusableUrl`` for anything else, and for a name that a ledger
    cannot have.
    """
    if url.lower().startswith(("postgresql:", "postgres:")):
        raise UnusableUrl("PostgreSQL is not offered yet; name a file, as in sqlite:///ledger.db")
    name = url[len(_SCHEME) :]
    if not url.lower().startswith(_SCHEME) or not name:
        raise UnusableUrl(
            f"{url!r} is no ledger URL; write sqlite:///ledger.db for a file here, or "
            "sqlite:////srv/ledger.db for an absolute path"
        )
    if not name.isprintable():
        raise UnusableUrl(
            f"a ledger URL must be printable text in UTF-8, without line breaks or control "
            f"characters; it is {url!r}"
        )
    if name.startswith("~"):
        raise UnusableUrl(
            f"a ledger URL must not begin its path with ~, which is not replaced by a home: write "
            f"the path in full, or sqlite:///./{name} for a file or folder of that very name"
        )
    if name.startswith((":", "file:")):
        raise UnusableUrl(
            f"a ledger must lie in a file, not in memory and not at a URI of SQLite; for a file of "
            f"that very name write sqlite:///./{name}"
        )
    path = Path(name)
    if name.endswith("/") or path.name in ("", ".."):
        raise UnusableUrl(f"a ledger URL must name a file, not a folder; it is {url!r}")
    ending = ending_of(path.name)
    if ending is not None:
        raise UnusableUrl(
            f"a ledger's name must not end in {ending}, as the names of files that lie with a "
            f"ledger do; it is {path.name!r}. Rename the file if it is a ledger."
        )
    return path


def ending_of(name: str) -> str | None:
    """By which ending a name is that of a file that lies with a ledger; ``None`` if it is not."""
    lower = name.casefold()  # some file systems make no difference
    ends = (ending for ending in (*ENDINGS, *JOURNALS) if lower.endswith(ending))
    return next(ends, None)


def refuse_neighbour(target: Path) -> None:
    """Raise ``UnusableUrl`` if what is to be written is a database, or called as a ledger's file.

    A ledger, or SQLite, would take it for a file of its own.
    """
    if target.is_file():
        with target.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                raise UnusableUrl(f"{target} is a database, and must not be overwritten")
    ending = ending_of(target.name)
    if ending is not None and target.with_name(target.name[: -len(ending)]).is_file():
        raise UnusableUrl(
            f"{target} must have another name: it is that of a file that lies with "
            f"{target.name[: -len(ending)]}"
        )


def _named(ledger_file: Path, ending: str) -> Path:
    return ledger_file.with_name(ledger_file.name + ending)


def sibling(ledger_file: Path, what: str) -> Path:
    """The database of ``what`` that lies with a ledger: ``ledger.db`` → ``ledger.db.<what>.db``."""
    return _named(ledger_file, f".{what}.db")


def key_file(ledger_file: Path) -> Path:
    """The file of the private key of a ledger's log."""
    return _named(ledger_file, ".key")


def blobs_folder(ledger_file: Path) -> Path:
    """The folder of what is too long for a ledger's events."""
    return _named(ledger_file, ".blobs")


def ended_folder(ledger_file: Path) -> Path:
    """Where the logs of a ledger lie that ended."""
    return _named(ledger_file, ".ended")


def belongings(ledger_file: Path) -> Iterator[Path]:
    """The ledger's file and every file and folder that may lie with it, journals included."""
    access = sibling(ledger_file, "access")
    files = [
        ledger_file,
        *(_named(ledger_file, ending) for ending in ENDINGS),
        *(_named(access, ending) for ending in ENDINGS),
    ]
    for file in files:
        yield file
        yield from (_named(file, journal) for journal in JOURNALS)
