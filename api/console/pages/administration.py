"""Administration: the views, tokens and policies of the service, without any business content."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from api.console import forms
from api.console.inside import Answer
from api.console.pages.commands import faults_of
from api.console.shell import ACT, Opened, Page
from api.http.resources import Operation
from api.operations.operators import REBUILD_OPERATION, TOKEN_OPERATIONS

_VIEWS, _TOKENS = "/v1/operations/views", "/v1/operations/tokens"
_REQUESTS = "/v1/operations/token-requests"

#: Views that need attention come first.
_ORDER = {"stopped": 0, "retrying": 1, "standby": 2}


async def views(page: Opened) -> web.StreamResponse:
    """Show how far each view is, how fast it follows, and rebuild one."""
    told: Answer | None = None
    if page.request.method == "POST":
        given = await page.form()
        if not page.own(given):
            return await _views(page, status=403, said="foreign-form")
        told = await page.send(REBUILD_OPERATION.path, {"view": given.get("view", "")}, dry=False)
    status = 200 if told is None or told.fine else told.status
    return await _views(page, told=told, status=status)


async def _views(page: Opened, **context: Any) -> web.Response:
    body = await page.read(_VIEWS)
    items = sorted(
        body["items"],
        key=lambda v: (_ORDER.get(v["state"], 3), not v.get("rebuild"), -v["lag"], v["view"]),
    )
    behind = [item for item in items if item["lag"] or item["state"] != "following"]
    busy = any((i.get("rebuild") or {}).get("state") in ("waiting", "running") for i in items)
    said = {"told": None, "said": ""}
    return await page.render(
        "views.html", items=items, behind=behind, busy=busy, **{**said, **context}
    )


async def tokens(page: Opened) -> web.StreamResponse:
    """Show tokens and requests for tokens; request, approve, decline and revoke them."""
    given: Mapping[str, str] = {}
    told: Answer | None = None
    if page.request.method == "POST":
        given = await page.form()
        if not page.own(given):
            return await _tokens(page, given, status=403, said="foreign-form")
        operation = next((o for o in TOKEN_OPERATIONS if o.name == given.get(ACT)), None)
        if operation is None:
            return await page.missing()
        try:
            body = forms.body_of_form(operation.body, given)
        except forms.BadField as bad:
            faults = {bad.field: page.words("not-a-value")}
            return await _tokens(page, given, status=400, faults=faults)
        told = await page.send(operation.path, body, dry=False)
        if told.fine:
            given = {}
    status = 200 if told is None or told.fine else told.status
    return await _tokens(page, given, told=told, status=status)


async def _tokens(page: Opened, given: Mapping[str, str], **context: Any) -> web.Response:
    answers = await asyncio.gather(
        page.ask(_TOKENS), page.ask(_REQUESTS, {"state": "pending"}, recorded=True)
    )
    for answer in answers:
        if not answer.fine:
            return await page.problem(answer)
    asked: Operation = TOKEN_OPERATIONS[0]
    told: Answer | None = context.get("told")
    said = {"told": None, "said": "", "faults": {} if told is None else faults_of(told)}
    return await page.render(
        "tokens.html",
        items=list(reversed(answers[0].body["items"])),
        pending=answers[1].body["items"],
        fields=forms.fields_of(asked.body),
        given=given,
        rows_of=forms.rows_of,
        more="",
        found={},
        looked_up=frozenset(),
        **{**said, **context},
    )


async def policies(page: Opened) -> web.StreamResponse:
    """Show the numbers of the region: the value today, since when, on what ground."""
    query = page.request.query.get("q", "").casefold()
    body = await page.read("/v1/policies", {"limit": 500})
    items = [
        item
        for item in body["items"]
        if query in f"{item['key']} {item.get('title', '')} {item.get('rules', '')}".casefold()
    ]
    return await page.render("policies.html", items=items, asked=query)


PAGES = (
    Page(
        "/console/views",
        views,
        name="views",
        group="service",
        needs=(_VIEWS,),
        methods=("GET", "POST"),
        recorded="never",
    ),
    Page(
        "/console/tokens",
        tokens,
        name="tokens",
        group="service",
        needs=(_TOKENS, _REQUESTS),
        methods=("GET", "POST"),
    ),
    Page("/console/policies", policies, name="policies", group="service", needs=("/v1/policies",)),
)
