"""Case-file reviews: batches, scored files, and the reports for the public."""

from __future__ import annotations

from typing import get_args

import sqlalchemy as sa

from api.http.listing import BUREAU, Listing, Where
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.general.audiences import UNIT_BOUND
from ledger.general.vocabulary import Role
from ledger.systems.casefiles.events import Mode, Outcome, ReviewReportPublished
from projections.systems.casefiles import CaseFiles, ReviewBatches

#: The roles that take part in reviews; findings are for the unit and its supervisors.
_READERS: frozenset[Role] = frozenset(
    role for role in get_args(Role) if role in UNIT_BOUND | BUREAU
)


def _both(reader: Reader, table: sa.Table) -> Where:
    """The Bureau reads every row; a unit reads the rows about itself and those that it reviews."""
    if reader.role in BUREAU:
        return []
    return [sa.or_(table.c.unit == reader.unit, table.c.reviewing_unit == reader.unit)]


def _reported(reader: Reader, table: sa.Table) -> Where:
    return [table.c.stage == "reported"]


_UNIT = Parameter("unit", str, "the unit whose files are reviewed")
_MODE = Parameter("mode", Mode, "how reviewers are assigned")

RESOURCES = (
    *Listing(
        "/v1/review-batches",
        ReviewBatches,
        "Batches of case files, from announcement and draw to scores and report.",
        "One batch: the frozen list, the values that decided the draw, and every score.",
        seen=_both,
        roles=_READERS,
        numbers=("year",),
        filters=(
            _UNIT,
            Parameter("reviewing_unit", str, "the reviewing unit"),
            Parameter("year", int, "the year of the files"),
            _MODE,
            Parameter("stage", str, "the current stage"),
        ),
    ).resources(),
    *Listing(
        "/v1/case-files",
        CaseFiles,
        "Scored case files, with the faults to be corrected.",
        "One file: its score, its faults, and which of them are corrected.",
        seen=_both,
        roles=_READERS,
        dates=("due_on",),
        filters=(
            _UNIT,
            Parameter("batch", str, "the batch in which it was reviewed"),
            Parameter("case", str, "the case of the file"),
            _MODE,
            Parameter("outcome", Outcome, "the result of the review"),
            Parameter("stage", str, "the current stage"),
        ),
    ).resources(),
    *Listing(
        "/v1/review-reports",
        ReviewBatches,
        "Published reports on case-file reviews: figures only, no files.",
        "One published report on a batch.",
        seen=_reported,
        show=lambda batch, reader: batch.report,
        returns=ReviewReportPublished,
        filters=(_UNIT, Parameter("year", int, "the year of the files"), _MODE),
    ).resources(),
)
