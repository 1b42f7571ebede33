"""Rules and the deadline of a take-on (2.18). Their ids are this ledger's own."""

from __future__ import annotations

from ledger.kernel import DeadlineRule, Rule
from ledger.systems.takeon.events import OpenDeadlineTakenOn, OpenDutyPerformed

_TAKE_ON = "rulebook 2.18 (design: the ids of these rules are this ledger's own)"

TKO_D1 = Rule(
    "TKO-D1",
    "{source} can be taken on only once: {reason}",
    _TAKE_ON,
    "Enter a new fact with the command of its own system; correct a fact that was taken on wrongly "
    "with corrections/correct-record.",
)
TKO_D2 = Rule(
    "TKO-D2",
    "{what} is already recorded here; an opening fact must be entered only once",
    _TAKE_ON,
    "Leave this entry out. If the recorded fact is wrong, correct it with "
    "corrections/correct-record.",
)
TKO_D3 = Rule(
    "TKO-D3",
    "only facts that still have effect can be taken on, and {what} has none: {reason}",
    _TAKE_ON,
    "Leave it out; a fact that ended in the older system stays there.",
)
TKO_D4 = Rule(
    "TKO-D4",
    "the day of {what} must not be later than the takeover ({day}); it is {given}",
    _TAKE_ON,
    "Record a fact of a later day with the command of its own system.",
)

#: A duty from an older system that is due after the takeover can be missed here.
PERFORM_DUTY = DeadlineRule(
    "takeon.open-deadline",
    None,
    OpenDeadlineTakenOn,
    (OpenDutyPerformed,),
    about=lambda event: f"duty:{event.duty}",
    ends=lambda event: event.due_on,
)
