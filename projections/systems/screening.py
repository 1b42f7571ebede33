"""The view of screenings for key supervision (筛选, 2.18)."""

from __future__ import annotations

from ledger.systems.keylist.folds import Screening
from projections.views import FoldView, subject_table


class Screenings(FoldView[Screening]):
    """A row for each screening."""

    name = "screenings"
    kind = "screening"
    fold = Screening
    table = subject_table("screenings", "unit", "on")
    tables = (table,)
