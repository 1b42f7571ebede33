"""The public directory of complaint channels; supervisors also see how tests went."""

from __future__ import annotations

from typing import Any

from api.http.listing import Listing, everybody, shown
from api.http.reader import ACROSS_UNITS, Reader
from api.http.resources import Parameter
from ledger.systems.channels.events import ChannelKind
from ledger.systems.channels.folds import ComplaintChannel
from projections.systems.channels import ComplaintChannels, open_on


def _channel(channel: ComplaintChannel, reader: Reader) -> dict[str, Any]:
    document = shown(channel)
    if reader.is_of(channel.unit) or reader.role in ACROSS_UNITS:
        return document
    document.pop("tests", None)
    return document


RESOURCES = Listing(
    "/v1/complaint-channels",
    ComplaintChannels,
    "Channels for complaints about a unit's enforcement: mailboxes, telephones, pages, windows.",
    "One channel: its unit, kind, address and hours; whether it is closed, and why.",
    seen=everybody,
    show=_channel,
    dates=(
        "published_on",
        "closed_on",
    ),
    filters=(
        Parameter("unit", str, "the unit that the complaints are about"),
        Parameter("kind", ChannelKind, "the kind of channel"),
        Parameter("stage", str, "open or closed"),
    ),
    holds=open_on,
).resources()
