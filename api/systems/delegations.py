"""Delegated powers, for everybody; on a day, those in force that day."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, everybody, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.delegations.folds import Delegation
from projections.systems.delegations import Delegations, in_force


def _shown(given: Delegation, grant: Grant) -> dict[str, Any]:
    """What everybody reads; how it was assessed is for the township and those across units."""
    said = shown(given, grant)
    across = grant.role in SUPERVISORS or grant.role == "credit_officer"
    if not across and not (grant.role in UNIT_BOUND and grant.unit == given.unit):
        said.pop("assessments", None)
    return said


RESOURCES = Listing(
    "/v1/delegations",
    Delegations,
    "Powers delegated to townships, with the decision each rests on; all, or those of one day.",
    "One delegation: to whom, under which matters, and on which days it holds.",
    seen=everybody,
    show=_shown,
    holds=in_force,
    filters=(
        Parameter("unit", str, "the township"),
        Parameter("stage", str, "given or ended"),
    ),
).resources()
