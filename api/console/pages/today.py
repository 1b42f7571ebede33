"""Today: what waits for the reader, and the figures of their office.

Each figure is a count that the interface keeps in an index (``/v1/summary``, facets): a page costs
the same with a thousand events and with a million. Each is a link to what it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from api.console.inside import Query
from api.console.pages.findings import OPEN
from api.console.shell import Opened, Page

#: How soon a deadline is near, in days.
SOON_DAYS = 7
#: The most rows of what waits; the rest is a link.
MAX_WAITING = 12
#: The most items of the inbox that are read, to show the most urgent of them.
MAX_INBOX = 200
#: The most bars of one plot.
MAX_BARS = 10

Pairs = list[tuple[str, str | int]]


class Figure(msgspec.Struct, frozen=True):
    """A number of the page: the text that names it, where it leads, and its colour if not zero."""

    code: str
    path: str
    query: Pairs
    href: str
    tone: str = ""
    #: Where the number is in the answer.
    field: str = "total"

    def of(self, body: Any) -> int | str:
        """Return the number in an answer; a count that stopped at its limit has a plus."""
        number = body.get(self.field)
        if number is None and "total_at_least" in body:
            return f"{body['total_at_least']}+"
        return int(number or 0)


class Plot(msgspec.Struct, frozen=True):
    """Bars of the page: what is counted, by which dimension, and where a bar leads."""

    code: str
    query: Pairs
    by: str
    href: str
    tone: str = ""


def _counts(of: str, by: str, *more: tuple[str, str | int]) -> Pairs:
    return [("of", of), ("by", by), *more]


def _listed(path: str, *more: tuple[str, str | int]) -> str:
    return f"/console{path}?{urlencode(more)}"


def figures(role: str, unit: str, today: date) -> Sequence[Figure]:
    """Return the figures of an office, the most urgent first."""
    soon = str(today + timedelta(days=SOON_DAYS))
    month = str(today.replace(day=1))
    own: list[tuple[str, str | int]] = [] if role in _EVERYWHERE else [("unit", unit)]
    opened = [("state", state) for state in OPEN]
    findings = Figure(
        "today.findings",
        "/v1/summary",
        _counts("findings", "state", *own, *opened),
        "/console/findings" + (f"?{urlencode(own)}" if own else ""),
        "bad",
    )
    overdue = Figure(
        "today.overdue",
        "/v1/summary",
        _counts("deadlines", "rule", *own, ("overdue", "true")),
        _listed("/v1/deadlines", *own, ("overdue", "true"), ("sort", "due_on")),
        "bad",
    )
    near: Pairs = [*own, ("state", "open"), ("due_on_from", str(today)), ("due_on_to", soon)]
    due = Figure(
        "today.due-soon",
        "/v1/summary",
        _counts(
            "deadlines", "rule", *own, ("state", "open"), ("since", str(today)), ("until", soon)
        ),
        _listed("/v1/deadlines", *near, ("sort", "due_on")),
        "warn",
    )
    visits = Figure(
        "today.visits",
        "/v1/summary",
        _counts("visits", "stage", *own, ("since", month)),
        _listed("/v1/tasks", *own, ("opened_on_from", month)),
    )
    refusals = Figure(
        "today.refusals",
        "/v1/summary",
        _counts("refusals", "rule_id", ("since", month)),
        _listed("/v1/access", ("kind", "refusal")),
    )
    over_cap = Figure(
        "today.over-cap",
        "/v1/summary",
        _counts("findings", "rule_id", ("type", "over_cap"), *own, *opened),
        "/console/findings?" + urlencode([("type", "over_cap"), *own]),
        "bad",
    )
    repairs = Figure(
        "today.repairs",
        "/v1/repair/cases",
        [("not_stage", "granted"), ("not_stage", "refused"), ("total", "true"), ("limit", 1)],
        _listed("/v1/repair/cases", ("not_stage", "granted"), ("not_stage", "refused")),
    )
    removals = Figure(
        "today.removals",
        "/v1/sharing/removals",
        [("done", "false"), ("total", "true"), ("limit", 1)],
        _listed("/v1/sharing/removals", ("done", "false")),
        "warn",
    )
    behind = Figure(
        "today.owing",
        "/v1/sharing/subscriptions",
        [("owing", "true"), ("total", "true"), ("limit", 1)],
        _listed("/v1/sharing/subscriptions", ("owing", "true")),
        "warn",
    )
    match role:
        case "jb_supervisor" | "rlo_assessor":
            return (findings, overdue, due, over_cap, refusals, behind)
        case "credit_officer":
            return (repairs, overdue, due, removals, behind)
        case "subscriber_system":
            return (removals, behind)
        case "entity_rep" | "operator" | "public":
            return ()
        case _:
            return (findings, overdue, due, visits, repairs)


#: Offices whose figures are those of all units.
_EVERYWHERE = frozenset({"jb_supervisor", "rlo_assessor", "credit_officer", "draw_coordinator"})


def plots(role: str, unit: str) -> Sequence[Plot]:
    """Return the plots of an office."""
    own: list[tuple[str, str | int]] = [] if role in _EVERYWHERE else [("unit", unit)]
    opened = [("state", state) for state in OPEN]
    by_rule = Plot(
        "today.findings-by-rule",
        _counts("findings", "rule_id", *own, *opened),
        "rule_id",
        "/console/findings?" + urlencode([*own, ("rule_id", "")]),
    )
    by_unit = Plot(
        "today.findings-by-unit",
        _counts("findings", "unit", *opened),
        "unit",
        "/console/findings?unit=",
    )
    late_by_unit = Plot(
        "today.overdue-by-unit",
        _counts("deadlines", "unit", ("overdue", "true")),
        "unit",
        "/console/v1/deadlines?overdue=true&unit=",
        "bad",
    )
    late_by_rule = Plot(
        "today.overdue-by-rule",
        _counts("deadlines", "rule", *own, ("overdue", "true")),
        "rule",
        "/console/v1/deadlines?" + urlencode([*own, ("overdue", "true"), ("rule", "")]),
        "bad",
    )
    months = Plot(
        "today.visits-by-month",
        _counts("visits", "month", *own),
        "month",
        "/console/v1/tasks?" + urlencode([*own, ("opened_on_from", "")]),
    )
    match role:
        case "jb_supervisor" | "rlo_assessor":
            return (by_rule, by_unit, late_by_unit)
        case "credit_officer" | "draw_coordinator":
            return (late_by_rule,)
        case "entity_rep" | "operator" | "subscriber_system" | "public":
            return ()
        case _:
            return (by_rule, late_by_rule, months)


async def today(page: Opened) -> web.StreamResponse:
    """Show what waits for the reader, the most urgent first, and the figures of their office."""
    grant = page.session.grant
    known = [f for f in figures(page.role, grant.unit, page.today) if page.may_read(f.path)]
    drawn = plots(page.role, grant.unit)
    business = f"/v1/entities/{grant.entity}/profile" if grant.entity else None
    questions: list[tuple[str, Query]] = [
        *((f.path, f.query) for f in known),
        *(("/v1/summary", p.query) for p in drawn),
    ]
    asked = list(_further(page, business))
    answers = await page.ask_all(*questions, *((path, query) for _, path, query in asked))
    counted, rest = answers[: len(questions)], answers[len(questions) :]
    others = {
        name: answer.body for (name, *_), answer in zip(asked, rest, strict=True) if answer.fine
    }
    items = _by_urgency(others["inbox"]["items"]) if "inbox" in others else []
    return await page.render(
        "today.html",
        day=page.today,
        tiles=[
            (figure, figure.of(answer.body))
            for figure, answer in zip(known, counted, strict=False)
            if answer.fine
        ],
        drawn=[
            (plot, _bars(page, plot, answer.body))
            for plot, answer in zip(drawn, counted[len(known) :], strict=True)
            if answer.fine and answer.body["items"]
        ],
        has_inbox=page.may_read("/v1/inbox"),
        items=items[:MAX_WAITING],
        waiting=len(items),
        more=bool(others.get("inbox", {}).get("next")),
        behind=[v for v in others.get("views", {}).get("items", ()) if v["lag"] or v["error"]],
        views=len(others["views"]["items"]) if "views" in others else None,
        requests=len(others["tokens"]["items"]) if "tokens" in others else None,
        business=others.get("business"),
        oldest=next(iter(others.get("oldest", {}).get("items", ())), None),
    )


def _further(page: Opened, business: str | None) -> Iterator[tuple[str, str, Query]]:
    """Yield the questions whose answers are more than counts, each with its name."""
    if page.may_read("/v1/inbox"):
        yield "inbox", "/v1/inbox", {"limit": MAX_INBOX}
    if page.may_read("/v1/operations/views"):
        yield "views", "/v1/operations/views", None
        yield "tokens", "/v1/operations/token-requests", {"state": "pending"}
    if business is not None:
        yield "business", business, None
    yield from _oldest(page)


def _oldest(page: Opened) -> list[tuple[str, str, Query]]:
    """Return the question for the open finding that has waited longest."""
    if page.role not in ("jb_supervisor", "rlo_assessor"):
        return []
    query: Pairs = [("sort", "raised_on"), ("limit", 1), *(("state", state) for state in OPEN)]
    return [("oldest", "/v1/findings", query)]


def _by_urgency(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each subject, by its deadline; findings have a page of their own."""
    rows: dict[str, dict[str, Any]] = {}
    for item in items:
        if item["subject"].startswith("finding:"):
            continue
        row = rows.setdefault(item["subject"], {**item, "commands": []})
        known = {command["url"] for command in row["commands"]}
        row["commands"] += [c for c in item["commands"] if c["url"] not in known]
    return sorted(rows.values(), key=lambda item: (item.get("due_on") or "9999", item["since"]))


def _bars(page: Opened, plot: Plot, body: Any) -> list[dict[str, Any]]:
    """Return the bars of a plot; those without a value are about no unit, and lead nowhere."""
    rows = []
    for count in body["items"]:
        value = count["group"][plot.by]
        label = count.get("unit_name") or _label(page, plot.by, value)
        row = {"label": label, "count": count["count"], "tone": plot.tone}
        if value is not None:
            row["href"] = plot.href + (_whole(value) if plot.by == "month" else value)
            row["code"] = value if plot.by == "rule_id" else ""
        rows.append(row)
    if plot.by == "month":
        rows.sort(key=lambda row: row["label"])
        return rows[-12:]
    return rows[:MAX_BARS]


def _whole(month: str) -> str:
    """Return the first day of a month and, as the next parameter, its last."""
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return f"{first}&opened_on_to={last}"


def _label(page: Opened, by: str, value: str | None) -> str:
    if value is None:
        return page.words("today.no-unit")
    return page.words.rule(value) if by == "rule_id" else page.words.value(by, value)


PAGES = (
    Page("/console", today, name="today", group="work", key="t"),
    Page("/console/", today, name="today"),
)
