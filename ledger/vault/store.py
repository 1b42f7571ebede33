"""The keys, in one SQLite file that only its owner may read; and how one is destroyed for good.

SQLite keeps old content where nobody looks for it: in free pages, in the space between the cells of
a page, in a write-ahead log, in a rollback journal. And what a file gives back to the disk, by
being unlinked or cut off, stays there until something else is written over it: it would hold keys
that are destroyed only later. So:

- There is no write-ahead log. The rollback journal is kept (``PERSIST``) and never unlinked, not
  even when it is what a crash left. Whoever has written overwrites it with zeros and flushes it,
  before anybody else may write and before it is cut off; after a crash, whoever writes next.
- Freed space is overwritten (``secure_delete``), and the file of the keys never becomes shorter.

``destroy`` does, in this order (what a crash leaves is said at each step; whoever repeats it
finishes it):

1. Take the file for this process alone. From here on nobody else writes a journal.
2. Empty the rows of the keys and commit. A crash before leaves the keys; the journal that it leaves
   is rolled back when the file is opened. A crash after leaves them in the journal alone.
3. Write all rows into new pages, and the old ones full of zeros. A crash leaves the old ones.
4. Overwrite the journal. A crash leaves it whole or in part.
5. Note that this is done. A crash before has steps 3 and 4 done once more.

Beyond the reach of a program: blocks that were overwritten and that a solid-state disk, a copying
file system or a snapshot keeps; a file system that puts contents through a journal of its own;
swapped memory. And one case within it: a crash in the middle of a transaction for which the file
had grown cuts that off again when it is rolled back, with the keys that had come there. Keep the
vault on an encrypted disk.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import msgspec

from ledger.stores import StoreError
from ledger.stores.files import ANY, make_private, open_to_others, trouble
from ledger.vault.sealing import SECRET_BYTES

APPLICATION_ID = 0x4C445654  # "LDVT"; `file` and sqlite3 show it

_SCHEMA = """CREATE TABLE IF NOT EXISTS keys (
    person TEXT PRIMARY KEY,
    secret BLOB,                 -- NULL once it is destroyed
    made_for TEXT NOT NULL,      -- the id of the command that it was made for
    scrubbed INTEGER NOT NULL    -- whether nothing of a destroyed one is left in the files
) STRICT, WITHOUT ROWID"""
_BY_COMMAND = "CREATE UNIQUE INDEX IF NOT EXISTS keys_by_command ON keys (made_for)"

#: A table that is dropped leaves its pages in the file, which ``secure_delete`` fills with zeros.
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
    """The vault cannot be used as it is, or did not take something."""


class PersonKey(msgspec.Struct, frozen=True):
    """A person's token and the key; ``secret`` is ``None`` once it is destroyed."""

    person: str
    secret: bytes | None

    def __repr__(self) -> str:
        """Without the secret: what is represented ends in logs."""
        return f"PersonKey({self.person!r})"


