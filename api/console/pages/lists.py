"""Every list and document that the interface has, as a page, a table or JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import hdrs, web

from api.console import forms
from api.console.inside import FILES, SHOWN, ask_for_file
from api.console.pages import subjects
from api.console.pages.commands import possible
from api.console.shell import Opened, Page, may_read
from api.console.shown import columns
from api.http.resources import Resource


async def index(page: Opened) -> web.StreamResponse:
    """Show every list that the reader's role may read, by group."""
    known = page.request.app[SHOWN]
    groups: dict[str, list[Resource]] = {}
    for path, resource in known.items():
        is_list = "items" in getattr(resource.returns, "__struct_fields__", ())
        if is_list and "{" not in path and may_read(page.request.app, page.role, [path]):
            groups.setdefault(resource.group or path.split("/")[2], []).append(resource)
    return await page.render("lists.html", groups=groups)


async def reading(page: Opened) -> web.StreamResponse:
    """Show any list or document that the interface has, or send it as a table or JSON."""
    path = f"/v1/{page.request.match_info['path']}"
    if path.endswith((*FILES, ".json")):
        return await _file(page, path)
    return await show(page, path)


async def show(page: Opened, path: str) -> web.StreamResponse:
    """Show a list or document of the interface."""
    query = page.query
    answer = await page.ask(path, query)
    if not answer.fine:
        return await page.problem(answer)
    resource = page.request.app[SHOWN].get(answer.route)
    shell: dict[str, Any] = {
        "path": path,
        "asked_path": path,
        "name": page.words.titled(answer.route),
    }
    body = answer.body
    beside = await subjects.beside(page, answer.route, path, body)
    if beside is not None:
        return await page.render("subject.html", **shell, body=body, beside=beside)
    if not isinstance(body, dict) or "items" not in body:
        return await page.render("document.html", **shell, body=body)
    items = [item if isinstance(item, dict) else {"value": item} for item in body["items"]]
    asked = dict(query)
    return await page.render(
        "list.html",
        **shell,
        items=items,
        columns=columns(items),
        entries=_own_pages(page, answer.route),
        filters=_filters(resource, asked),
        asked=asked,
        body=body,
        begin=_begin(page, path),
    )


#: The command with which a list begins to fill.
BEGUN_WITH: Mapping[str, str] = {
    "/v1/cases": "penalties/file-case",
    "/v1/complaints": "complaints/receive-complaint",
    "/v1/reconsiderations": "reconsideration/apply-for-reconsideration",
    "/v1/joints": "joint/plan-joint",
    "/v1/key-designations": "keylist/designate-key-unit",
    "/v1/observations": "observation/grant-observation",
    "/v1/commitments": "commitments/make-commitment",
    "/v1/plans": "filing/approve-annual-plan",
    "/v1/matters": "catalogue/list-matter",
    "/v1/draws": "draws/announce-draw",
    "/v1/sharing/subscriptions": "sharing/subscribe-feed",
}


def _begin(page: Opened, path: str) -> str:
    """Return the command that adds to a list, if the reader's role may send it."""
    command = BEGUN_WITH.get(path, "")
    return command if possible(page.role, command) else ""


async def _file(page: Opened, path: str) -> web.StreamResponse:
    """Return a list as a table, or anything as JSON, for the reader to keep."""
    response = await ask_for_file(
        page.request,
        page.session,
        path.removesuffix(".json"),
        page.query,
        language=page.words.language,
    )
    if not response.prepared:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response


def _own_pages(page: Opened, route: str) -> str | None:
    """Return the console's address of an entry of a list, up to its id."""
    known = page.request.app[SHOWN]
    one = next((p for p in known if re.fullmatch(re.escape(route) + r"/\{\w+\}", p)), None)
    return None if one is None else f"/console{route}/"


class Filter(msgspec.Struct, frozen=True):
    """A filter of a list: its parameter, its choices, and what was chosen."""

    name: str
    input: str
    choices: tuple[str, ...]
    value: str


_UNSEEN = {"after", "limit", "at_least", "fields", "facets", "total", "expand"}


def _filters(resource: Resource | None, asked: Mapping[str, str]) -> list[Filter]:
    if resource is None:
        return []
    made = []
    for parameter in resource.query:
        if parameter.name in _UNSEEN:
            continue
        field = forms.field_of(parameter.name, parameter.type)
        value = asked.get(parameter.name, "")
        made.append(Filter(parameter.name, field.input, field.choices, value))
    return made


PAGES = (
    Page("/console/lists", index, name="lists", group="subjects", key="l", recorded="never"),
    Page("/console/v1/{path:.+}", reading, recorded="questions"),
)
