"""Whether a file is whole as a database, and built as the program builds it.

Rows that are right do not help whoever finds them by an index that is not: a damaged index hides
what is there from everybody who asks by it. And rows that nobody changed yet may be changed by
whoever comes next, where what refuses that is gone.
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
# Statistics that somebody had SQLite take change nothing of what is found.
_BUILT = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat_'"

#: What a file is made of: the text of each part, by its kind and name.
Built = dict[tuple[str, str], str | None]


def condition(
    path: Path, schema: Sequence[str] | None, more: Sequence[str] = ()
) -> tuple[list[Fault], bool]:
    """What is wrong with a database file, whatever is in it, and whether it can be read throughout.

    ``schema``: the statements that make a new one; without it nobody looks how it is built.
    ``more``: those that make what a file of an earlier program may lack.
    """
    try:
        with ExitStack() as opened:
            file = opened_file(opened, path)
            damaged = []
            for (said,) in asked(file, path, "PRAGMA integrity_check"):
                if said != b"ok":
                    damaged += _damages(path.name, said.decode(errors="replace"))
            built = [] if schema is None else list(_built_otherwise(file, path, schema, more))
    except StoreError as error:
        return [Fault(0, f"cannot be read: {error}", path.name)], False
    # What rows hold cannot be asked for where a table is another one than the program's.
    tables = any(", table " in fault.place for fault in built)
    return damaged + built, not damaged and not tables


def _damages(name: str, said: str) -> list[Fault]:
    """What SQLite says of a damage, with the place."""
    if (found := _MISSING.search(said)) is not None:
        row, index = int(found[1]), found[2]
        what = (
            f"row {row} of its table is not found by it, and whoever asks by it is told too "
            "little; the index can be made anew from the table (REINDEX)"
        )
        return [Fault(row, what, f"{name}, index {index}")]
    lines = [line for line in said.splitlines() if not line.startswith("*** in database")]
    return [Fault(0, f"the file is damaged: {line}", name) for line in lines]


def _built_otherwise(
    file: sqlite3.Connection, path: Path, schema: Sequence[str], more: Sequence[str]
) -> list[Fault]:
    """In what a file differs from how the program makes it."""
    optional = _made(tuple(more))
    mine = _made(tuple(schema)) | optional
    there: Built = {
        (kind.decode(), name.decode(errors="replace")): sql and sql.decode(errors="replace")
        for kind, name, sql in asked(file, path, _BUILT)
    }
    faults = []
    for kind, name in sorted(mine.keys() | there.keys()):
        if (kind, name) not in there and (kind, name) in optional:
            continue
        if (kind, name) not in there:
            what = "is missing: without it the file does not refuse what it has to"
        elif (kind, name) not in mine:
            what = "is none of the program's: somebody added it"
        elif mine[kind, name] != there[kind, name]:
            what = "is not as the program makes it: somebody changed it"
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
