"""Rules and the deadline of a take-on (2.18). Their ids are this ledger's own."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule
from ledger.systems.takeon.events import OpenDeadlineTakenOn, OpenDutyPerformed

_TAKE_ON = "rulebook 2.18 (design: the ids of these rules are this ledger's own)"

TKO_D1 = Rule(
    "TKO-D1",
    "{source} hands over once: {reason}",
    _TAKE_ON,
    "Enter what is new with the command of its own system; correct what was taken on wrongly with "
    "corrections/correct-record.",
)
TKO_D2 = Rule(
    "TKO-D2",
    "{what} is recorded here already; an opening fact must be entered once",
    _TAKE_ON,
    "Leave it out. If what is recorded is wrong, correct it with corrections/correct-record.",
)
TKO_D3 = Rule(
    "TKO-D3",
    "only what is live is taken on, and {what} is not: {reason}",
    _TAKE_ON,
    "Leave it out: what ended in the older system stays there.",
)
TKO_D4 = Rule(
    "TKO-D4",
    "{what} is of {given}; an opening fact must be of the day of the takeover, {day}, or earlier",
    _TAKE_ON,
    "Record what happened after that day with the command of its own system.",
)

#: Whoever had to see it done before: what is due after the takeover can be missed here.
PERFORM_DUTY = DeadlineRule(
    "takeon.open-deadline",
    None,
    OpenDeadlineTakenOn,
    (OpenDutyPerformed,),
    about=lambda event: f"duty:{event.duty}",
    ends=lambda event: event.due_on,
)
