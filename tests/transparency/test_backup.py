"""Backups: whole or not there, of one moment, and put back only if they keep what was signed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.cli.command_line import main
from api.service import Service
from ledger.access.events import RecordsConsulted
from ledger.copies.backup import CopyError, Manifest, make_backup, read_manifest
from ledger.copies.restore import Restored, restore
from ledger.kernel import KeyReused, Ledger, Outcome
from ledger.kernel.contexts import make_context
from ledger.opening import (
    LEDGER_CLOCK,
    UnusableUrl,
    blobs_folder,
    key_file,
    open_ledger,
    open_log,
    open_recorder,
    sibling,
)
from ledger.stores.blobs import Blobs
from ledger.systems.entities.commands import ReviseEntity
from ledger.systems.entities.events import Identity
from ledger.transparency.checkpoints import parse_checkpoint
from ledger.transparency.ended import ended_folder, ended_logs
from ledger.transparency.keys import KeyFileError, make_key, next_key
from ledger.transparency.log import Forked
from ledger.transparency.merkle import root_of
from ledger.transparency.notes import parse_note, parse_vkey
from ledger.transparency.published import Published
from ledger.transparency.tiles import tile_path, tiles_of
from ledger.verification import Files, verify_ledger
from ledger.verification.copies import verify_backup
from tests.gwt import Record
from tests.resuming import resume_log
from tests.transparency.keeping import EDB, Kept, roster
from tests.unguarded import unguarded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a ledger may be restored: a folder with nothing in it."""
    (tmp_path / "new").mkdir()
    return tmp_path / "new" / "ledger.db"


@pytest.fixture
def backup(kept: Kept, tmp_path: Path) -> Path:
    make_backup(kept.path, tmp_path / "backup")
    return tmp_path / "backup"


def publish(kept: Kept, folder: Path, tiles: bool = True) -> Path:
    """The newest checkpoint in a folder, with its tiles beside it as a mirror has them."""
    signed = kept.sign()
    folder.mkdir(exist_ok=True)
    (folder / "checkpoint").write_bytes(signed.note())
    for level, n, width in tiles_of(signed.size) if tiles else ():
        path = folder / "tile" / tile_path(level, n, width)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(kept.log.tiles.tile(level, n, width))
    return folder / "checkpoint"


def published(path: Path) -> Published:
    return Published(str(path))


def leaves(path: Path) -> list[bytes]:
    with open_recorder(f"sqlite:///{path}") as recorder:
        return recorder.leaves(0, 1_000_000)


def nothing_at(place: Path) -> bool:
    return list(place.parent.iterdir()) == []


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_restored_is_what_was_backed_up(kept: Kept, tmp_path: Path, place: Path) -> None:
    """The same events, root, promises, pieces and accesses; the service goes on with them."""
    kept.access.execute(
        Record(facts=(RecordsConsulted(unit="JB", route="/v1/x", asked="/v1/x"),)), LEDGER_CLOCK
    )
    kept.register(100, 3)  # recorded, not signed yet
    made = make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    done = restore(tmp_path / "backup", place)

    assert leaves(place) == leaves(kept.path)
    assert b64decode(done.root) == root_of(leaves(kept.path))
    assert (done.events, done.root) == (made.events, made.root)
    assert (done.compared_with, done.lost, done.proven, done.well) == ("backup", 0, True, True)
    assert done.checkpoint_size == done.events - 3
    assert done.access_events == 1
    assert (done.vkey, done.key_there) == (kept.vkey, True)
    assert Blobs(blobs_folder(place)).get(sha256(b"roster").hexdigest()) == b"roster"
    resume_log(place)
    with Service(f"sqlite:///{place}") as service:
        follower = service.follower
        assert follower.wait_for(service.recorder.head(), 60)
        signed = service.keeper.wait_for(service.recorder.head(), 5)
        assert signed is not None
        assert signed.size == service.recorder.head()
        assert signed.text.startswith(kept.log.origin)


def test_the_manifest_names_every_file(kept: Kept, backup: Path) -> None:
    """Sizes and digests of all there is, and the note that the copy keeps."""
    manifest = read_manifest(backup)
    there = {p.relative_to(backup).as_posix(): p for p in backup.rglob("*") if p.is_file()}

    assert {file.path for file in manifest.files} == there.keys() - {"manifest.json"}
    for file in manifest.files:
        content = there[file.path].read_bytes()
        assert (file.size, file.sha256) == (len(content), sha256(content).hexdigest())
    newest = kept.log.checkpoint()
    assert newest is not None
    assert manifest.checkpoint == newest.note().decode()
    assert (manifest.vkey, manifest.events) == (kept.vkey, kept.recorder.head())
    assert not [path for path in there if path.endswith(("-wal", "-shm", "-journal"))]
    assert backup.stat().st_mode & 0o077 == 0


def test_secrets_are_copied_when_asked_for_alone(kept: Kept, tmp_path: Path, backup: Path) -> None:
    """No byte of the private key is in a backup that does not say so."""
    key = kept.log.signer.private.private_bytes_raw()
    line = key_file(kept.path).read_bytes().strip()

    assert line not in everything_in(backup)
    assert key not in everything_in(backup)
    assert not read_manifest(backup).secrets

    make_backup(kept.path, tmp_path / "whole", with_secrets=True)
    assert line in everything_in(tmp_path / "whole")
    assert (tmp_path / "whole" / "log.key").stat().st_mode & 0o077 == 0
    assert read_manifest(tmp_path / "whole").secrets


