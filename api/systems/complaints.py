"""Complaints about enforcement: complete for the handling body, anonymous for the accused unit."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.listing import Listing, Where, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.general.audiences import UNIT_BOUND
from ledger.systems.complaints.events import Outcome
from ledger.systems.complaints.folds import Complaint, Stage
from projections.answers import shown_type
from projections.systems.complaints import Complaints

#: Fields for every reader who may read a complaint; none of them leads to the complainant.
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
#: Offices for the whole region that also handle complaints.
OFFICES = frozenset({"recon_officer", "rlo_assessor"})
#: Positions in the ledger, which are not part of a complaint's document.
_PLACES = ("received_at", "clock_at", "accepted_at")


def seen(reader: Reader, table: sa.Table) -> Where:
    """Return the complaints that a reader may see.

    The Justice Bureau sees all; a business its own; a unit those it handles and those it was told
    of. The accused unit learns of a complaint when it is told of it; so does the Justice Bureau if
    it is accused itself. Offices that work across units and do not handle a complaint see it once
    anyone was told of it. Of complaints that accuse their own unit they see only what their own
    unit was told.
    """
    mine = table.c.informed.contains(f"|{reader.unit}|", autoescape=True)
    anybody = sa.and_(table.c.informed != "", sa.or_(table.c.subject_unit != reader.unit, mine))
    if reader.is_bureau:
        return [sa.or_(table.c.subject_unit != reader.unit, mine)]
    # The accused unit does not handle it, even if the complaint was first sent to that unit.
    handled = sa.and_(table.c.unit == reader.unit, table.c.subject_unit != reader.unit)
    if reader.in_unit:
        return [sa.or_(handled, mine)]
    if reader.role in OFFICES:
        return [sa.or_(handled, anybody)]
    where = [reader.concerned(table.c.unit, table.c.complainant)]
    if reader.role != "entity_rep":
        where.append(anybody)
    return where


def _column(reader: Reader, table: sa.Table, name: str) -> sa.ColumnElement[Any]:
    """Return the column for a filter: what the reader was told, where not all is visible."""
    if name not in ("stage", "outcome"):
        return table.c[name]
    return sa.case((_whole(reader, table), table.c[name]), else_=table.c[f"told_{name}"])


def _whole(reader: Reader, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition for complaints of which a reader sees everything."""
    return sa.or_(
        table.c.complainant == (reader.entity or ""),
        sa.and_(
            table.c.subject_unit != reader.unit,
            sa.true() if reader.is_bureau else _handled_by(reader, table),
        ),
    )


def _handled_by(reader: Reader, table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.unit == reader.unit if reader.role in UNIT_BOUND | OFFICES else sa.false()


def _shown(complaint: Complaint, reader: Reader) -> dict[str, Any]:
    document = shown(complaint, _PLACES)
    if document.pop("facts_sealed", False):
        document["facts_at"] = f"/v1/complaints/{complaint.complaint}/facts"
    own = reader.entity is not None and reader.entity == complaint.entity
    if own and not complaint.anonymous:
        # A business is not shown requests to other bodies about its complaint.
        return {k: v for k, v in document.items() if k not in ("steps", "handled_before")}
    handles = reader.role in UNIT_BOUND | OFFICES and reader.unit == complaint.unit
    if (reader.is_bureau or handles) and reader.unit != complaint.subject_unit:
        return document
    nameless = {k: v for k, v in document.items() if k in _NAMELESS}
    # Leave out what only others were told, and steps of which nobody was told.
    facts = complaint.told.get(reader.unit) or complaint.allegation
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

    A business reads its own complaints, the handling body all data. The accused unit reads the
    allegation once the complaint is accepted, but never who complained.""",
    one="""One complaint: the allegation, the handling body, its progress and its outcome.

    Only the handling body and the Justice Bureau read who complained.""",
    seen=seen,
    show=_shown,
    returns=shown_type(Complaint, (*_PLACES, "facts_sealed"), facts_at=str),
    column=_column,
    kept=_whole,
    filters=(
        Parameter("stage", Stage, "the progress of its handling"),
        Parameter("unit", str, "the handling body"),
        Parameter("subject_unit", str, "the unit accused"),
        Parameter("outcome", Outcome, "the outcome"),
    ),
).resources()
