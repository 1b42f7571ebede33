"""The directory of complaint channels, for everybody; how tests went, for those who supervise."""

from __future__ import annotations

from typing import Any

from api.http.listing import BUREAU, Listing, everybody, shown
from api.http.resources import Parameter
from api.http.tokens import Grant
from ledger.general.audiences import SUPERVISORS, UNIT_BOUND
from ledger.systems.channels.events import ChannelKind
from ledger.systems.channels.folds import ComplaintChannel
from projections.systems.channels import ComplaintChannels, open_on


def _channel(channel: ComplaintChannel, grant: Grant) -> dict[str, Any]:
    said = shown(channel, grant)
    own = grant.role in UNIT_BOUND and grant.unit == channel.unit
    if own or grant.role in BUREAU | SUPERVISORS | {"credit_officer"}:
        return said
    said.pop("tests", None)
    return said


RESOURCES = Listing(
    "/v1/complaint-channels",
    ComplaintChannels,
    "Where anybody can complain of a unit's enforcement: mailboxes, telephones, pages, windows.",
    "One channel: its unit, kind, address and hours; a closed one says so, and why.",
    seen=everybody,
    show=_channel,
    filters=(
        Parameter("unit", str, "the unit that is complained of there"),
        Parameter("kind", ChannelKind, "what kind of channel it is"),
        Parameter("stage", str, "open or closed"),
    ),
    holds=open_on,
).resources()
