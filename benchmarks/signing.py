"""The cost of the log: durable decisions with and without tiles and signed checkpoints.

The leaf hash is part of a stored record, so both sides calculate one SHA-256 per record.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from uuid import uuid4

from benchmarks.decisions import booking_rate, kernel_rate, planned_ledger
from benchmarks.measuring import in_turns, report
from ledger.opening import open_log
from ledger.stores.sqlite import SQLiteRecorder
from ledger.transparency.keeper import Keeper


def logged_rate(folder: Path, commands: int) -> float:
    """Return the commands per second while a thread adds them to the log and signs it."""
    path = folder / f"{uuid4().hex}.db"
    with (
        SQLiteRecorder(path) as recorder,
        open_log(recorder) as log,
        planned_ledger(recorder) as ledger,
    ):
        keeper = Keeper(log, recorder)
        keeper.start()
        try:
            rate = booking_rate(ledger, commands)
            newest = keeper.wait_for(recorder.head(), timeout=10)
        finally:
            keeper.close()
        assert newest is not None, keeper.error
        assert newest.size == recorder.head(), keeper.error
        return rate


def run(quick: bool = False) -> None:
    """Measure and print. A run of some seconds has a checkpoint at least every half second."""
    commands = 10_000 if quick else 60_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The state of the signer, on the same disk and outside of the user's home.
        os.environ["XDG_STATE_HOME"] = name
        figures = in_turns(
            lambda: logged_rate(folder, commands), lambda: kernel_rate(folder, commands)
        )
    report("decisions with the log kept up ÷ without a log", *figures, 0.9, "/s")
