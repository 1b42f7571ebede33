"""Views of an empty ledger, made once for each process and copied for every service of a test.

Making the tables of all views takes three times as long as everything else that a service does to
start. Views at position zero belong to no ledger in particular: a service that finds them checks
each fingerprint, marks the file as its own and follows from zero, as with tables of its own making.
"""

from __future__ import annotations

import os
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ledger.stores.files import copy_database
from ledger.stores.naming import sibling
from ledger.stores.sqlite import SQLiteRecorder
from projections.follower import Follower
from projections.opening import open_views


def lay_views(ledger: Path) -> None:
    """Put the views of an empty ledger where the service over this ledger will look for them."""
    write_views(sibling(ledger, "views"))


def write_views(path: Path) -> None:
    """Write the views of an empty ledger to a new file."""
    views = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(views, "wb") as file:
        file.write(_views())


@cache
def _views() -> bytes:
    with TemporaryDirectory(prefix="views-") as folder:
        path, copy = Path(folder) / "ledger.db", Path(folder) / "copy.db"
        with (
            SQLiteRecorder(path) as recorder,
            closing(open_views(f"sqlite:///{path}")) as views,
            Follower(recorder, views) as follower,
        ):
            follower.catch_up()
        copy_database(sibling(path, "views"), copy)
        return copy.read_bytes()
