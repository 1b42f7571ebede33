"""Read SQLite files for verification, without writing to them."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ledger.stores import StoreError
from ledger.stores.files import connect_read_only, trouble


def opened_file(opened: ExitStack, path: Path) -> sqlite3.Connection:
    """Open a file for reading, with text as bytes, so that damaged text raises no exception."""
    try:
        connection = opened.enter_context(closing(connect_read_only(path)))
    except sqlite3.Error as error:
        raise StoreError(trouble(path, error)) from error
    connection.text_factory = bytes
    # The tag index is scanned once, in order, and a page of it holds many positions.
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def asked(connection: sqlite3.Connection, path: Path, sql: str, *parameters: Any) -> list[Any]:
    """Return the rows that a statement finds. Raises ``StoreError``, which names the file."""
    try:
        return connection.execute(sql, parameters).fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StoreError(trouble(path, error)) from error
