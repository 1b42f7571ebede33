"""Joint visits: for the units that take part, and for the business once they were held."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.listing import Listing, Where, shown
from api.http.reader import AUTHORITIES, Reader
from api.http.resources import Parameter
from ledger.general.audiences import SUPERVISORS
from ledger.systems.joint.folds import Joint
from projections.systems.joint import JointArtefacts, Joints

#: Fields shown to a business about a visit it had; the rest is internal to the units.
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


def _artefacts(reader: Reader, table: sa.Table) -> Where:
    """Everyone reads the joint list (P); the rest is for the authorities."""
    return [] if reader.role in AUTHORITIES else [table.c.kind == "list"]


def _joints(reader: Reader, table: sa.Table) -> Where:
    """Supervisors see all, a unit those in which it takes part, a business those that were held."""
    if reader.is_public:
        raise reader.refused()
    if reader.role in SUPERVISORS:
        return []
    if reader.in_unit:
        return [table.c.units.contains(f"|{reader.unit}|", autoescape=True)]
    held = table.c.held_on.is_not(None)
    if reader.role == "entity_rep":
        return [table.c.entity == (reader.entity or ""), held]
    return [held]


def _joint(joint: Joint, reader: Reader) -> dict[str, Any]:
    document = shown(joint)
    if joint.held_on is None and not reader.is_bureau and joint.tasks:
        # A task is sealed until its visit: a unit learns of the others' tasks when it is held.
        own = {t: unit for t, unit in joint.tasks.items() if reader.is_of(unit)}
        document.pop("tasks", None)
        document |= {"tasks": own} if own else {}
    if reader.role == "entity_rep":
        return {name: value for name, value in document.items() if name in _HELD}
    return document


RESOURCES = (
    *Listing(
        "/v1/joint-artefacts",
        JointArtefacts,
        "The basis of joint visits: lists (public), calendars, procedures and merged forms.",
        "One joint list, calendar, procedure or form in its current state.",
        seen=_artefacts,
        filters=(Parameter("kind", str, "list, calendar, procedure or form"),),
    ).resources(),
    *Listing(
        "/v1/joints",
        Joints,
        "Joint visits: for units that take part; for the business, those that were held.",
        "One joint visit: who takes part, who declined and why, who was present, who found what.",
        seen=_joints,
        show=_joint,
        # Not by its window: a business does not read when the units wanted to come.
        dates=("held_on",),
        filters=(
            Parameter("unit", str, "the unit that leads"),
            Parameter("entity", str, "the business"),
            Parameter("stage", str, "planned, held or cancelled"),
        ),
    ).resources(),
)