class Vault:
    """The keys at ``path``, made if there are none. Safe for threads and processes.

    With ``read_only`` the file stays as it is, and has to be there. ``mark``: of the ledger that it
    lies with (``Identity.mark``). Raises ``VaultError`` if the file may be read by others, is no
    vault, or is that of another ledger.
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
        # Held like this, a journal that a crash left is rolled back and not unlinked.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        (known,) = execute("PRAGMA application_id").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if known != APPLICATION_ID and tables:
            raise VaultError(f"{self.path} is no vault. Check the path.")
        execute("PRAGMA journal_mode = PERSIST")
        self._let_go()
        execute("PRAGMA secure_delete = ON")
        execute("PRAGMA temp_store = MEMORY")  # what is sorted or undone is in no file of its own
        execute("PRAGMA synchronous = EXTRA")  # the journal's end is on the disk when it is over
        if not tables:
            execute("BEGIN IMMEDIATE")
            execute(_SCHEMA)
            execute(_BY_COMMAND)
            execute(f"PRAGMA application_id = {APPLICATION_ID}")
            execute("COMMIT")
        self._belong()

    def _belong(self) -> None:
        """Refuse the vault of another ledger, and mark one that does not say whose it is."""
        (found,) = self._sqlite.execute("PRAGMA user_version").fetchone()
        if self._mark is None or found == self._mark:
            return
        if found:
            raise VaultError(
                f"{self.path} must be the vault of this ledger, and is marked as that of another "
                "one; it was not changed. Put the right file there."
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
        """A new person's token and key, for the command of an id; the same for the same command.

        It is on the disk when this returns: a crash before the event leaves a key of nothing, and
        never an event without its key.
        """
        with self._using(), self._alone(), self._transaction():
            row = self._sqlite.execute(
                "SELECT person, secret FROM keys WHERE made_for = ?", (made_for,)
            ).fetchone()
            if row is not None:
                return PersonKey(*row)
            made = PersonKey(f"psn-{secrets.token_hex(16)}", secrets.token_bytes(SECRET_BYTES))
            self._sqlite.execute(
                "INSERT INTO keys (person, secret, made_for, scrubbed) VALUES (?, ?, ?, 0)",
                (made.person, made.secret, made_for),
            )
            return made

    def keep(self, name: str) -> bytes | None:
        """The key of a subject that is no person, made when it is first asked for.

        ``None`` if it was destroyed: nothing is sealed for that subject again.
        """
        with self._using(), self._alone(), self._transaction():
            row = self._sqlite.execute(
                "SELECT secret FROM keys WHERE person = ?", (name,)
            ).fetchone()
            if row is not None:
                found: bytes | None = row[0]
                return found
            made = secrets.token_bytes(SECRET_BYTES)
            self._sqlite.execute(
                "INSERT INTO keys (person, secret, made_for, scrubbed) VALUES (?, ?, ?, 0)",
                (name, made, name),
            )
            return made

    def secret(self, person: str) -> bytes | None:
        """The key of a person; ``None`` if it was destroyed, or never was in this vault."""
        with self._using():
            row = self._sqlite.execute(
                "SELECT secret FROM keys WHERE person = ?", (person,)
            ).fetchone()
        return None if row is None else row[0]

    def destroy(self, persons: Collection[str]) -> int:
        """Destroy the keys of persons for good, and finish what a crash left of that before.

        Returns how many keys there still were. Raises ``VaultError``, and may then be repeated.
        """
        with self._using():
            wanted = self._held(persons)
            if not wanted and not self._unfinished():
                return 0
            with self._alone():
                self._empty(wanted)
                self._rewrite()
                self._shred()
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
        """Leave no page as it was. ``VACUUM`` would cut off pages that hold keys."""
        with self._transaction():
            for step in _REWRITE:
                self._sqlite.execute(step)

    def _shred(self) -> None:
        """Overwrite what the journal holds, then cut it off; nobody else may be writing one."""
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
        """Hold the file until what the journal holds of transactions in here is overwritten.

        After a failure it is not: it may be what is to be rolled back. Whoever writes next does it.
        """
        # Waits for others here, before it holds what they might wait for.
        with self._transaction():
            self._sqlite.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            yield
            self._shred()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Hold the file no longer than each transaction; this begins with the next one."""
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
        """Use the file, alone among threads, and keep no page of it in memory afterwards.

        A key that another process destroys would stay there until this one looks again.
        """
        with self._lock, self._speaking():
            try:
                yield
            finally:
                self._sqlite.execute("PRAGMA shrink_memory")

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Say what the database says as ``VaultError``."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise VaultError(f"the vault {trouble(self.path, error)}") from error


def _private(path: Path) -> None:
    """Make the file for its owner alone, or see that it is."""
    if path.is_dir():
        return  # opening it says so
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        if (mode := open_to_others(path, ANY)) is not None:
            raise VaultError(
                f"{path} may be read by others (mode {mode:04o}): chmod 600 it. If others had "
                "access to this machine, they may have read what is sealed."
            ) from None
    make_private(path)  # its journal
