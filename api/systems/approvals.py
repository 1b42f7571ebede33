"""Requests for a second signature, for the requesting unit and its supervisors."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from api.http.asking import may_ask
from api.http.listing import Listing, Where, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.systems.approvals.folds import Approval, Stage
from projections.systems.approvals import Approvals
from projections.tables import not_kept_from

_INTERNAL = {"withheld_from", "requested_at"}


def _shown(approval: Approval, grant: Grant) -> dict[str, Any]:
    # The units that a request is withheld from would reveal what it is about.
    return {k: v for k, v in shown(approval, grant).items() if k not in _INTERNAL}


def seen(grant: Grant, table: sa.Table) -> Where:
    """Like the request's events: only its unit and the Bureau see a confidential request."""
    where = [
        may_ask(grant, unit=table.c.unit, entity=None),
        not_kept_from(table.c.kept_from, grant.unit),
    ]
    if grant.role != "jb_supervisor":
        where.append(sa.or_(table.c.confidential.is_(False), table.c.unit == grant.unit))
    return where


RESOURCES = Listing(
    "/v1/approvals",
    Approvals,
    """Requests: commands that one person sent and a second person must approve, by request id.

    `POST /v1/approvals/approve-request` approves one; then it takes effect.""",
    "One request: the command with its fields, who requested it, and who answered it and how.",
    seen=seen,
    show=_shown,
    filters=(
        Parameter("stage", Stage, "the state of the request; `pending` ones await an answer"),
        Parameter("unit", str, "the unit of the person who requested it"),
        Parameter("command", str, "the command, such as corrections.correct-record"),
        Parameter("requested_by", str, "the person who requested it"),
    ),
).resources()
