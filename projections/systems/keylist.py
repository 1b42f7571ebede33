"""Key lists and designated businesses (重点监管清单, 2.5), as their folds have them."""

from __future__ import annotations

from ledger.systems.keylist.folds import KeyDesignation, KeyList
from projections.views import FoldView, subject_table


class KeyLists(FoldView[KeyList]):
    """A row for each key domain with its matters."""

    name = "key_lists"
    kind = "key"
    fold = KeyList
    table = subject_table("key_lists")
    tables = (table,)


class KeyDesignations(FoldView[KeyDesignation]):
    """A row for each designation of a business."""

    name = "key_designations"
    kind = "designation"
    fold = KeyDesignation
    table = subject_table("key_designations", "unit", "entity", "stage", "review_on", "listed_as")
    tables = (table,)
