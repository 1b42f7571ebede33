"""Credit commitments (信用承诺, 2.4b) and the state of their obligations."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from msgspec import UnsetType

from ledger.systems.commitments.events import Obligation
from ledger.systems.commitments.folds import Commitment
from projections.answers import fields_type
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


_Obligation: Any = fields_type(
    Obligation,
    *("obligation", "due_on", "says"),
    fulfilled_on=date | None,
    breached_on=date | None,
    days_late=int,
)

#: A profile leaves out ``entity``: it is the business itself.
ShownCommitment: Any = fields_type(
    Commitment,
    *("commitment", "unit", "type", "made_on", "public"),
    stage=Literal["open", "fulfilled", "breached"],
    obligations=list[_Obligation],
    entity=str | UnsetType,
)


def document(commitment: Commitment) -> dict[str, Any]:
    """Return a commitment as a document, with the state of each obligation."""
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
                **msgspec.structs.asdict(obligation),
                "fulfilled_on": commitment.fulfilled.get(name),
                "breached_on": commitment.breached.get(name),
                "days_late": commitment.late.get(name, 0),
            }
            for name, obligation in commitment.obligations.items()
        ],
    }
