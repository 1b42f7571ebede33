"""Folds about grades."""

from __future__ import annotations

from datetime import date

import msgspec

from ledger.grading.events import CreditGradeAssigned
from ledger.kernel import Fold
from ledger.vocabulary import EntityId, Grade

#: The grade of a business that nobody has graded: "else B" (2.4d).
UNGRADED: Grade = "B"


class CreditGrade(Fold):
    """Which grade had this business on which day?"""

    entity: EntityId
    assigned: list[CreditGradeAssigned] = msgspec.field(default_factory=list)

    def on_assigned(self, event: CreditGradeAssigned) -> None:
        self.assigned.append(event)

    def on(self, day: date) -> Grade:
        """The grade in force on a day: the newest assessment not after it."""
        newest: CreditGradeAssigned | None = None
        for event in self.assigned:
            if event.assessed_on <= day and (
                newest is None or event.assessed_on >= newest.assessed_on
            ):
                newest = event
        return newest.grade if newest else UNGRADED
