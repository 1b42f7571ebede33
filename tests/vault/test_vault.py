"""Sealing, and the file of keys: what a key opens, and that a destroyed one is nowhere."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.vault.sealing import SECRET_BYTES, Sealed, Unsealable, seal, unseal
from ledger.vault.store import PersonKey, Vault, VaultError

replace = msgspec.structs.replace

SECRET = bytes(range(SECRET_BYTES))
WHO = "psn-" + "1" * 32
OTHER = "psn-" + "2" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db.vault.db"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    with Vault(path) as opened:
        yield opened


def everything(folder: Path) -> bytes:
    """All bytes of all files of a folder."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def journal_of(path: Path) -> Path:
    """Where SQLite writes what it would need to undo a transaction."""
    return path.with_name(f"{path.name}-journal")


def secret_of(key: PersonKey) -> bytes:
    assert key.secret is not None
    return key.secret


@given(st.text(max_size=200))
def test_what_is_sealed_opens(text: str) -> None:
    """Any text comes back; the value is one that an event can hold."""
    sealed = seal(SECRET, WHO, "a.b", "name", text)
    assert msgspec.convert(msgspec.to_builtins(sealed), Sealed) == sealed
    assert unseal(SECRET, "a.b", "name", sealed) == text


def test_a_ciphertext_stays_where_it_was_sealed() -> None:
    """Under another person, event type, field or key it does not open, nor when it is changed."""
    sealed = seal(SECRET, WHO, "a.b", "name", "张三丰")
    raw = bytearray(b64decode(sealed.ciphertext))
    raw[0] ^= 1
    changed = replace(sealed, ciphertext=b64encode(raw).decode())
    for topic, field, moved, secret in (
        ("a.c", "name", sealed, SECRET),
        ("a.b", "contact", sealed, SECRET),
        ("a.b", "name", replace(sealed, person=OTHER), SECRET),
        ("a.b", "name", sealed, SECRET[::-1]),
        ("a.b", "name", changed, SECRET),
        ("a.b", "name", replace(sealed, nonce="A" * 16), SECRET),
    ):
        with pytest.raises(Unsealable) as error:
            unseal(secret, topic, field, moved)
        assert "张三丰" not in str(error.value)


def test_the_same_request_is_sealed_alike_and_lengths_tell_nothing() -> None:
    """A request sent again gives the same bytes; two names of any usual length are as long."""
    one = seal(SECRET, WHO, "a.b", "name", "张三")
    assert seal(SECRET, WHO, "a.b", "name", "张三") == one
    other = seal(SECRET, WHO, "a.b", "name", "欧阳某某某某")
    assert len(one.ciphertext) == len(other.ciphertext)
    nonces = {
        seal(SECRET, WHO, topic, field, text).nonce
        for topic in ("a.b", "a.c")
        for field in ("name", "contact")
        for text in ("张三", "张三\0", "李四", "")
    }
    assert len(nonces) == 16


def test_a_command_gets_one_key(vault: Vault) -> None:
    """Asked again for one command it is the same person; for another it is another."""
    one = vault.mint("c1")
    assert vault.mint("c1") == one
    assert vault.mint("c2").person != one.person
    assert vault.secret(one.person) == one.secret
    assert vault.secret(OTHER) is None
    assert secret_of(one).hex() not in repr(one)


def test_many_ask_at_once(path: Path) -> None:
    """Two connections and eight threads that ask for one command get one person."""
    with Vault(path) as one, Vault(path) as other:
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda v=v: found.append(v.mint("c1").person))
            for v in (one, other) * 4
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(found), len(set(found))) == (8, 1)


