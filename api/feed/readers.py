"""``GET /v1/feed/readers``: how far the connected systems have read the feed."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from aiohttp import web

from api.feed.resource import HUB
from api.http.access import caller_of
from api.http.asking import PRIVATE
from api.http.reading import json_response
from api.http.resources import Resource
from ledger.general.vocabulary import Role

#: Who supervises the exchange, who runs the service, and the systems themselves.
READERS: frozenset[Role] = frozenset(
    {"jb_supervisor", "credit_officer", "operator", "subscriber_system"}
)


class FeedReader(msgspec.Struct, frozen=True):
    """One holder of a token that reads the feed, as of its last request.

    ``lag``: how many positions it was behind; ``trend``: the lags of its last requests, the newest
    last. Positions of events that it may not see count too, for it moves past them.
    """

    unit: str
    person: str
    position: int
    lag: int
    read_at: datetime
    trend: tuple[int, ...]


class FeedReaders(msgspec.Struct, frozen=True):
    """The readers since the start of the service, those furthest behind first."""

    head: int
    items: tuple[FeedReader, ...]


async def readers(request: web.Request) -> web.Response:
    """How far each connected system has read the feed, and whether it is catching up.

    A partner's system is shown itself alone. Nothing is kept over a restart of the service.
    """
    grant, hub = await caller_of(request), request.app[HUB]
    head = await hub.head()
    shown = []
    for (unit, person), readings in hub.readings().items():
        if grant.role == "subscriber_system" and unit != grant.unit:
            continue
        last = readings[-1]
        shown.append(
            FeedReader(
                unit,
                person,
                last.position,
                max(0, head - last.position),
                datetime.fromtimestamp(last.at, UTC),
                tuple(max(0, reading.head - reading.position) for reading in readings),
            )
        )
    shown.sort(key=lambda reader: (-reader.lag, reader.unit, reader.person))
    return json_response(FeedReaders(head, tuple(shown)), headers=PRIVATE)


RESOURCES = (Resource("/v1/feed/readers", readers, returns=FeedReaders, roles=READERS),)
