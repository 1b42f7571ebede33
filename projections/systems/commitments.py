"""Credit commitments (信用承诺, 2.4b): what was promised, and which of it is kept."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from ledger.systems.commitments.folds import Commitment
from projections.views import FoldView, subject_table

COMMITMENTS = subject_table(
    "commitments",
    "entity",
    "unit",
    "type",
    "stage",
    "made_on",
    sa.Column("public", sa.Boolean, nullable=False, index=True),
)


class Commitments(FoldView[Commitment]):
    """A row for each commitment."""

    name = "commitments"
    kind = "commitment"
    fold = Commitment
    table = COMMITMENTS
    tables = (COMMITMENTS,)


def document(commitment: Commitment) -> dict[str, Any]:
    """What was promised, each obligation with where it stands."""
    return {
        "commitment": commitment.commitment,
        "entity": commitment.entity,
        "unit": commitment.unit,
        "type": commitment.type,
        "made_on": commitment.made_on,
        "public": commitment.public,
        "stage": commitment.stage,
        "obligations": [
            {
                **msgspec.structs.asdict(one),
                "fulfilled_on": commitment.fulfilled.get(name),
                "breached_on": commitment.breached.get(name),
                "days_late": commitment.late.get(name, 0),
            }
            for name, one in commitment.obligations.items()
        ],
    }
