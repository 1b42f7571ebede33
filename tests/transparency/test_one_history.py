"""One log, one history: lost memories, copies of files, damaged tiles, and who comes between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ledger.copies.backup import CopyError, make_backup
from ledger.copies.restore import restore
from ledger.opening import (
    LEDGER_CLOCK,
    UnusableUrl,
    key_file,
    open_log,
    open_recorder,
    sibling,
)
from ledger.transparency import log as log_module
from ledger.transparency.keeper import Keeper
from ledger.transparency.keys import KeyFileError, make_key, next_key, read_key
from ledger.transparency.log import Forked, TransparencyLog
from ledger.transparency.memory import memory_file
from ledger.transparency.merkle import leaf_hash
from ledger.transparency.published import Published
from ledger.transparency.rotation import rotate_key
from ledger.transparency.store import Signed, SignedStore
from tests.resuming import resume_log
from tests.transparency.keeping import Kept
from tests.transparency.test_backup import run
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
        sibling(signed, name).unlink()

    with pytest.raises(KeyFileError, match="checkpoint that it signed: put the right file there"):
        goes_on(signed)
    signed.unlink()
    with pytest.raises(UnusableUrl, match="belonging to another ledger"):
        goes_on(signed)
    sibling(signed, "signed").unlink()
    with pytest.raises(KeyFileError, match="holds no checkpoint"):
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
    with pytest.raises(UnusableUrl, match="not a copy"):
        resume_log(moved / signed.name)
    with pytest.raises(UnusableUrl, match="no ledger"):
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


def test_an_older_checkpoint_is_nobodys_word(kept: Kept, tmp_path: Path) -> None:
    """One that says less than the backup has signed says nothing of what came after the backup."""
    (tmp_path / "older").write_bytes(kept.sign().note())
    kept.register(500, 3)
    newest = kept.sign()
    make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    for name in ("older", "newest"):
        (tmp_path / f"with-{name}").mkdir()
    (tmp_path / "newest").write_bytes(newest.note())

    place = tmp_path / "with-older" / "ledger.db"
    done = restore(tmp_path / "backup", place, published=Published(str(tmp_path / "older")))
    assert (done.copied, done.checkpoint_size) == (True, newest.size)
    with pytest.raises(UnusableUrl, match="was restored"):
        goes_on(place)

    place = tmp_path / "with-newest" / "ledger.db"
    done = restore(tmp_path / "backup", place, published=Published(str(tmp_path / "newest")))
    assert (done.copied, done.compared_with) == (False, "given")


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


@pytest.mark.parametrize("step", ["signed.db", "ledger.db", "access.db"])
def test_a_key_that_changes_while_it_is_copied(
    kept: Kept, tmp_path: Path, step: str, another_machine: Callable[[], None]
) -> None:
    """Whichever file is being copied then: the key in the backup is the one that its log names."""
    kept.sign()

    def rotating(what: str, _: int, __: int) -> None:
        if what == step and len(kept.log.keys()) == 1:
            rotate_key(kept.ledger, kept.log, key_file(kept.path), LEDGER_CLOCK)

    make_backup(kept.path, tmp_path / "backup", with_secrets=True, progress=rotating)
    assert len(kept.log.keys()) == 2
    kept.close()
    another_machine()
    (tmp_path / "new").mkdir()
    place = tmp_path / "new" / "ledger.db"
    done = restore(tmp_path / "backup", place)
    assert done.key_there
    resume_log(place)
    assert goes_on(place).size == done.events


def test_a_key_that_does_not_fit_is_not_backed_up(kept: Kept, tmp_path: Path) -> None:
    """Such a backup could never be restored: that is said while the right key may still be had."""
    kept.sign()
    key_file(kept.path).unlink()
    make_key(key_file(kept.path), kept.log.origin)
    with pytest.raises(CopyError, match="must be that of"):
        make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    assert not (tmp_path / "backup").exists()


# What the machine remembers


def restored_in_place(files: dict[Path, bytes]) -> None:
    """Older files in the place of newer ones: into the same files, so that their numbers stay."""
    for path, content in files.items():
        path.write_bytes(content)
        for tail in ("-wal", "-shm"):
            Path(f"{path}{tail}").unlink(missing_ok=True)


def files_of(path: Path) -> dict[Path, bytes]:
    return {one: one.read_bytes() for one in path.parent.glob("ledger.*") if one.is_file()}


def grown(path: Path, first: int, count: int) -> Signed:
    """Serve the log for a moment, with so many more businesses."""
    kept = Kept(path)
    try:
        kept.register(first, count)
        return kept.sign()
    finally:
        kept.close()


def memory_of(path: Path) -> Path:
    return memory_file(read_key(key_file(path)).verifier())


def test_a_replayed_log_signs_no_second_history(signed: Path) -> None:
    """An older copy in its own place has its number, and is noticed all the same.

    It says how many events were signed and which file says so; `log resume` does not override it.
    """
    older = files_of(signed)
    newest = grown(signed, 500, 3)
    restored_in_place(older)

    with closing(SignedStore(sibling(signed, "signed"))) as store:
        assert not store.is_copy(), "by its number it is the original"
    for _ in range(2):
        with pytest.raises(Forked, match=rf"{newest.size:,} events of this log were signed") as no:
            grown(signed, 700, 3)
        assert str(memory_of(signed)) in str(no.value)
        assert "--accept-loss" in str(no.value)
        with pytest.raises(Forked, match="were signed on this machine"):
            resume_log(signed)


def test_a_memory_that_is_behind(signed: Path) -> None:
    """As a crash, or another user's home, leaves it: no fork, and the next step makes up for it."""
    held = memory_of(signed)
    before = held.read_bytes()
    newest = grown(signed, 500, 3)
    for left in (before, None):
        held.unlink()
        if left is not None:
            held.write_bytes(left)
        assert goes_on(signed) == newest
        assert held.read_bytes() == newest.note()


