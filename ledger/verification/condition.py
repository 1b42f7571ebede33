"""Check that a file is an undamaged database and has the schema that the program makes.

Right rows alone are not enough. A damaged index hides rows from everybody who searches by it. And
if a trigger that refuses changes is missing, anybody can change the rows later.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

from ledger.stores import StoreError
from ledger.verification.faults import Fault
from ledger.verification.files import asked, opened_file

_MISSING = re.compile(r"row (\d+) missing from index (\w+)")
# Ignore the statistics of ANALYZE, which do not change the results of a query.
_BUILT = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat_'"

#: The schema of a file: the SQL of each part, by its kind and name.
Built = dict[tuple[str, str], str | None]


def condition(
    path: Path, schema: Sequence[str] | None, more: Sequence[str] = ()
) -> tuple[list[Fault], bool]:
    """Return the faults of a database file, and whether all of its rows can be read.

    ``schema``: the statements that make a new file; without it the schema is not checked. ``more``:
    further statements whose parts may be missing in a file that an earlier version made.
    """
    try:
        with ExitStack() as opened:
            file = opened_file(opened, path)
            damaged = []
            for (line,) in asked(file, path, "PRAGMA integrity_check"):
                if line != b"ok":
                    damaged += _damages(path.name, line.decode(errors="replace"))
            built = [] if schema is None else list(_built_otherwise(file, path, schema, more))
    except StoreError as error:
        return [Fault(0, f"cannot be read: {error}", path.name)], False
    # The rows of a table cannot be read if the table is not the program's.
    tables = any(", table " in fault.place for fault in built)
    return damaged + built, not damaged and not tables


def _damages(name: str, report: str) -> list[Fault]:
    """Return the faults in a report of SQLite's integrity check."""
    if (match := _MISSING.search(report)) is not None:
        row, index = int(match[1]), match[2]
        what = (
            f"it lacks row {row} of its table, so searches by it find too little; the index can be "
            "made again from the table (REINDEX)"
        )
        return [Fault(row, what, f"{name}, index {index}")]
    lines = [line for line in report.splitlines() if not line.startswith("*** in database")]
    return [Fault(0, f"the file is damaged: {line}", name) for line in lines]


def _built_otherwise(
    file: sqlite3.Connection, path: Path, schema: Sequence[str], more: Sequence[str]
) -> list[Fault]:
    """Return how the schema of a file differs from the program's."""
    optional = _made(tuple(more))
    expected = _made(tuple(schema)) | optional
    actual: Built = {
        (kind.decode(), name.decode(errors="replace")): sql and sql.decode(errors="replace")
        for kind, name, sql in asked(file, path, _BUILT)
    }
    faults = []
    for kind, name in sorted(expected.keys() | actual.keys()):
        if (kind, name) not in actual and (kind, name) in optional:
            continue
        if (kind, name) not in actual:
            what = "is missing: without it the file does not refuse forbidden changes"
        elif (kind, name) not in expected:
            what = "is not part of the program's schema; it was added later"
        elif expected[kind, name] != actual[kind, name]:
            what = "differs from the program's schema; it was changed later"
        else:
            continue
        faults.append(Fault(0, what, f"{path.name}, {kind} {name}"))
    return faults


@cache
def _made(schema: tuple[str, ...]) -> Built:
    with closing(sqlite3.connect(":memory:")) as made:
        for statement in schema:
            made.execute(statement)
        return {(kind, name): sql for kind, name, sql in made.execute(_BUILT)}
