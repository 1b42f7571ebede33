"""Legal reviews for the unit and the supervisors; reviewers; lists of major decisions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.asking import may_not_read
from api.http.listing import Listing, Where, everybody
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.legalreview.folds import MajorDecisions, Reviewer, Reviews
from projections.systems.legalreview import LegalReviews, MajorDecisionLists, Reviewers


def _internal(grant: Grant, table: sa.Table) -> Where:
    """Opinions on drafts are internal to the unit; the Justice Bureau supervises it."""
    if grant.role == "jb_supervisor":
        return []
    if grant.role in UNIT_BOUND:
        return [table.c.unit == grant.unit]
    raise may_not_read(grant)


def _shared(grant: Grant, table: sa.Table) -> Where:
    """Rows that the authorities share."""
    if grant.role == "jb_supervisor":
        return []
    if grant.role in UNIT_BOUND or grant.role in SUPERVISORS or grant.role == "credit_officer":
        # A person known only from reviews is known only from sealed events.
        return [table.c.unit.is_not(None)]
    raise may_not_read(grant)


def _reviews(reviews: Reviews, grant: Grant) -> dict[str, Any]:
    return {"case": reviews.case, "reviews": list(reviews.reviews.values())}


def _reviewer(reviewer: Reviewer, grant: Grant) -> dict[str, Any]:
    document: dict[str, Any] = {
        "officer": reviewer.officer,
        "registered": list(reviewer.registered.values()),
    }
    own = grant.role in UNIT_BOUND and set(reviewer.registered) == {grant.unit}
    if own or grant.role == "jb_supervisor":
        # Opinions are sealed, and so is their number.
        document["reviewed"] = reviewer.reviewed
    return document


def _list(decisions: MajorDecisions, grant: Grant) -> dict[str, Any]:
    return {"unit": decisions.unit, "versions": decisions.versions}


_UNIT = Parameter("unit", str, "the unit to which it belongs")

RESOURCES = (
    *Listing(
        "/v1/legal-reviews",
        LegalReviews,
        "Legal reviews by case, with the newest opinion; internal to the unit.",
        "Every review of one case, from the draft to the opinion.",
        seen=_internal,
        show=_reviews,
        filters=(
            _UNIT,
            Parameter("opinion", str, "the newest opinion, or `pending`"),
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
        filters=(_UNIT,),
    ).resources(),
    *Listing(
        "/v1/major-decision-lists",
        MajorDecisionLists,
        "The decisions that each unit has reviewed in addition to those the law requires.",
        "Every version of a unit's list.",
        seen=everybody,
        show=_list,
    ).resources(),
)
