"""The keys, in one SQLite file that only its owner may read, and how a key is destroyed for good.

SQLite leaves old content in free pages, between the cells of a page, in a write-ahead log and in a
rollback journal. And when a file is deleted or truncated, its content stays on the disk until
something overwrites it. So:

- The file has no write-ahead log. Its rollback journal is kept (``PERSIST``) and never deleted, not
  even after a crash. The process that wrote it overwrites it with zeros and flushes it, before
  another process may write and before the journal is truncated. After a crash, the next process
  that writes does this.
- Freed space is overwritten (``secure_delete``), and the file of the keys never becomes shorter.

``destroy`` works in five steps. The comment at each says what a crash there leaves; calling
``destroy`` again completes the work.

1. Lock the file for this process, so that no other process writes a journal.
2. Empty the rows of the keys and commit.
3. Write all rows into new pages, and fill the old pages with zeros.
4. Overwrite the journal.
5. Note that the keys are scrubbed.

A program cannot remove copies of overwritten blocks that a solid-state disk, a copying file system
or a snapshot keeps, content in the journal of a file system, and swapped memory. It also cannot
remove keys in one case of its own: if a crash interrupts a transaction for which the file had
grown, the rollback truncates the file, with the keys written there. So keep the vault on an
encrypted disk.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, Self

import msgspec

from ledger.stores import StoreError
from ledger.stores.files import ANY, make_private, open_to_others, trouble
from ledger.vault.sealing import SECRET_BYTES

APPLICATION_ID = 0x4C445654  # "LDVT"; the commands `file` and `sqlite3` show it

_SCHEMA = """CREATE TABLE IF NOT EXISTS keys (
    person TEXT PRIMARY KEY,
    secret BLOB,                 -- NULL once it is destroyed
    made_for TEXT NOT NULL,      -- the id of the command that it was made for
    scrubbed INTEGER NOT NULL    -- whether nothing of a destroyed one is left in the files
) STRICT, WITHOUT ROWID"""
_BY_COMMAND = "CREATE UNIQUE INDEX IF NOT EXISTS keys_by_command ON keys (made_for)"

#: Dropping a table leaves its pages in the file, and ``secure_delete`` fills them with zeros.
_REWRITE = (
    "ALTER TABLE keys RENAME TO old",
    _SCHEMA,
    "INSERT INTO keys SELECT * FROM old ORDER BY person",
    "DROP TABLE old",
    _BY_COMMAND,
)

_HELD = """SELECT person FROM keys
    WHERE secret IS NOT NULL AND person IN (SELECT value FROM json_each(?))"""


class VaultError(StoreError):
    """The vault cannot be used, or a write to it failed; the message says why."""


class PersonKey(msgspec.Struct, frozen=True):
    """A person's token and key; ``secret`` is ``None`` once the key is destroyed."""

    person: str
    secret: bytes | None

    def __repr__(self) -> str:
        """Return a text without the secret, because such texts end up in logs."""
        return f"PersonKey({self.person!r})"


class KeptKey(msgspec.Struct, frozen=True):
    """A key as a vault keeps it: whose it is, and the command for which it was made."""

    person: str
    secret: bytes | None
    made_for: str

    def __repr__(self) -> str:
        """Return a text without the secret, because such texts end up in logs."""
        return f"KeptKey({self.person!r})"


class Keys(Protocol):
    """Makes the keys for the personal data of commands."""

    def mint(self, made_for: str) -> PersonKey:
        """Return a person's token and key; the same ones for the same command."""


class UnkeptKeys:
    """Keys that are kept nowhere, for a command that is not recorded."""

    def __init__(self) -> None:
        self._made: dict[str, PersonKey] = {}

    def mint(self, made_for: str) -> PersonKey:
        """Return a new token and key, or those made for this command before."""
        return self._made.setdefault(made_for, new_key())


def new_key() -> PersonKey:
    """Return a new token and key."""
    return PersonKey(f"psn-{secrets.token_hex(16)}", secrets.token_bytes(SECRET_BYTES))


