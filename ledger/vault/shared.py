"""The keys in a schema of the ledger's database, for all nodes, each wrapped under another key.

A database keeps what was deleted: in its log, in dead rows, on standbys and in backups. So no key
of a person is stored there in clear. It is wrapped (AES-256-GCM) under the current *key-encryption
key*, which is a file in a folder that only the nodes read and that no backup of the database
contains. To destroy keys, the vault wraps those that remain under a new key-encryption key and
destroys the old one: then every copy of the database, however old, holds the erased keys only under
a key that no longer exists.

``destroy`` works in four steps. The comment at each says what a crash there leaves.

1. Write a new key-encryption key to the folder.
2. In one transaction, empty the rows of the keys, wrap the others again, and name the new key.
3. Wait until the standbys have it: with the old key gone, a takeover that lost step 2 would lose
   every key.
4. Overwrite and remove all key-encryption keys but the current one.

The folder must be the same for all nodes. A program cannot remove copies of the old file that a
solid-state disk, a snapshot or a backup of the folder keeps. A copy of the database from before an
erasure cannot be read any more at all: take a copy after each (docs/operations.md).
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.stores.files import ANY, flush_folder, make_private, open_to_others
from ledger.stores.tables import Declared, Tables, Transaction
from ledger.vault.sealing import SECRET_BYTES
from ledger.vault.store import KeptKey, PersonKey, Vault, VaultError, new_key

VAULT = Declared(
    (),
    (
        """CREATE TABLE {s}.keys (
            person text COLLATE "C" PRIMARY KEY,
            wrapped bytea,  -- NULL once it is destroyed
            made_for text NOT NULL UNIQUE
        )""",
        "CREATE TABLE {s}.wrapping (one integer PRIMARY KEY CHECK (one = 1), key text NOT NULL)",
    ),
)
#: The ending of the files of key-encryption keys.
_ENDING = ".kek"
_KEY_BYTES = 32
_NONCE_BYTES = 12
#: Keys wrapped again by one statement.
_SOME = 1_000


class SharedVault(Vault):
    """The vault in ``tables``, with its key-encryption keys in ``folder``. Safe for threads.

    ``acknowledged`` returns when the standbys have everything that was committed before. Raises
    ``VaultError`` if others may read the folder, or if it lacks the current key.
    """

    def __init__(self, tables: Tables, folder: Path, acknowledged: Callable[[], None]) -> None:
        self.path = folder
        self._tables = tables
        self._acknowledged = acknowledged
        self._guard = threading.Lock()
        self._known: tuple[str, bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (mode := open_to_others(folder, ANY)) is not None:
            raise VaultError(
                f"{folder} must be readable by its owner alone; its mode is {mode:04o}. Run: chmod "
                f"go-rwx {folder}. If others had access, they may have read the keys."
            )
        if not tables.rows("SELECT key FROM {s}wrapping"):
            with tables.writing() as writing:  # look again: another node may be as far
                if writing.execute("SELECT key FROM {s}wrapping").fetchone() is None:
                    writing.execute("INSERT INTO {s}wrapping VALUES (1, ?)", (self._make(),))
        with self._speaking():
            self._wrapping(self._current())

    def close(self) -> None:
        """Forget the key-encryption key. May be called twice."""
        with self._guard:
            self._known = None

    def mint(self, made_for: str) -> PersonKey:
        """Make a new person's token and key for a command; the same command gets the same again."""
        with self._speaking(), self._tables.writing() as writing:
            row = writing.execute(
                "SELECT person, wrapped FROM {s}keys WHERE made_for = ?", (made_for,)
            ).fetchone()
            if row is not None:
                return PersonKey(row[0], self._unwrapped(row[0], row[1], self._named(writing)))
            made = new_key()
            assert made.secret is not None
            self._insert(writing, made.person, made.secret, made_for)
        return made

    def keep(self, name: str) -> bytes | None:
        """Return the key of a subject that is not a person, and make it at the first call.

        ``None`` if the key was destroyed: nothing can be sealed for that subject again.
        """
        with self._speaking(), self._tables.writing() as writing:
            row = writing.execute(
                "SELECT wrapped FROM {s}keys WHERE person = ?", (name,)
            ).fetchone()
            if row is not None:
                return self._unwrapped(name, row[0], self._named(writing))
            secret = secrets.token_bytes(SECRET_BYTES)
            self._insert(writing, name, secret, name)
        return secret

    def secret(self, person: str) -> bytes | None:
        """Return the key of a person; ``None`` if it was destroyed or never was in this vault."""
        with self._speaking():
            wrapping = ""
            while True:
                # One statement, so that the key belongs to the key-encryption key.
                rows = self._tables.rows(
                    "SELECT k.wrapped, w.key FROM {s}keys k, {s}wrapping w WHERE k.person = ?",
                    person,
                )
                if not rows:
                    return None
                try:
                    return self._unwrapped(person, *rows[0])
                except VaultError:
                    if rows[0][1] == wrapping:
                        raise
                    wrapping = rows[0][1]  # an erasure may have removed it since: look again

    def destroy(self, persons: Collection[str]) -> int:
        """Destroy the keys of persons for good; return how many of these keys existed.

        Raises ``VaultError``; the call may then be repeated.
        """
        with self._speaking():
            with self._tables.writing() as writing:
                held = self._still_held(writing, persons)
                if held:
                    old = self._named(writing)
                    # 1. Make. A crash leaves a key that wraps nothing; step 4 removes it.
                    new = self._make()
                    # 2. Wrap. A crash before the commit leaves everything as it was.
                    writing.executemany(
                        "UPDATE {s}keys SET wrapped = NULL WHERE person = ?",
                        [(person,) for person in held],
                    )
                    self._wrap_again(writing, old, new)
                    writing.execute("UPDATE {s}wrapping SET key = ?", (new,))
            if held or self._superfluous(self._current()):
                # 3. Confirm. A crash leaves the old key too; the next call removes it.
                self._acknowledged()
                with self._tables.writing() as writing:
                    # 4. Remove. A crash leaves some old keys; the next call removes them.
                    for path in self._superfluous(self._named(writing)):
                        _shred(path)
                flush_folder(self.path)
        return len(held)

    def all_keys(self) -> Iterator[KeptKey]:
        """Yield every key with what it was made for, to copy the vault."""
        with self._speaking():
            rows = self._tables.rows(
                "SELECT k.person, k.wrapped, w.key, k.made_for FROM {s}keys k, {s}wrapping w"
                " ORDER BY k.person"
            )
            for person, wrapped, key, made_for in rows:
                yield KeptKey(person, self._unwrapped(person, wrapped, key), made_for)

    def take_keys(self, keys: Iterable[KeptKey]) -> int:
        """Store the keys of a copy of this vault that are not there yet; return their number."""
        number = 0
        with self._speaking(), self._tables.writing() as writing:
            for key in keys:
                number += self._insert(writing, key.person, key.secret, key.made_for)
        return number

    def _insert(
        self, writing: Transaction, person: str, secret: bytes | None, made_for: str
    ) -> int:
        """Insert a key that is not there yet; return how many were inserted."""
        key = self._wrapping(self._named(writing))
        inserted = writing.execute(
            "INSERT INTO {s}keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (person, None if secret is None else _wrapped(key, person, secret), made_for),
        )
        return int(inserted.rowcount)

    @staticmethod
    def _named(writing: Transaction) -> str:
        """Return the name of the current key-encryption key, which stays during the transaction."""
        return str(writing.execute("SELECT key FROM {s}wrapping").fetchone()[0])

    def _current(self) -> str:
        return str(self._tables.rows("SELECT key FROM {s}wrapping")[0][0])

    @staticmethod
    def _still_held(writing: Transaction, persons: Collection[str]) -> list[str]:
        rows = writing.execute("SELECT person FROM {s}keys WHERE wrapped IS NOT NULL")
        wanted = frozenset(persons)
        return [person for (person,) in rows if person in wanted] if wanted else []

    def _wrap_again(self, writing: Transaction, old: str, new: str) -> None:
        before, after, last = self._wrapping(old), self._read(new), ""
        while rows := writing.execute(
            "SELECT person, wrapped FROM {s}keys WHERE wrapped IS NOT NULL AND person > ?"
            " ORDER BY person LIMIT ?",
            (last, _SOME),
        ).fetchall():
            last = rows[-1][0]
            writing.executemany(
                "UPDATE {s}keys SET wrapped = ? WHERE person = ?",
                [(_wrapped(after, p, _opened(before, p, w)), p) for p, w in rows],
            )

    def _unwrapped(self, person: str, wrapped: bytes | None, key: str) -> bytes | None:
        return None if wrapped is None else _opened(self._wrapping(key), person, wrapped)

    # The key-encryption keys

    def _make(self) -> str:
        name = secrets.token_hex(8)
        path = self._file(name)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        make_private(path)
        flush_folder(self.path)
        return name

    def _wrapping(self, name: str) -> bytes:
        """Return a key-encryption key; keep only this one in memory."""
        with self._guard:
            if self._known is None or self._known[0] != name:
                self._known = name, self._read(name)
            return self._known[1]

    def _read(self, name: str) -> bytes:
        try:
            key = self._file(name).read_bytes()
        except FileNotFoundError:
            raise VaultError(
                f"the key-encryption key {name} is not in {self.path}: all nodes must have the "
                "same folder (docs/operations.md). Put the file back. Nothing was changed."
            ) from None
        if len(key) != _KEY_BYTES:
            raise VaultError(f"{self._file(name)} must hold {_KEY_BYTES} bytes: put it back")
        return key

    def _superfluous(self, current: str) -> list[Path]:
        return [p for p in sorted(self.path.glob(f"*{_ENDING}")) if p != self._file(current)]

    def _file(self, name: str) -> Path:
        return self.path / f"{name}{_ENDING}"

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise VaultError(f"the vault {self.path}: {error}") from error


def _wrapped(key: bytes, person: str, secret: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, person.encode())


def _opened(key: bytes, person: str, wrapped: bytes) -> bytes:
    try:
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        return AESGCM(key).decrypt(nonce, sealed, person.encode())
    except InvalidTag:
        raise VaultError(f"the wrapped key of {person} was changed, or is another one's") from None


def _shred(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        file.write(b"\0" * os.fstat(file.fileno()).st_size)
        os.fsync(file.fileno())
    path.unlink()
