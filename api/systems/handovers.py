"""Who stands in for whom in a unit, for the unit and its supervisors."""

from __future__ import annotations

from datetime import date
from typing import Any

from api.http.listing import Listing, reported, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.handovers.folds import UnitHandovers
from projections.systems.handovers import Handovers


def _handovers(unit: UnitHandovers, grant: Grant, today: date) -> dict[str, Any]:
    """The handovers that are in force; one that was for a time ends by itself."""
    return {**shown(unit, grant), "standing": [one for one in unit.standing if one.holds(today)]}


RESOURCES = Listing(
    "/v1/handovers",
    Handovers,
    "Handovers between the people of a unit (AB岗): a unit's own for the unit.",
    "The handovers of one unit: who stands in for whom, in what, and until when.",
    seen=reported,
    show=_handovers,
    by_day=True,
    roles=frozenset(UNIT_BOUND | SUPERVISORS),
    filters=(Parameter("unit", str, "the unit"),),
).resources()
