"""kill -9 during an import: it goes on where it stopped, and nothing is recorded twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.importing import make_register
from ledger.intake.events import ImportProgressed, InspectionImported, ViolationImported
from ledger.intake.statistics import statistics
from ledger.kernel import codec
from ledger.stores.sqlite import SQLiteRecorder
from ledger.verification import verify_records
from tests.examples import rounds

KILLS = rounds(3, 50)
ROOT = Path(__file__).resolve().parents[2]


def check(path: Path) -> None:
    """The file verifies, nothing stands twice, and each file's place only moves forward."""
    with SQLiteRecorder(path) as recorder:
        assert verify_records(recorder).faults == ()
        seen: Counter[str] = Counter()
        place = 0
        for stored in recorder.read():
            event = codec.decode(stored.position, stored.event.data).event
            if isinstance(event, InspectionImported):
                seen[event.inspection] += 1
            elif isinstance(event, ViolationImported):
                seen[event.violation] += 1
            elif isinstance(event, ImportProgressed):
                assert event.rows_done >= place
                place = event.rows_done
        assert max(seen.values(), default=1) == 1


@pytest.mark.timeout(500)
def test_kill_during_import(tmp_path: Path) -> None:
    """Kills at random moments of imports that each go on to the end: as if never killed."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    folder = tmp_path / "register"
    folder.mkdir()
    expected = make_register(folder, 12_000, chance)
    kills, ledgers = 0, 0
    while kills < KILLS or ledgers == 0:
        path = tmp_path / f"ledger-{ledgers}.db"
        while True:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.importer", str(path), str(folder)],
                stdout=subprocess.PIPE,
                cwd=ROOT,
            )
            with process:
                assert process.stdout is not None
                process.stdout.readline()
                if kills < KILLS:
                    time.sleep(chance.uniform(0, 0.5))
                    process.kill()
            if process.returncode == 0:
                break
            assert kills < KILLS, "the import that nobody killed has failed"
            kills += 1
            check(path)
        ledgers += 1
        check(path)
        with SQLiteRecorder(path) as recorder:
            counted = statistics(recorder)
        assert {key: counted[key] for key in expected} == expected
