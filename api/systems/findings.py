"""Findings: what was found to break a rule, and how far its handling has come."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import may_ask, one_row, placed, rows_page
from api.http.keys import LEDGER
from api.http.problems import not_found
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response, query_value
from api.http.resources import Parameter, Resource
from api.http.tokens import Grant
from api.http.visibility import may_see
from ledger.access.events import RuleId
from ledger.kernel import civil_date
from projections.systems.findings import FINDINGS, Findings, FindingState, document
from projections.tables import not_kept_from


class FoundFindings(msgspec.Struct, frozen=True):
    """A page of findings; the ``Link`` header leads to the next."""

    items: tuple[dict[str, Any], ...]


_VIEW = Findings()


def _today(request: web.Request) -> date:
    return civil_date(request.app[LEDGER].clock())


def _seen(grant: Grant) -> list[sa.ColumnElement[bool]]:
    seen = [may_ask(grant, unit=FINDINGS.c.unit, entity=None)]  # they are about units
    # The bureau, like every unit, never learns of a confidential finding about itself.
    seen.append(not_kept_from(FINDINGS.c.kept_from, grant.unit))
    if grant.role != "jb_supervisor":
        seen.append(FINDINGS.c.visibility != "sealed")
    return seen


async def findings(request: web.Request) -> web.Response:
    """Findings, by their id: a unit's own for the unit, all for supervisors."""
    grant = await grant_of(request)
    today = _today(request)
    query_value(request, "state", FindingState, "raised")
    where = _seen(grant)
    if "auto" in request.query:
        where.append(FINDINGS.c.auto.is_(query_value(request, "auto", bool, True)))
    if (before := query_value(request, "raised_before", date | None, None)) is not None:
        where.append(FINDINGS.c.raised_on < str(before))
    return await rows_page(
        request,
        "findings",
        FINDINGS,
        where=where,
        show=lambda row: document(_VIEW.decode(row.state), today),
        filters={
            "state": FINDINGS.c.standing,
            **{name: FINDINGS.c[name] for name in ("rule_id", "type", "unit", "entity", "task")},
        },
    )


async def finding(request: web.Request) -> web.Response:
    """One finding: its facts and evidence, its age, and what was done about it."""
    grant = await grant_of(request)
    row = await one_row(request, "findings", FINDINGS, request.match_info["finding"])
    if row is None or not _may_see(grant, row):
        raise not_found()
    return json_response(
        document(_VIEW.decode(row.state), _today(request)),
        headers=placed(request),
    )


def _may_see(grant: Grant, row: sa.Row[Any]) -> bool:
    tags = [f"finding:{row.key}", f"unit:{row.unit}", f"entity:{row.entity}"]
    return may_see(grant, row.visibility, "", tags, row.kept_from.split())


RESOURCES = (
    Resource(
        "/v1/findings",
        findings,
        returns=FoundFindings,
        query=(
            Parameter("state", FindingState, "how far its handling has come"),
            Parameter("rule_id", RuleId, "the rule that was broken"),
            Parameter("type", str, "the type of finding"),
            Parameter("unit", str, "the unit it is about"),
            Parameter("entity", str, "the business it concerns"),
            Parameter("task", str, "the inspection it concerns"),
            Parameter("auto", bool, "whether the ledger raised it by itself"),
            Parameter("raised_before", date, "raised before this day"),
            AFTER,
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/findings/{finding}",
        finding,
        returns=dict[str, Any],
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
)
