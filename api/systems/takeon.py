"""Take-ons for the authorities, and open deadlines of older systems for those who owe them."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, shared, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from api.systems.approvals import seen
from ledger.systems.takeon.events import Concern
from ledger.systems.takeon.folds import OpenDuty
from projections.systems.takeon import OpenDuties, TakeOns


def _duty(duty: OpenDuty, grant: Grant) -> dict[str, Any]:
    # From whom it is kept would say what it is about.
    return {k: v for k, v in shown(duty, grant).items() if k not in ("withheld_from", "opened_at")}


RESOURCES = (
    *Listing(
        "/v1/take-ons",
        TakeOns,
        "Take-ons: from which older system this ledger took over, on which day, whether closed.",
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
        """What older systems asked of units and was still to be done on the day of the takeover.

    `/v1/deadlines?rule=takeon.open-deadline` says which of them are missed.""",
        "One of them: what, by when, and since when it is done.",
        seen=seen,
        show=_duty,
        filters=(
            Parameter("unit", str, "the unit that owes it"),
            Parameter("concerns", Concern, "what it belongs to"),
            Parameter("stage", str, "open or performed"),
        ),
    ).resources(),
)
