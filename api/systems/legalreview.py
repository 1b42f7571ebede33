"""Legal reviews for the unit and the supervisors, reviewers, and lists of major decisions."""

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
    """What is said of drafts stays in the unit; the Justice Bureau supervises it."""
    if grant.role == "jb_supervisor":
        return []
    if grant.role in UNIT_BOUND:
        return [table.c.unit == grant.unit]
    raise may_not_read(grant)


def _shared(grant: Grant, table: sa.Table) -> Where:
    """What the authorities share among themselves."""
    if grant.role == "jb_supervisor":
        return []
    if grant.role in UNIT_BOUND or grant.role in SUPERVISORS or grant.role == "credit_officer":
        # A person of whom nothing is known but reviews is known by what is sealed alone.
        return [table.c.unit.is_not(None)]
    raise may_not_read(grant)


def _reviews(reviews: Reviews, grant: Grant) -> dict[str, Any]:
    return {"case": reviews.case, "reviews": list(reviews.reviews.values())}


def _reviewer(reviewer: Reviewer, grant: Grant) -> dict[str, Any]:
    said: dict[str, Any] = {
        "officer": reviewer.officer,
        "registered": list(reviewer.registered.values()),
    }
    own = grant.role in UNIT_BOUND and set(reviewer.registered) == {grant.unit}
    if own or grant.role == "jb_supervisor":
        # Each opinion is sealed, and so is how many there are.
        said["reviewed"] = reviewer.reviewed
    return said


def _list(decisions: MajorDecisions, grant: Grant) -> dict[str, Any]:
    return {"unit": decisions.unit, "versions": decisions.versions}


_UNIT = Parameter("unit", str, "the unit whose it is")

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
            Parameter("reviewer", str, "who gave it"),
        ),
    ).resources(),
    *Listing(
        "/v1/reviewers",
        Reviewers,
        "Who reviews for which unit, with which qualification.",
        "One reviewer.",
        seen=_shared,
        show=_reviewer,
        filters=(_UNIT,),
    ).resources(),
    *Listing(
        "/v1/major-decision-lists",
        MajorDecisionLists,
        "Which decisions each unit has reviewed beside those of the law.",
        "Every version of a unit's list.",
        seen=everybody,
        show=_list,
    ).resources(),
)
