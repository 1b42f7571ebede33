"""Verifying a ledger with its log, compared with only reading and hashing the records."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from benchmarks.measuring import in_turns, report
from benchmarks.rebuilding import ledger_of
from ledger.opening import open_log
from ledger.verification import Files, verify_ledger

#: The target rate of two cores, in records per second.
TARGET = 100_000


def verifying_rate(path: Path) -> float:
    """Return the records verified per second: tags, tiles, and the checkpoint over all."""
    started = time.perf_counter()
    found = verify_ledger(Files.of(path))
    assert found.faults == ()
    return found.records / (time.perf_counter() - started)


def hashing_rate(path: Path) -> float:
    """Return the records per second that one process reads and hashes without other checks."""
    started = time.perf_counter()
    count = 0
    with closing(sqlite3.connect(path)) as ledger:
        for (data,) in ledger.execute("SELECT data FROM events ORDER BY position"):
            sha256(data).digest()
            count += 1
    return count / (time.perf_counter() - started)


def run(quick: bool = False) -> None:
    """Measure and print. The register is large, because starting the processes takes a second."""
    rows = 40_000 if quick else 250_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ledger_of(folder, rows) as recorder:
            with open_log(recorder) as log:
                log.advance()
            path, head = recorder.path, recorder.head()
            ours, theirs, ratio = in_turns(
                lambda: verifying_rate(path), lambda: hashing_rate(path), rounds=3
            )
        what = f"verify of {head:,} with their log ÷ bare read and SHA-256"
        report(what, ours, theirs, ratio, 0.1, "records/s")
        print(f"  on {os.cpu_count()} cores; target with two: {TARGET:,} records/s")
