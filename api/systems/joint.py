"""Joint visits: for the units that take part, and for the business once they were held."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.asking import required_grant
from api.http.listing import Listing, Where, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.joint.folds import Joint
from projections.systems.joint import JointArtefacts, Joints

#: What a business is shown of a visit that it had; the rest is between the units.
_HELD = (
    "joint",
    "entity",
    "unit",
    "modes",
    "unified_form",
    "held_on",
    "minutes_on_site",
    "presences",
    "matters_checked",
    "record_digest",
    "results",
    "stage",
)


def _artefacts(grant: Grant, table: sa.Table) -> Where:
    """The joint list is everybody's (P); the rest is among authorities."""
    official = grant.role in SUPERVISORS | UNIT_BOUND | {"credit_officer"}
    return [] if official else [table.c.kind == "list"]


def _joints(grant: Grant, table: sa.Table) -> Where:
    """Supervisors see all, a unit those in which it has a part, a business those that were held."""
    required_grant(grant)
    if grant.role in SUPERVISORS:
        return []
    if grant.role in UNIT_BOUND:
        return [table.c.units.contains(f"|{grant.unit}|", autoescape=True)]
    held = table.c.held_on.is_not(None)
    if grant.role == "entity_rep":
        return [table.c.entity == (grant.entity or ""), held]
    return [held]


def _is_of(grant: Grant, unit: str) -> bool:
    return grant.role in UNIT_BOUND and grant.unit == unit


def _joint(joint: Joint, grant: Grant) -> dict[str, Any]:
    said = shown(joint, grant)
    if joint.held_on is None and grant.role != "jb_supervisor" and joint.tasks:
        # A task is sealed until its visit: of the others' a unit learns when it is held.
        own = {t: unit for t, unit in joint.tasks.items() if _is_of(grant, unit)}
        said = {k: v for k, v in said.items() if k != "tasks"} | ({"tasks": own} if own else {})
    if grant.role == "entity_rep":
        return {name: value for name, value in said.items() if name in _HELD}
    return said


RESOURCES = (
    *Listing(
        "/v1/joint-artefacts",
        JointArtefacts,
        "What joint visits rest on: lists (public), calendars, procedures and merged forms.",
        "One joint list, calendar, procedure or form as it stands.",
        seen=_artefacts,
        filters=(Parameter("kind", str, "list, calendar, procedure or form"),),
    ).resources(),
    *Listing(
        "/v1/joints",
        Joints,
        "Joint visits: for units with a part in them; for the business, those that were held.",
        "One joint visit: who takes part, who declined and why, who was there, who found what.",
        seen=_joints,
        show=_joint,
        filters=(
            Parameter("unit", str, "the unit that leads"),
            Parameter("entity", str, "the business"),
            Parameter("stage", str, "planned, held or cancelled"),
        ),
    ).resources(),
)
