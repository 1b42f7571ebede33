"""The search box: anything by part of its name, its number or its id, grouped by kind."""

from __future__ import annotations

from aiohttp import web

from api.console.shell import Opened, Page


async def search(page: Opened) -> web.StreamResponse:
    """Show what has these words, by kind."""
    return await page.render("search.html", groups={}, q=page.request.query.get("q", ""))


PAGES = (Page("/console/search", search, name="search", group="subjects", key="s"),)
