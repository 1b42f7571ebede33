"""What views keep to ask for a grade on any day: the fold that commands ask, without its records'
envelopes.
"""

from __future__ import annotations

from ledger.credit.events import (
    CreditRecordAltered,
    CreditRecordEntered,
    PublicityBoundsMoved,
    PublicityReinstated,
    PublicityResumed,
    PublicityStarted,
    PublicitySuspended,
    PublicityTerminated,
)
from ledger.grading.events import CreditGradeAssigned
from ledger.grading.folds import CreditGrade
from ledger.kernel import Recorded

#: What a grade may follow from. That a business objects to its record is never among it.
GradingEvent = (
    CreditGradeAssigned
    | CreditRecordEntered
    | CreditRecordAltered
    | PublicityStarted
    | PublicityBoundsMoved
    | PublicityTerminated
    | PublicityReinstated
    | PublicitySuspended
    | PublicityResumed
)


class Graded(CreditGrade):
    """Which grade has this business on a day? Kept by views, and so without whole records."""

    def take(self, record: Recorded) -> None:
        super().take(record)
        changed = self.records.get(getattr(record.event, "record", ""))
        if changed is not None:
            # A view keeps what was said and not the records that said it.
            changed.entered = changed.objection = None
