"""Value types that several systems share."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec

from ledger.general.vocabulary import Name, Text
from ledger.kernel import Value

Month = Annotated[int, msgspec.Meta(ge=1, le=12)]


Year = Annotated[int, msgspec.Meta(ge=2000, le=2100)]


Result = Literal[
    "no_issue",
    "issue_corrected_on_spot",
    "order_to_correct",
    "case_filed",
    "referred",
    "refused_by_entity",
    "entity_not_found",
    "other",
]


#: The name that the visiting officers gave to a visit.
VisitLabel = Literal[
    "inspection",
    "random_inspection",
    "observation",
    "supervision_tour",
    "appraisal",
    "research",
]


class GovernmentApproval(Value):
    """Approval of a special campaign by a government of county level or above, or the superior."""

    authority: Name
    level: Literal["county_government", "higher_government", "vertical_superior"]
    doc_no: Name
    approved_on: date


#: 轻微、一般、严重失信信息. Information that is not dishonesty information has no severity.
Severity = Literal["minor", "general", "serious"]


#: Sectors whose dishonesty information stays public longer under some regimes.
Sector = Literal["food", "drugs", "special_equipment", "work_safety", "fire", "general"]


InstrumentKind = Literal[
    "judgment",
    "penalty_decision",
    "ruling",
    "licence_decision",
    "list_decision",
    "inspection_conclusion",
    "other",
]


class Instrument(Value, omit_defaults=True):
    """法律文书: the document that a record is based on.

    ``allowed_by`` cites the law that allows a record based on a document of kind ``other``.
    """

    kind: InstrumentKind
    doc_no: Name
    effective_on: date
    allowed_by: Text | None = None
