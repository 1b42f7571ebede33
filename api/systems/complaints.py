"""Complaints about enforcement, read: whole by who handles them, nameless by the unit accused."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.asking import may_ask
from api.http.listing import Listing, Where, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import UNIT_BOUND
from ledger.systems.complaints.events import Outcome
from ledger.systems.complaints.folds import Complaint, Stage
from projections.systems.complaints import Complaints

#: What everybody reads who may read of a complaint at all: nothing that leads to who complained.
_NAMELESS = (
    "complaint",
    "unit",
    "subject_unit",
    "stage",
    "accepted_on",
    "allegation",
    "resolved_on",
    "outcome",
    "remedy",
)
#: Offices of the whole region that handle complaints too.
OFFICES = frozenset({"recon_officer", "rlo_assessor"})
#: Where something stands in the ledger is no part of a complaint.
_PLACES = ("received_at", "clock_at", "accepted_at")


def seen(grant: Grant, table: sa.Table) -> Where:
    """All for the Justice Bureau; a business's own; what a unit handles, and what it was told.

    The unit accused learns of a complaint when it is told of it, the Justice Bureau too if it is
    accused. Those who look across units and do not handle it learn of it with the first who is
    told; of what is told to others and not to their own unit, which is accused, they do not.
    """
    mine = table.c.informed.contains(f"|{grant.unit}|", autoescape=True)
    anybody = sa.and_(table.c.informed != "", sa.or_(table.c.subject_unit != grant.unit, mine))
    if grant.role == "jb_supervisor":
        return [sa.or_(table.c.subject_unit != grant.unit, mine)]
    # The accused is no handler, though a complaint may have come to it first.
    handled = sa.and_(table.c.unit == grant.unit, table.c.subject_unit != grant.unit)
    if grant.role in UNIT_BOUND:
        return [sa.or_(handled, mine)]
    if grant.role in OFFICES:
        return [sa.or_(handled, anybody)]
    where = [may_ask(grant, unit=table.c.unit, entity=table.c.complainant)]
    if grant.role != "entity_rep":
        where.append(anybody)
    return where


def _column(grant: Grant, table: sa.Table, name: str) -> sa.ColumnElement[Any]:
    """By what a filter asks: of what was not told it says nothing to those who were not told."""
    if name not in ("stage", "outcome"):
        return table.c[name]
    whole = sa.or_(
        table.c.complainant == (grant.entity or ""),
        sa.and_(
            table.c.subject_unit != grant.unit,
            sa.true() if grant.role == "jb_supervisor" else _handled_by(grant, table),
        ),
    )
    return sa.case((whole, table.c[name]), else_=table.c[f"told_{name}"])


def _handled_by(grant: Grant, table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.unit == grant.unit if grant.role in UNIT_BOUND | OFFICES else sa.false()


def _shown(complaint: Complaint, grant: Grant) -> dict[str, Any]:
    said = {k: v for k, v in shown(complaint, grant).items() if k not in _PLACES}
    if said.pop("facts_sealed", False):
        said["facts_at"] = f"/v1/complaints/{complaint.complaint}/facts"
    own = grant.entity is not None and grant.entity == complaint.entity
    if own and not complaint.anonymous:
        # What was asked of others about it is not for the business either.
        return {k: v for k, v in said.items() if k not in ("steps", "handled_before")}
    handles = grant.role in UNIT_BOUND | OFFICES and grant.unit == complaint.unit
    if (grant.role == "jb_supervisor" or handles) and grant.unit != complaint.subject_unit:
        return said
    nameless = {k: v for k, v in said.items() if k in _NAMELESS}
    # What was said to somebody else, and steps of which nobody was told, are not theirs.
    facts = complaint.told.get(grant.unit) or complaint.allegation
    nameless.pop("allegation", None)
    if facts is not None:
        nameless["allegation"] = facts
    if not complaint.accepted_openly:
        nameless.pop("accepted_on", None)
    if complaint.resolved_on is not None and not complaint.resolved_openly:
        for name in ("resolved_on", "outcome", "remedy"):
            nameless.pop(name, None)
    nameless["stage"] = complaint.told_stage
    return nameless


RESOURCES = Listing(
    path="/v1/complaints",
    view=Complaints,
    summary="""Complaints about enforcement, by their id.

    A business reads its own, whoever handles one all of it, the unit accused what is alleged once
    it is accepted, and never by whom.""",
    one="""One complaint: what is alleged, who handles it, how far that has come, what came of it.

    Who complained is read by the body that handles it and by the Justice Bureau alone.""",
    seen=seen,
    show=_shown,
    column=_column,
    filters=(
        Parameter("stage", Stage, "how far its handling has come"),
        Parameter("unit", str, "the body that handles it"),
        Parameter("subject_unit", str, "the unit accused"),
        Parameter("outcome", Outcome, "what came of it"),
    ),
).resources()
