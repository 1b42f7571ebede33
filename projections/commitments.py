"""Credit commitments (信用承诺, 2.4b): what was promised, and which of it is kept."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.commitments.folds import Commitment
from projections.views import FoldView, subject_table

COMMITMENTS = subject_table(
    "commitments",
    "entity",
    "unit",
    "type",
    "stage",
    "made_on",
    sa.Column("public", sa.Boolean, nullable=False),
)


class Commitments(FoldView[Commitment]):
    """A row for each commitment."""

    name = "commitments"
    kind = "commitment"
    fold = Commitment
    table = COMMITMENTS
    tables = (COMMITMENTS,)
