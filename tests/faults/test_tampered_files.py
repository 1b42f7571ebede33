"""Whatever else lies beside the records is looked at too: indexes, promises, pieces, keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.verifying import verify_all
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.opening import sibling
from ledger.stores.sqlite import SQLiteRecorder
from ledger.systems.entities.events import EntityRegistered
from projections.opening import all_views
from projections.profiles import Profiles
from tests.faults.tampered import Past

LATER = """CREATE TRIGGER later AFTER INSERT ON events BEGIN
    DELETE FROM event_tags WHERE position = NEW.position; END"""


def flipped(path: Path, sought: bytes, of: str) -> None:
    """The last byte of some content changed, in the pages of one index or table alone."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((size,),) = file.execute("PRAGMA page_size")
        ((root,),) = file.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (of,))
    content = bytearray(path.read_bytes())
    found = [
        start for start in pages(content, size, root) if sought in content[start : start + size]
    ]
    place = content.index(sought, found[0]) + len(sought) - 1
    content[place] ^= 1
    path.write_bytes(content)


def pages(content: bytes, size: int, root: int) -> list[int]:
    """Where the leaf pages of an index begin (fileformat2, 1.6)."""
    start = (root - 1) * size
    if content[start] == 10:
        return [start]
    assert content[start] == 2
    cells = int.from_bytes(content[start + 3 : start + 5])
    cell = [int.from_bytes(content[start + 12 + 2 * n : start + 14 + 2 * n]) for n in range(cells)]
    below = [int.from_bytes(content[start + at : start + at + 4]) for at in cell]
    below.append(int.from_bytes(content[start + 8 : start + 12]))
    return [leaf for page in below for leaf in pages(content, size, page)]


def wheres(past: Past) -> list[str]:
    return [fault.where for fault in past.verify().faults]


def test_a_byte_of_the_index_by_type(past: Past) -> None:
    """An index that hides a record from whoever asks by type is found, with the position."""
    topic = EntityRegistered.TOPIC.encode()
    with SQLiteRecorder(past.path) as recorder:
        there = len(list(recorder.read(as_query([Selector((topic.decode(),), ())]))))
    flipped(past.path, topic, "events_by_type")
    with SQLiteRecorder(past.path) as recorder:
        found = list(recorder.read(as_query([Selector((topic.decode(),), ())])))
    (fault,) = past.verify().faults

    assert len(found) == there - 1
    assert fault.where == "ledger.db, index events_by_type"
    assert fault.position not in {one.position for one in found}


@pytest.mark.parametrize(
    ("what", "statement", "where"),
    [
        ("", "DROP TRIGGER events_no_UPDATE", "ledger.db, trigger events_no_UPDATE"),
        ("", "DROP INDEX events_by_type", "ledger.db, index events_by_type"),
        (
            "signed",
            "DROP TRIGGER signed_no_delete",
            "ledger.db.signed.db, trigger signed_no_delete",
        ),
        (
            "",
            LATER,
            "ledger.db, trigger later",
        ),
        ("tiles", "ALTER TABLE tree ADD COLUMN more INTEGER", "ledger.db.tiles.db, table tree"),
    ],
)
def test_how_a_file_is_built(past: Past, what: str, statement: str, where: str) -> None:
    """A trigger that protected and is gone, or one that somebody added, is named."""
    with closing(sqlite3.connect(sibling(past.path, what) if what else past.path)) as file:
        file.execute(statement)

    assert wheres(past) == [where]


def test_statistics_of_the_database(past: Past) -> None:
    """Having SQLite take statistics is no tampering."""
    with closing(sqlite3.connect(past.path)) as file:
        file.execute("ANALYZE")

    assert wheres(past) == []


