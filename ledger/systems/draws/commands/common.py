"""Checks that commands of draws share: whose draw it is, and who may operate it."""

from __future__ import annotations

from ledger.general.vocabulary import is_among
from ledger.kernel import Inquiry, message
from ledger.systems.draws.events import DrawPart
from ledger.systems.draws.folds import DrawState, OfficerRoster
from ledger.systems.supervision import rules as supervision


def operated(inquiry: Inquiry, draw_id: str) -> DrawState:
    """Return a draw of the actor's unit; refuse an actor who can be drawn to inspect in it."""
    draw = inquiry.own(DrawState(draw_id), "draws.announce-draw-first")
    require_no_inspector(inquiry, draw, inquiry.actor.person_id)
    return draw


def officers_of(inquiry: Inquiry, draw: DrawState) -> tuple[str, ...]:
    """Return the officers on the rosters of a draw, of all its units."""
    return tuple(officer for part in draw.parts for officer in officers_of_part(inquiry, part))


def officers_of_part(inquiry: Inquiry, part: DrawPart) -> tuple[str, ...]:
    """Return the officers on the roster of one unit."""
    frozen = inquiry.read(OfficerRoster(part.officer_roster)).frozen
    return frozen.officers if frozen is not None else ()


def require_no_inspector(inquiry: Inquiry, draw: DrawState, person: str) -> None:
    """Refuse an operator of a draw who can be drawn to inspect in it (GEN-R2)."""
    inquiry.require(
        not is_among(person, officers_of(inquiry, draw)),
        supervision.GEN_R2,
        person=person,
        one=message("draws.operator-of-draw"),
        other=message("draws.inspector-in-draw"),
    )
