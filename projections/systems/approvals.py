"""Approvals (双人审批): what was requested, by whom, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.approvals.folds import Approval
from projections.tables import Row, kept_from
from projections.views import FoldView, subject_table

APPROVALS = subject_table(
    "approvals",
    "unit",
    "command",
    "stage",
    "requested_by",
    sa.Column("confidential", sa.Boolean, nullable=False),
    sa.Column("kept_from", sa.Text, nullable=False),
)


class Approvals(FoldView[Approval]):
    """A row for each request."""

    name = "approvals"
    kind = "approval"
    fold = Approval
    table = APPROVALS
    version = 3
    tables = (APPROVALS,)

    def row(self, fold: Approval, position: int) -> Row:
        return {
            "unit": fold.unit,
            "command": fold.command,
            "stage": fold.stage,
            "requested_by": fold.requested_by,
            "confidential": fold.confidential,
            "kept_from": kept_from(fold.withheld_from),
        }
