"""One log, one history: lost memories, copies of files, damaged tiles, and who comes between."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from ledger.backup import make_backup
from ledger.opening import (
    UnusableUrl,
    beside,
    key_file,
    open_log,
    open_recorder,
    resume_log,
)
from ledger.restoring import restore
from ledger.transparency.keeper import Keeper
from ledger.transparency.keys import KeyFileError, make_key, next_key, read_key
from ledger.transparency.log import TransparencyLog
from ledger.transparency.merkle import leaf_hash
from ledger.transparency.published import Published
from ledger.transparency.store import Signed, SignedStore
from tests.transparency.keeping import Kept
from tests.transparency.test_log import Opened, Words, numbers, opened

__all__ = ["opened"]  # a fixture


@pytest.fixture
def signed(kept: Kept) -> Path:
    """The file of a ledger whose events are signed and which nobody has open."""
    kept.sign()
    kept.close()
    return kept.path


def goes_on(path: Path) -> Signed:
    """Serve the log for a moment, as far as signing is concerned."""
    with open_recorder(f"sqlite:///{path}") as recorder, open_log(recorder) as log:
        newest = log.advance()
    assert newest is not None
    return newest


# A key that has forgotten what it signed


def test_a_key_without_its_memory_signs_nothing(signed: Path, tmp_path: Path) -> None:
    """Neither over an older ledger nor over none at all: nobody knows what it promised."""
    key = key_file(signed).read_bytes()
    for name in ("signed", "tiles"):
        beside(signed, name).unlink()

    with pytest.raises(KeyFileError, match="remembers nothing that it signed: put that file back"):
        goes_on(signed)
    signed.unlink()
    with pytest.raises(KeyFileError, match="remembers nothing"):
        goes_on(signed)
    assert key_file(signed).read_bytes() == key

    key_file(signed).rename(tmp_path / "ended.key")
    with (
        open_recorder(f"sqlite:///{signed}") as recorder,
        open_log(recorder, origin="ledger.example/v2/log") as log,
    ):
        assert log.origin == "ledger.example/v2/log"


def test_the_first_key_is_remembered_before_it_has_its_place(tmp_path: Path) -> None:
    """Wherever the first start dies, the next one finds the key and goes on with it."""
    path = tmp_path / "ledger.db"
    waiting = make_key(next_key(key_file(path)), "ledger.example/v1/log")

    def key_now() -> str:
        with open_recorder(f"sqlite:///{path}") as recorder, open_log(recorder) as log:
            return log.signer.verifier().vkey()

    # It died when the key was made.
    assert key_now() == waiting.verifier().vkey()
    # It died when the key was remembered and had not its place.
    key_file(path).rename(next_key(key_file(path)))
    assert key_now() == waiting.verifier().vkey()
    assert not next_key(key_file(path)).exists()
    # The key is lost.
    key_file(path).unlink()
    with pytest.raises(KeyFileError, match="put its key back"):
        key_now()


def test_a_backup_with_a_key_and_no_memory(kept: Kept, tmp_path: Path) -> None:
    """Such a backup was made by nobody honest: restored, it would sign another history."""
    kept.sign()
    make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    manifest = tmp_path / "backup" / "manifest.json"
    for name in ("signed.db", "log.key"):
        (tmp_path / name).mkdir()
        copy = Path(shutil.copytree(tmp_path / "backup", tmp_path / name / "backup"))
        (copy / name).unlink()
        with pytest.raises(ValueError, match=name):
            restore(copy, tmp_path / name / "ledger.db")
    assert manifest.exists()


# Copies


def test_a_copy_of_everything_signs_nothing(signed: Path, tmp_path: Path) -> None:
    """Two services on two copies of all files: the second says what it is, and how it could go on.

    The original does not notice; what was moved is no copy.
    """
    copy = Path(shutil.copytree(signed.parent, tmp_path / "copy")) / "ledger.db"
    with pytest.raises(UnusableUrl, match="is a copy, or was restored") as refused:
        goes_on(copy)
    assert "log resume" in str(refused.value)
    before = goes_on(signed)

    moved = tmp_path / "moved"
    signed.parent.rename(moved)
    assert goes_on(moved / signed.name) == before
    with pytest.raises(UnusableUrl, match="no copy"):
        resume_log(moved / signed.name)
    with pytest.raises(UnusableUrl, match="no log"):
        resume_log(tmp_path / "nowhere.db")

    # The original's disk is lost.
    shutil.rmtree(moved)
    assert resume_log(copy) == before
    assert goes_on(copy) == before


def test_a_restored_log_waits_for_somebodys_word(kept: Kept, tmp_path: Path) -> None:
    """Its own checkpoint says nothing of what came after the backup; a given one does."""
    newest = kept.sign()
    make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    for name in ("alone", "compared"):
        (tmp_path / name).mkdir()
    alone, compared = (tmp_path / name / "ledger.db" for name in ("alone", "compared"))

    assert restore(tmp_path / "backup", alone).copied
    with pytest.raises(UnusableUrl, match="was restored"):
        goes_on(alone)
    assert resume_log(alone) == newest
    assert goes_on(alone).size >= newest.size

    (tmp_path / "checkpoint").write_bytes(newest.note())
    done = restore(tmp_path / "backup", compared, published=Published(str(tmp_path / "checkpoint")))
    assert not done.copied
    assert goes_on(compared).size >= newest.size


def test_a_backup_taken_while_keys_change(kept: Kept, tmp_path: Path) -> None:
    """The key that signs is restored, wherever the change of keys stood."""
    kept.sign()
    old = read_key(key_file(kept.path))
    new = make_key(next_key(key_file(kept.path)), kept.log.origin)
    make_backup(kept.path, tmp_path / "before", with_secrets=True)
    (tmp_path / "one").mkdir()
    restore(tmp_path / "before", tmp_path / "one" / "ledger.db")
    keys = key_file(tmp_path / "one" / "ledger.db")
    assert read_key(keys).verifier() == old.verifier()
    assert read_key(next_key(keys)).verifier() == new.verifier()
    assert next_key(keys).stat().st_mode & 0o777 == 0o600


# Who comes between, and what is damaged


def test_another_signs_between_two_looks(opened: Opened) -> None:
    """What somebody else takes in and signs meanwhile is no fork."""
    events = numbers(5)
    other = opened(events)
    other.advance()

    class Busy(Words):
        """Just after it was asked how long it is, it grows, and somebody signs that."""

        def head(self) -> int:
            found = super().head()
            if self.hashes is events.hashes and found < 9:
                self.hashes.append(leaf_hash(b"more"))
                other.advance()
            return found

    busy = Busy([])
    busy.hashes = events.hashes
    log = opened(busy)
    events.hashes.append(leaf_hash(b"not signed yet"))
    for _ in range(9):
        newest = log.advance()
    assert newest is not None
    assert (newest, newest.size) == (other.checkpoint(), 9)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM tiles",
        "DELETE FROM tiles WHERE level = 1",
        "UPDATE tree SET size = 100",
        "UPDATE tree SET size = 10000",
        "UPDATE tiles SET hashes = zeroblob(length(hashes))",
        "UPDATE tiles SET hashes = substr(hashes, 1, 32)",
    ],
)
def test_damaged_tiles_are_made_anew(opened: Opened, damage: str) -> None:
    """Tiles follow from the events: damage to them ends no log, and is no fork."""
    events = numbers(600)
    log = opened(events)
    log.advance()
    with log.tiles._file.writing() as sqlite:
        sqlite.execute(damage)

    events.hashes.append(leaf_hash(b"one more"))
    newest = log.advance()
    assert newest is not None
    assert newest.size == 601
    assert log.root(600) == opened(numbers(600)).root(600)


def test_the_keeper_outlives_what_nobody_thought_of(kept: Kept) -> None:
    """Its thread goes on, what went wrong is shown, and once it is right again it signs."""
    keeper = Keeper(kept.log, kept.recorder)
    real = TransparencyLog._advance
    broken = True

    def advance(log: TransparencyLog) -> Signed | None:
        if broken:
            raise RuntimeError("as if nobody had thought of it")
        return real(log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransparencyLog, "_advance", advance)
        keeper.start()
        try:
            assert keeper.wait_for(kept.recorder.head() + 1, 0.5) == kept.log.checkpoint()
            assert keeper.error == "RuntimeError: as if nobody had thought of it"
            broken = False
            kept.register(700, 1)
            newest = keeper.wait_for(kept.recorder.head(), 5)
        finally:
            keeper.close()
    assert newest is not None
    assert newest.size == kept.recorder.head()
    assert keeper.error is None


def test_what_is_remembered_of_the_place(tmp_path: Path) -> None:
    """A file that signed nothing and has no key is nobody's copy."""
    with closing(SignedStore(tmp_path / "a.db")) as store:
        assert not store.is_copy()
        key = make_key(tmp_path / "key", "ledger.example/v1/log").verifier().vkey()
        store.begin(key)
        store.begin(key)
        assert not store.is_copy()
        (held,) = store.keys()
        assert held.vkey == key
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    with closing(SignedStore(tmp_path / "b.db")) as store:
        assert store.is_copy()
        store.settle()
        assert not store.is_copy()
