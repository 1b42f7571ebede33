"""An import that is killed goes on where it stopped, and its memory stays flat."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.intake.events import ImportFinished
from ledger.intake.sample import sample_folder
from tests.intake.registers import NYC, Imported, nyc, write

ROOT = Path(__file__).resolve().parents[2]
BATCH = 40

#: Imports a folder, telling each batch that is committed; at the end, its memory in MB.
CHILD = """
import resource, sys
from pathlib import Path
from tests.intake.registers import Imported
Imported(Path(sys.argv[1])).take(
    sys.argv[2], Path(sys.argv[3]), batch_rows=int(sys.argv[4]),
    progress=lambda p: print(p.rows_done, flush=True),
)
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def child(ledger: Imported, mapping: str, folder: Path, batch: int) -> subprocess.Popen[str]:
    arguments = [str(ledger.path), mapping, str(folder), str(batch)]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_killed_import_goes_on_where_it_stopped(ledger: Imported, tmp_path: Path) -> None:
    """Killed again and again at random moments, it ends with the events of one left alone."""
    chance = random.Random(int.from_bytes(os.urandom(4), "big"))
    kills = 0
    for _ in range(6):
        with child(ledger, "sf-food", sample_folder(), BATCH) as process:
            assert process.stdout is not None
            for _, _ in zip(range(chance.randint(1, 60)), process.stdout, strict=False):
                pass
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
    assert kills >= 3
    assert len(ledger.of(ImportFinished)) < 6

    ledger.take("sf-food", sample_folder(), batch_rows=BATCH)
    undisturbed = Imported(tmp_path / "undisturbed.db")
    undisturbed.take("sf-food", sample_folder(), batch_rows=BATCH)
    assert ledger.story() == undisturbed.story()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Three times as many rows take no more memory, once the ledger's folds are at their limit."""
    peaks = []
    for rows in (14_000, 42_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        write(
            folder / "nyc_inspections_x.csv.gz",
            NYC,
            (nyc(camis=str(n), violation_code=f"{n % 90:02}A") for n in range(rows)),
        )
        with child(Imported(folder / "ledger.db"), "nyc-restaurants", folder, 500) as process:
            output, _ = process.communicate()
        peaks.append(int(output.split()[-1]) / 1024)
    small, large = peaks
    assert large < small + 15, f"{small:.0f} MB for 14,000 rows, {large:.0f} MB for 42,000"
