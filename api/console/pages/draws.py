"""Draws: the ceremony step by step, its digests, its strata, and who was drawn."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from api.console.inside import Answer
from api.console.shell import Opened, Page
from api.http.resources import Parameter
from ledger.registry import COMMANDS

DRAWS, DRAWS_PAGE = "/v1/draws", "/console/draws"


class Step(msgspec.Struct, frozen=True):
    """A step of the ceremony: whether it was done, is next, or is to come, and when."""

    name: str
    state: str
    on: str = ""
    command: str = ""


async def draws(page: Opened) -> web.StreamResponse:
    """Show all draws, the newest first."""
    asked = [(n, v) for n, v in page.query if n in ("unit", "year", "stage", "after")]
    body = await page.read(DRAWS, [*asked, ("sort", "-id"), ("total", "true")])
    now = page.now
    return await page.render(
        "draws.html",
        body=body,
        items=[{**item, "steps": steps(item, now)} for item in body["items"]],
        api=asked,
    )


async def draw(page: Opened) -> web.StreamResponse:
    """Show one draw: its ceremony, what decides it, its strata, and who was drawn."""
    path = f"{DRAWS}/{page.request.match_info['draw']}"
    query = page.request.query
    body = await page.read(path)
    now = page.now
    targets = await page.ask(f"{path}/targets", {"limit": "200", "sort": "id"})
    entity = query.get("entity", "").strip() or page.session.grant.entity or ""
    receipt: Answer | None = None
    if entity:
        receipt = await page.ask(f"{path}/receipt", {"entity": entity})
        if receipt.status not in (200, 400, 404):
            return await page.problem(receipt)
    names = await _names(page, body, entity)
    ceremony = steps(body, now)
    return await page.render(
        "draw.html",
        draw=body,
        now=now.isoformat(),
        names=names,
        steps=ceremony,
        sources=[_source(source, body, now) for source in body.get("sources", ())],
        targets=targets.body["items"] if targets.fine else [],
        entity=entity,
        receipt=receipt.body if receipt is not None and receipt.fine else None,
        no_receipt=receipt.body if receipt is not None and not receipt.fine else None,
        commands=_commands(page, ceremony, body),
        api=path,
    )


async def _names(page: Opened, body: dict[str, Any], entity: str) -> dict[str, str]:
    """Return the names of the draw's unit and of a business, as far as the reader may know."""
    unit, business = await page.ask_all(
        (f"/v1/units/{body['unit']}", None),
        *([("/v1/entities", {"q": entity, "limit": "1"})] if entity else [("/v1/me", None)]),
    )
    names = {"unit": unit.body.get("name") if unit.fine else None}
    items = business.body.get("items") if business.fine else None
    if items:
        names["entity"] = items[0].get("name")
    return {kind: name for kind, name in names.items() if name}


def steps(draw: dict[str, Any], now: datetime) -> list[Step]:
    """Return the steps of the ceremony in their order."""
    stage = draw["stage"]
    known = all(value.get("revealed", True) for value in draw.get("values", ()))
    have = bool(draw.get("values")) and known
    done = {
        "frozen": draw.get("announced_on"),
        "announced": draw.get("announced_on"),
        "published": _last(draw) if _passed(draw, now) else None,
        "seeded": draw.get("seed_on") if draw.get("seed") and have else None,
        "executed": draw.get("executed_on"),
        "verified": "✓" if any(v["ok"] for v in draw.get("verifications", ())) else None,
        "visited": draw.get("inspect_by")
        if draw.get("executed_on") and not draw.get("still_sealed", 1)
        else None,
    }
    found: list[Step] = []
    for name, on in done.items():
        if on:
            state = "done"
        elif stage == "voided" or any(step.state == "next" for step in found):
            state = "later"
        else:
            state = "next"
        day = on if on and on[:1].isdigit() else ""
        found.append(Step(name, state, day[:10] if day else ""))
    return found


def _last(draw: dict[str, Any]) -> str:
    return max((s["publication_at"] for s in draw.get("sources", ())), default="")


def _passed(draw: dict[str, Any], now: datetime) -> bool:
    sources = draw.get("sources", ())
    return bool(sources) and all(
        datetime.fromisoformat(s["publication_at"]) <= now for s in sources
    )


def _source(source: dict[str, Any], draw: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a source with its value, if it is known, and whether it is published."""
    values = {value["source"]: value for value in draw.get("values", ())}
    at = datetime.fromisoformat(source["publication_at"])
    return {**source, "value": values.get(source["name"]), "passed": at <= now}


#: The commands that lead to a step.
_NEXT = {
    "seeded": ("draws/reveal-commitment", "draws/reveal-seed"),
    "executed": ("draws/execute-draw",),
    "verified": ("draws/verify-draw",),
}
_ROLES = {f"{entry.system}/{entry.name}": entry.roles for entry in COMMANDS}


def _commands(page: Opened, found: list[Step], draw: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the commands of the next step that the reader may send, each with its form."""
    step = next((step for step in found if step.state == "next"), None)
    names = [n for n in _NEXT.get(step.name if step else "", ()) if page.role in _ROLES[n]]
    if all(source["kind"] == "public" for source in draw.get("sources", ())):
        names = [name for name in names if name != "draws/reveal-commitment"]
    given = {
        "draw": draw["draw"],
        "roster_hash": draw.get("roster_hash"),
        "values": [{"source": source["name"]} for source in draw.get("sources", ())],
    }
    known = urlencode({"known": msgspec.json.encode(given).decode()})
    return [(name, f"/console/do/{name}?{known}") for name in names]


PAGES = (
    Page(
        DRAWS_PAGE,
        draws,
        name="draws",
        group="matters",
        key="n",
        needs=(DRAWS,),
        query=(Parameter("year", int), Parameter("stage")),
    ),
    Page(f"{DRAWS_PAGE}/{{draw}}", draw, name="draw", needs=(DRAWS,)),
)
