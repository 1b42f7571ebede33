"""Whatever else lies beside the records is looked at too: indexes, promises, pieces, keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.entities.events import EntityRegistered
from ledger.kernel.folds import Selector
from ledger.kernel.memory import as_query
from ledger.opening import beside
from ledger.stores.sqlite import SQLiteRecorder
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
        ("signed", "DROP TRIGGER signed_no_delete", "ledger.signed.db, trigger signed_no_delete"),
        (
            "",
            LATER,
            "ledger.db, trigger later",
        ),
        ("tiles", "ALTER TABLE tree ADD COLUMN more INTEGER", "ledger.tiles.db, table tree"),
    ],
)
def test_how_a_file_is_built(past: Past, what: str, statement: str, where: str) -> None:
    """A trigger that protected and is gone, or one that somebody added, is named."""
    with closing(sqlite3.connect(beside(past.path, what) if what else past.path)) as file:
        file.execute(statement)

    assert wheres(past) == [where]


def test_statistics_of_the_database(past: Past) -> None:
    """Having SQLite take statistics is no tampering."""
    with closing(sqlite3.connect(past.path)) as file:
        file.execute("ANALYZE")

    assert wheres(past) == []
