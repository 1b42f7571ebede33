"""The lists of an office's daily work, each in the menu; and the month with its reports to file."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from aiohttp import web

from api.console.pages.lists import show
from api.console.shell import Opened, Page
from api.http.keys import LEDGER
from ledger.kernel import civil_date
from ledger.systems.progress.commands import SubmitProgressLedger

#: The lists of the menu: the name of the page, and the resource.
_LISTS = {
    "cases": "/v1/cases",
    "complaints": "/v1/complaints",
    "reconsiderations": "/v1/reconsiderations",
    "case-files": "/v1/case-files",
    "joints": "/v1/joints",
    "designations": "/v1/key-designations",
    "observations": "/v1/observations",
    "leniency": "/v1/leniency-applications",
    "commitments": "/v1/commitments",
    "reports": "/v1/reports",
    "scores": "/v1/scores",
}
_MONTH = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])\Z")


async def month(page: Opened) -> web.StreamResponse:
    """Show a unit's month: the reports that it owes with their figures, each to be filed."""
    today = civil_date(page.request.app[LEDGER].clock())
    given = page.request.query.get("month", "")
    wanted = given if _MONTH.match(given) else f"{today:%Y-%m}"
    unit = page.request.query.get("unit") or page.session.grant.unit
    answer = await page.ask(f"/v1/progress/{quote(unit, safe='')}/{wanted}")
    if not answer.fine and answer.status != HTTPStatus.NOT_FOUND:
        return await page.problem(answer)
    body: dict[str, Any] = answer.body if answer.fine else {}
    figures = {task.get("task_no"): task["metrics"] for task in body.get("tasks", ())}
    return await page.render(
        "month.html",
        unit=unit,
        month=wanted,
        body=body,
        figures=figures,
        may_file=page.role in SubmitProgressLedger.ROLES and unit == page.session.grant.unit,
    )


Handler = Callable[[Opened], Awaitable[web.StreamResponse]]


def _page(name: str, path: str) -> Page:
    return Page(
        f"/console/{name}",
        partial(show, path=path),
        name=name,
        group="matters",
        # Readers without an inbox find the same lists among all lists.
        needs=(path, "/v1/next-commands"),
        recorded="questions",
    )


PAGES = (
    *(_page(name, path) for name, path in _LISTS.items()),
    Page(
        "/console/month",
        month,
        name="month",
        group="acts",
        needs=("/v1/reports", "/v1/next-commands"),
    ),
)
