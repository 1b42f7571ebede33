"""Requests for a second signature, read by the unit that made them and by its supervisors."""

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
    # From whom it is kept would say what it is about.
    return {k: v for k, v in shown(approval, grant).items() if k not in _INTERNAL}


def seen(grant: Grant, table: sa.Table) -> Where:
    """As the events of a request are seen: a confidential one by its unit and the Bureau alone."""
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
    """Commands that one person requested and a second one approves, by the id of the request.

    `POST /v1/approvals/approve-request` lets one take effect.""",
    "One request: the command with its fields, who requested it, who answered it and how.",
    seen=seen,
    show=_shown,
    filters=(
        Parameter("stage", Stage, "what became of it; `pending` ones wait for an answer"),
        Parameter("unit", str, "the unit of the person who requested it"),
        Parameter("command", str, "the command, as corrections.correct-record"),
        Parameter("requested_by", str, "the person who requested it"),
    ),
).resources()
