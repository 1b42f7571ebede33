"""Any byte of a ledger's files may change: it is found, or what the files say is the same.

A page has space that nobody reads, and a header numbers that nobody asks for. So where nothing is
found to be wrong, the contents are compared.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.verifying import verify_all
from ledger.opening import UnusableUrl
from ledger.stores import StoreError
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.keys import KeyFileError
from ledger.transparency.notes import COSIGNATURE
from tests.examples import rounds
from tests.faults.tampered import WITNESS, Past

CHUNKS = rounds(3, 10)
FLIPS = 30 * CHUNKS

#: How often a byte of each file is hit against the others. Views take longest to be made again.
FILES = {
    "ledger.db": 6,
    "ledger.db.tiles.db": 3,
    "ledger.db.signed.db": 6,
    "ledger.db.access.db": 2,
    "ledger.db.access.db.signed.db": 2,
    "ledger.db.views.db": 1,
    "ledger.db.key": 1,
}


def content(path: Path) -> object:
    """What a file says: every row of every table, and how it is built."""
    if path.suffix == ".key":
        return path.read_bytes()
    with closing(sqlite3.connect(path)) as file:
        file.text_factory = bytes
        tables = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        rows = [
            sorted(file.execute(f'SELECT * FROM "{name.decode()}"').fetchall(), key=repr)
            for (name,) in sorted(tables)
        ]
        # The views' tables are made anew whenever they do not fit.
        built = [] if "views" in path.name else file.execute("SELECT sql FROM sqlite_schema")
        return rows, sorted(built, key=repr)


def found(past: Past) -> list[str]:
    """Whatever the command would say of it, faults and refusals alike."""
    try:
        with SQLiteRecorder(past.path, read_only=True) as recorder:
            said, views = verify_all(
                recorder, recorder.path, witnesses=[WITNESS.verifier(COSIGNATURE)], workers=1
            )
    except (StoreError, KeyFileError, UnusableUrl) as error:
        said_so = str(error)
        return [said_so if "ledger." in said_so else pytest.fail(f"no file is named: {said_so}")]
    wrong = [f"{view.view}: {view.error}" for view in views if not view.same]
    return [fault.words for fault in said.faults] + wrong + list(said.remarks)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_byte_of_a_file(past: Past, chunk: int) -> None:
    """Wherever it is: a fault, or the same contents. Never an error that nobody expected."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    before = {name: (past.path.parent / name).read_bytes() for name in FILES}
    said = {name: content(past.path.parent / name) for name in FILES}
    assert found(past) == []
    for _ in range(FLIPS // CHUNKS):
        (name,) = chance.choices(list(FILES), weights=list(FILES.values()))
        path = past.path.parent / name
        changed = bytearray(before[name])
        place = chance.randrange(len(changed))
        changed[place] ^= chance.randrange(1, 256)
        path.write_bytes(changed)
        if not found(past):
            assert content(path) == said[name], f"byte {place} of {name}"
        for left in path.parent.glob("*-wal"):
            left.unlink()
        for left in path.parent.glob("*-shm"):
            left.unlink()
        path.write_bytes(before[name])
