"""A subscriber that may be killed at any moment: ``subscriber.py ADDRESS FOLDER``.

Its cursor is a file. It writes each event that it gets to `got.txt`, and handles those that its
database does not have yet: event and position in one transaction.
"""

import sqlite3
import sys
from pathlib import Path

from supervision_ledger_client import FileCursor, Ledger

address, folder = sys.argv[1], Path(sys.argv[2])
database = sqlite3.connect(folder / "own.db", isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS handled (position INTEGER, subject TEXT)")

with Ledger(address) as ledger, (folder / "got.txt").open("a", buffering=1) as got:
    for event in ledger.subscribe(cursor=FileCursor(folder / "cursor"), types=["entities.*"]):
        got.write(f"{event.position}\n")
        with database:
            database.execute("BEGIN IMMEDIATE")
            done = database.execute("SELECT max(position) FROM handled").fetchone()[0] or 0
            if event.position > done:
                row = (event.position, event.subject)
                database.execute("INSERT INTO handled VALUES (?, ?)", row)