class Vault:
    """The keys at ``path``; the file is made if it does not exist. Safe for threads and processes.

    With ``read_only`` the file must exist, and is not changed. ``mark``: the mark of the ledger
    that it belongs to (``Identity.mark``). Raises ``VaultError`` if others may read the file, or if
    it is not a vault or is the vault of another ledger.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout: float = 10.0,
        read_only: bool = False,
        mark: int | None = None,
    ) -> None:
        self.path = path.absolute()
        self._mark = mark
        self._lock = threading.Lock()
        if read_only:
            with self._speaking():
                self._sqlite = sqlite3.connect(
                    f"{self.path.as_uri()}?mode=ro",
                    uri=True,
                    timeout=busy_timeout,
                    isolation_level=None,
                    check_same_thread=False,
                )
            return
        _private(self.path)
        with self._speaking():
            self._sqlite = sqlite3.connect(
                self.path, timeout=busy_timeout, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._sqlite.close()
                raise

    def _prepare(self) -> None:
        execute = self._sqlite.execute
        # In this mode SQLite rolls back a journal that a crash left without deleting it.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        (known,) = execute("PRAGMA application_id").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if known != APPLICATION_ID and tables:
            raise VaultError(f"{self.path} is not a vault. Check the path.")
        execute("PRAGMA journal_mode = PERSIST")
        self._let_go()
        execute("PRAGMA secure_delete = ON")
        execute("PRAGMA temp_store = MEMORY")  # keys must not get into temporary files
        execute("PRAGMA synchronous = EXTRA")  # flush the end of the journal too at each commit
        if not tables:
            execute("BEGIN IMMEDIATE")
            execute(_SCHEMA)
            execute(_BY_COMMAND)
            execute(f"PRAGMA application_id = {APPLICATION_ID}")
            execute("COMMIT")
        self._belong()

    def _belong(self) -> None:
        """Refuse the vault of another ledger, and mark a vault that has no mark yet."""
        (mark,) = self._sqlite.execute("PRAGMA user_version").fetchone()
        if self._mark is None or mark == self._mark:
            return
        if mark:
            raise VaultError(
                f"{self.path} must be the vault of this ledger; it is marked as that of another "
                "ledger and was not changed. Put the right file there."
            )
        with self._alone(), self._transaction():
            self._sqlite.execute(f"PRAGMA user_version = {self._mark}")

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._sqlite.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def mint(self, made_for: str) -> PersonKey:
        """Make a new person's token and key for the command with the id ``made_for``.

        The same command gets the same key again. The key is on the disk when this returns, so a
        crash before the event is recorded leaves an unused key, never an event without its key.
        """
        with self._using(), self._alone(), self._transaction():
            row = self._sqlite.execute(
                "SELECT person, secret FROM keys WHERE made_for = ?", (made_for,)
            ).fetchone()
            if row is not None:
                return PersonKey(*row)
            made = new_key()
            self._sqlite.execute(
                "INSERT INTO keys (person, secret, made_for, scrubbed) VALUES (?, ?, ?, 0)",
                (made.person, made.secret, made_for),
            )
            return made

    def keep(self, name: str) -> bytes | None:
        """Return the key of a subject that is not a person, and make it at the first call.

        ``None`` if the key was destroyed: nothing can be sealed for that subject again.
        """
        with self._using(), self._alone(), self._transaction():
            row = self._sqlite.execute(
                "SELECT secret FROM keys WHERE person = ?", (name,)
            ).fetchone()
            if row is not None:
                secret: bytes | None = row[0]
                return secret
            made = secrets.token_bytes(SECRET_BYTES)
            self._sqlite.execute(
                "INSERT INTO keys (person, secret, made_for, scrubbed) VALUES (?, ?, ?, 0)",
                (name, made, name),
            )
            return made

    def secret(self, person: str) -> bytes | None:
        """Return the key of a person; ``None`` if it was destroyed or never was in this vault."""
        with self._using():
            row = self._sqlite.execute(
                "SELECT secret FROM keys WHERE person = ?", (person,)
            ).fetchone()
        return None if row is None else row[0]

    def all_keys(self) -> Iterator[KeptKey]:
        """Yield every key with what it was made for, to copy the vault."""
        with self._using():
            rows = self._sqlite.execute(
                "SELECT person, secret, made_for FROM keys ORDER BY person"
            ).fetchall()
        return (KeptKey(*row) for row in rows)

    def take_keys(self, keys: Iterable[KeptKey]) -> int:
        """Store the keys of a copy of this vault that are not there yet; return their number."""
        number = 0
        with self._using(), self._alone(), self._transaction():
            for key in keys:
                number += self._sqlite.execute(
                    "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, 0)",
                    (key.person, key.secret, key.made_for),
                ).rowcount
        return number

    def destroy(self, persons: Collection[str]) -> int:
        """Destroy the keys of persons for good, and complete what a crash interrupted earlier.

        Return how many of these keys existed. Raises ``VaultError``; the call may then be repeated.
        """
        with self._using():
            wanted = self._held(persons)
            if not wanted and not self._unfinished():
                return 0
            # 1. Lock. A crash here leaves the keys.
            with self._alone():
                # 2. Empty. A crash before the commit leaves the keys, and a journal that is rolled
                # back at the next opening. A crash after it leaves them in old pages and journal.
                self._empty(wanted)
                # 3. Rewrite. A crash leaves old pages; the rows still say "not scrubbed".
                self._rewrite()
                # 4. Shred. A crash leaves the journal whole or in part.
                self._shred()
                # 5. Settle. A crash before this commit has steps 3 and 4 done again.
                self._settle()
            return len(wanted)

    def _held(self, persons: Collection[str]) -> list[str]:
        asked = msgspec.json.encode(list(persons)).decode()
        return [person for (person,) in self._sqlite.execute(_HELD, (asked,))]

    def _unfinished(self) -> bool:
        (left,) = self._sqlite.execute(
            "SELECT count(*) FROM keys WHERE secret IS NULL AND NOT scrubbed"
        ).fetchone()
        return bool(left)

    def _empty(self, persons: list[str]) -> None:
        with self._transaction():
            self._sqlite.executemany(
                "UPDATE keys SET secret = NULL, scrubbed = 0 WHERE person = ?",
                [(person,) for person in persons],
            )

    def _rewrite(self) -> None:
        """Replace every page. ``VACUUM`` would not do: it truncates pages that hold keys."""
        with self._transaction():
            for step in _REWRITE:
                self._sqlite.execute(step)

    def _shred(self) -> None:
        """Overwrite the journal, then truncate it. No other process may be writing one."""
        journal = Path(f"{self.path}-journal")
        try:
            handle = os.open(journal, os.O_WRONLY)
        except FileNotFoundError:
            return
        with os.fdopen(handle, "wb", buffering=0) as file:
            file.write(b"\0" * os.fstat(handle).st_size)
            os.fsync(handle)
            os.ftruncate(handle, 0)

    def _settle(self) -> None:
        with self._transaction():
            self._sqlite.execute("UPDATE keys SET scrubbed = 1 WHERE secret IS NULL")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Lock the file for the block, and overwrite the journal of its transactions at the end.

        After a failure the journal is left, because SQLite may need it for a rollback. The next
        process that writes overwrites it.
        """
        # Wait for other processes here, before this one holds a lock that they might wait for.
        with self._transaction():
            self._sqlite.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            yield
            self._shred()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Lock the file only during each transaction, from the next one on."""
        self._sqlite.execute("PRAGMA locking_mode = NORMAL")
        self._sqlite.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sqlite.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._sqlite.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._sqlite.execute("ROLLBACK")
            raise

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Use the file in one thread at a time, and keep no page of it in memory afterwards.

        Otherwise a key that another process destroys would stay in this process's memory.
        """
        with self._lock, self._speaking():
            try:
                yield
            finally:
                self._sqlite.execute("PRAGMA shrink_memory")

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Raise the errors of the database as ``VaultError``."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise VaultError(f"the vault {trouble(self.path, error)}") from error


def _private(path: Path) -> None:
    """Make the file private, or check that it is."""
    if path.is_dir():
        return  # opening it reports this
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if (mode := open_to_others(path, ANY)) is not None:
            raise VaultError(
                f"{path} must be readable by its owner alone; its mode is {mode:04o}. Run: chmod "
                f"600 {path}. If others had access to this machine, they may have read the keys."
            ) from None
    make_private(path)  # for its journal
