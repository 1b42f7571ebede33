"""What several commands about a draw ask first: whose it is, and who may be drawn in it."""

from __future__ import annotations

from ledger.general.vocabulary import is_among
from ledger.kernel import Reading
from ledger.systems.draws.events import DrawPart
from ledger.systems.draws.folds import DrawState, OfficerRoster
from ledger.systems.supervision import rules as supervision


def operated(ledger: Reading, draw_id: str) -> DrawState:
    """A draw of the actor's unit, whom it does not send to inspect."""
    draw = ledger.known(DrawState(draw_id), "Announce the draw first.")
    ledger.act_for(draw.unit)
    require_no_inspector(ledger, draw, ledger.actor.person_id)
    return draw


def officers_of(ledger: Reading, draw: DrawState) -> tuple[str, ...]:
    """Who stands on the officer rosters of a draw, of whatever unit."""
    return tuple(officer for part in draw.parts for officer in officers_of_part(ledger, part))


def officers_of_part(ledger: Reading, part: DrawPart) -> tuple[str, ...]:
    """Who stands on the officer roster of one unit."""
    frozen = ledger.read(OfficerRoster(part.officer_roster)).frozen
    return frozen.officers if frozen is not None else ()


def require_no_inspector(ledger: Reading, draw: DrawState, person: str) -> None:
    """Refuse an operator of a draw who can be drawn to inspect in it (GEN-R2)."""
    ledger.require(
        not is_among(person, officers_of(ledger, draw)),
        supervision.GEN_R2,
        person=person,
        one="operator of a draw",
        other="inspector in it",
    )
