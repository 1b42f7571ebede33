"""Feeds: who receives what by which subscription, how far each has read, what it still owes."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api.console.shell import Opened, Page
from api.http.reader import AUTHORITIES

_SUBSCRIPTIONS, _READERS = "/v1/sharing/subscriptions", "/v1/feed/readers"
_REMOVALS, _PREVIEW = "/v1/sharing/removals", "/v1/feed/preview"

#: The most subscriptions of a page; each asks for what its filter would have passed.
_MOST = 30


async def feeds(page: Opened) -> web.StreamResponse:
    """Show the subscriptions, each with its filter tried on the last events, and its removals."""
    after = page.request.query.get("after")
    asked: dict[str, str | int] = {"limit": _MOST, **({"after": after} if after else {})}
    body, readers, removals = await page.read_all(
        (_SUBSCRIPTIONS, asked),
        (_READERS, None),
        (_REMOVALS, {"done": "false", "limit": 200}),
    )
    items = [] if body is None else body["items"]
    previews = await page.ask_all(*((_PREVIEW, _filter(item)) for item in items))
    by_unit: dict[str, list[dict[str, Any]]] = {}
    for reader in [] if readers is None else readers["items"]:
        by_unit.setdefault(reader["unit"], []).append(reader)
    owed: dict[str, list[dict[str, Any]]] = {}
    for removal in [] if removals is None else removals["items"]:
        owed.setdefault(removal["subscription"], []).append(removal)
    for waiting in owed.values():
        waiting.sort(key=lambda removal: str(removal.get("notified_on")))
    return await page.render(
        "feeds.html",
        body=body or {},
        head=None if readers is None else readers["head"],
        feeds=[
            {
                "item": item,
                "preview": answer.body if answer.fine else None,
                "readers": by_unit.get(item["unit"], []),
                "owed": owed.get(item["subscription"], []),
                "tried": _filter(item),
            }
            for item, answer in zip(items, previews, strict=True)
        ],
    )


def _filter(item: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the parameters with which a feed passes what a subscription passes."""
    filters = item.get("filters") or {}
    types = [("type", name) for name in filters.get("types") or ()]
    return [*types, *(("subject", name) for name in filters.get("subjects") or ())]


PAGES = (
    Page(
        "/console/feeds",
        feeds,
        name="feeds",
        group="oversight",
        needs=(_SUBSCRIPTIONS, "/v1/next-commands"),
        roles=AUTHORITIES | {"subscriber_system"},
    ),
)
