"""The search box: anything by part of its name, its number or its id, grouped by kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web

from api.console.inside import SHOWN, Query
from api.console.shell import Opened, Page, menu_of
from api.console.shown import link, name_of
from ledger.general.vocabulary import normal_entity
from ledger.kernel.rules import rules
from ledger.registry import COMMANDS

#: The most hits of one kind that are shown, and the most characters that are searched for.
MAX_HITS, MAX_WORDS = 6, 100

_POSITION = re.compile(r"#?([1-9][0-9]{0,14})\Z")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{1,79}\Z")

#: Documents that an id alone opens, with the name of the place in their path.
_BY_ID = (
    "/v1/tasks/{}",
    "/v1/cases/{}",
    "/v1/decisions/{}",
    "/v1/findings/{}",
    "/v1/complaints/{}",
    "/v1/repair/cases/{}",
    "/v1/repair/records/{}",
    "/v1/plans/{}",
    "/v1/matters/{}",
    "/v1/units/{}",
    "/v1/officers/{}",
    "/v1/supervision-documents/{}",
    "/v1/draws/{}",
)
#: Pages of the console that show an entry better than its fields do.
_PAGES = {"/v1/findings/": "/console/findings/"}


class Hit(msgspec.Struct, frozen=True):
    """What was found: its name, where it is, and what tells it from others."""

    name: str
    href: str
    note: str = ""


class Group(msgspec.Struct, frozen=True):
    """The hits of one kind, and where all of them are listed."""

    title: str
    hits: tuple[Hit, ...]
    more: str = ""


async def search(page: Opened) -> web.StreamResponse:
    """Show what has these words: businesses, documents, cases, rules, events, commands, pages."""
    q = page.request.query.get("q", "").strip()[:MAX_WORDS]
    groups: list[Group] = []
    if q:
        groups = [group for group in _known_here(page, q) if group.hits]
        asked = list(_questions(page, q))
        answers = await page.ask_all(*((path, query) for path, query in asked))
        exact: list[Hit] = []
        for (path, _), answer in zip(asked, answers, strict=True):
            if not answer.fine:
                continue
            if "items" not in answer.body:
                exact.append(_opened(page, answer.route, path, answer.body))
            elif answer.body["items"]:
                groups.append(_listed(page, path, q, answer.body))
        if exact:
            groups.insert(0, Group(page.words("search.exact"), tuple(exact)))
    return await page.render("search.html", groups=groups, q=q)


def _questions(page: Opened, q: str) -> Iterator[tuple[str, Query]]:
    """Yield what is asked: each list that can be searched, and each document with this id."""
    position = _POSITION.match(q)
    if position is not None:
        yield f"/v1/events/{position[1]}", None
    if _PLAIN.match(q):
        for path in _BY_ID:
            if page.may_read(re.sub(r"/\{\}\Z", "", path)):
                yield path.format(quote(q, safe="")), None
        yield f"/v1/entities/{quote(normal_entity(q), safe='')}/profile", None
    for path, resource in page.request.app[SHOWN].items():
        names = {parameter.name for parameter in resource.query}
        if {"q", "after"} <= names and "{" not in path and page.may_read(path):
            yield path, [("q", q), ("limit", MAX_HITS)]


def _opened(page: Opened, route: str, path: str, body: Any) -> Hit:
    """Return a document that an id opens."""
    name = _name(body) or page.words.titled(str(body.get("type", ""))) or path.rpartition("/")[2]
    return Hit(name, _page_of(path), page.words.titled(route))


def _listed(page: Opened, path: str, q: str, body: Any) -> Group:
    """Return the hits of a list."""
    hits = []
    for item in body["items"]:
        first = next(iter(item))
        id_ = str(item[first])
        name = _name(item) or name_of(item, first) or id_
        own = link(first, id_) or f"/console{path}/{quote(id_, safe='')}"
        note = " · ".join(dict.fromkeys(str(v) for v in (id_, item.get("unit_name")) if v))
        hits.append(Hit(name, _page_of(own.removeprefix("/console")), note if note != name else ""))
    more = f"/console{path}?{urlencode({'q': q})}" if body.get("next") else ""
    return Group(page.words.titled(path), tuple(hits), more)


def _page_of(path: str) -> str:
    better = next((own for begin, own in _PAGES.items() if path.startswith(begin)), None)
    return f"/console{path}" if better is None else f"{better}{path.rpartition('/')[2]}"


def _name(item: Any) -> str | None:
    fields = ("name", "title", "doc_no", "decision_no", "entity_name", "subject_name")
    return next((str(item[field]) for field in fields if item.get(field)), None)


def _known_here(page: Opened, q: str) -> Sequence[Group]:
    """Return what the program itself knows: rules, commands, pages."""
    words, low = page.words, q.lower()
    found_rules = [
        Hit(words.blanks(text), f"/console/rules/{rule.id}", rule.id)
        for rule in rules().values()
        if (text := rule.text("message", words.language))
        and any(low in part.lower() for part in (rule.id, text, rule.law))
    ]
    commands = [
        Hit(title, f"/console/do/{entry.system}/{entry.name}", words.group(entry.system))
        for entry in COMMANDS
        if page.role in entry.roles
        and (title := words.titled(f"{entry.system}/{entry.name}"))
        and (low in title.lower() or low in entry.name)
    ]
    pages = [
        Hit(words(f"page.{p.name}"), p.path)
        for group in menu_of(page.request.app, page.role).values()
        for p in group
        if low in words(f"page.{p.name}").lower()
    ]
    return (
        Group(words("search.pages"), tuple(pages)),
        Group(words("commands"), tuple(commands[: 2 * MAX_HITS])),
        Group(words("page.rules"), tuple(found_rules[: 2 * MAX_HITS])),
    )


PAGES = (Page("/console/search", search, name="search", group="subjects", key="s"),)
