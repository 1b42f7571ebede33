"""The full-process record of cases: which steps are on record, by which files."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.systems.process.folds import STEPS, ProcessRecord
from projections.systems.process import ProcessRecords


def _record(fold: ProcessRecord, grant: Grant) -> dict[str, Any]:
    recorded = fold.recorded
    return {**shown(fold, grant), "missing": [step for step in STEPS if step not in recorded]}


RESOURCES = Listing(
    "/v1/process-records",
    ProcessRecords,
    summary="The records of cases: a unit's own for the unit, its own cases for a business, all "
    "for supervisors.",
    one="The record of one case: each step's files with their digests, the recordings with their "
    "gaps, what was superseded, what a check found otherwise, and the steps of which nothing is "
    "recorded.",
    show=_record,
    filters=(
        Parameter("unit", str, "the unit that handles the case"),
        Parameter("entity", str, "the business that the case is against"),
    ),
).resources()
