"""Take-ons, for the authorities; open deadlines from older systems, for those who owe them."""

from __future__ import annotations

from api.http.listing import Listing, shared
from api.http.resources import Parameter
from api.systems.approvals import seen
from ledger.systems.takeon.events import Concern
from projections.systems.takeon import OpenDuties, TakeOns

# The units that a duty is withheld from would reveal what it is about.
_INTERNAL = ("withheld_from", "opened_at")

RESOURCES = (
    *Listing(
        "/v1/take-ons",
        TakeOns,
        "Take-ons: the older system, the day of the takeover, and whether it is closed.",
        "One take-on.",
        seen=shared,
        filters=(
            Parameter("source", str, "the older system"),
            Parameter("stage", str, "open or closed"),
        ),
    ).resources(),
    *Listing(
        "/v1/open-duties",
        OpenDuties,
        """Duties of units from older systems that were not done on the day of the takeover.

        `/v1/deadlines?rule=takeon.open-deadline` lists which of them are missed.""",
        "One duty: its content, its last day, and when it was done.",
        seen=seen,
        without=_INTERNAL,
        dates=("due_on",),
        filters=(
            Parameter("unit", str, "the unit that owes it"),
            Parameter("concerns", Concern, "the kind of matter it belongs to"),
            Parameter("stage", str, "open or performed"),
        ),
    ).resources(),
)
