"""Deadlines: what is due, as a list and as a calendar."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec
from aiohttp import web

from api.console.shell import CONCERNED, Opened, Page
from api.console.shown import Words, link
from api.http.grammar import period
from api.http.resources import Parameter
from projections.systems.deadlines import State

DEADLINES = "/v1/deadlines"

#: The choices of the list: name, and what it asks.
CHOICES: Mapping[str, Mapping[str, str]] = {
    "open": {"state": "open"},
    "overdue": {"overdue": "true"},
    "week": {"state": "open"},
    "provisional": {"provisional": "true", "state": "open"},
    "all": {},
}
_MONTH = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])\Z")
#: How many deadlines of a day the calendar names.
NAMED = 3


class Day(msgspec.Struct, frozen=True):
    """A day of the calendar: how many are due by state, and the first of them."""

    day: date
    inside: bool
    states: dict[str, int]
    provisional: int
    first: list[dict[str, Any]]

    @property
    def total(self) -> int:
        return sum(self.states.values())


async def deadlines(page: Opened) -> web.StreamResponse:
    """Show deadlines by their last day, those chosen."""
    query = page.request.query
    chosen = query.get("show", "open")
    if chosen not in CHOICES:
        return await page.missing()
    today = page.today
    asked: dict[str, str] = {**CHOICES[chosen], "sort": "due_on", "limit": "50", "total": "true"}
    if chosen == "week":
        asked |= {"due_on_from": str(today), "due_on_to": str(today + timedelta(days=6))}
    if chosen == "all":
        asked["sort"] = "-due_on"
    for name in ("unit", "rule", "entity", "due_on_from", "due_on_to", "state", "after"):
        if query.get(name):
            asked[name] = query[name]
    counts = [
        ("/v1/summary", {"of": "deadlines", "by": "unit,rule", **_counted(name, today)})
        for name in ("open", "overdue", "week", "provisional")
    ]
    body, *summaries = await page.read_all((DEADLINES, asked), *counts)
    if body is None:
        return await page.missing()
    totals = {n: s["total"] if s else 0 for n, s in zip(CHOICES, summaries, strict=False)}
    return await page.render(
        "deadlines.html",
        body=body,
        items=[_shown(item, today) for item in body["items"]],
        chosen=chosen,
        totals=totals,
        units=_grouped(summaries, "unit"),
        rules=_grouped(summaries, "rule"),
        unpublished=_unpublished(body["items"]),
        today=today,
        deadline=titled,
        api=list(asked.items()),
    )


def _counted(name: str, today: date) -> dict[str, str]:
    asked = dict(CHOICES[name])
    if name == "week":
        asked |= {"since": str(today), "until": str(today + timedelta(days=6))}
    return asked


def _grouped(summaries: Sequence[Any], by: str) -> list[tuple[str, str, int]]:
    """Return the open deadlines by one of the dimensions: value, name, count."""
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    for item in summaries[0]["items"] if summaries[0] else ():
        value = item["group"][by] or ""
        counts[value] = counts.get(value, 0) + item["count"]
        names[value] = (item.get("unit_name") if by == "unit" else "") or ""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(value, names[value], count) for value, count in ordered if value][:10]


def _unpublished(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the years whose working calendar is missing, as the provisional deadlines tell."""
    waiting = (item for item in items if item["provisional"])
    return sorted({item["due_on"][:4] for item in waiting if item.get("due_on")})


def titled(words: Words, rule: str) -> str:
    """Return the title of a deadline's rule."""
    code = f"deadline:{rule}"
    told = words.titled(code)
    return rule if told == code else told


def _shown(item: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Return what a row shows of a deadline, with the days that are left until its last day."""
    kind, _, subject = item["about"].partition(":")
    due = item.get("due_on")
    done = item["state"] not in ("open", "missed") or bool(item.get("done_on"))
    return {
        **item,
        "kind": kind,
        "subject": subject,
        "href": link("subject", item["about"]),
        "left": None if due is None or done else (date.fromisoformat(due) - today).days,
    }


async def month(page: Opened) -> web.StreamResponse:
    """Show a month as a calendar, with how many deadlines end on each day."""
    today = page.today
    given = page.request.match_info.get("month", f"{today:%Y-%m}")
    if not _MONTH.match(given):
        return await page.missing()
    begin, end = period(given, today)
    assert begin is not None
    assert end is not None
    weeks = calendar.Calendar().monthdatescalendar(begin.year, begin.month)
    first, last = str(weeks[0][0]), str(weeks[-1][-1])
    unit = page.request.query.get("unit")
    of_unit = {"unit": unit} if unit else {}
    counted = {"of": "deadlines", "by": "day,state,provisional", "since": first, "until": last}
    listed = {"due_on_from": first, "due_on_to": last, "sort": "due_on", "limit": "500"}
    summary, body = await page.read_all(
        ("/v1/summary", counted | of_unit), (DEADLINES, listed | of_unit)
    )
    if summary is None or body is None:
        return await page.missing()
    days = {day: Day(day, day.month == begin.month, {}, 0, []) for week in weeks for day in week}
    for item in summary["items"]:
        group = item["group"]
        day = date.fromisoformat(group["day"])
        old = days[day]
        states = {**old.states, group["state"]: old.states.get(group["state"], 0) + item["count"]}
        waits = item["count"] if group["provisional"] == "true" else 0
        days[day] = msgspec.structs.replace(old, states=states, provisional=old.provisional + waits)
    for item in body["items"]:
        named = days[date.fromisoformat(item["due_on"])].first
        if len(named) < NAMED:
            named.append(_shown(item, today))
    return await page.render(
        "deadlines-month.html",
        month=given,
        weeks=[[days[day] for day in week] for week in weeks],
        earlier=f"{begin - timedelta(days=1):%Y-%m}",
        later=f"{end + timedelta(days=1):%Y-%m}",
        this=f"{today:%Y-%m}",
        provisional=sum(day.provisional for day in days.values()),
        today=today,
        deadline=titled,
        unit=unit,
        api=[*listed.items(), *of_unit.items()],
    )


_QUERY = (
    Parameter("show"),
    Parameter("rule"),
    Parameter("state", State),
    Parameter("due_on_from", date),
    Parameter("due_on_to", date),
)


def _calendar(path: str) -> Page:
    return Page(path, month, name="calendar", needs=(DEADLINES,), roles=CONCERNED, query=_QUERY)


PAGES = (
    Page(
        "/console/deadlines",
        deadlines,
        name="deadlines",
        group="work",
        key="d",
        needs=(DEADLINES,),
        roles=CONCERNED,
        query=_QUERY,
        badge="deadlines",
    ),
    _calendar("/console/deadlines/calendar"),
    _calendar("/console/deadlines/calendar/{month}"),
)
