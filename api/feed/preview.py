"""``GET /v1/feed/preview``: what a filter would have passed lately, before anyone relies on it."""

from __future__ import annotations

from collections import Counter

import msgspec
from aiohttp import hdrs, web

from api.feed.filters import filters_of
from api.feed.hub import Audience, Item, head_of, item_of
from api.feed.resource import HUB, CloudEvent
from api.http.access import caller_of
from api.http.evenly import answer_evenly
from api.http.reading import bounded, json_response
from api.http.resources import Parameter, Resource
from api.running.pools import FEEDS
from api.systems.sharing import entitlement_of
from ledger.kernel import budget

#: How many of the last events that the token sees are examined.
DEFAULT_LAST, MAX_LAST = 1000, 10_000

#: How many positions are searched for them, and how many are read at a time.
MAX_SEARCHED, PAGE = 10_000, 1000

#: How many of the matching events are shown.
SAMPLES = 5


class FilterPreview(msgspec.Struct, frozen=True):
    """What a filter passes of the last events that the token sees, of the last 10,000 positions.

    `visible` events after position `after`, up to `head`, are seen by the token; the filter passes
    `matching` of them, counted by type in `types`; `samples` are the newest of these.
    """

    after: int
    head: int
    visible: int
    matching: int
    types: dict[str, int]
    samples: tuple[CloudEvent, ...]


async def preview(request: web.Request) -> web.Response:
    """Return how many of the last events the filters `type` and `subject` would have passed.

    Only events that the token may see count, so that hidden ones change nothing. Use it before you
    subscribe: a filter that matches nothing is often misspelt.
    """
    grant = (await caller_of(request)).reader()
    topics, subjects = filters_of(request)
    last = bounded(request, "last", DEFAULT_LAST, 1, MAX_LAST)
    entitled = await entitlement_of(request, grant)
    everything = Audience(grant, frozenset(), frozenset(), entitled)
    wanted = Audience(grant, topics, subjects, entitled)
    hub = request.app[HUB]

    def ask() -> bytes:
        head = head_of(hub.store)
        oldest = max(0, head - MAX_SEARCHED)
        # Newest first. One more than asked for: the window begins after an event that the token
        # sees, because any other position would depend on the hidden events before the window.
        visible: list[Item] = []
        end = head
        while end > oldest and len(visible) <= last:
            start = max(oldest, end - PAGE)
            page = [item_of(each) for each in hub.store.read(after=start, limit=end - start)]
            for item in reversed(page):
                budget.check()
                if everything.shown(item) is not None:
                    visible.append(item)
            end = start
        after = visible[last].position if len(visible) > last else oldest
        window = visible[:last]
        matching = [shown for item in reversed(window) if (shown := wanted.shown(item)) is not None]
        samples = b",".join(item.json(hub.source) for item in matching[-SAMPLES:])
        types = dict(sorted(Counter(item.topic for item in matching).items()))
        return b'{"after":%d,"head":%d,"visible":%d,"matching":%d,"types":%b,"samples":[%b]}' % (
            after, head, len(window), len(matching), msgspec.json.encode(types), samples,
        )  # fmt: skip

    body = await FEEDS.run(ask)
    await answer_evenly(request)
    headers = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: "Authorization, Accept"}
    return json_response(None, body=body, headers=headers)


RESOURCES = (
    Resource(
        "/v1/feed/preview",
        preview,
        returns=FilterPreview,
        query=(
            Parameter("last", int, f"how many events that the token sees, 1 to {MAX_LAST}"),
            Parameter(
                "type", str, "only this type, or `system.*` for a whole system", repeatable=True
            ),
            Parameter("subject", str, "only about this subject, `kind:id`", repeatable=True),
        ),
    ),
)
