"""Case-file review (案卷评查, 2.9): batches, files, and units without a recent review."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.systems.casefiles.folds import Batch, CaseFile, ReviewStanding
from projections.systems.records import iso
from projections.tables import Row
from projections.views import FoldView, subject_table

REVIEW_BATCHES = subject_table(
    "review_batches",
    "unit",
    "reviewing_unit",
    sa.Column("year", sa.Integer, index=True),
    "mode",
    "stage",
)


class ReviewBatches(FoldView[Batch]):
    """A row for each batch of case files under review."""

    name = "review_batches"
    version = 1
    kind = "review-batch"
    fold = Batch
    table = REVIEW_BATCHES
    tables = (REVIEW_BATCHES,)

    def row(self, fold: Batch, position: int) -> Row:
        begun = fold.drawn or fold.announced
        return {
            "unit": getattr(begun, "unit", None),
            "reviewing_unit": getattr(begun, "reviewing_unit", None),
            "year": getattr(begun, "year", None),
            "mode": getattr(begun, "mode", None),
            "stage": fold.stage,
        }


CASE_FILES = subject_table(
    "case_files", "unit", "reviewing_unit", "batch", "case", "mode", "outcome", "stage", "due_on"
)


class CaseFiles(FoldView[CaseFile]):
    """A row for each file that was scored in a batch."""

    name = "case_files"
    version = 1
    kind = "casefile"
    fold = CaseFile
    table = CASE_FILES
    tables = (CASE_FILES,)

    def row(self, fold: CaseFile, position: int) -> Row:
        scored, ordered = fold.scored, fold.ordered
        columns = {
            name: getattr(scored, name, None)
            for name in ("unit", "batch", "case", "mode", "outcome")
        }
        return {
            **columns,
            "reviewing_unit": getattr(scored, "reviewer_unit", None),
            "stage": fold.stage,
            "due_on": None if ordered is None else iso(ordered.due_on),
        }


REVIEW_STANDINGS = subject_table("review_standings", "since", "until")


class ReviewStandings(FoldView[ReviewStanding]):
    """A row for each unit: since when it lacks a review, and until when it is qualified."""

    name = "review_standings"
    version = 1
    kind = "unit"
    fold = ReviewStanding
    table = REVIEW_STANDINGS
    tables = (REVIEW_STANDINGS,)
