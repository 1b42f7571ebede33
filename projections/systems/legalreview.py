"""Legal reviews, reviewers and lists of major decisions (法制审核, 2.8) as they stand."""

from __future__ import annotations

from ledger.systems.legalreview.folds import MajorDecisions, Reviewer, Reviews
from projections.tables import Row
from projections.views import FoldView, subject_table

REVIEWS = subject_table("legal_reviews", "unit", "opinion", "reviewer")


class LegalReviews(FoldView[Reviews]):
    """A row for each case that was submitted to review, with the newest opinion."""

    name = "legal_reviews"
    kind = "case"
    fold = Reviews
    table = REVIEWS
    tables = (REVIEWS,)

    def row(self, fold: Reviews, position: int) -> Row:
        latest = fold.latest
        concluded = None if latest is None else latest.concluded
        return {
            "unit": None if latest is None else latest.requested.unit,
            "opinion": "pending" if concluded is None else concluded.opinion,
            "reviewer": None if concluded is None else concluded.reviewer,
        }


REVIEWERS = subject_table("reviewers", "unit")


class Reviewers(FoldView[Reviewer]):
    """A row for each reviewer, under the unit that registered the person last."""

    name = "reviewers"
    kind = "officer"
    fold = Reviewer
    table = REVIEWERS
    tables = (REVIEWERS,)

    def row(self, fold: Reviewer, position: int) -> Row:
        return {"unit": next(reversed(fold.registered), None)}


MAJOR_DECISIONS = subject_table("major_decisions")


class MajorDecisionLists(FoldView[MajorDecisions]):
    """A row for each unit that has published a list of major decisions."""

    name = "major_decisions"
    kind = "unit"
    fold = MajorDecisions
    table = MAJOR_DECISIONS
    tables = (MAJOR_DECISIONS,)
