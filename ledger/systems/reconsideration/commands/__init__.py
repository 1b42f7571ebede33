"""Commands of administrative reconsideration, in the order in which a case goes (2.13)."""

from ledger.systems.reconsideration.commands.applications import (
    AcceptApplication,
    ApplyForReconsideration,
    CorrectApplication,
    RefuseApplication,
    RequestApplicationCorrection,
)
from ledger.systems.reconsideration.commands.decisions import (
    DecideCase,
    IssueOpinionLetter,
    MediateCase,
    ReportNonPerformance,
    ReportOpinionCorrection,
    ReportPerformance,
    ServeReconDecision,
    TerminateCase,
)
from ledger.systems.reconsideration.commands.proceedings import (
    ConcludeIncidentalReview,
    ExtendCase,
    RecordReconHearing,
    RequestIncidentalReview,
    ResumeCase,
    SendCopy,
    SubmitReply,
    SuspendCase,
    TransferIncidentalReview,
)

__all__ = [
    "ApplyForReconsideration",
    "RequestApplicationCorrection",
    "CorrectApplication",
    "AcceptApplication",
    "RefuseApplication",
    "SendCopy",
    "SubmitReply",
    "SuspendCase",
    "ResumeCase",
    "ExtendCase",
    "RecordReconHearing",
    "RequestIncidentalReview",
    "TransferIncidentalReview",
    "ConcludeIncidentalReview",
    "DecideCase",
    "MediateCase",
    "TerminateCase",
    "ServeReconDecision",
    "ReportPerformance",
    "ReportNonPerformance",
    "IssueOpinionLetter",
    "ReportOpinionCorrection",
]
