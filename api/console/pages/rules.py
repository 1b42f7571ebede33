"""Rules: what each one says, its law, and the values that it has today."""

from __future__ import annotations

from aiohttp import web

from api.console.shell import Opened, Page
from api.http.resources import Parameter


async def rules(page: Opened) -> web.StreamResponse:
    """Show every rule, by system; words of the address narrow the list."""
    body = await page.read("/v1/rules")
    return await page.render("rules.html", rules=body if isinstance(body, list) else body["items"])


async def rule(page: Opened) -> web.StreamResponse:
    """Show one rule: its message, its law, what to do about it, and the values it reads."""
    body = await page.read(f"/v1/rules/{page.request.match_info['rule']}", page.query)
    return await page.render("rule.html", rule=body)


PAGES = (
    Page("/console/rules", rules, name="rules", group="service", key="r", recorded="never"),
    Page(
        "/console/rules/{rule}",
        rule,
        name="rule",
        query=(Parameter("valid_as_of"),),
        recorded="never",
    ),
)
