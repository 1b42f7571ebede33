"""Commands of penalties (2.8): the case, then the decision."""

from ledger.penalties.commands.cases import CloseCase, FileCase
from ledger.penalties.commands.decisions import (
    DecidePenalty,
    PublishDecision,
    ServePenalty,
    WithdrawDecision,
)

__all__ = [
    "CloseCase",
    "DecidePenalty",
    "FileCase",
    "PublishDecision",
    "ServePenalty",
    "WithdrawDecision",
]
