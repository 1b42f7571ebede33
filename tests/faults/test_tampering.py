"""Whoever changes a byte of a ledger's files is found out, and the place is named."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgpack
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.cli.command_line import main
from ledger.access.commands import NoteConsultation
from ledger.opening import LEDGER_CLOCK, open_ledger, open_log, sibling
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.keys import read_key
from ledger.transparency.merkle import leaf_hash
from ledger.transparency.notes import COSIGNATURE, Signer, Verifier
from ledger.transparency.tiles import tile_path, width_at
from ledger.verification import Files, verify_ledger
from projections.follower import Views
from projections.opening import all_views, open_views, verify_views
from tests.faults.tampered import LOOKED, WITNESS, Past, dies
from tests.golden import records

FLIPS = 300
CHUNKS = 10

#: What a flip may hit, and how often against the others. A view takes longest to be made again.
KINDS = {
    "data": 3, "tags": 3, "leaf": 2, "type": 1, "event_tags": 3, "tile": 3,
    "text": 2, "root": 2, "signatures": 3, "view": 2, "access": 1,
}  # fmt: skip


def _where(key: Sequence[str], values: Sequence[Any]) -> str:
    """The row with this key; texts are compared as they are stored."""
    return " AND ".join(
        f"{name} = {'CAST(? AS TEXT)' if isinstance(value, bytes) else '?'}"
        for name, value in zip(key, values, strict=True)
    )


def _bytes(table: sa.Table, file: Any) -> bool:
    """Whether a table has rows, and values of which a byte can be changed."""
    text = (sa.Text, sa.LargeBinary)
    return bool(_count(file, table.name)) and any(isinstance(c.type, text) for c in table.columns)


class Flip:
    """One byte of one value changed; ``undo`` puts it back."""

    def __init__(self, chance: random.Random, past: Past) -> None:
        self.chance, self.past = chance, past

    def make(self, kind: str) -> str:
        """Flip in a kind of place; how verification has to name it."""
        return str(getattr(self, f"_{kind}", lambda: self._event(kind))())

    def _event(self, column: str) -> str:
        position = self._change("", "events", column, "position")
        return f"position {position}"

    def _event_tags(self) -> str:
        column = self.chance.choice(("tag", "type"))
        row = self._change("", "event_tags", column, "tag", "type", "position")
        return f"position {row[-1]}"

    def _tile(self) -> str:
        with self.past.file("tiles") as file:
            ((size,),) = file.execute("SELECT size FROM tree").fetchall()
        level, n = self._change("tiles", "tiles", "hashes", "level", "n")
        return f"tile {tile_path(level, n, width_at(level, n, size))}"

    def _text(self) -> str:
        return f"checkpoint {self._change('signed', 'signed', 'text', 'size')}"

    def _root(self) -> str:
        return f"checkpoint {self._change('signed', 'signed', 'root', 'size')}"

    def _signatures(self) -> str:
        return f"checkpoint {self._change('signed', 'signed', 'signatures', 'size')}"

    def _access(self) -> str:
        column = self.chance.choice(("data", "tags", "leaf"))
        return f"access ledger, position {self._change('access', 'events', column, 'position')}"

    def _view(self) -> str:
        with self.past.file("views") as file:
            tables = {
                view.name: [table for table in view.tables if _bytes(table, file)]
                for view in all_views()
            }
            name = self.chance.choice([name for name, filled in tables.items() if filled])
            table = self.chance.choice(tables[name])
            row = file.execute(f"SELECT * FROM {table.name} ORDER BY random() LIMIT 1")
            columns = [column[0] for column in row.description]
            values = dict(zip(columns, row.fetchone(), strict=True))
        texts = [c for c, v in values.items() if isinstance(v, bytes) and v]
        key = [column.name for column in table.primary_key.columns]
        column = self.chance.choice(texts)
        self._change("views", table.name, column, *key, only=[values[k] for k in key])
        return f"view {name}"

    def _change(
        self, what: str, table: str, column: str, *key: str, only: list[Any] | None = None
    ) -> Any:
        """Flip one byte of a value of a random row (or of one); the key of the row."""
        with self.past.file(what) as file:
            rows = f"SELECT {', '.join(key)}, {column}, typeof({column}) FROM {table}"
            if only is None:
                found = self.chance.choice(file.execute(rows).fetchall())
            else:
                (found,) = file.execute(f"{rows} WHERE {_where(key, only)}", only).fetchall()
            *ids, before, kind = found
            while True:
                changed = bytearray(before)
                changed[self._place(table, column, before)] ^= self.chance.randrange(1, 256)
                if self._set(file, table, column, key, ids, kind == b"text", bytes(changed)):
                    break
            file.commit()
        now = [bytes(changed) if name == column else i for name, i in zip(key, ids, strict=True)]
        self.undo = (what, table, column, key, now, kind == b"text", before)
        return ids[0] if len(ids) == 1 else tuple(ids)

    def _place(self, table: str, column: str, value: bytes) -> int:
        if column == "signatures":
            # The name and the id of a witness's key are not there to be recognised: another
            # key's line says nothing, by the specification.
            log, _, _ = value.partition(b"\n")
            if self.chance.random() < 0.5:
                return self.chance.randrange(len(log))
            cosignature = value.rstrip().rfind(b" ") + 1
            return self.chance.randrange(cosignature + 6, len(value) - 1)
        return self.chance.randrange(len(value))

    @staticmethod
    def _set(
        file: Any, table: str, column: str, key: Any, ids: Any, text: bool, value: bytes
    ) -> bool:
        where = _where(key, ids)
        new = "CAST(? AS TEXT)" if text else "?"
        try:
            done = file.execute(f"UPDATE {table} SET {column} = {new} WHERE {where}", (value, *ids))
        except sqlite3.IntegrityError:
            return False  # another row is like that already
        assert done.rowcount == 1
        return True

    def put_back(self) -> None:
        """As it was before."""
        what, *change = self.undo
        with self.past.file(what) as file:
            assert self._set(file, *change)
            file.commit()


def _count(file: sqlite3.Connection, table: str) -> int:
    return int(file.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _differing(past: Past, name: str) -> list[str]:
    """Of all views those that are not as the ledger has them; only the named one is made anew."""
    with closing(open_views(past.url)) as views, SQLiteRecorder(past.path) as recorder:
        some = Views(views.engine, [view for view in views.views.values() if view.name == name])
        return [f"view {one.view}" for one in verify_views(recorder, some) if not one.same]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_one_byte(past: Past, chunk: int) -> None:
    """Any byte flipped in records, tags, leaves, tiles, checkpoints or views is found, by name."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    assert past.verify().faults == ()
    for _ in range(FLIPS // CHUNKS):
        (kind,) = chance.choices(list(KINDS), weights=list(KINDS.values()))
        flip = Flip(chance, past)
        place = flip.make(kind)
        if kind == "view":
            found = _differing(past, place.removeprefix("view "))
        else:
            found = [fault.where for fault in past.verify().faults]
        assert found[:1] == [place], (kind, place, found)
        flip.put_back()
    assert past.verify().faults == ()


def test_the_fixture_has_everything(past: Past) -> None:
    """Several tiles on two levels, checkpoints within and at the end of tiles, cosignatures."""
    found = past.verify()

    assert found.faults == ()
    assert found.remarks == ()
    assert found.counts["records"] == found.records > 512
    assert found.counts["tiles"] > 3
    assert found.counts["checkpoints"] == found.counts["cosignatures"] > 8
    assert found.counts["access records"] == 20
    with closing(open_views(past.url)) as views, SQLiteRecorder(past.path) as recorder:
        assert all(one.same for one in verify_views(recorder, views))


@pytest.mark.parametrize("lost", [1, 30, 300])
def test_the_last_events_deleted(past: Past, lost: int) -> None:
    """A ledger that ends before what was signed of it has lost events, and how many is said."""
    head = past.verify().records
    with past.file() as file:
        for table in ("events", "event_tags"):
            file.execute(f"DELETE FROM {table} WHERE position > ?", (head - lost,))
        file.commit()
    places = {fault.where: fault.what for fault in past.verify().faults}

    # The first that was signed of more than there is.
    with past.file("signed") as file:
        ((size,),) = file.execute("SELECT min(size) FROM signed WHERE size > ?", (head - lost,))
    assert f"{size - head + lost:,} are missing" in places[f"checkpoint {size}"]


def test_an_event_deleted_in_the_middle(past: Past) -> None:
    """A gap is named by its first position."""
    with past.file() as file:
        file.execute("DELETE FROM events WHERE position BETWEEN 300 AND 302")
        file.commit()
    (first, *_) = past.verify().faults

    assert (first.position, first.what) == (300, "missing, and all after it up to 302")


def test_an_old_copy(past: Past, tmp_path: Path) -> None:
    """An older copy in the ledger's place, alone or with its tiles, is held to what was signed."""
    head = past.verify().records
    old = Past(Path(shutil.copytree(past.path.parent, tmp_path / "old")))
    with old.file() as file:
        for table in ("events", "event_tags"):
            file.execute(f"DELETE FROM {table} WHERE position > 400")
        file.commit()
    for alone in (True, False):
        if not alone:
            sibling(old.path, "tiles").unlink()
        faults = old.verify().faults
        assert any("Was the ledger replaced by an older copy?" in f.what for f in faults)

    # It goes on by itself past what was signed: another history.
    with SQLiteRecorder(old.path) as recorder, open_ledger(recorder) as ledger:
        while recorder.head() <= head:
            ledger.execute(NoteConsultation(consultation=LOOKED), LEDGER_CLOCK)
    (first, *_) = old.verify().faults
    with past.file("signed") as file:
        sizes = [size for (size,) in file.execute("SELECT size FROM signed ORDER BY size")]
    agreed = max(size for size in sizes if size <= 400)
    assert first.where == f"checkpoint {sizes[sizes.index(agreed) + 1]}"
    assert f"look from position {agreed + 1} on" in first.what


def test_a_rewritten_record_with_leaf_and_tiles(past: Past) -> None:
    """Whoever makes leaf and tiles fit what was changed is still held to what was signed."""
    with past.file() as file:
        ((data,),) = file.execute("SELECT data FROM events WHERE position = 300").fetchall()
        # Somebody else did it: a record as well formed as before.
        changed = data.replace(b"\xa5clock", b"\xa5clerk")
        assert changed != data
        file.execute(
            "UPDATE events SET data = ?, leaf = ? WHERE position = 300",
            (changed, leaf_hash(changed)),
        )
        file.commit()
    sibling(past.path, "tiles").unlink()
    (first, *_) = past.verify().faults

    assert first.where == "checkpoint 341"
    assert "the first 256 are, so look from position 257 on" in first.what


POLICY = msgpack.unpackb(records("policies.policy-version-adopted", 1)[0])
#: Records that somebody made up.
MADE_UP = {
    "nested without end": b"\x81\xa1a" + b"\x91" * 50_000 + b"\xc0",
    "a value that nobody can write": msgpack.packb(
        POLICY | {"body": POLICY["body"] | {"value": msgpack.Timestamp(1, 0)}}
    ),
    "the beginning of time": msgpack.packb(POLICY | {"recorded_at": "0001-01-01T00:00:00Z"}),
    "the end of time": msgpack.packb(POLICY | {"recorded_at": "9999-12-31T23:59:59Z"}),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("made_up", MADE_UP)
def test_a_record_that_somebody_made_up(
    past: Past, monkeypatch: pytest.MonkeyPatch, made_up: str, workers: int
) -> None:
    """Whatever it holds, its position is named, and all the rest is looked at."""
    monkeypatch.setattr("ledger.verification.whole.ALONE", 0)
    data = MADE_UP[made_up]
    with past.file() as file:
        ((signed,),) = file.execute("SELECT max(position) FROM events").fetchall()
        for position in (256, signed):
            file.execute(
                "UPDATE events SET data = ?, leaf = ? WHERE position = ?",
                (data, leaf_hash(data), position),
            )
        file.execute("UPDATE events SET leaf = zeroblob(32) WHERE position = 300")
        file.commit()
    with past.file("tiles") as file:
        file.execute("DELETE FROM tiles WHERE level = 1")
        file.commit()
    wheres = [one.where for one in verify_ledger(Files.of(past.path), workers=workers).faults]

    for where in ("position 256", f"position {signed}", "position 300", "tile 1/"):
        assert any(one.startswith(where) for one in wheres), wheres


def test_other_tables(past: Past) -> None:
    """Tables that hold what the program's refuse are named, whatever they hold."""
    with past.file() as file:
        file.execute("ALTER TABLE events RENAME TO before")
        file.execute("CREATE TABLE events AS SELECT * FROM before")
        file.execute("DROP TABLE before")
        file.execute("UPDATE events SET data = NULL WHERE position = 3")
        file.commit()
    wheres = [one.where for one in past.verify().faults]

    assert "ledger.db, table events" in wheres


def test_without_tiles(past: Past) -> None:
    """Tiles can be made anew; that there are none is said, and nothing is wrong."""
    sibling(past.path, "tiles").unlink()
    found = past.verify()

    assert found.faults == ()
    assert any("no tiles" in remark for remark in found.remarks)


def test_tiles_too_many_and_too_few(past: Past) -> None:
    """A tile that is missing, cut or not of this tree is named."""
    for change, where in (
        ("DELETE FROM tiles WHERE level = 0 AND n = 1", "tile 0/001"),
        ("UPDATE tiles SET hashes = substr(hashes, 1, 64) WHERE level = 0 AND n = 0", "tile 0/000"),
        ("DELETE FROM tiles WHERE level = 1", "tile 1/000.p/"),
        ("INSERT INTO tiles SELECT 0, 99, hashes FROM tiles WHERE n = 0 LIMIT 1", "tile 0/099"),
        ("INSERT INTO tiles SELECT 4, 0, hashes FROM tiles WHERE n = 0 LIMIT 1", "tile 4/000"),
    ):
        copy = past.path.with_name("tiles.copy")
        shutil.copy(sibling(past.path, "tiles"), copy)
        with past.file("tiles") as file:
            file.execute(change)
            file.commit()
        assert past.verify().faults[0].where.startswith(where), change
        sibling(past.path, "tiles").unlink()
        copy.rename(sibling(past.path, "tiles"))


def test_another_key(past: Past) -> None:
    """Whoever knows the log's key does not take what another key signed."""
    name = read_key(past.path.with_name(past.path.name + ".key")).name
    other = Signer(name, Ed25519PrivateKey.generate())
    found = verify_ledger(Files.of(past.path), keys=[other.verifier()])

    assert "not signed by" in found.faults[0].what


def test_a_witness_that_did_not_sign_that(past: Past) -> None:
    """A cosignature moved to another checkpoint is none."""
    with past.file("signed") as file:
        rows = file.execute("SELECT size, signatures FROM signed ORDER BY size DESC LIMIT 2")
        (size, mine), (_, other) = rows.fetchall()
        moved = mine.split(b"\n")[0] + b"\n" + other.split(b"\n")[1] + b"\n"
        file.execute("UPDATE signed SET signatures = CAST(? AS TEXT) WHERE size = ?", (moved, size))
        file.commit()
    (fault,) = past.verify().faults

    assert fault.where == f"checkpoint {size}"
    assert WITNESS.name in fault.what


def test_without_the_witness_key(past: Past) -> None:
    """Lines of keys that nobody gave are passed over, and it is said whose they are."""
    found = verify_ledger(Files.of(past.path))

    assert found.faults == ()
    assert found.counts["cosignatures"] == 0
    assert any(WITNESS.name in remark for remark in found.remarks)


def test_in_processes(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut into stretches for several processes it comes to the same, faults included."""
    monkeypatch.setattr("ledger.verification.whole.ALONE", 0)
    keys: list[Verifier] = [WITNESS.verifier(COSIGNATURE)]
    done: list[int] = []

    def progress(what: str, so_far: int, total: int | None) -> None:
        if what == "records":
            done.append(so_far)

    found = verify_ledger(Files.of(past.path), witnesses=keys, workers=2, progress=progress)
    assert found == past.verify()
    assert done == sorted(done)
    for position in (1, 257, 600):
        with past.file() as file:
            file.execute("UPDATE events SET leaf = zeroblob(32) WHERE position = ?", (position,))
            file.commit()
    found = verify_ledger(Files.of(past.path), witnesses=keys, workers=2)
    assert [fault.position for fault in found.faults] == [1, 257, 600]


#: What ``verify`` is for whoever writes a program with it: nothing else is imported.
AS_A_LIBRARY = """
from pathlib import Path
from sys import argv
from ledger.verification import Files, verify_ledger, whole
whole.ALONE = int(argv[2])
found = verify_ledger(Files.of(Path(argv[1])), workers=2)
print(found.counts["access records"], *(fault.words for fault in found.faults))
"""


@pytest.mark.parametrize("alone", [0, 1_000_000], ids=["in processes", "in one process"])
def test_as_a_library(past: Past, alone: int) -> None:
    """Every record is read, those of accesses too, whatever the caller has imported."""
    said = subprocess.run(
        [sys.executable, "-c", AS_A_LIBRARY, past.path, str(alone)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stdout, said.stderr) == ("20\n", "")


def test_where_no_process_can_be_started(past: Past, tmp_path: Path) -> None:
    """A temporary folder with a long name has no room for a socket: one process does it all."""
    (tmp_path / ("x" * 100)).mkdir()
    said = subprocess.run(
        [sys.executable, "-c", AS_A_LIBRARY, past.path, "0"],
        env={**os.environ, "TMPDIR": str(tmp_path / ("x" * 100))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.stdout, said.stderr) == ("20\n", "")


def test_a_process_that_dies(
    past: Past, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That nothing is known of the records is no fault of theirs: it is said, with exit code 2."""
    monkeypatch.setattr("ledger.verification.whole.ALONE", 0)
    monkeypatch.setattr("ledger.verification.whole._checked", dies)
    with pytest.raises(SystemExit) as ended:
        main(["verify", "--ledger", past.url, "--workers", "2"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "a process that checked the records died" in said
    assert "Traceback" not in said


def test_nothing_is_changed(past: Past) -> None:
    """Verification leaves every file as it was, and makes none."""
    before = {path.name: path.read_bytes() for path in past.path.parent.iterdir()}
    past.verify()
    after = {path.name: path.read_bytes() for path in past.path.parent.iterdir()}

    assert {n: d for n, d in after.items() if not n.endswith(("-wal", "-shm"))} == before


def test_beside_a_writer(past: Past) -> None:
    """A ledger that grows while it is verified has nothing wrong with it."""
    stop = threading.Event()
    with (
        SQLiteRecorder(past.path) as recorder,
        open_ledger(recorder) as ledger,
        open_log(recorder) as log,
    ):

        def write() -> None:
            while not stop.is_set():
                for _ in range(5):
                    ledger.execute(NoteConsultation(consultation=LOOKED), LEDGER_CLOCK)
                log.advance()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            found = [past.verify() for _ in range(10)]
        finally:
            stop.set()
            writer.join()
    assert [one.faults for one in found] == [()] * 10
    assert found[-1].records > found[0].records
