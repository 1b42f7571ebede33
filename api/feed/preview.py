"""``GET /v1/feed/preview``: what a filter would have passed lately, before anyone relies on it."""

from __future__ import annotations

from collections import Counter

import msgspec
from aiohttp import hdrs, web

from api.feed.filters import filters_of
from api.feed.hub import Audience, head_of, item_of
from api.feed.resource import HUB, CloudEvent
from api.http.access import caller_of
from api.http.evenly import answer_evenly
from api.http.reading import bounded, json_response
from api.http.resources import Parameter, Resource
from api.running.pools import FEEDS
from api.systems.sharing import entitlement_of
from ledger.kernel import budget

#: How many of the last positions are examined.
DEFAULT_LAST, MAX_LAST = 1000, 10_000

#: How many of the matching events are shown.
SAMPLES = 5


class FilterPreview(msgspec.Struct, frozen=True):
    """What a filter passes of the events after ``after``, up to ``head``, that the token sees.

    `visible` of them the token sees, `matching` the filter passes, by type in `types`; `samples`
    are the newest of these.
    """

    after: int
    head: int
    visible: int
    matching: int
    types: dict[str, int]
    samples: tuple[CloudEvent, ...]


async def preview(request: web.Request) -> web.Response:
    """Return how many of the last events the filters `type` and `subject` would have passed.

    Only events that the token may see count. Use it before you subscribe: a filter that matches
    nothing is often misspelt.
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
        after = max(0, head - last)
        visible = 0
        matching = []
        for stored in hub.store.read(after=after, limit=head - after):
            budget.check()
            item = item_of(stored)
            if everything.shown(item) is None:
                continue
            visible += 1
            if (shown := wanted.shown(item)) is not None:
                matching.append(shown)
        samples = b",".join(item.json(hub.source) for item in matching[-SAMPLES:])
        types = dict(sorted(Counter(item.topic for item in matching).items()))
        return b'{"after":%d,"head":%d,"visible":%d,"matching":%d,"types":%b,"samples":[%b]}' % (
            after, head, visible, len(matching), msgspec.json.encode(types), samples,
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
            Parameter("last", int, f"how many positions to examine, 1 to {MAX_LAST}"),
            Parameter(
                "type", str, "only this type, or `system.*` for a whole system", repeatable=True
            ),
            Parameter("subject", str, "only about this subject, `kind:id`", repeatable=True),
        ),
    ),
)
