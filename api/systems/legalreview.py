"""Legal reviews for the unit and the supervisors; reviewers; lists of major decisions."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa

from api.http.listing import Listing, Where, everybody
from api.http.reader import AUTHORITIES, Reader
from api.http.resources import Parameter
from ledger.systems.legalreview.events import Opinion, ReviewerRegistered
from ledger.systems.legalreview.folds import Review, Reviewer, Reviews
from projections.answers import fields_type, shown_type
from projections.systems.legalreview import LegalReviews, MajorDecisionLists, Reviewers


def _internal(reader: Reader, table: sa.Table) -> Where:
    """Opinions on drafts are internal to the unit; the Justice Bureau supervises it."""
    if reader.is_bureau:
        return []
    if reader.in_unit:
        return [table.c.unit == reader.unit]
    raise reader.refused()


def _shared(reader: Reader, table: sa.Table) -> Where:
    """Rows that the authorities share."""
    if reader.is_bureau:
        return []
    if reader.role in AUTHORITIES:
        # A person known only from reviews is known only from sealed events.
        return [table.c.unit.is_not(None)]
    raise reader.refused()


def _reviews(reviews: Reviews, reader: Reader) -> dict[str, Any]:
    return {"case": reviews.case, "reviews": list(reviews.reviews.values())}


def _reviewer(reviewer: Reviewer, reader: Reader) -> dict[str, Any]:
    document: dict[str, Any] = {
        "officer": reviewer.officer,
        "registered": list(reviewer.registered.values()),
    }
    own = reader.in_unit and set(reviewer.registered) == {reader.unit}
    if own or reader.is_bureau:
        # Opinions are sealed, and so is their number.
        document["reviewed"] = reviewer.reviewed
    return document


_UNIT = Parameter("unit", str, "the unit to which it belongs")

RESOURCES = (
    *Listing(
        "/v1/legal-reviews",
        LegalReviews,
        "Legal reviews by case, with the newest opinion; internal to the unit.",
        "Every review of one case, from the draft to the opinion.",
        seen=_internal,
        show=_reviews,
        returns=fields_type(Reviews, "case", reviews=list[Review]),
        filters=(
            _UNIT,
            Parameter(
                "opinion",
                str,
                "the newest opinion, or `pending`",
                values=Literal[Opinion, "pending"],
            ),
            Parameter("reviewer", str, "the reviewer"),
        ),
    ).resources(),
    *Listing(
        "/v1/reviewers",
        Reviewers,
        "The legal reviewers of each unit, with their qualification.",
        "One reviewer.",
        seen=_shared,
        show=_reviewer,
        returns=shown_type(Reviewer, registered=list[ReviewerRegistered]),
        filters=(_UNIT,),
    ).resources(),
    *Listing(
        "/v1/major-decision-lists",
        MajorDecisionLists,
        "The decisions that each unit has reviewed in addition to those the law requires.",
        "Every version of a unit's list.",
        seen=everybody,
        only=("unit", "versions"),
    ).resources(),
)
