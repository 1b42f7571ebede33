"""The business's window: its visits, receipts, complaints and repairs, on a phone."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

from aiohttp import web

from api.console.inside import Answer, ask_for_file
from api.console.shell import KEY, Opened, Page, see
from api.public.window import RIGHTS

#: Entries of each part; the lists of the console have the rest.
_MOST = 20
#: The page with the receipt of an event; it has no JSON.
_RECEIPT = frozenset({"/v1/events/{position}/receipt"})


async def window(page: Opened) -> web.StreamResponse:
    """Show a representative what concerns the business, and take a rating."""
    entity = page.session.grant.entity
    if entity is None:
        return await page.missing()
    said: Answer | None = None
    if page.request.method == "POST":
        given = await page.form()
        if not page.own(given):
            return await page.missing()
        said = await _rated(page, entity, given)
        if said.fine:
            return see("/console/window")
    about: dict[str, str | int] = {"entity": entity, "limit": _MOST}
    inbox, visits, complaints, records, cases, trail = await page.read_all(
        ("/v1/inbox", {"limit": 500}),
        ("/v1/tasks", about),
        ("/v1/complaints", {"limit": _MOST}),
        ("/v1/repair/records", about),
        ("/v1/repair/cases", about),
        (f"/v1/entities/{entity}/trail", {"limit": _MOST, "order": "newest"}),
    )
    return await page.render(
        "window.html",
        entity=entity,
        to_rate={
            item["commands"][0]["prefilled"]["task"]
            for item in (inbox or {}).get("items", ())
            if item["waits"] == "filing.visit-to-rate"
        },
        visits=(visits or {}).get("items", ()),
        complaints=(complaints or {}).get("items", ()),
        records=[_countdown(record, page.today) for record in (records or {}).get("items", ())],
        cases=(cases or {}).get("items", ()),
        events=(trail or {}).get("entries", ()),
        rights=RIGHTS,
        said=said,
        key=KEY,
    )


async def _rated(page: Opened, entity: str, given: dict[str, str]) -> Answer:
    score = given.get("score", "")
    body: dict[str, Any] = {
        "task": given.get("task", ""),
        "entity": entity,
        "score": int(score) if score.isascii() and score.isdigit() and len(score) < 3 else 0,
    }
    return await page.send("/v1/filing/rate-visit", body, key=given.get(KEY), dry=False)


def _countdown(record: dict[str, Any], today: date) -> dict[str, Any]:
    """Add how many days are left until a record can be repaired, and how much has passed."""
    earliest = record.get("earliest_on")
    if earliest is None:
        return {**record, "left": None, "passed": 0}
    begun, end = date.fromisoformat(record["determined_on"]), date.fromisoformat(earliest)
    whole = max(1, (end - begun).days)
    left = max(0, (end - today).days)
    return {**record, "left": left, "passed": round(100 * (whole - min(whole, left)) / whole)}


async def receipt(page: Opened) -> web.StreamResponse:
    """Return the receipt of an event, a page that its reader keeps and that checks itself."""
    position = page.request.match_info["position"]
    language = page.words.language
    path = f"/v1/events/{quote(position, safe='')}/receipt"
    return await ask_for_file(page.request, page.session, path, language=language, others=_RECEIPT)


PAGES = (
    Page("/console/receipts/{position}", receipt, name="receipt", recorded="questions"),
    Page(
        "/console/window",
        window,
        name="window",
        group="work",
        key="w",
        methods=("GET", "POST"),
        roles=frozenset({"entity_rep"}),
    ),
)
