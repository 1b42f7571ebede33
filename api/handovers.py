"""Who stands in for whom in a unit, for the unit and its supervisors."""

from __future__ import annotations

from api.listing import Listing, reported
from api.resources import Parameter
from ledger.audiences import SUPERVISORS, UNIT_BOUND
from projections.handovers import Handovers

RESOURCES = Listing(
    "/v1/handovers",
    Handovers,
    "Handovers between the people of a unit (AB岗): a unit's own for the unit.",
    "The handovers of one unit: who stands in for whom, in what, and until when.",
    seen=reported,
    roles=frozenset(UNIT_BOUND | SUPERVISORS),
    filters=(Parameter("unit", str, "the unit"),),
).resources()
