"""Findings: possible breaches of rules, and the progress of their handling."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from aiohttp import web

from api.http.asking import asked, caught_up, one_row, placed, rows_page
from api.http.listing import listed
from api.http.problems import not_found
from api.http.questions import Questions
from api.http.reader import Reader, reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from ledger.access.events import RuleId
from ledger.general.findings import FindingRaised
from projections.answers import entry_fields, shown_type
from projections.explain.searching import Wanted, search
from projections.explain.trailindex import Trails, facet
from projections.systems.findings import FINDINGS, UNTOLD, Findings, FindingState, document
from projections.tables import MAX_KEYS

ShownFinding = shown_type(
    FindingRaised,
    ("finding_id", *UNTOLD),
    called="ShownFinding",
    finding=str,
    state=FindingState,
    raised_on=date | None,
    raised_position=int,
    age_days=int | None,
    assessment=str,
    documents=list[str],
    response=str,
    note=str,
    rejection=str,
    direct_handling_until=date,
    ended_on=date,
    conclusion=str,
)
_VIEW = Findings()


def findings_seen(reader: Reader) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for the findings that a reader may see."""
    # No unit, not even the Bureau, learns of a confidential finding about itself.
    seen = [reader.concerned(FINDINGS.c.unit, kept_from=FINDINGS.c.kept_from)]
    if not reader.is_bureau:
        seen.append(FINDINGS.c.visibility != "sealed")
    return seen


async def findings(request: web.Request) -> web.Response:
    """Findings, the latest first: a unit sees its own, supervisors all."""
    reader = await reader_of(request)
    where = findings_seen(reader)
    if (before := query_value(request, "raised_before", date | None, None)) is not None:
        where.append(FINDINGS.c.raised_on < str(before))
    if (day := query_value(request, "valid_as_of", date | None, None)) is not None:
        where += [
            FINDINGS.c.raised_on <= str(day),
            sa.or_(FINDINGS.c.ended_on.is_(None), FINDINGS.c.ended_on > str(day)),
        ]
    facets = [
        facet(kind, wanted)
        for kind in ("correlation", "causation")
        if (wanted := query_value(request, f"{kind}_id", UUID, None)) is not None
    ]
    if facets:
        where.append(FINDINGS.c.raised_position.in_(await _raised(request, reader, facets)))
    return await rows_page(
        request,
        "findings",
        FINDINGS,
        where=where,
        show=lambda row: document(_VIEW.decode(row.state), reader.today),
        questions=_QUESTIONS,
        entry=ShownFinding,
        columns={"state": FINDINGS.c.standing},
    )


async def _raised(request: web.Request, reader: Reader, facets: list[str]) -> list[int]:
    """Return where findings with these facets were raised, in events that the reader may see.

    A unit that was told of a finding later may not see the event, and what else it belongs to.
    """
    follower = await caught_up(request, Trails.name)
    wanted = Wanted(types=(FindingRaised.TOPIC,), facets=tuple(facets))

    def ask() -> list[int]:
        return search(follower.views, wanted, reader, limit=MAX_KEYS).positions

    return await asked(ask)


async def finding(request: web.Request) -> web.Response:
    """One finding: its facts and evidence, its age, and what was done about it."""
    reader = await reader_of(request)
    row = await one_row(request, "findings", FINDINGS, request.match_info["finding"])
    if not _may_see(reader, row):
        raise not_found()
    return json_response(
        document(_VIEW.decode(row.state), reader.today),
        headers=placed(request),
    )


def _may_see(reader: Reader, row: sa.Row[Any]) -> bool:
    tags = [f"finding:{row.key}", f"unit:{row.unit}", f"entity:{row.entity}"]
    return reader.sees(row.visibility, "", tags, row.kept_from.split())


_QUESTIONS = Questions(
    filters=(
        Parameter("state", FindingState, "the progress of its handling"),
        Parameter("rule_id", RuleId, "the rule that was broken"),
        Parameter("type", str, "the type of finding"),
        Parameter("unit", str, "the unit it is about"),
        Parameter("entity", str, "the business it concerns"),
        Parameter("task", str, "the inspection it concerns"),
        Parameter("auto", bool, "whether the ledger raised it automatically"),
    ),
    dates=("raised_on", "ended_on"),
    newest="raised_on",
    fields=entry_fields(ShownFinding),
)

RESOURCES = (
    listed(
        "/v1/findings",
        findings,
        _QUESTIONS,
        ShownFinding,
        more=(
            Parameter("raised_before", date, "raised before this day"),
            Parameter("valid_as_of", date, "raised by this day and not ended by then"),
            Parameter("correlation_id", UUID, "raised with this correlation"),
            Parameter("causation_id", UUID, "raised because of this event"),
        ),
    ),
    Resource(
        "/v1/findings/{finding}",
        finding,
        returns=ShownFinding,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
)