@pytest.mark.parametrize("more", [0, 4])
def test_two_services_on_copies_of_one_number(
    signed: Path, tmp_path: Path, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two fresh disks number their files alike: the one that signs first goes on alone."""
    monkeypatch.setattr(SignedStore, "is_copy", lambda store: False)
    copy = Path(shutil.copytree(signed.parent, tmp_path / "copy")) / "ledger.db"
    one, two = Kept(signed), Kept(copy)
    try:
        one.register(500, 3 + more)
        two.register(600, 3)
        first = one.sign()
        before = two.log.checkpoint()
        with pytest.raises(Forked, match="were signed on this machine"):
            two.sign()
        assert two.log.checkpoint() == before
        one.register(900, 1)
        assert one.sign().size > first.size
    finally:
        one.close()
        two.close()


def test_another_root_of_the_same_size(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that signed in the same moment: the one that is not remembered stops."""
    monkeypatch.setattr(SignedStore, "is_copy", lambda store: False)
    copy = Path(shutil.copytree(signed.parent, tmp_path / "copy")) / "ledger.db"
    one, two = Kept(signed), Kept(copy)
    try:
        one.register(500, 3)
        two.register(600, 3)
        one.sign()
        with monkeypatch.context() as patch:
            patch.setattr(log_module, "refuse_taken", lambda *asked: None)
            two.sign()
        with pytest.raises(Forked, match="holds others"):
            two.sign()
        one.sign()
    finally:
        one.close()
        two.close()


def test_what_is_remembered_is_its_owners_alone(signed: Path) -> None:
    """The newest checkpoint, as it was signed, in a file and a folder of modes 0600 and 0700."""
    newest = grown(signed, 500, 1)
    held = memory_of(signed)
    assert held.read_bytes() == newest.note()
    assert [held.stat().st_mode & 0o777, held.parent.stat().st_mode & 0o777] == [0o600, 0o700]
    assert [one.name for one in held.parent.iterdir()] == [held.name], "no drafts are left"


@pytest.mark.parametrize("rubbish", [b"", b"\xff", b"x" * 2_000_000, b"a\n5\nb\n\n", None])
def test_rubbish_is_no_fork(signed: Path, tmp_path: Path, rubbish: bytes | None) -> None:
    """What this log's key has not signed is not believed, and gives way to what it signs."""
    if rubbish is None:
        other = Kept(tmp_path / "other.db")
        other.register(0, 400)
        rubbish = other.sign().note()
        other.close()
    memory_of(signed).write_bytes(rubbish)
    with capture_logs() as logs:
        newest = grown(signed, 500, 1)
    assert [one["event"] for one in logs] == ["memory_unreadable"]
    assert memory_of(signed).read_bytes() == newest.note()


def test_without_a_home_the_log_goes_on(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to write in, or nobody to ask where: one warning, and it is signed."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with capture_logs() as logs:
        kept = Kept(signed)
        for number in range(3):
            kept.register(500 + number, 1)
            kept.sign()
        kept.close()
    assert [one["event"] for one in logs] == ["memory_unreadable"]

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    assert grown(signed, 600, 1).size


def test_a_warning_is_no_answer(
    signed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a terminal it goes where errors go, and whoever reads the answer gets that alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(signed))
    assert run("log", "rotate-key", "--json", "--ledger", f"sqlite:///{signed}") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["vkey"] == read_key(key_file(signed)).verifier().vkey()
    assert "memory_unreadable" in said.err


def test_a_new_key_is_remembered_anew(signed: Path) -> None:
    """After a rotation the new key's newest checkpoint is: what it signed is not signed again."""
    kept = Kept(signed)
    try:
        old = memory_of(signed)
        rotate_key(kept.ledger, kept.log, key_file(signed), LEDGER_CLOCK)
        kept.sign()
        assert memory_of(signed) != old
        older = files_of(signed)
    finally:
        kept.close()
    older = files_of(signed)
    grown(signed, 500, 2)
    restored_in_place(older)
    with pytest.raises(Forked, match="were signed on this machine"):
        goes_on(signed)


def test_a_backup_older_than_what_the_machine_remembers(kept: Kept, tmp_path: Path) -> None:
    """It is refused with what is missing; accepting that ends the log, and another one begins."""
    kept.sign()
    make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    kept.register(500, 7)
    kept.sign()
    kept.close()
    (tmp_path / "new").mkdir()
    place = tmp_path / "new" / "ledger.db"

    with pytest.raises(CopyError, match=r"this machine remembers .* it lacks 7\."):
        restore(tmp_path / "backup", place)
    done = restore(tmp_path / "backup", place, accept_loss=True)
    assert (done.compared_with, done.lost, done.ended) == ("machine", 7, True)
    with (
        open_recorder(f"sqlite:///{place}") as recorder,
        open_log(recorder, origin="ledger.example/v2/log") as log,
    ):
        assert log.advance() is not None


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
    with log.tiles._tables.writing() as sqlite:
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
