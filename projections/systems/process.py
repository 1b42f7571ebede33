"""The full-process record of each case (执法全过程记录, 2.8)."""

from __future__ import annotations

from ledger.systems.process.folds import ProcessRecord
from projections.views import FoldView, subject_table

PROCESS_RECORDS = subject_table("process_records", "unit", "entity", "archived_on")


class ProcessRecords(FoldView[ProcessRecord]):
    """A row for each case of which something is recorded."""

    name = "process_records"
    kind = "case"
    fold = ProcessRecord
    table = PROCESS_RECORDS
    tables = (PROCESS_RECORDS,)
