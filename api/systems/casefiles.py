"""Case-file review: batches, scored files, and the reports that the public reads."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import sqlalchemy as sa

from api.http.listing import BUREAU, Listing, Where
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.systems.casefiles.events import Mode, Outcome
from ledger.systems.casefiles.folds import Batch
from projections.systems.casefiles import CaseFiles, ReviewBatches

#: Who works on reviews; what they find is for the unit and the supervisors.
_READERS: frozenset[Role] = frozenset(
    role for role in get_args(Role) if role in UNIT_BOUND | BUREAU
)


def _both(grant: Grant, table: sa.Table) -> Where:
    """The bureau reads all; a unit what is about it, and what it reviews itself."""
    if grant.role in BUREAU:
        return []
    return [sa.or_(table.c.unit == grant.unit, table.c.reviewing_unit == grant.unit)]


def _reported(grant: Grant, table: sa.Table) -> Where:
    return [table.c.stage == "reported"]


def _report(batch: Batch, grant: Grant) -> dict[str, Any]:
    report: dict[str, Any] = msgspec.to_builtins(batch.report)
    return report


_UNIT = Parameter("unit", str, "whose files are reviewed")
_MODE = Parameter("mode", Mode, "who reviews whom")

RESOURCES = (
    *Listing(
        "/v1/review-batches",
        ReviewBatches,
        "Batches of case files: announced, drawn, scored, reported.",
        "One batch: the frozen list, the values that drew from it, and every score.",
        seen=_both,
        roles=_READERS,
        filters=(
            _UNIT,
            Parameter("reviewing_unit", str, "who reads them"),
            Parameter("year", int, "the year of the files"),
            _MODE,
            Parameter("stage", str, "how far it has come"),
        ),
    ).resources(),
    *Listing(
        "/v1/case-files",
        CaseFiles,
        "Case files that were scored, with what is to be put right.",
        "One file: its score, its faults, and how far it is put right.",
        seen=_both,
        roles=_READERS,
        filters=(
            _UNIT,
            Parameter("batch", str, "the batch that it was read in"),
            Parameter("case", str, "the case that it is the file of"),
            _MODE,
            Parameter("outcome", Outcome, "how it came out"),
            Parameter("stage", str, "how far it has come"),
        ),
    ).resources(),
    *Listing(
        "/v1/review-reports",
        ReviewBatches,
        "Published reports on case-file reviews: figures, no files.",
        "One published report on a batch.",
        seen=_reported,
        show=_report,
        filters=(_UNIT, Parameter("year", int, "the year of the files"), _MODE),
    ).resources(),
)