def test_only_its_owner_reads_it(path: Path) -> None:
    """It is made with mode 0600, and not opened with another."""
    before = os.umask(0)
    try:
        Vault(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(VaultError, match="chmod 600"):
        Vault(path)


def test_another_database_is_no_vault(path: Path) -> None:
    """It is left as it is."""
    path.touch(0o600)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(VaultError, match="not a vault"):
        Vault(path)
    path.with_name("text.db").write_text("not a database at all, but text" * 50)
    path.with_name("text.db").chmod(0o600)
    with pytest.raises(VaultError):
        Vault(path.with_name("text.db"))
    assert path.read_bytes() == before


def test_a_destroyed_key_is_nowhere(vault: Vault, path: Path) -> None:
    """Not in the file, nor beside it; the others are as they were; a second time does nothing."""
    keys = [vault.mint(f"c{n}") for n in range(20)]
    gone = secret_of(keys[7])
    assert gone in everything(path.parent)
    assert vault.destroy([keys[7].person, OTHER]) == 1
    for part in (gone, gone[:16], gone[-16:]):
        assert part not in everything(path.parent)
    assert vault.secret(keys[7].person) is None
    assert vault.mint("c7") == PersonKey(keys[7].person, None)
    assert all(vault.secret(k.person) == k.secret for k in keys if k is not keys[7])
    assert {p.name for p in path.parent.iterdir()} == {path.name, journal_of(path).name}
    assert journal_of(path).read_bytes() == b""
    before = path.read_bytes()
    assert vault.destroy([keys[7].person]) == 0
    assert path.read_bytes() == before


def test_no_key_is_left_behind_whatever_was_done_before(tmp_path: Path) -> None:
    """Minting and destroying in any order, as pages split and fill: no part of one is left."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    path = tmp_path / "ledger.db.vault.db"
    held: list[PersonKey] = []
    gone: list[bytes] = []
    with Vault(path) as vault:
        for number in range(400):
            held.append(vault.mint(f"c{number}"))
            if choose.random() < 0.05:
                choose.shuffle(held)
                some, held = held[:3], held[3:]
                gone += [secret_of(one) for one in some]
                assert vault.destroy([one.person for one in some]) == len(some)
        found = everything(tmp_path)
        assert gone
        assert not [one for one in gone if one[:16] in found or one[-16:] in found]
        assert all(secret_of(one) in found for one in held)


def test_two_processes_share_it(path: Path) -> None:
    """A second connection sees what the first destroyed, and mints afterwards as before."""
    with Vault(path) as one, Vault(path) as other:
        key = one.mint("c1")
        assert other.secret(key.person) == key.secret
        assert other.destroy([key.person]) == 1
        assert one.secret(key.person) is None
        assert one.secret(one.mint("c2").person) is not None
        assert secret_of(key) not in everything(path.parent)


def test_a_vault_that_is_held_says_so(path: Path) -> None:
    """Nothing is destroyed by halves while another process writes: it is told to try again."""
    with Vault(path, busy_timeout=0.05) as vault:
        key = vault.mint("c1")
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(VaultError, match="locked"):
            vault.destroy([key.person])
        holder.execute("ROLLBACK")
        holder.close()
        assert vault.secret(key.person) == key.secret
        assert vault.destroy([key.person]) == 1


class Disk:
    """What a vault gives back to the disk: a journal cut off or unlinked, a file made shorter.

    Blocks that no file has any more keep what was last written to them.
    """

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.given_back: list[bytes] = []
        self._kept = path.parent.parent / f"{path.parent.name}.kept"
        self._size = 0
        cut = os.ftruncate

        def watched(handle: int, size: int) -> None:
            self.given_back.append(journal_of(path).read_bytes()[size:])
            cut(handle, size)

        monkeypatch.setattr("ledger.vault.store.os.ftruncate", watched)

    def look(self) -> None:
        """Hold on to the journal that is there, and see that the file of the keys only grew."""
        journal = journal_of(self.path)
        if not self._kept.exists():
            os.link(journal, self._kept)
        assert journal.samefile(self._kept), "the journal was unlinked"
        assert self.path.stat().st_size >= self._size, "the file was cut off"
        self._size = self.path.stat().st_size


def test_the_disk_is_given_back_nothing_but_zeros(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can say of a key today that it will not be destroyed: its copies must not stay."""
    disk = Disk(path, monkeypatch)
    with Vault(path) as vault:
        held = []
        for number in range(300):
            held.append(vault.mint(f"c{number}"))
            disk.look()
            assert journal_of(path).read_bytes() == b""
        for one in held[:3]:
            assert vault.destroy([one.person]) == 1
            disk.look()
            assert journal_of(path).read_bytes() == b""
        assert all(vault.secret(one.person) == one.secret for one in held[3:])
    assert len(disk.given_back) > 300
    assert any(disk.given_back)
    assert not any(content.strip(b"\0") for content in disk.given_back)


def test_the_journal_holds_the_key_and_then_zeros(
    vault: Vault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also without the rewriting, whose own journal lies over it: nothing rests on one step."""
    key = vault.mint("c1")
    disk = Disk(path, monkeypatch)
    shred = vault._shred
    seen: list[bytes] = []

    def watched() -> None:
        seen.append(journal_of(path).read_bytes())
        shred()

    monkeypatch.setattr(vault, "_rewrite", lambda: None)
    monkeypatch.setattr(vault, "_shred", watched)
    assert vault.destroy([key.person]) == 1
    assert secret_of(key) in seen[0]
    assert disk.given_back[0] == b"\0" * len(seen[0])
    assert journal_of(path).read_bytes() == b""


def died(path: Path, *steps: str) -> None:
    """Do something to the vault in another process, which ends there as by ``kill -9``."""
    begin = (
        "import os, sys",
        "from pathlib import Path",
        "from ledger.vault.store import Vault",
        "vault = Vault(Path(sys.argv[1]))",
    )
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join((*begin, *steps, "os._exit(9)")), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 9, ended.stderr


def test_a_transaction_that_died_is_undone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens the vault next has all keys, and the journal that was left is not unlinked."""
    with Vault(path) as vault:
        keys = [vault.mint(f"c{n}") for n in range(40)]
    disk = Disk(path, monkeypatch)
    disk.look()
    died(
        path,
        "vault._sqlite.execute('PRAGMA cache_size = 1')",  # so that it is in the file at once
        "vault._sqlite.execute('BEGIN IMMEDIATE')",
        "vault._sqlite.execute('UPDATE keys SET secret = NULL')",
    )
    assert secret_of(keys[7]) in journal_of(path).read_bytes()
    with Vault(path) as vault:
        disk.look()
        assert all(vault.secret(one.person) == one.secret for one in keys)
        vault.mint("c40")
        disk.look()
    assert journal_of(path).read_bytes() == b""
    assert not any(content.strip(b"\0") for content in disk.given_back)


@pytest.mark.parametrize("step", ["_shred", "_let_go"])
def test_a_key_that_was_made_stays(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Whoever dies after the transaction has made it; the same command finds the same person."""
    died(path, f"Vault.{step} = lambda self: os._exit(9)", "vault.mint('c1')")
    disk = Disk(path, monkeypatch)
    disk.look()
    with Vault(path) as vault:
        people = vault._sqlite.execute("SELECT person, secret FROM keys").fetchall()
        assert [PersonKey(*row) for row in people] == [vault.mint("c1")]
        disk.look()
    assert journal_of(path).read_bytes() == b""
