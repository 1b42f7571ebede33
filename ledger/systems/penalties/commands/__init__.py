"""Commands of penalties (2.8): the case and its hearings, the decision, its payment."""

from ledger.systems.penalties.commands.benchmarks import PublishBenchmark
from ledger.systems.penalties.commands.cases import CloseCase, FileCase, ReferCriminally
from ledger.systems.penalties.commands.decisions import (
    DecidePenalty,
    PublishDecision,
    ServePenalty,
    WithdrawDecision,
)
from ledger.systems.penalties.commands.evidence import (
    AddEvidence,
    DisposeOfEvidence,
    ExtendSeizure,
    RegisterInAdvance,
    SeizeProperty,
)
from ledger.systems.penalties.commands.hearings import (
    AnnounceHearing,
    HearStatement,
    HoldCollectiveDiscussion,
    HoldHearing,
    RequestHearing,
    ServePriorNotice,
    WaiveRights,
)
from ledger.systems.penalties.commands.payments import ApplyEnforcement, DeferPayment, RecordPayment

__all__ = [
    "AddEvidence",
    "AnnounceHearing",
    "ApplyEnforcement",
    "CloseCase",
    "DecidePenalty",
    "DeferPayment",
    "DisposeOfEvidence",
    "ExtendSeizure",
    "FileCase",
    "HearStatement",
    "HoldCollectiveDiscussion",
    "HoldHearing",
    "PublishBenchmark",
    "PublishDecision",
    "RecordPayment",
    "ReferCriminally",
    "RegisterInAdvance",
    "RequestHearing",
    "SeizeProperty",
    "ServePenalty",
    "ServePriorNotice",
    "WaiveRights",
    "WithdrawDecision",
]
