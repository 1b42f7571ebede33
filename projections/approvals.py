"""Approvals (双人审批): what was requested, by whom, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.approvals.folds import Approval
from projections.views import FoldView, subject_table

APPROVALS = subject_table(
    "approvals",
    "unit",
    "command",
    "stage",
    "requested_by",
    sa.Column("confidential", sa.Boolean, nullable=False),
)


class Approvals(FoldView[Approval]):
    """A row for each request."""

    name = "approvals"
    kind = "approval"
    fold = Approval
    table = APPROVALS
    tables = (APPROVALS,)
