"""Audit search: who did what, to whom, when; over everything that was recorded or refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from api.console.inside import Answer
from api.console.shell import Opened, Page, refreshes
from api.console.shown import Words, link
from api.feed.exports import MAX_PROVEN
from api.http.grammar import HAPPENED, WORD, NotUnderstood, Term, name_of, parse, render
from api.http.sheets import MAX_ROWS
from ledger.kernel.messages import say
from ledger.registry import COMMANDS

SEARCH = "/v1/events/search"

#: The search of a page that is opened without one; it is written in the bar.
FIRST = (Term(HAPPENED, "last-30-days"),)

#: Times to choose with one click.
TIMES = ("today", "this-week", "this-month", "last-month", "this-quarter", "this-year", "all-time")

#: The facets at the side: parameter, field of the grammar, kind of subject that has names.
FACETS = (
    ("unit", "unit"),
    ("actor", "actor"),
    ("type", "type"),
    ("rule_id", "rule"),
    ("entity", "entity"),
    ("matter", "matter"),
    ("month", HAPPENED),
)
#: Values of a facet that are shown; the others are found by typing.
MAX_VALUES = 8

#: New hits that one question brings; there may be more, which the next one brings.
NEW = 100
#: The headers that ask for the hits after a position only, and before another one.
AFTER, BEFORE = "X-After", "X-Before"

#: Fields of an event's body that the row does not repeat as subjects.
_TOLD = ("unit", "rule_id", "rule")
MAX_SUBJECTS = 4


class Chip(msgspec.Struct, frozen=True):
    """A term of the search as people read it, and the search without it."""

    field: str
    value: str
    negated: bool
    without: str


class Value(msgspec.Struct, frozen=True):
    """A value of a facet: its name, its count, and the search with it, or without it if it is on.

    ``besides``: the search that leaves the value out; empty where none can.
    """

    value: str
    name: str
    count: int
    href: str
    besides: str
    on: bool


async def events(page: Opened) -> web.StreamResponse:
    """Show what a search finds, newest first, with counts by value."""
    typed = page.request.query.get("query")
    try:
        terms = FIRST if typed is None else parse(typed)
        fault = ""
    except NotUnderstood as unknown:
        terms, fault = (), say(unknown.message, page.words.language)
    language = page.words.language
    query = render(terms, language) if typed is None else typed
    shown: dict[str, Any] = {
        "query": query,
        "fault": fault,
        "fields": _fields(language),
        "times": [(time, _search(page, _timed(terms, time))) for time in TIMES],
        "time": next((t.value for t in terms if t.field == HAPPENED), "all-time"),
        "max_rows": MAX_ROWS,
        "max_proven": MAX_PROVEN,
    }
    if fault:
        return await page.render("events.html", status=400, body=None, **shown)
    refreshed = refreshes(page.request, page.session)
    if refreshed and (after := page.request.headers.get(AFTER)) is not None:
        return await _new(page, query, after)
    return await _whole(page, terms, shown, recorded=refreshed)


async def _new(page: Opened, query: str, after: str) -> web.StreamResponse:
    """Return the hits after a position, as rows, for a page that is open."""
    asked: dict[str, str | int] = {"query": query, "after": after, "limit": NEW}
    if (before := page.request.headers.get(BEFORE)) is not None:
        asked["before"] = before
    answer = await page.ask(SEARCH, asked, recorded=True)
    if not answer.fine:
        return web.json_response(answer.body, status=answer.status)
    rows = [_row(page.words, item, answer.body["names"]) for item in answer.body["items"]]
    following = answer.body["next_before"]
    response = await page.render("events-rows.html", rows=rows, following=following)
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response


async def _whole(
    page: Opened, terms: Sequence[Term], shown: dict[str, Any], *, recorded: bool
) -> web.StreamResponse:
    query, before = shown["query"], page.request.query.get("before")
    asked: dict[str, str | int] = {"query": query, "limit": 50}
    if before is not None:
        asked["before"] = before
    else:
        refused = any(t.field == "outcome" and t.value == "refused" for t in terms)
        names = [name for name, _ in FACETS if not refused or name != "type"]
        asked |= {"total": "true", "facets": ",".join(names)}
    answer = await page.ask(SEARCH, asked, recorded=recorded)
    if not answer.fine:
        if answer.status == 400:
            fault = {**shown, "fault": answer.body["detail"], "body": None}
            return await page.render("events.html", status=400, **fault)
        return await page.problem(answer)
    body = answer.body
    rows = [_row(page.words, item, body["names"]) for item in body["items"]]
    return await page.render(
        "events.html",
        **shown,
        body=body,
        rows=rows,
        newest=max((row["position"] for row in rows), default=0),
        chips=_chips(page, terms, body["names"]),
        facets=_facets(page, terms, body),
        outcomes=await _outcomes(page, terms, body),
        files=lambda proofs: urlencode({"query": query} | ({"proofs": "true"} if proofs else {})),
    )


async def _outcomes(
    page: Opened, terms: Sequence[Term], body: Mapping[str, Any]
) -> list[tuple[str, str, Mapping[str, Any], bool]]:
    """Return for recorded and refused: the search for it, its counts, whether it is shown."""
    if not page.may_read("/v1/access") or "facets" not in body:
        return []
    refused = any(t.field == "outcome" and t.value == "refused" for t in terms)
    others = tuple(t for t in terms if t.field != "outcome")
    found: dict[str, Mapping[str, Any] | None] = {"refused" if refused else "recorded": body}
    other = "recorded" if refused else "refused"
    searched = others if refused else (*others, Term("outcome", "refused"))
    query = render(searched, page.words.language)
    asked: dict[str, str | int] = {"query": query, "total": "true", "limit": 1}
    answer: Answer = await page.ask(SEARCH, asked, recorded=True)
    found[other] = answer.body if answer.fine else None
    addresses = {
        "recorded": _search(page, others),
        "refused": _search(page, (*others, Term("outcome", "refused"))),
    }
    return [
        (name, addresses[name], counted, name != other)
        for name in ("recorded", "refused")
        if (counted := found[name]) is not None
    ]


def _search(page: Opened, terms: Iterable[Term]) -> str:
    return f"{page.page.path}?{urlencode({'query': render(terms, page.words.language)})}"


def _timed(terms: Sequence[Term], time: str) -> tuple[Term, ...]:
    others = tuple(term for term in terms if term.field != HAPPENED)
    return (*others, Term(HAPPENED, time))


def _fields(language: str) -> list[str]:
    names = ("unit", "actor", "entity", "matter", "rule", "type", "outcome", "recorded", "task")
    return [name_of(field, language) for field in names]


def _chips(page: Opened, terms: Sequence[Term], names: Mapping[str, Any]) -> list[Chip]:
    language = page.words.language
    chips = []
    for term in terms:
        without = _search(page, [other for other in terms if other != term])
        value = named(page.words, term.field, term.value, names)
        if term.field in (HAPPENED, "recorded"):
            value = render((Term(HAPPENED, term.value),), language)
        field = "" if term.field == WORD else name_of(term.field, language)
        chips.append(Chip(field, value, term.negated, without))
    return chips


def named(words: Words, field: str, value: str, names: Mapping[str, Any]) -> str:
    """Return a value of a term or facet as people read it."""
    known: str | None = names.get(field, {}).get(value)
    if known is not None:
        return known
    return words.titled(value) if field == "type" else words.value(field, value)


def _facets(
    page: Opened, terms: Sequence[Term], body: Mapping[str, Any]
) -> list[tuple[str, list[Value]]]:
    """Return the facets with their values; one with a single value that is not on says nothing."""
    facets = []
    for name, field in FACETS:
        values = []
        for counted in body.get("facets", {}).get(name, ())[:MAX_VALUES]:
            term = Term(field, counted["value"])
            on = term in terms
            several = field != HAPPENED
            if on:
                others = tuple(other for other in terms if other != term)
            else:
                others = (*terms, term) if several else _timed(terms, term.value)
            besides = (*terms, Term(field, term.value, True)) if several and not on else ()
            values.append(
                Value(
                    value=term.value,
                    name=named(page.words, name, term.value, body["names"]),
                    count=counted["count"],
                    href=_search(page, others),
                    besides=_search(page, besides) if besides else "",
                    on=on,
                )
            )
        if len(values) > 1 or any(value.on for value in values):
            facets.append((name, values))
    return facets


def _row(words: Words, item: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row shows of an event."""
    body, actor = item["body"], item["actor"]
    recorded = item["outcome"] == "recorded"
    unit = body.get("unit") if isinstance(body.get("unit"), str) else actor["unit_id"]
    rule = body.get("rule_id") or body.get("rule")
    return {
        "position": item["position"],
        "href": f"/console/v1/events/{item['position']}" if recorded else "",
        "title": item["title"] if recorded else command_title(words, body["command"]),
        "refused": not recorded,
        "at": item["occurred_at"],
        "recorded_at": item["recorded_at"],
        "unit": unit,
        "unit_name": names.get("unit", {}).get(unit, ""),
        "person": actor["person_id"],
        "role": actor["role"],
        "rule": rule if isinstance(rule, str) and rule.isascii() and rule.isupper() else "",
        "message": body.get("message") if not recorded else "",
        "subjects": _subjects(body, names),
        "system": item["type"].partition(".")[0],
    }


#: The commands by the names of their classes, which refusals have.
_COMMANDS = {entry.command.__name__: f"{entry.system}/{entry.name}" for entry in COMMANDS}


def command_title(words: Words, name: str) -> str:
    """Return the title of a command that a refusal names."""
    return words.titled(_COMMANDS[name]) if name in _COMMANDS else name


def _subjects(body: Mapping[str, Any], names: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the subjects that an event names: kind, id, name if known, address."""
    given = [(field.removesuffix("_id"), value) for field, value in body.items()]
    for tag in body.get("subjects") or ():
        kind, _, value = str(tag).partition(":")
        given.append((kind, value))
    for field in ("subject", "about"):
        kind, colon, value = str(body.get(field) or "").partition(":")
        given += [(kind, value)] if colon else []
    found = {}
    for kind, value in given:
        if isinstance(value, str) and kind not in _TOLD and (to := link(kind, value)) is not None:
            found[kind, value] = (kind, value, names.get(kind, {}).get(value, ""), to)
    return list(found.values())[:MAX_SUBJECTS]


PAGES = (
    Page(
        "/console/events",
        events,
        name="events",
        group="oversight",
        key="e",
        needs=(SEARCH,),
        recorded="questions",
    ),
)
