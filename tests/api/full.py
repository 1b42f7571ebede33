"""A ledger with every type of event, served by a process, and a token for every role."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from ledger.general.vocabulary import Role
from ledger.stores.sqlite import SQLiteRecorder
from tests.api.oracle import E1, UNIT, Facts, Placed, secrets, stored
from tests.empty import lay_views
from tests.serving import Served

#: The units of roles that do not act for any enforcement unit.
_UNITS: dict[Role, str] = {
    "jb_supervisor": "JB",
    "credit_officer": "EDB",
    "recon_officer": "RECON",
    "rlo_assessor": "RLO",
    "park_committee": "PARK",
    "draw_coordinator": "JB",
    "entity_rep": "ENTITY",
    "operator": "IT",
}


def laid(folder: Path) -> Served:
    """Record events of every type in ``folder``, and return the ledger, not yet served."""
    served = Served(folder, "--quiet", "--accept-lost-keys")
    facts = Facts()
    events = [*facts.law(), *facts.of_every_type(Placed(1, subject_unit="TAX"), UNIT)]
    events += secrets(facts)
    path = folder / "ledger.db"
    with SQLiteRecorder(path) as recorder:
        recorder.append([stored(record) for record in events])
    lay_views(path)
    return served


#: Every role, those without a token first.
ROLES: tuple[Role, ...] = ("public", *(role for role in get_args(Role) if role != "public"))


def tokens(served: Served) -> dict[Role, str]:
    """A token for every role that has one."""
    return {
        role: served.token(
            _UNITS.get(role, UNIT), f"{role}-1", role, E1 if role == "entity_rep" else None
        )
        for role in get_args(Role)
        if role != "public"
    }