def test_while_it_is_written(
    kept: Kept, tmp_path: Path, another_machine: Callable[[], None]
) -> None:
    """Each of many backups under constant writing is of one moment and keeps all its promises."""
    stop, failures = threading.Event(), []

    def write() -> None:
        number = 1_000
        try:
            while not stop.is_set():
                kept.register(number, 20)
                kept.freeze(f"roster {number}".encode())
                number += 20
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    def sign() -> None:
        try:
            while not stop.is_set():
                kept.sign()
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    threads = [threading.Thread(target=write), threading.Thread(target=sign)]
    for thread in threads:
        thread.start()
    try:
        made: list[Manifest] = []
        for number in range(8):
            made.append(make_backup(kept.path, tmp_path / f"backup-{number}"))
            time.sleep(0.1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert failures == []
    sizes = [manifest.events for manifest in made]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 4, "hardly anything was written meanwhile"
    whole = leaves(kept.path)
    another_machine()
    for number, manifest in enumerate(made):
        assert manifest.checkpoint is not None
        signed = parse_checkpoint(parse_note(manifest.checkpoint.encode()).text)
        assert signed.size <= manifest.events
        assert manifest.lacking == ()
        (tmp_path / f"new-{number}").mkdir()
        place = tmp_path / f"new-{number}" / "ledger.db"
        done = restore(tmp_path / f"backup-{number}", place)
        assert done.well
        assert b64decode(done.root) == root_of(whole[: done.events])


def test_promises_made_meanwhile_are_kept(kept: Kept, tmp_path: Path) -> None:
    """Whatever is recorded, put down and signed between any two steps, the copy holds together."""
    steps = []

    def meanwhile(what: str, _: int, __: int) -> None:
        steps.append(what)
        kept.freeze(f"roster {len(steps)}".encode())
        kept.sign()

    made = make_backup(kept.path, tmp_path / "backup", progress=meanwhile)
    assert {"signed.db", "ledger.db", "blobs", "records", "access.db"} == set(steps)
    assert made.checkpoint is not None
    assert parse_checkpoint(parse_note(made.checkpoint.encode()).text).size <= made.events
    assert made.lacking == ()
    assert made.events < kept.recorder.head(), "what came later is in the next backup"


#: Backs a ledger up, saying when it begins and when it is done.
CHILD = """
import sys
from pathlib import Path
from ledger.copies.backup import make_backup
print("begin", flush=True)
make_backup(Path(sys.argv[1]), Path(sys.argv[2]))
print("done", flush=True)
"""


def child(kept: Kept, target: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(kept.path), str(target)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


@pytest.mark.slow
def test_a_killed_backup_leaves_none_that_looks_whole(kept: Kept, tmp_path: Path) -> None:
    """Killed at any moment: there is no backup, or a whole one. What is left over is no backup."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    kept.register(1_000, 1_500)
    kept.sign()
    for number in range(40):
        kept.blobs.put(str(number).encode() * 20_000)
    with child(kept, tmp_path / "undisturbed") as process:
        begun = time.monotonic()
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
    takes = time.monotonic() - begun

    killed = 0
    for number in range(8):
        folder = tmp_path / f"killed-{number}"
        folder.mkdir()
        with child(kept, folder / "backup") as process:
            time.sleep(moments.uniform(0, takes))
            process.send_signal(signal.SIGKILL)
        killed += process.returncode == -signal.SIGKILL
        if (folder / "backup").exists():
            (folder / "new").mkdir()
            assert restore(folder / "backup", folder / "new" / "ledger.db").well
        for left in folder.glob("*.part"):
            if not (left / "manifest.json").exists():
                with pytest.raises(CopyError, match="not completed"):
                    restore(left, folder / "ledger.db")
    assert killed >= 3, f"hardly one was killed in its {takes:.2f} s"


def test_a_failed_backup_leaves_nothing(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk ends it, and what was copied is removed."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "there").mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        make_backup(kept.path, tmp_path / "there" / "backup")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_key_that_recorded_nothing_is_restored(kept: Kept, tmp_path: Path, place: Path) -> None:
    """Which request it belonged to comes back with the ledger."""

    def send(ledger: Ledger, name: str) -> Outcome:
        command = ReviseEntity(entity="register:0", identity=Identity(name=name), reason="更名")
        context = make_context(command, EDB, ledger.clock(), key="k", remembered=True)
        return ledger.submit(command, context).result(60)

    assert send(kept.ledger, "行").events == ()
    make_backup(kept.path, tmp_path / "backup")
    restore(tmp_path / "backup", place)
    with open_recorder(f"sqlite:///{place}") as recorder, open_ledger(recorder) as ledger:
        assert send(ledger, "行").repeated
        with pytest.raises(KeyReused):
            send(ledger, "商行")


def test_nothing_is_overwritten(kept: Kept, backup: Path, place: Path) -> None:
    """Neither a backup nor a ledger, nor what would be served beside the restored one."""
    before = everything_in(backup)
    with pytest.raises(FileExistsError, match="not overwritten"):
        make_backup(kept.path, backup)
    assert everything_in(backup) == before

    with pytest.raises(UnusableUrl, match="must not be restored over another"):
        restore(backup, kept.path)
    sibling(place, "views").write_bytes(b"stale")
    with pytest.raises(UnusableUrl, match=r"ledger\.db\.views\.db"):
        restore(backup, place)


def victims(backup: Path) -> Iterator[Path]:
    for path in sorted(backup.rglob("*")):
        if path.is_file() and path.name != "manifest.json":
            yield path


def test_a_changed_byte_is_found(backup: Path, place: Path) -> None:
    """In whatever file it lies, it is named, and nothing is put into place."""
    names = []
    for path in victims(backup):
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[len(changed) // 2] ^= 1
        path.write_bytes(changed)
        with pytest.raises(CopyError, match=f"{path.name} was changed"):
            restore(backup, place)
        path.write_bytes(whole)
        names.append(path.name)
        assert nothing_at(place)
    assert {"ledger.db", "signed.db", "access.db"} < set(names)
    assert restore(backup, place).well


def test_a_backup_is_verified_where_it_lies(kept: Kept, tmp_path: Path) -> None:
    """All of it, with its own key or a known one, and nothing in it is changed by that."""
    kept.register(100, 3)
    made = make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    before = everything_in(tmp_path / "backup")
    for keys in ((), (parse_vkey(kept.vkey),)):
        found = verify_backup(tmp_path / "backup", keys=keys)
        assert found.faults == ()
        assert (found.records, found.counts["checkpoints"]) == (made.events, 1)
        assert found.counts["files"] == len(made.files)
    assert everything_in(tmp_path / "backup") == before


@pytest.mark.parametrize("name", ["ledger.db", "signed.db", "access.db", "log.key", "blobs"])
def test_a_changed_backup_is_found_where_it_lies(kept: Kept, tmp_path: Path, name: str) -> None:
    """A changed or missing file is named; a manifest that was made to fit is found by the tree."""
    kept.sign()
    make_backup(kept.path, tmp_path / "backup", with_secrets=True)
    path = tmp_path / "backup" / name
    path = next(one for one in sorted(path.rglob("*")) if one.is_file()) if path.is_dir() else path
    whole = path.read_bytes()
    shown = path.relative_to(tmp_path / "backup").as_posix()
    path.write_bytes(whole + b"\n")
    assert f"{shown}: was changed: its SHA-256 is not that in the manifest" in [
        fault.words for fault in verify_backup(tmp_path / "backup").faults
    ]
    path.unlink()
    assert any(
        fault.place == shown and fault.what.startswith("cannot be read")
        for fault in verify_backup(tmp_path / "backup").faults
    )


def test_a_manifest_that_was_made_to_fit(kept: Kept, tmp_path: Path) -> None:
    """Fewer events than were signed, and their right digests: the checkpoint tells."""
    kept.register(100, 5)
    kept.sign()
    make_backup(kept.path, tmp_path / "backup")
    with unguarded(tmp_path / "backup" / "ledger.db") as sqlite:
        head = kept.recorder.head()
        sqlite.execute("DELETE FROM event_tags WHERE position = ?", (head,))
        sqlite.execute("DELETE FROM events WHERE position = ?", (head,))
        sqlite.commit()
    manifest = tmp_path / "backup" / "manifest.json"
    said = json.loads(manifest.read_bytes())
    for file in said["files"]:
        content = (tmp_path / "backup" / file["path"]).read_bytes()
        file |= {"size": len(content), "sha256": sha256(content).hexdigest()}
    manifest.write_bytes(json.dumps(said).encode())
    words = [fault.words for fault in verify_backup(tmp_path / "backup").faults]
    assert any("1 are missing" in one for one in words), words
    assert any(one.startswith("manifest: ") for one in words), words


def said_of(backup: Path) -> list[str]:
    return [fault.words for fault in verify_backup(backup).faults]


def taken_out(backup: Path, *names: str) -> Callable[[dict[str, Any]], None]:
    """Files that are gone from the folder and from the manifest."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"] = [one for one in manifest["files"] if one["path"] not in names]
        for name in names:
            (backup / name).unlink()

    return change


#: Manifests that somebody changed, what verification says, and whether restoring minds.
CHANGED: dict[str, tuple[dict[str, Any], str, bool]] = {
    "no checkpoint": ({"checkpoint": None}, "manifest: it names another checkpoint", True),
    "a checkpoint": ({"checkpoint": "x"}, "manifest: it names another checkpoint", True),
    "no key": ({"vkey": None}, "manifest: it names no public key", True),
    "a key": ({"vkey": "x"}, "manifest: it names no public key", True),
    "fewer events": ({"events": 1}, "manifest: it names another root", True),
    "accesses": ({"access_events": 3}, "manifest: it counts 3 accesses, but there are 1", False),
    "lacking": ({"lacking": ["\x1b[2J"]}, "manifest: it says that blobs are lacking", False),
    "a version": ({"program": "\x1b[2J"}, "manifest: it was made by '\\x1b[2J'", False),
    "tomorrow": (
        {"made_at": "9999-01-01T00:00:00Z"},
        "manifest: the time at which it was made must",
        False,
    ),
    "anywhere": (
        {"made_at": "2026-01-01T00:00:00"},
        "manifest: the time at which it was made must",
        False,
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_manifest_is_found_where_it_lies(
    kept: Kept, tmp_path: Path, place: Path, name: str
) -> None:
    """Whatever restoring refuses is a fault, and so is what the files show to be otherwise."""
    kept.access.execute(
        Record(facts=(RecordsConsulted(unit="JB", route="/v1/x", asked="/v1/x"),)), LEDGER_CLOCK
    )
    backup = tmp_path / "backup"
    make_backup(kept.path, backup)
    assert said_of(backup) == []
    change, says, refused = CHANGED[name]
    forge(backup, lambda manifest: manifest.update(change))

    assert any(one.startswith(says) for one in said_of(backup)), said_of(backup)
    if refused:
        with pytest.raises(CopyError):
            restore(backup, place)


def test_files_and_manifest_that_differ_are_found_where_they_lie(
    kept: Kept, tmp_path: Path, place: Path
) -> None:
    """A size, promises that are gone, a ledger or a key that is not named, a link elsewhere."""

    def size(manifest: dict[str, Any]) -> None:
        manifest["files"][0]["size"] += 1

    def unnamed(manifest: dict[str, Any]) -> None:
        manifest["files"] = [one for one in manifest["files"] if one["path"] != "ledger.db"]

    def no_secrets(manifest: dict[str, Any]) -> None:
        manifest["secrets"] = False

    def led_away(manifest: dict[str, Any]) -> None:
        (backup / "access.db").rename(tmp_path / "access.db")
        (backup / "access.db").symlink_to(tmp_path / "access.db")

    for number, (change, says) in enumerate(
        (
            (size, "bytes instead of"),
            (unnamed, "manifest: it names no ledger.db"),
            (unnamed, "ledger.db: the manifest does not name it"),
            (no_secrets, "it was made without secrets, but holds log.key"),
            (led_away, "access.db: is a link that leads out"),
            (None, "manifest: it names another checkpoint"),
        )
    ):
        backup = tmp_path / f"backup-{number}"
        make_backup(kept.path, backup, with_secrets=number != 5)
        forge(backup, change or taken_out(backup, "signed.db"))
        assert any(says in one for one in said_of(backup)), (says, said_of(backup))
        with pytest.raises(CopyError):
            restore(backup, place)


def test_another_private_key_is_found_where_it_lies(kept: Kept, tmp_path: Path) -> None:
    """A key that signs for another log is not what restoring would put into place."""
    backup = tmp_path / "backup"
    make_backup(kept.path, backup, with_secrets=True)
    (backup / "log.key").unlink()
    make_key(backup / "log.key", kept.log.origin)
    fit(backup)
    assert said_of(backup) == ["log.key: it is not the key of this log"]


def test_accesses_that_another_key_signed_are_found_where_they_lie(
    served: Path, tmp_path: Path
) -> None:
    """A backup without secrets holds no key of the access ledger: the one that it names counts."""
    backup = tmp_path / "backup"
    make_backup(served, backup)
    assert said_of(backup) == []
    with unguarded(backup / "access.signed.db") as file:
        file.execute("UPDATE keys SET vkey = ?", (key_of(tmp_path / "other.key"),))
        file.commit()
    fit(backup)
    assert any(one.startswith("access ledger, checkpoint") for one in said_of(backup))


def test_a_log_that_ended_is_looked_at_where_it_lies(
    kept: Kept, tmp_path: Path, place: Path
) -> None:
    """Its statement has to be true in a backup as beside a ledger."""
    make_backup(kept.path, tmp_path / "before")
    newer = publish_later(kept, tmp_path)
    restore(tmp_path / "before", place, published=newer, accept_loss=True)
    backup = tmp_path / "backup"
    make_backup(place, backup)
    assert verify_backup(backup).counts["ended logs"] == 1
    assert said_of(backup) == []
    (statement,) = backup.glob("ended/*/statement.json")
    stated = json.loads(statement.read_bytes())
    statement.write_text(json.dumps(stated | {"lost": stated["lost"] - 1}))
    fit(backup)
    (fault,) = said_of(backup)
    assert "its statement contradicts the checkpoint in it" in fault


def fit(backup: Path) -> None:
    """Have the manifest say of each file what it is."""

    def change(manifest: dict[str, Any]) -> None:
        for file in manifest["files"]:
            content = (backup / file["path"]).read_bytes()
            file |= {"size": len(content), "sha256": sha256(content).hexdigest()}

    forge(backup, change)


def key_of(path: Path) -> str:
    return make_key(path, "other.example/log").verifier().vkey()


def publish_later(kept: Kept, folder: Path) -> Published:
    """A checkpoint over seven more events."""
    kept.register(500, 7)
    return published(publish(kept, folder / "newer"))


def test_a_truncated_or_missing_file_is_found(backup: Path, place: Path) -> None:
    """A shorter file, a missing one, half a manifest and none."""
    for path in victims(backup):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(CopyError, match=f"{path.name} has [0-9,]+ bytes instead of"):
            restore(backup, place)
        path.unlink()
        with pytest.raises(CopyError, match=f"{path.name} cannot be read"):
            restore(backup, place)
        path.write_bytes(whole)
    manifest = backup / "manifest.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CopyError, match="damaged"):
        restore(backup, place)
    manifest.write_bytes(b'{"a":' + b"[" * 100_000)
    with pytest.raises(CopyError, match="is damaged"):
        restore(backup, place)
    manifest.unlink()
    with pytest.raises(CopyError, match="not completed"):
        restore(backup, place)
    assert nothing_at(place)


def forge(backup: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = backup / "manifest.json"
    manifest = json.loads(path.read_bytes())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "name", ["../ledger.db", "/ledger.db", "blobs/../../x", "other.db", "blobs/a\0b", ""]
)
def test_a_manifest_leads_nowhere_else(backup: Path, place: Path, name: str) -> None:
    """Names that would be written elsewhere are refused before anything is."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"][0]["path"] = name

    forge(backup, change)
    with pytest.raises(CopyError, match="not a part of a backup"):
        restore(backup, place)
    assert nothing_at(place)


def test_a_forged_event_does_not_pass_with_a_forged_manifest(
    kept: Kept, backup: Path, place: Path, another_machine: Callable[[], None]
) -> None:
    """Whoever changes an event and makes all digests fit still cannot sign."""
    path, at = backup / "ledger.db", kept.recorder.head() - 5
    sqlite = sqlite3.connect(path)
    with sqlite:
        ((guard,),) = sqlite.execute(
            "SELECT sql FROM sqlite_schema WHERE name = 'events_no_UPDATE'"
        ).fetchall()
        sqlite.execute("DROP TRIGGER events_no_UPDATE")
        find = "SELECT data FROM events WHERE position = ?"
        ((data,),) = sqlite.execute(find, (at,)).fetchall()
        other = data.replace("行".encode(), "衍".encode())
        assert other != data
        leaf = sha256(b"\0" + other).digest()
        change_it = "UPDATE events SET data = ?, leaf = ? WHERE position = ?"
        sqlite.execute(change_it, (other, leaf, at))
        sqlite.execute(guard)
    sqlite.close()
    content = path.read_bytes()
    with open_recorder(f"sqlite:///{path}") as recorder:
        root = root_of(recorder.leaves(0, 10_000))

    def change(manifest: dict[str, Any]) -> None:
        manifest["root"] = b64encode(root).decode()
        for file in manifest["files"]:
            if file["path"] == "ledger.db":
                file.update(size=len(content), sha256=sha256(content).hexdigest())

    path.write_bytes(content)
    forge(backup, change)
    with pytest.raises(CopyError, match="not those of the newest checkpoint that this machine"):
        restore(backup, place)
    another_machine()
    with pytest.raises(CopyError, match="not those of the backup's own checkpoint"):
        restore(backup, place)
    assert nothing_at(place)


@pytest.mark.parametrize(
    ("name", "statement", "says"),
    [
        ("ledger.db", "DROP TRIGGER events_no_DELETE", "ledger.db, trigger events_no_DELETE"),
        ("signed.db", "DROP TRIGGER signed_no_update", "signed.db, trigger signed_no_update"),
        (
            "access.db",
            "CREATE TRIGGER more AFTER INSERT ON events BEGIN DELETE FROM event_tags; END",
            "access.db, trigger more",
        ),
    ],
)
def test_files_that_refuse_less_are_not_put_into_place(
    kept: Kept, tmp_path: Path, place: Path, name: str, statement: str, says: str
) -> None:
    """A ledger that somebody prepared, so that it takes changes, is not restored."""
    file = kept.path if name == "ledger.db" else sibling(kept.path, name.removesuffix(".db"))
    with closing(sqlite3.connect(file)) as tampered:
        tampered.execute(statement)
    make_backup(kept.path, tmp_path / "backup")
    with pytest.raises(CopyError, match=says):
        restore(tmp_path / "backup", place)
    assert nothing_at(place)


def test_a_ledger_that_broke_its_promise_is_not_backed_up(kept: Kept, tmp_path: Path) -> None:
    """A changed record is found when it is copied: such a copy would pass for a backup."""
    sqlite = sqlite3.connect(kept.path)
    with sqlite:
        sqlite.execute("DROP TRIGGER events_no_UPDATE")
        ((data,),) = sqlite.execute("SELECT data FROM events WHERE position = 30").fetchall()
        changed = data[:-1] + bytes([data[-1] ^ 1])
        sqlite.execute("UPDATE events SET data = ? WHERE position = 30", (changed,))
    sqlite.close()

    with pytest.raises(CopyError, match="must begin with"):
        make_backup(kept.path, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_pieces_that_events_name_are_missed(kept: Kept, tmp_path: Path, place: Path) -> None:
    """A missing or damaged piece is told, and does not keep everything else from being saved."""
    gone, damaged = kept.freeze(b"gone"), kept.freeze(b"damaged")
    (kept.blobs.folder / gone[:2] / gone).unlink()
    (kept.blobs.folder / damaged[:2] / damaged).write_bytes(b"?")

    made = make_backup(kept.path, tmp_path / "backup")
    assert set(made.lacking) == {gone, damaged}
    done = restore(tmp_path / "backup", place)
    assert set(done.lacking) == {gone, damaged}
    assert not done.well


# Compared with what was published


def test_it_begins_with_an_older_checkpoint(
    kept: Kept, tmp_path: Path, backup: Path, place: Path
) -> None:
    """Anybody's older checkpoint is held against the beginning of what is restored."""
    older = publish(kept, tmp_path / "older", tiles=False)
    kept.register(500, 5)
    make_backup(kept.path, tmp_path / "later")

    done = restore(tmp_path / "later", place, published=published(older), vkey=kept.vkey)
    assert (done.compared_with, done.lost, done.well) == ("given", 0, True)
    assert done.checkpoint_size == done.events - 5


def test_a_newer_checkpoint_is_a_loss(
    kept: Kept, tmp_path: Path, backup: Path, place: Path
) -> None:
    """How many events are missing is said, and nothing is restored unless that is accepted."""
    kept.register(500, 7)
    newer = publish(kept, tmp_path / "mirror")

    with pytest.raises(CopyError, match=r"lacks 7\. The backup is the beginning"):
        restore(backup, place, published=published(newer))
    assert nothing_at(place)

    newer = publish(kept, tmp_path / "alone", tiles=False)
    with pytest.raises(CopyError, match=r"lacks 7\. It was not shown whether the backup is"):
        restore(backup, place, published=published(newer))
    assert nothing_at(place)


def test_a_log_that_lost_events_ends(kept: Kept, tmp_path: Path, backup: Path, place: Path) -> None:
    """Under its name nothing is signed any more; another log begins with the same events."""
    kept.register(500, 7)
    newer = publish(kept, tmp_path / "mirror")
    done = restore(backup, place, published=published(newer), accept_loss=True)

    assert (done.lost, done.proven, done.well, done.ended) == (7, True, False, True)
    (statement,) = ended_logs(place)
    assert (statement.origin, statement.lost) == (kept.log.origin, 7)
    assert statement.published.encode() == newer.read_bytes()
    assert (statement.kept, statement.kept_root) == (done.events, done.root)
    with open_recorder(f"sqlite:///{place}") as recorder:
        with (
            pytest.raises(UnusableUrl, match="must not sign again"),
            open_log(recorder, origin=kept.log.origin),
        ):
            pass
        assert not key_file(place).exists(), "no key is made in its name"
        shutil.copy(key_file(kept.path), key_file(place))
        with pytest.raises(KeyFileError, match="holds no checkpoint"), open_log(recorder):
            pass
        key_file(place).rename(next_key(key_file(place)))
        with pytest.raises(UnusableUrl, match="must not sign again"), open_log(recorder):
            pass
        next_key(key_file(place)).unlink()
        with open_log(recorder, origin="ledger.example/v2/log") as log:
            signed = log.advance()
            assert signed is not None
            assert signed.root == kept.log.root(signed.size)

    # What ended stays known in the backups of what goes on.
    make_backup(place, tmp_path / "next")
    (tmp_path / "third").mkdir()
    restore(tmp_path / "next", tmp_path / "third" / "ledger.db")
    assert ended_logs(tmp_path / "third" / "ledger.db") == [statement]
    assert (ended_folder(place) / f"{kept.log.signer.verifier().key_id:08x}").is_dir()


def test_the_key_of_a_log_that_ends_is_not_brought_back(
    kept: Kept, tmp_path: Path, place: Path
) -> None:
    """Neither out of a backup with secrets, nor one that lies in place already."""
    make_backup(kept.path, tmp_path / "whole", with_secrets=True)
    make_backup(kept.path, tmp_path / "plain")
    kept.register(500, 7)
    newer = publish(kept, tmp_path / "mirror")

    done = restore(tmp_path / "whole", place, published=published(newer), accept_loss=True)
    assert not done.key_there

    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "ledger.db"
    shutil.copy(key_file(kept.path), key_file(other))
    with pytest.raises(UnusableUrl, match="move its key away"):
        restore(tmp_path / "plain", other, published=published(newer), accept_loss=True)
    assert not other.exists()


def test_another_ledgers_checkpoint(
    kept: Kept, tmp_path: Path, backup: Path, place: Path, another_machine: Callable[[], None]
) -> None:
    """Signed by another key, signed by this key over other events, older or newer: all refused."""
    other = Kept(tmp_path / "other.db")
    try:
        other.register(0, 40)
        with pytest.raises(CopyError, match="not signed by"):
            restore(backup, place, published=published(publish(other, tmp_path / "a")))
        with pytest.raises(CopyError, match="another ledger"):
            restore(backup, place, vkey=other.vkey)
    finally:
        other.close()

    another_machine()
    (tmp_path / "fork").mkdir()
    forked = tmp_path / "fork" / "ledger.db"
    shutil.copy(key_file(kept.path), next_key(key_file(forked)))
    fork = Kept(forked)
    try:
        fork.register(0, 20)
        older = publish(fork, tmp_path / "b")
        another_machine()
        with pytest.raises(CopyError, match="are not those of the published checkpoint"):
            restore(backup, place, published=published(older))
        fork.register(100, 100)
        newer = publish(fork, tmp_path / "c")
        another_machine()
        with pytest.raises(CopyError, match="not the beginning"):
            restore(backup, place, published=published(newer), accept_loss=True)
    finally:
        fork.close()
    assert nothing_at(place)


def test_over_http(kept: Kept, tmp_path: Path, backup: Path, place: Path) -> None:
    """The checkpoint and the tiles come from any server that has them."""
    kept.register(500, 300)
    publish(kept, tmp_path / "mirror")

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "mirror"))

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(CopyError, match=r"lacks 300\. The backup is the beginning"):
            restore(backup, place, published=Published(f"{address}/checkpoint"))
        with pytest.raises(OSError, match="404"):
            Published(f"{address}/nothing")
        server.shutdown()


# What restoring must not bring about


def test_without_its_key_nothing_is_signed(kept: Kept, backup: Path, place: Path) -> None:
    """A restored log waits for its key instead of making another; and takes no other."""
    assert not restore(backup, place).key_there
    with open_recorder(f"sqlite:///{place}") as recorder:
        with pytest.raises(KeyFileError, match="put its key back"), open_log(recorder):
            pass
        assert not key_file(place).exists()
        shutil.copy(key_file(kept.path), key_file(place))
        resume_log(place)
        with open_log(recorder) as log:
            assert log.advance() == kept.log.checkpoint()


def test_another_key_is_not_taken(kept: Kept, tmp_path: Path, backup: Path, place: Path) -> None:
    """A key that signed nothing here is refused, when restoring and when serving."""
    other = Kept(tmp_path / "other.db", origin="other.example/log")
    other.close()
    shutil.copy(key_file(other.path), key_file(place))
    with pytest.raises(UnusableUrl, match="put the right one there"):
        restore(backup, place)

    key_file(place).unlink()
    restore(backup, place)
    shutil.copy(key_file(other.path), key_file(place))
    with (
        open_recorder(f"sqlite:///{place}") as recorder,
        pytest.raises(KeyFileError, match="this log signs with"),
        open_log(recorder),
    ):
        pass


def test_older_events_under_newer_promises_stay_unsigned(
    kept: Kept, backup: Path, place: Path, another_machine: Callable[[], None]
) -> None:
    """Where the newer file of promises survived, the restored ledger is stopped by it."""
    kept.register(500, 7)
    kept.sign()
    another_machine()
    restore(backup, place)
    kept.close()
    shutil.copy(sibling(kept.path, "signed"), sibling(place, "signed"))
    shutil.copy(key_file(kept.path), key_file(place))
    resume_log(place)
    with (
        open_recorder(f"sqlite:///{place}") as recorder,
        open_log(recorder) as log,
        pytest.raises(Forked, match="events are missing"),
    ):
        log.advance()


def test_a_ledger_that_signed_nothing(tmp_path: Path, place: Path) -> None:
    """An imported ledger that was never served has nothing to compare with, and says so."""
    (tmp_path / "live").mkdir()
    kept = Kept(tmp_path / "live" / "ledger.db")
    kept.record(roster(kept.blobs.put(b"r")))
    kept.close()
    for name in ("signed", "tiles"):
        sibling(kept.path, name).unlink()
    key_file(kept.path).unlink()

    made = make_backup(kept.path, tmp_path / "backup")
    assert (made.checkpoint, made.vkey) == (None, None)
    done: Restored = restore(tmp_path / "backup", place)
    assert (done.compared_with, done.well) == ("none", True)
    assert leaves(place) == leaves(kept.path)


# At a terminal


def run(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_line(
    kept: Kept,
    tmp_path: Path,
    place: Path,
    capsys: pytest.CaptureFixture[str],
    another_machine: Callable[[], None],
) -> None:
    """Exit codes and what is said: what was compared, and what is to be done before serving."""
    backup, url = tmp_path / "backup", f"sqlite:///{place}"
    assert run("backup", backup, "--ledger", kept.url, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["events"], told["checkpoint_size"]) == (kept.recorder.head(),) * 2

    kept.register(500, 7)
    newer = publish(kept, tmp_path / "mirror")
    assert run("restore", backup, "--ledger", url, "--checkpoint", newer) == 2
    said = capsys.readouterr().err
    assert "lacks 7" in said
    assert "--accept-loss" in said

    assert run("restore", backup, "--ledger", url, "--checkpoint", newer, "--accept-loss") == 1
    said = capsys.readouterr().out
    assert "has ended" in said
    assert "--origin and a new name" in said

    another_machine()
    (tmp_path / "again").mkdir()
    again = f"sqlite:///{tmp_path / 'again' / 'ledger.db'}"
    assert run("restore", backup, "--ledger", again) == 0
    said = capsys.readouterr().out
    assert "the backup's own checkpoint" in said
    assert "restore again with --checkpoint" in said
    assert "restore it before you serve" in said
    assert kept.vkey in said


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A ledger that was served, with consultations that the access ledger's log has signed."""
    path = tmp_path / "served" / "ledger.db"
    path.parent.mkdir()
    looked = RecordsConsulted(unit="JB", route="/v1/x", asked="/v1/x")
    with Service(f"sqlite:///{path}") as service:
        for _ in range(3):
            service.access.execute(Record(facts=(looked,)), LEDGER_CLOCK)
        assert service.access_keeper is not None
        assert service.access_keeper.wait_for(3, 60)
    return path


def test_the_access_ledger_goes_on_with_its_log(served: Path, tmp_path: Path, place: Path) -> None:
    """What it signed comes back with it, and both logs go on at one word."""
    make_backup(served, tmp_path / "backup", with_secrets=True)
    assert restore(tmp_path / "backup", place).access_events == 3
    access = sibling(place, "access")
    assert sibling(access, "signed").exists()
    assert access.with_name(access.name + ".key").stat().st_mode & 0o077 == 0

    with pytest.raises(UnusableUrl, match="log resume"):
        Service(f"sqlite:///{place}")
    resume_log(place)
    Service(f"sqlite:///{place}").close()
    assert verify_ledger(Files.of(place)).faults == ()


@pytest.mark.parametrize("secrets", [False, True])
def test_the_way_on_after_a_loss(
    served: Path, tmp_path: Path, place: Path, capsys: pytest.CaptureFixture[str], *, secrets: bool
) -> None:
    """As docs/backup.md has it, with no key at all: another name, and both logs begin anew.

    What the access ledger's log had signed is kept with what the other one had.
    """
    make_backup(served, tmp_path / "backup", with_secrets=secrets)
    with Service(f"sqlite:///{served}") as service:
        size = service.ledger.execute(Record(facts=(roster("0" * 64),)), LEDGER_CLOCK)
        signed = service.keeper.wait_for(size.events[-1].position, 10)
        assert signed is not None
    newer = tmp_path / "newer"
    newer.write_bytes(signed.note())
    url = f"sqlite:///{place}"
    shutil.copy(key_file(sibling(served, "access")), key_file(sibling(place, "access")))
    restoring = ("restore", tmp_path / "backup", "--ledger", url, "--checkpoint", newer)
    assert run(*restoring, "--accept-loss") == 2
    key_file(sibling(place, "access")).unlink()
    assert run(*restoring, "--accept-loss") == 1
    assert "access ledger's log starts again" in capsys.readouterr().out

    with Service(url, origin="new.example/log") as service:
        keeper = service.access_keeper
        assert keeper.log.origin == "new.example/log/access"
        assert keeper.wait_for(3, 60)
    (folder,) = ended_folder(place).iterdir()
    assert (folder / "access.signed.db").exists()
    assert verify_ledger(Files.of(place)).faults == ()
    make_backup(place, tmp_path / "next")
    (tmp_path / "third").mkdir()
    assert restore(tmp_path / "next", tmp_path / "third" / "ledger.db").well


def test_the_access_ledgers_key_is_named(
    served: Path, tmp_path: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who restores without secrets learns that two keys are to be put back, or what else to do."""
    make_backup(served, tmp_path / "backup")
    assert run("restore", tmp_path / "backup", "--ledger", f"sqlite:///{place}") == 0
    assert ".access.db.key" in capsys.readouterr().out

    shutil.copy(key_file(served), key_file(place))
    resume_log(place)
    with pytest.raises(KeyFileError, match=r"access\.db\.key"):
        Service(f"sqlite:///{place}")
    sibling(sibling(place, "access"), "signed").rename(tmp_path / "kept")
    with Service(f"sqlite:///{place}") as service:
        assert service.access_keeper.wait_for(3, 60)


def test_accesses_taken_out_are_not_backed_up(served: Path, tmp_path: Path) -> None:
    """A copy without the looks that were signed would pass for a backup."""
    with unguarded(sibling(served, "access")) as file:
        file.execute("DELETE FROM events WHERE position > 1")
        file.execute("DELETE FROM event_tags WHERE position > 1")
        file.commit()
    with pytest.raises(CopyError, match=r"the access ledger must begin with the \d events"):
        make_backup(served, tmp_path / "backup")

    sibling(served, "access").unlink()
    with pytest.raises(CopyError, match="must exist, because its log has signed"):
        make_backup(served, tmp_path / "backup")


def test_accesses_taken_out_of_a_backup(served: Path, tmp_path: Path, place: Path) -> None:
    """Nor is one restored, though its manifest was made to fit."""
    make_backup(served, tmp_path / "backup")
    path = tmp_path / "backup" / "access.db"
    with unguarded(path) as file:
        file.execute("DELETE FROM events WHERE position > 1")
        file.execute("DELETE FROM event_tags WHERE position > 1")
        file.commit()
    content = path.read_bytes()

    def change(manifest: dict[str, Any]) -> None:
        for file in manifest["files"]:
            if file["path"] == "access.db":
                file.update(size=len(content), sha256=sha256(content).hexdigest())

    forge(tmp_path / "backup", change)
    with pytest.raises(CopyError, match="the access ledger is not the one that its log signed"):
        restore(tmp_path / "backup", place)
    assert nothing_at(place)
