"""Making a draw again: from its frozen roster and its seed, with nobody's word for anything."""

from __future__ import annotations

import msgspec

from ledger.systems.draws import uvdraw
from ledger.systems.draws.commands import DrawOutcome
from ledger.systems.draws.events import StratumCount
from ledger.systems.draws.folds import DrawState


class Drawn(msgspec.Struct, frozen=True):
    """A draw as made again: its outcome, and the lines of its selection in order."""

    outcome: DrawOutcome
    picked: tuple[uvdraw.Picked, ...]
    lines: list[bytes]


def drawn(draw: DrawState, roster: bytes) -> Drawn:
    """Make a seeded draw from the bytes of its frozen roster."""
    assert draw.seed is not None
    strata = uvdraw.draw_roster(
        roster, draw.draw, draw.seed, draw.ratios, by=draw.by, reserves=draw.reserves
    )
    lines = uvdraw.selection_lines(strata)
    outcome = DrawOutcome(
        strata=tuple(
            StratumCount(key=one.key, size=one.size, quota=one.quota)  # type: ignore[arg-type]
            for one in strata
        ),
        selection_hash=uvdraw.roster_hash(uvdraw.roster_bytes(lines)),
        selection_root=uvdraw.roster_root(lines),
        selection_count=len(lines),
    )
    picked = tuple(one for stratum in strata for one in stratum.picked())
    return Drawn(outcome, picked, lines)
