"""The four building blocks: events, folds, commands and the sequencer. No business rule is here."""

from ledger.kernel.commands import Act, Command, Context, DatedAct, Report
from ledger.kernel.corrections import FieldChange, RecordCorrected
from ledger.kernel.days import Due
from ledger.kernel.deadlines import (
    DeadlineLapsed,
    DeadlineMissed,
    DeadlineRecomputed,
    DeadlineRule,
)
from ledger.kernel.events import (
    UNNAMED,
    WRITTEN,
    Actor,
    Event,
    Fact,
    LegalRef,
    Moment,
    Provenance,
    Recorded,
    Value,
    Visibility,
    civil_date,
    civil_moment,
)
from ledger.kernel.folds import Fold, SubjectFold
from ledger.kernel.inquiry import Inquiry
from ledger.kernel.messages import Message, message
from ledger.kernel.policies import PolicyVersionAdopted, WorkingCalendarPublished
from ledger.kernel.records import Outcome
from ledger.kernel.rules import (
    Forbidden,
    KeyReused,
    Malformed,
    NotRecorded,
    OutcomeUnknown,
    OutOfStep,
    Refusal,
    Rule,
    Unavailable,
    UnknownReference,
    finding_rule,
)
from ledger.kernel.sequencer import Ledger
from ledger.kernel.subjects import Tag, subject

__all__ = [
    "UNNAMED",
    "WRITTEN",
    "Act",
    "Actor",
    "Command",
    "Context",
    "DatedAct",
    "DeadlineLapsed",
    "DeadlineMissed",
    "DeadlineRecomputed",
    "DeadlineRule",
    "Due",
    "Event",
    "Fact",
    "FieldChange",
    "Fold",
    "Forbidden",
    "KeyReused",
    "LegalRef",
    "Ledger",
    "Malformed",
    "Message",
    "Moment",
    "NotRecorded",
    "Outcome",
    "OutOfStep",
    "OutcomeUnknown",
    "PolicyVersionAdopted",
    "Provenance",
    "Inquiry",
    "RecordCorrected",
    "Recorded",
    "Refusal",
    "Report",
    "Rule",
    "SubjectFold",
    "Tag",
    "Unavailable",
    "UnknownReference",
    "Value",
    "Visibility",
    "WorkingCalendarPublished",
    "civil_date",
    "civil_moment",
    "finding_rule",
    "subject",
    "message",
]
