"""A file of the ledger without what refuses changes to honest programs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def unguarded(path: Path) -> Iterator[sqlite3.Connection]:
    """Open it with its triggers out of the way, its text as bytes; commit, and put them back.

    Whoever tampers puts them back too: that they are gone is found at once.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name.decode()}")
        connection.commit()
        yield connection
        for _, sql in triggers:
            connection.execute(sql.decode())
        connection.commit()
