"""An import in a process of its own: ``python -m tests.faults.importer LEDGER FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from ledger.intake.run import import_register
from ledger.opening import LEDGER_CLOCK, open_ledger
from ledger.stores.sqlite import SQLiteRecorder


def main() -> None:
    """Import the New York layout; prints a line when the import begins."""
    with SQLiteRecorder(Path(sys.argv[1])) as recorder, open_ledger(recorder) as ledger:
        print("importing", flush=True)
        import_register(
            ledger, "nyc-restaurants", Path(sys.argv[2]), actor=LEDGER_CLOCK, batch_rows=100
        )


if __name__ == "__main__":
    main()
