"""Reconsideration cases (行政复议, 2.13) and their stages."""

from __future__ import annotations

from ledger.systems.reconsideration.folds import ReconCase
from projections.views import FoldView, subject_table
from projections.words import TextIndex, Texts, numbered

RECON_CASES = subject_table(
    "reconsiderations",
    "unit",
    "organ",
    "entity",
    "decision",
    "matter",
    "stage",
    "outcome",
    "applied_on",
    "accepted_on",
    "decided_on",
)


class ReconCases(FoldView[ReconCase]):
    """A row for each case."""

    name = "reconsiderations"
    kind = "recon"
    fold = ReconCase
    table = RECON_CASES
    search = TextIndex("reconsiderations")
    tables = (RECON_CASES, *search.tables)

    def texts(self, fold: ReconCase) -> Texts:
        return Texts((fold.recon, *numbered(fold.instrument), fold.grounds))
