"""Filings of special and case inspections (专项、个案检查备案, 2.2)."""

from __future__ import annotations

from datetime import date

import msgspec

from ledger.general.vocabulary import FilingId
from ledger.kernel import Recorded, SubjectFold
from ledger.systems.filing.events import InspectionTaskApproved, SpecialInspectionFiled
from projections.views import FoldView, subject_table


class FilingState(SubjectFold):
    """What was filed under this id, and which tasks were approved under it?

    Planned visits are sealed. ``approved`` are the tasks of the unit that filed.
    """

    BEGUN = "unit"

    filing: FilingId
    unit: str = ""
    ground: str = ""
    matters: tuple[str, ...] = ()
    entity: str | None = None
    task: str | None = None
    special_plan: str | None = None
    clue_ref: str | None = None
    filed_to: str = ""
    filed_on: date | None = None
    days_late: int = 0
    approved: list[str] = msgspec.field(default_factory=list)

    def on_filed(self, event: SpecialInspectionFiled, record: Recorded) -> None:
        for name in event.__struct_fields__[1:]:
            setattr(self, name, getattr(event, name))
        self.filed_on = record.occurred_on

    def on_approved(self, event: InspectionTaskApproved) -> None:
        self.approved.append(event.task)


FILINGS = subject_table("filings", "unit", "ground", "entity", "task", "special_plan", "filed_on")


class Filings(FoldView[FilingState]):
    """A row for each filing."""

    name = "filings"
    kind = "filing"
    fold = FilingState
    table = FILINGS
    tables = (FILINGS,)
