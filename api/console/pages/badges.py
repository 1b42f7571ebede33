"""The numbers in the menu, asked for by a script; they are counts, and no consultation."""

from __future__ import annotations

from aiohttp import hdrs, web

from api.console.shell import Opened, Page

#: What each badge counts: the parameters of a summary.
_COUNTED = {
    "findings": {"of": "findings", "by": "state", "state": "raised"},
    "deadlines": {"of": "deadlines", "by": "overdue", "overdue": "true"},
}


async def badges(page: Opened) -> web.StreamResponse:
    """Return the counts that the menu shows, by name; zero is left out."""
    answers = await page.ask_all(*(("/v1/summary", query) for query in _COUNTED.values()))
    counts = {
        name: answer.body["total"]
        for name, answer in zip(_COUNTED, answers, strict=True)
        if answer.fine and answer.body["total"]
    }
    return web.json_response(counts, headers={hdrs.CACHE_CONTROL: "no-store"})


PAGES = (Page("/console/badges", badges, recorded="never"),)
