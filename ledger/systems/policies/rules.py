"""Rules of policies."""

from __future__ import annotations

from ledger.general.audiences import BUREAU_UNIT
from ledger.kernel import DeadlineRule, finding_rule
from ledger.systems.policies.events import CalendarCalledFor, WorkingCalendarPublished

GEN_V2 = finding_rule(
    "GEN-V2",
    "retroactive_policy",
    "version {version} of {key} was adopted on {adopted_on} to hold from {effective_from}",
    law="rulebook 0.4 (design); 立法法 Art 104 (rules do not reach back)",
)

#: Nobody breaks a rule by a late calendar: the State Council's notice may come late.
PUBLISH_CALENDAR = DeadlineRule(
    "policies.calendar",
    None,
    CalendarCalledFor,
    (WorkingCalendarPublished,),
    about=lambda event: f"calendar:{event.year}",
    ends=lambda event: event.due_on,
    whose=lambda event: BUREAU_UNIT,
)
