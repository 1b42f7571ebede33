"""Help: the keys, the colours, and the glossary of statutory terms."""

from __future__ import annotations

from aiohttp import web

from api.console.shell import GROUPS, Opened, Page, menu_of


async def keys(page: Opened) -> web.StreamResponse:
    """Show the keys, the colours with their meaning, and every page with its explanation."""
    pages = menu_of(page.request.app, page.role)
    return await page.render("help.html", pages=pages, groups=GROUPS)


PAGES = (Page("/console/help", keys, name="help", group="service", key="h", recorded="never"),)