def all_wrong(past: Past) -> tuple[list[str], list[str], tuple[str, ...]]:
    """Of the whole command: faults, views that are not the ledger's, remarks."""
    with SQLiteRecorder(past.path, read_only=True) as recorder:
        found, views = verify_all(recorder, recorder.path, workers=1)
    return (
        [fault.words for fault in found.faults],
        [f"{one.view}: {one.error or 'differs'}" for one in views if not one.same],
        found.remarks,
    )


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            ("DELETE FROM places WHERE view = 'profiles'", "DELETE FROM profiles"),
            "its place is not recorded",
        ),
        (
            ("UPDATE places SET position = 9999 WHERE view = 'profiles'",),
            "it is 9999: rebuild it",
        ),
        (("UPDATE places SET position = -1 WHERE view = 'profiles'",), "it is -1: rebuild it"),
        (("UPDATE places SET anchor = 'x' WHERE view = 'profiles'",), "not the ledger's"),
        (("UPDATE places SET tables = 'x' WHERE view = 'profiles'",), "its tables are not those"),
        (("UPDATE places SET fingerprint = 1 WHERE view = 'profiles'",), "another version"),
        (
            ("UPDATE places SET error = 'no', error_position = 7 WHERE view = 'profiles'",),
            "it stopped before position 7: no",
        ),
        (("DROP TABLE profiles",), "cannot be read: no such table: profiles"),
    ],
)
def test_the_place_of_a_view(past: Past, statements: tuple[str, ...], says: str) -> None:
    """What is noted of how far a view has come is looked at as its rows are."""
    with past.file("views") as file:
        for statement in statements:
            assert file.execute(statement).rowcount
        file.commit()
    faults, views, _ = all_wrong(past)

    assert faults == []
    (wrong,) = views
    assert wrong.startswith("profiles: ")
    assert says in wrong


@pytest.mark.parametrize("statement", ["DELETE FROM places", "DROP TABLE places"])
def test_no_place_of_any_view(past: Past, statement: str) -> None:
    """Views of which nothing is noted are not passed over."""
    with past.file("views") as file:
        file.execute(statement)
        file.commit()

    assert len(all_wrong(past)[1]) == len(all_views())


def test_an_emptied_file_of_views(past: Past) -> None:
    """It is said of each view that it shows nothing, and the file stays as it was found."""
    file = sibling(past.path, "views")
    file.write_bytes(b"")

    assert len(all_wrong(past)[1]) == len(all_views())
    assert file.read_bytes() == b""


@pytest.mark.parametrize("content", [b"garbage", b"garbage" * 1000])
def test_a_file_of_views_that_is_none(past: Past, content: bytes) -> None:
    """What is no database is a fault that names the file, and what to do."""
    sibling(past.path, "views").write_bytes(content)
    (fault,), _, _ = all_wrong(past)

    assert fault.startswith("ledger.db.views.db: cannot be read: ")
    assert "move the file away, and serve again" in fault


def test_a_byte_of_an_index_of_a_view(past: Past) -> None:
    """A view whose rows are right and whose index hides one is no view of the ledger."""
    flipped(sibling(past.path, "views"), b"BRONX", "ix_draw_population_area")
    (fault, *_), _, _ = all_wrong(past)

    assert fault.startswith("ledger.db.views.db, index ix_draw_population_area: it lacks row ")


def test_a_view_that_is_behind(past: Past) -> None:
    """A view that begins anew shows little; how much is missing is said, and nothing is wrong."""
    with past.file("views") as file:
        file.execute("UPDATE places SET position = 0, anchor = NULL WHERE view = 'profiles'")
        for table in Profiles.tables:
            file.execute(f"DELETE FROM {table.name}")
        file.commit()
    head = past.verify().records
    faults, views, remarks = all_wrong(past)

    assert (faults, views) == ([], [])
    assert f"view profiles must still follow {head:,} events" in remarks


@pytest.mark.parametrize("tiles", [True, False])
def test_the_promises_deleted(past: Past, tiles: bool) -> None:
    """A log whose key lies there has made promises; that they are gone is no mere remark."""
    sibling(past.path, "signed").unlink()
    if not tiles:
        sibling(past.path, "tiles").unlink()
    found = past.verify()

    assert [fault.where for fault in found.faults] == ["ledger.db.signed.db"]
    assert str(past.path.with_name(past.path.name + ".key")) in found.faults[0].what
    assert not any("no signed checkpoints" in remark for remark in found.remarks)


def test_the_promises_emptied(past: Past) -> None:
    """A file that is there and holds no promise any more is the same."""
    with past.file("signed") as file:
        file.execute("DELETE FROM signed")
        file.commit()

    assert wheres(past) == ["ledger.db.signed.db"]


