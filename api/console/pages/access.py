"""Access: which supervisor looked at what, and whom which rule refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from aiohttp import web

from api.console.pages.events import command_title
from api.console.shell import MENU, Opened, Page
from api.console.shown import Words
from api.http.grammar import period
from api.http.resources import Parameter
from ledger.access.events import RuleId

ACCESS = "/v1/access"

Kind = Literal["consultation", "refusal", "unknown", "token", "clock"]
KINDS: tuple[Kind, ...] = ("consultation", "refusal", "unknown", "token", "clock")

#: What is counted of each kind: the name in the summary, and the dimensions.
COUNTED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "consultation": ("consultations", ("person", "route", "month")),
    "refusal": ("refusals", ("rule_id", "unit", "month")),
}
#: Bars of a dimension at most.
MAX_BARS = 8
#: Months that the page looks back for its bars, if no month is chosen.
MONTHS_BACK = 365

_MONTH = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])\Z")


class Bars(msgspec.Struct, frozen=True):
    """Counts by one dimension; ``more``: there are further values."""

    dimension: str
    rows: list[dict[str, Any]]
    more: bool


async def access(page: Opened) -> web.StreamResponse:
    """Show the entries of the access ledger, the newest first, with counts."""
    query = page.request.query
    kind = query.get("kind", "consultation")
    if kind not in KINDS:
        return await page.missing()
    month = query.get("month", "")
    days: dict[str, str] = {}
    if _MONTH.match(month):
        first, last = period(month, date.min)
        days = {"since": str(first), "until": str(last)}
    filters = {n: query[n] for n in ("person", "unit", "rule_id") if query.get(n)}
    asked = {"kind": kind, "newest": "true", "limit": "50", **filters, **days}
    if "before" in query:
        asked["before"] = query["before"]
    of, dimensions = COUNTED.get(kind, ("", ()))
    taken = {n: v for n, v in filters.items() if n != "rule_id" or of == "refusals"}
    questions = [
        (
            "/v1/summary",
            {"of": of, "by": by, **taken, **(days if by != "month" else _back(page))},
        )
        for by in dimensions
    ]
    body, *summaries = await page.read_all((ACCESS, asked), *questions)
    if body is None:
        return await page.missing()
    units = {
        item["group"]["unit"]: item["unit_name"]
        for summary in summaries
        for item in summary["items"]
        if item.get("unit_name")
    }
    pages = {p.path: p.name for p in page.request.app[MENU] if p.name}
    return await page.render(
        "access.html",
        kind=kind,
        kinds=KINDS,
        body=body,
        rows=[_row(page.words, item, pages) for item in body["items"]],
        bars=[
            _bars(page, by, summary, pages)
            for by, summary in zip(dimensions, summaries, strict=True)
        ],
        totals=[summary["total"] for summary in summaries[:1]],
        filters={**filters, **({"month": month} if days else {})},
        units=units,
        api=list(asked.items()),
        of=of,
    )


def _back(page: Opened) -> dict[str, str]:
    today = page.today
    return {"since": str(today - timedelta(days=MONTHS_BACK)), "until": str(today)}


def _bars(page: Opened, by: str, summary: Mapping[str, Any], pages: Mapping[str, str]) -> Bars:
    items = summary["items"]
    if by == "month":
        items = sorted(items, key=lambda item: item["group"]["month"])[-12:]
    rows = []
    for item in items[: 12 if by == "month" else MAX_BARS]:
        value = item["group"][by] or ""
        row: dict[str, Any] = {"count": item["count"], "label": item.get("unit_name") or value}
        if by == "route":
            row["label"] = asked_for(page.words, value, pages)
        else:
            row["href"] = "?" + urlencode(
                {**{n: v for n, v in page.query if n != "before"}, by: value}
            )
        rows.append(row)
    return Bars(by, rows, len(items) > len(rows) or summary["cut"])


def asked_for(words: Words, route: str, pages: Mapping[str, str]) -> str:
    """Return what a page or resource is called that was consulted."""
    if route in pages:
        return words(f"page.{pages[route]}")
    plain = re.sub(r"\.(csv|xlsx|ndjson)\Z", "", route)
    told = words.titled(plain)
    return told if plain == route else f"{told} ({route[len(plain) + 1 :].upper()})"


#: Parameters that only say how much of an answer is sent.
_SIZES = frozenset(
    {"limit", "total", "facets", "at_least", "newest", "before", "after", "sort", "lang"}
)


def _conditions(words: Words, asked: str) -> list[tuple[str, str]]:
    """Return what was asked for, as pairs of a field and a value."""
    pairs = parse_qsl(asked.partition("?")[2])
    return [(words.filter(n), words.choice(n, v)) for n, v in pairs if n not in _SIZES]


def _row(words: Words, item: Mapping[str, Any], pages: Mapping[str, str]) -> dict[str, Any]:
    """Return what a row shows of an entry."""
    body = item["body"]
    rule = body.get("rule")
    return {
        **item,
        "body": body,
        "rule": rule,
        "what": asked_for(words, body["route"], pages) if "route" in body else "",
        "asked": _conditions(words, body.get("asked", "")),
        "path": str(body.get("asked", "")).partition("?")[0],
        "command": command_title(words, body["command"]) if "command" in body else "",
        "title": words.titled(item["type"]),
        "entity": f"/console/v1/entities/{quote(body['entity'], safe='')}/profile"
        if body.get("entity")
        else "",
    }


PAGES = (
    Page(
        "/console/access",
        access,
        name="access",
        group="oversight",
        key="a",
        needs=(ACCESS,),
        query=(
            Parameter("kind", Kind),
            Parameter("rule_id", RuleId),
            Parameter("month", date),
            Parameter("before", int),
        ),
    ),
)
