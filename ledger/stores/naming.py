"""The file that a ledger URL names, and the names of its siblings, the files that belong to it.

The name of a sibling begins with the whole name of the ledger's file, so two ledgers in a folder
never share a file: the key of ``a.db`` is ``a.db.key``, and that of ``a.sqlite`` is
``a.sqlite.key``. So a ledger cannot have a name that ends like a sibling's or like a journal's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: The endings of the files that SQLite itself puts next to a database.
JOURNALS = ("-wal", "-shm", "-journal")

#: The siblings that are databases, by what they hold.
DATABASES = ("access", "signed", "tiles", "views", "tokens", "vault", "webhooks")

#: The endings of the names of all siblings.
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
    """The URL does not name a ledger that this program can open."""


def is_postgres(url: str) -> bool:
    """Whether a URL names a ledger in a PostgreSQL database: ``postgresql://host1,host2/name``."""
    return url.lower().startswith(("postgresql://", "postgres://"))


def ledger_path(url: str) -> Path:
    """Return the file of a ledger URL: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``.

    Everything after ``sqlite:///`` is the path, unchanged: ``#``, ``?``, ``%`` and spaces are
    characters of the name. Raises ``UnusableUrl`` for any other URL, and for a name that a ledger
    cannot have.
    """
    if is_postgres(url):
        raise UnusableUrl(
            "this needs a ledger in a file, as in sqlite:///ledger.db; copy the ledger of a "
            "database to a file first: supervision-ledger copy FROM TO"
        )
    name = url[len(_SCHEME) :]
    if not url.lower().startswith(_SCHEME) or not name:
        raise UnusableUrl(
            "a ledger URL must begin with sqlite:/// and name a file: sqlite:///ledger.db, or "
            "sqlite:////srv/ledger.db for an absolute path; or name a database: "
            f"postgresql://host/name. It is {url!r}"
        )
    if not name.isprintable():
        raise UnusableUrl(
            f"a ledger URL must be printable text in UTF-8, without line breaks or control "
            f"characters; it is {url!r}"
        )
    if name.startswith("~"):
        raise UnusableUrl(
            f"a ledger URL must not begin its path with ~, because ~ does not stand for your home "
            f"folder here: write the path in full, or sqlite:///./{name} if that is the name"
        )
    if name.startswith((":", "file:")):
        raise UnusableUrl(
            f"a ledger must be a file, not in memory and not an SQLite URI; for a file of that "
            f"name write sqlite:///./{name}"
        )
    path = Path(name)
    if name.endswith("/") or path.name in ("", ".."):
        raise UnusableUrl(f"a ledger URL must name a file, not a folder; it is {url!r}")
    ending = ending_of(path.name)
    if ending is not None:
        raise UnusableUrl(
            f"a ledger's name must not end in {ending}, which marks a file that belongs to a "
            f"ledger; it is {path.name!r}. Rename the file if it is a ledger."
        )
    return path


def ending_of(name: str) -> str | None:
    """Return the ending that makes a name a sibling's or a journal's; ``None`` if it has none."""
    lower = name.casefold()  # some file systems ignore case
    ends = (ending for ending in (*ENDINGS, *JOURNALS) if lower.endswith(ending))
    return next(ends, None)


def refuse_neighbour(target: Path) -> None:
    """Raise ``UnusableUrl`` if a file to be written is a database, or has the name of a sibling.

    A ledger or SQLite would treat it as its own file.
    """
    if target.is_file():
        with target.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                raise UnusableUrl(f"{target} must not be overwritten, because it is a database")
    ending = ending_of(target.name)
    if ending is not None and target.with_name(target.name[: -len(ending)]).is_file():
        raise UnusableUrl(
            f"{target} must have another name: this is the name of a file that belongs to "
            f"{target.name[: -len(ending)]}"
        )


def _named(ledger_file: Path, ending: str) -> Path:
    return ledger_file.with_name(ledger_file.name + ending)


def sibling(ledger_file: Path, what: str) -> Path:
    """Return the database of ``what`` of a ledger: ``ledger.db`` → ``ledger.db.<what>.db``."""
    return _named(ledger_file, f".{what}.db")


def key_file(ledger_file: Path) -> Path:
    """Return the file of the private key of a ledger's log."""
    return _named(ledger_file, ".key")


def blobs_folder(ledger_file: Path) -> Path:
    """Return the folder of a ledger's blobs, for content that is too long for events."""
    return _named(ledger_file, ".blobs")


def ended_folder(ledger_file: Path) -> Path:
    """Return the folder of the ended logs of a ledger."""
    return _named(ledger_file, ".ended")


def belongings(ledger_file: Path) -> Iterator[Path]:
    """Yield the ledger's file and all files and folders that may belong to it, with journals."""
    access = sibling(ledger_file, "access")
    files = [
        ledger_file,
        *(_named(ledger_file, ending) for ending in ENDINGS),
        *(_named(access, ending) for ending in ENDINGS),
    ]
    for file in files:
        yield file
        yield from (_named(file, journal) for journal in JOURNALS)
