"""The full-process record of cases: which steps are recorded, with which files."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.systems.process.folds import STEPS, ProcessRecord
from projections.answers import shown_type
from projections.systems.process import ProcessRecords


def _record(fold: ProcessRecord, reader: Reader) -> dict[str, Any]:
    recorded = fold.recorded
    return {**shown(fold), "missing": [step for step in STEPS if step not in recorded]}


RESOURCES = Listing(
    "/v1/process-records",
    ProcessRecords,
    summary="The process records of cases: a unit and a business see their own, supervisors all.",
    one="The process record of one case: the files of each step with their digests, recordings "
    "with their gaps, superseded files, the differences found by checks, and the steps without "
    "a record.",
    show=_record,
    returns=shown_type(ProcessRecord, missing=list[str]),
    dates=("archived_on",),
    newest="archived_on",
    filters=(
        Parameter("unit", str, "the unit that handles the case"),
        Parameter("entity", str, "the business of the case"),
    ),
).resources()
