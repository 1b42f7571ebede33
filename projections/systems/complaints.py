"""Complaints (违法执法投诉, 2.12), and inspections that follow a complaint."""

from __future__ import annotations

from ledger.systems.complaints.folds import Complaint
from projections.tables import Row
from projections.views import FoldView, subject_table
from projections.words import TextIndex, Texts

#: ``complainant`` is the business that may read its own complaint. ``entity`` is also set for an
#: anonymous complaint and must never be shown from this table.
COMPLAINTS = subject_table(
    "complaints",
    "unit",
    "subject_unit",
    "stage",
    "channel",
    "outcome",
    "entity",
    "complainant",
    "received_on",
    "accepted_on",
    "guarded_until",
    #: The bodies that were informed, each between ``|``; empty if there are none.
    "informed",
    #: The stage and outcome that the accused unit was told.
    "told_stage",
    "told_outcome",
)


class Complaints(FoldView[Complaint]):
    """A row for each complaint."""

    name = "complaints"
    version = 3
    kind = "complaint"
    fold = Complaint
    table = COMPLAINTS
    search = TextIndex("complaints")
    tables = (COMPLAINTS, *search.tables)

    def texts(self, fold: Complaint) -> Texts:
        """Return the allegation for those who read only that, unless some were told another one."""
        allegation = fold.allegation or ""
        shown = [fold.complaint, *([] if fold.told else [allegation])]
        return Texts(shown, [fold.facts, allegation])

    def row(self, fold: Complaint, position: int) -> Row:
        return {
            **super().row(fold, position),
            "complainant": None if fold.anonymous else fold.entity,
        }
