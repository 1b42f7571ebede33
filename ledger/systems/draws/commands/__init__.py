"""Commands of 2.3: what is prepared, the draw, those who were drawn, and the results.

Some of them carry what takes longer than a sequencer should wait for (a frozen roster, the outcome
of a draw): it is worked out before they are handed in, from inputs fixed by their digest.
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
