"""Commands of draws (2.3): preparation, announcement, execution, targets and results.

Some commands carry a result that takes too long to compute in the sequencer (a frozen roster, the
outcome of a draw). The service computes it before it submits the command, from inputs that are
fixed by their digest.
"""

from ledger.systems.draws.commands.announcing import AnnounceDraw
from ledger.systems.draws.commands.executing import DrawOutcome, ExecuteDraw, SelectTargets
from ledger.systems.draws.commands.results import PublishDrawResult
from ledger.systems.draws.commands.revealing import PublicValue, RevealCommitment, RevealSeed
from ledger.systems.draws.commands.reviewing import ReviewDraw, VerifyDraw
from ledger.systems.draws.commands.rosters import (
    FreezeEntityRoster,
    FreezeOfficerRoster,
    FrozenRoster,
    LeftOut,
    PublishDrawMatterList,
    RosterEntry,
)
from ledger.systems.draws.commands.targets import (
    AssignOfficers,
    ExemptDeparted,
    ExemptTarget,
    RequestExemption,
    SubstituteOfficer,
)
from ledger.systems.draws.commands.voiding import ReleaseTargets, VoidDraw
from ledger.systems.draws.effects import CalledReserves, SelectedLine

__all__ = [
    "AnnounceDraw",
    "AssignOfficers",
    "CalledReserves",
    "DrawOutcome",
    "ExecuteDraw",
    "ExemptDeparted",
    "ExemptTarget",
    "FreezeEntityRoster",
    "FreezeOfficerRoster",
    "FrozenRoster",
    "LeftOut",
    "PublicValue",
    "PublishDrawMatterList",
    "PublishDrawResult",
    "ReleaseTargets",
    "RequestExemption",
    "RevealCommitment",
    "RevealSeed",
    "ReviewDraw",
    "RosterEntry",
    "SelectTargets",
    "SelectedLine",
    "SubstituteOfficer",
    "VerifyDraw",
    "VoidDraw",
]
