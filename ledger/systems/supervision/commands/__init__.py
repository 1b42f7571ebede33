"""Commands of 2.10: findings, the documents that supervisors send, and what units may not do."""

from ledger.systems.supervision.commands.conduct import OrderBlanketMeasure, ReportProhibitedConduct
from ledger.systems.supervision.commands.documents import (
    AnswerSupervisionDoc,
    DeclineProposal,
    IssueCircular,
    IssueSupervisionDoc,
    ProposeSupervisionDoc,
    RecordPublicInterview,
    ReferToDiscipline,
    WithdrawSupervisionDoc,
)
from ledger.systems.supervision.commands.findings import (
    AcceptRectification,
    CloseFinding,
    DismissFinding,
    RaiseFinding,
    RejectRectification,
    RespondToFinding,
    StartDirectHandling,
    TriageFinding,
)

__all__ = [
    "AcceptRectification",
    "AnswerSupervisionDoc",
    "CloseFinding",
    "DeclineProposal",
    "DismissFinding",
    "IssueCircular",
    "IssueSupervisionDoc",
    "OrderBlanketMeasure",
    "ProposeSupervisionDoc",
    "RaiseFinding",
    "RecordPublicInterview",
    "ReferToDiscipline",
    "RejectRectification",
    "ReportProhibitedConduct",
    "RespondToFinding",
    "StartDirectHandling",
    "TriageFinding",
    "WithdrawSupervisionDoc",
]
