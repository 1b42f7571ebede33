"""Complaints (违法执法投诉, 2.12): where each stands; and which inspections come after one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from ledger.kernel import Command
from ledger.systems.complaints.commands import ExamineInspection
from ledger.systems.complaints.folds import Complaint
from ledger.systems.complaints.rules import CMP_V1
from projections.follower import Views
from projections.systems.findings import FINDINGS
from projections.systems.tasks import TASKS
from projections.tables import Row
from projections.views import FoldView, subject_table

#: ``complainant`` is the business that reads its own complaint; ``entity`` stands also where a
#: complaint is anonymous, and is shown to nobody by this table.
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
    #: The bodies that know of it by what they were told, each between bars; empty while nobody is.
    "informed",
    #: How far it has come and what came of it, as far as the unit accused was told.
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
    tables = (COMPLAINTS,)

    def row(self, fold: Complaint, position: int) -> Row:
        return {
            **super().row(fold, position),
            "complainant": None if fold.anonymous else fold.entity,
        }


def inspections_after_complaints(views: Views, today: date) -> Iterator[tuple[Command, str]]:
    """Inspections to look at because their business has complained of their unit (CMP-V1)."""
    complaint, task = COMPLAINTS.c, TASKS.c
    visited_on = sa.func.coalesce(task.opened_on, task.planned_on)
    found = sa.exists().where(FINDINGS.c.rule_id == CMP_V1.id, FINDINGS.c.task == task.key)
    query = (
        sa.select(complaint.key, task.key)
        .where(
            task.entity == complaint.entity,
            task.unit == complaint.subject_unit,
            task.stage != "cancelled",
            sa.func.coalesce(task.approved_on, task.opened_on) >= complaint.received_on,
            visited_on >= complaint.received_on,
            visited_on <= complaint.guarded_until,
            sa.not_(found),
        )
        .order_by(complaint.received_on, complaint.key, task.key)
    )
    with views.reading() as connection:
        rows = connection.execute(query).all()
    for one, other in rows:
        # Looked at anew when the day of the visit changes.
        yield ExamineInspection(complaint=one, task=other), f"retaliation:{one}:{other}"
