"""Commands of credit repair (2.4e): applications, decisions, and what else bears on a repair."""

from ledger.systems.repair.commands.applications import ApplyRepair, ForwardRepair, SupplementRepair
from ledger.systems.repair.commands.decisions import (
    AcceptRepair,
    ExtendRepair,
    GrantRepair,
    NotAcceptRepair,
    PushRepair,
    RefuseRepair,
    RequestRepairSupplement,
    RevokeRepair,
    SynchroniseRepair,
)
from ledger.systems.repair.commands.records import (
    ExcludeFromRepair,
    GrantTemporaryShield,
    ReadmitToRepair,
    RecordDutiesPerformed,
    RecordRepairMisconduct,
    ReportRepairFee,
)

__all__ = [
    "AcceptRepair",
    "ApplyRepair",
    "ExcludeFromRepair",
    "ExtendRepair",
    "ForwardRepair",
    "GrantRepair",
    "GrantTemporaryShield",
    "NotAcceptRepair",
    "PushRepair",
    "ReadmitToRepair",
    "RecordDutiesPerformed",
    "RecordRepairMisconduct",
    "RefuseRepair",
    "ReportRepairFee",
    "RequestRepairSupplement",
    "RevokeRepair",
    "SupplementRepair",
    "SynchroniseRepair",
]
