"""The import of a register, compared with the library's application saving row by row."""

from __future__ import annotations

import csv
import gzip
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import NAMESPACE_URL, uuid4, uuid5

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event

from benchmarks.measuring import in_turns, report
from ledger.intake.run import import_register
from ledger.opening import LEDGER_CLOCK, open_ledger
from ledger.stores.sqlite import SQLiteRecorder

COLUMNS = [
    "inspection_date",
    "camis",
    "dba",
    "boro",
    "building",
    "street",
    "zipcode",
    "cuisine_code",
    "inspection_type",
    "action_code",
    "violation_code",
    "score",
    "grade",
    "grade_date",
]


def make_register(folder: Path, rows: int, chance: random.Random) -> dict[str, int]:
    """Write a register in the New York layout; return the counts that an import must report."""
    entities, inspections, violations = set(), set(), set()
    with gzip.open(folder / "nyc_inspections_2099.csv.gz", "wt", encoding="utf-8", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(COLUMNS)
        for _ in range(rows):
            camis = str(chance.randrange(40_000_000, 40_000_000 + rows // 20))
            day = f"20{chance.randrange(10, 15)}-{chance.randrange(1, 13):02}-10"
            kind = chance.choice(("Cycle Inspection / Initial Inspection", "Trans Fat / Other"))
            code = chance.choice(("02A", "04L", "06C", "08A", "10F"))
            writer.writerow(
                [
                    day,
                    camis,
                    f"NO {camis}",
                    "BRONX",
                    "1",
                    "MAIN",
                    "10467",
                    "3",
                    kind,
                    "CITED",
                    code,
                    "12",
                    "A",
                    day,
                ]
            )
            entities.add(camis)
            inspections.add((camis, day, kind))
            violations.add((camis, day, kind, code))
    return {
        "entities": len(entities),
        "imported_inspections": len(inspections),
        "imported_violations": len(violations),
    }


def import_rate(folder: Path, rows: int) -> float:
    """Return the rows imported per second into a new file."""
    path = folder / f"{uuid4().hex}.db"
    with SQLiteRecorder(path) as recorder, open_ledger(recorder) as ledger:
        started = time.perf_counter()
        import_register(ledger, "nyc-restaurants", folder, actor=LEDGER_CLOCK)
        return rows / (time.perf_counter() - started)


class Restaurant(Aggregate):
    """A business with its citations as an aggregate of the library."""

    class Registered(Aggregate.Created):
        """Create the business."""

        camis: str

    class Cited(Aggregate.Event):
        """Record one row of the register."""

        day: str
        kind: str
        code: str

    @event(Registered)
    def __init__(self, camis: str) -> None:
        self.known: set[tuple[str, str, str]] = set()

    @staticmethod
    def create_id(camis: str):  # type: ignore[no-untyped-def]
        """Return the id of a business, the same in every run."""
        return uuid5(NAMESPACE_URL, camis)

    @event(Cited)
    def cite(self, day: str, kind: str, code: str) -> None:
        self.known.add((day, kind, code))


def library_rate(folder: Path, rows: int) -> float:
    """Return the rows per second of the library's application: read, look up, decide, save each."""
    app = Application[object](
        env={
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(folder / f"{uuid4().hex}.db"),
        }
    )
    started = time.perf_counter()
    done = 0
    with gzip.open(folder / "nyc_inspections_2099.csv.gz", "rt", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            if done >= rows:
                break
            done += 1
            try:
                restaurant = app.repository.get(Restaurant.create_id(row["camis"]))
            except AggregateNotFoundError:
                restaurant = Restaurant(row["camis"])
            said = (row["inspection_date"], row["inspection_type"], row["violation_code"])
            if said not in restaurant.known:
                restaurant.cite(*said)
                app.save(restaurant)
    rate = done / (time.perf_counter() - started)
    app.close()
    return rate


def peak_memory(rows: int) -> float:
    """Return the peak memory in MB of a separate process that imports this many rows."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.importing", str(rows)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def main() -> None:
    """Import the number of rows in the arguments; print the peak resident memory in MB."""
    with tempfile.TemporaryDirectory() as name:
        rows = int(sys.argv[1])
        make_register(Path(name), rows, random.Random(1))
        import_rate(Path(name), rows)
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def run(quick: bool = False) -> None:
    """Measure and print the figures."""
    rows = 5_000 if quick else 40_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_register(folder, rows, random.Random(1))
        figures = in_turns(
            lambda: import_rate(folder, rows),
            lambda: library_rate(folder, rows // 20),
            rounds=3,
        )
        report("rows imported ÷ library's application, row by row", *figures, 8, "rows/s")
    one, four = peak_memory(rows), peak_memory(4 * rows)
    report("peak memory, four times the rows ÷ once", four, one, four / one, 1, "MB")


if __name__ == "__main__":
    main()
