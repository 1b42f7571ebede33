"""Files that are looked at and never written."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ledger.stores import StoreError
from ledger.stores.files import connect_read_only, trouble


def opened_file(opened: ExitStack, path: Path) -> sqlite3.Connection:
    """A file for reading alone, its text as bytes: damaged text is a fault and no exception."""
    try:
        connection = opened.enter_context(closing(connect_read_only(path)))
    except sqlite3.Error as error:
        raise StoreError(trouble(path, error)) from error
    connection.text_factory = bytes
    # A page of the tag index holds many positions: scanned once, in order.
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def asked(connection: sqlite3.Connection, path: Path, sql: str, *parameters: Any) -> list[Any]:
    """What a statement finds. Raises ``StoreError`` naming the file."""
    try:
        return connection.execute(sql, parameters).fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StoreError(trouble(path, error)) from error
