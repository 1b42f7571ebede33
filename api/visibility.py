"""Who may see which event."""

from __future__ import annotations

from collections.abc import Collection

from api.tokens import Grant
from ledger.kernel import Recorded, Visibility

#: They supervise the whole region.
SUPERVISORS = frozenset({"jb_supervisor", "rlo_assessor", "recon_officer", "ledger_clock"})

#: They see what concerns their own unit.
UNIT_BOUND = frozenset(
    {
        "enforcement_officer",
        "office_head",
        "unit_legal_office",
        "unit_head",
        "draw_coordinator",
        "park_committee",
    }
)


def may_see(grant: Grant, visibility: Visibility, actor_unit: str, tags: Collection[str]) -> bool:
    """Whether ``grant`` may see an event of this visibility, recorded by ``actor_unit``.

    ``tags`` are the event's stored tags. Whatever this does not allow is not seen.
    """
    role = grant.role
    if visibility == "public" or role == "jb_supervisor":
        return True
    if visibility == "sealed":
        # Whoever recorded it knows it; the business that a planned visit concerns does not.
        return role in UNIT_BOUND and actor_unit == grant.unit
    if role == "public":
        return False
    if visibility == "shared" or role in SUPERVISORS or role == "credit_officer":
        return True
    if role in UNIT_BOUND:
        return actor_unit == grant.unit or f"unit:{grant.unit}" in tags
    if role == "entity_rep":
        return grant.entity is not None and f"entity:{grant.entity}" in tags
    return False


def shown_person(grant: Grant, person_id: str) -> str:
    """Who recorded an event, or ``withheld``: the public is told the unit and the role."""
    return "withheld" if grant.role in ("public", "subscriber_system") else person_id


def may_see_record(grant: Grant, record: Recorded) -> bool:
    """``may_see`` for an event that is at hand as an object."""
    envelope = record.envelope
    return may_see(grant, envelope.visibility, envelope.actor.unit_id, record.event.tags())
