"""Today: what waits for the reader, and the figures of their office."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from api.console.shell import Opened, Page


async def today(page: Opened) -> web.StreamResponse:
    """Show what waits for the reader, the most urgent first."""
    items: list[dict[str, Any]] = []
    has_inbox = page.may_read("/v1/inbox")
    if has_inbox:
        body = await page.read("/v1/inbox", {"limit": 500})
        items = sorted(body["items"], key=lambda i: (i.get("due_on") or "9999", i["since"]))
    return await page.render("today.html", items=items, has_inbox=has_inbox)


PAGES = (
    Page("/console", today, name="today", group="work", key="t"),
    Page("/console/", today, name="today"),
)
