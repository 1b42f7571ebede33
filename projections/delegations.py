"""Delegated powers (赋权乡镇, 2.18), as their fold has them."""

from __future__ import annotations

from ledger.delegations.folds import Delegation
from projections.views import FoldView, subject_table


class Delegations(FoldView[Delegation]):
    """A row for each delegation."""

    name = "delegations"
    kind = "delegation"
    fold = Delegation
    table = subject_table("delegations", "unit", "stage", "valid_from", "valid_to", "ended_on")
    tables = (table,)
