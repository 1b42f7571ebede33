"""Who deputises for whom in a unit, for the unit and its supervisors."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, reported, shown
from api.http.reader import Reader
from api.http.resources import Parameter
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.handovers.folds import UnitHandovers
from projections.systems.handovers import Handovers


def _handovers(unit: UnitHandovers, reader: Reader) -> dict[str, Any]:
    """Return the handovers in force today; temporary ones end without an event."""
    return {**shown(unit), "standing": [h for h in unit.standing if h.holds(reader.today)]}


RESOURCES = Listing(
    "/v1/handovers",
    Handovers,
    "Handovers between the officers of a unit (AB岗); a unit sees its own.",
    "The handovers of one unit: who deputises for whom, in which matters, and until when.",
    seen=reported,
    show=_handovers,
    roles=frozenset(UNIT_BOUND | SUPERVISORS),
    filters=(Parameter("unit", str, "the unit"),),
).resources()