def test_a_ledger_without_a_log(past: Past) -> None:
    """What was never served has neither key nor promises, and nothing is wrong with it."""
    for what in (sibling(past.path, "signed"), sibling(past.path, "tiles")):
        what.unlink()
    past.path.with_name(past.path.name + ".key").unlink()
    found = past.verify()

    assert found.faults == ()
    assert any("no signed checkpoints" in remark for remark in found.remarks)


@pytest.mark.parametrize("time", ["1999-01-01T00:00:00.000+00:00", "x", "", "2026-01-05", "\ud800"])
def test_the_time_of_a_signature(past: Past, time: str) -> None:
    """When a checkpoint was signed is signed by nobody, but cannot be just any time."""
    with past.file("signed") as file:
        ((size,),) = file.execute("SELECT max(size) FROM signed")
        file.execute(
            "UPDATE signed SET signed_at = CAST(? AS TEXT) WHERE size = ?",
            (time.encode(errors="surrogatepass"), size),
        )
        file.commit()

    assert set(wheres(past)) == {f"checkpoint {size}"}


def test_times_that_do_not_ascend(past: Past) -> None:
    """Of a smaller tree that was signed later than a larger one, one time is wrong."""
    with past.file("signed") as file:
        (first, second) = file.execute("SELECT size FROM signed ORDER BY size LIMIT 2").fetchall()
        later = "2027-01-05T00:00:00.000+00:00"
        file.execute("UPDATE signed SET signed_at = ? WHERE size = ?", (later, *first))
        file.commit()
    (fault, *_) = past.verify().faults

    assert fault.where == f"checkpoint {second[0]}"
    assert "had signed fewer events" in fault.what


@pytest.mark.parametrize("lost", [1, 5, 19])
def test_the_last_accesses_deleted(past: Past, lost: int) -> None:
    """Whoever looked cannot take that out again: the access ledger has promised it."""
    with past.file("access") as file:
        for table in ("events", "event_tags"):
            file.execute(f"DELETE FROM {table} WHERE position > ?", (20 - lost,))
        file.commit()
    (first, *_) = past.verify().faults

    assert first.where.startswith("access ledger, checkpoint ")
    assert "are missing" in first.what


def test_the_access_ledger_deleted(past: Past) -> None:
    """The file gone is a fault; with all that belongs to it gone too, a remark is left."""
    access = sibling(past.path, "access")
    access.unlink()
    assert wheres(past) == ["ledger.db.access.db"]

    for what in (
        sibling(access, "signed"),
        sibling(access, "tiles"),
        access.with_name(access.name + ".key"),
    ):
        what.unlink()
    found = past.verify()
    assert found.faults == ()
    assert any("there is no ledger.db.access.db" in remark for remark in found.remarks)


def test_the_promises_of_the_access_ledger_deleted(past: Past) -> None:
    """What its log signed is kept as the other's is."""
    sibling(sibling(past.path, "access"), "signed").unlink()

    assert wheres(past) == ["access ledger, ledger.db.access.db.signed.db"]


@pytest.mark.parametrize("what", ["signed", "access.db.signed"])
def test_the_key_of_the_promises_deleted(past: Past, what: str) -> None:
    """Which key signed stands beside what it signed; a file that forgot it is named."""
    with past.file(what) as file:
        file.execute("DELETE FROM keys")
        file.commit()
    (fault,) = past.verify().faults

    assert fault.words.endswith(
        "keys of the signed checkpoints: it holds signed checkpoints, but names no key"
    )


@pytest.mark.parametrize("what", ["signed", "access.db.signed"])
def test_the_place_of_the_promises(past: Past, what: str) -> None:
    """Whether a file is the original is looked at: its word deleted, or another one's."""
    with past.file(what) as file:
        file.execute("UPDATE place SET file = '1'")
        file.commit()
    found = past.verify()
    assert found.faults == ()
    assert any("is a copy" in remark for remark in found.remarks)
    with past.file(what) as file:
        file.execute("DELETE FROM place")
        file.commit()
    (fault,) = past.verify().faults
    assert "it lacks its file number" in fault.what
