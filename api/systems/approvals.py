"""Requests for a second signature, for the requesting unit and its supervisors."""

from __future__ import annotations

import sqlalchemy as sa

from api.http.listing import Listing, Where
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.systems.approvals.folds import Stage
from projections.systems.approvals import Approvals

# The units that a request is withheld from would reveal what it is about.
_INTERNAL = ("withheld_from", "requested_at")


def seen(reader: Reader, table: sa.Table) -> Where:
    """Like the request's events: only its unit and the Bureau see a confidential request."""
    where = [reader.concerned(table.c.unit, kept_from=table.c.kept_from)]
    if not reader.is_bureau:
        where.append(sa.or_(table.c.confidential.is_(False), table.c.unit == reader.unit))
    return where


RESOURCES = Listing(
    "/v1/approvals",
    Approvals,
    """Requests: commands that one person sent and a second person must approve, by request id.

    `POST /v1/approvals/approve-request` approves one; then it takes effect.""",
    "One request: the command with its fields, who requested it, and who answered it and how.",
    seen=seen,
    without=_INTERNAL,
    filters=(
        Parameter("stage", Stage, "the state of the request; `pending` ones await an answer"),
        Parameter("unit", str, "the unit of the person who requested it"),
        Parameter("command", str, "the command, such as corrections.correct-record"),
        Parameter("requested_by", str, "the person who requested it"),
    ),
).resources()
