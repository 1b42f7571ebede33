"""Policies: the numbers that rules use, in every version."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from api.http.asking import one_row, rows_page
from api.http.listing import listed
from api.http.questions import Questions
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from projections.answers import entry_fields
from projections.systems.policies import POLICIES, Policies, ShownPolicy, document

_VIEW = Policies()


async def policies(request: web.Request) -> web.Response:
    """Every policy with all versions, and which version is in force on a day (by default today)."""
    reader = await reader_of(request)
    day: date = query_value(request, "on", date, reader.today)
    return await rows_page(
        request,
        "policies",
        POLICIES,
        where=[],
        show=lambda row: document(_VIEW.decode(row.state), day),
        questions=_QUESTIONS,
        entry=ShownPolicy,
    )


async def policy(request: web.Request) -> web.Response:
    """One policy with all versions, and which version is in force on a day (by default today)."""
    reader = await reader_of(request)
    day: date = query_value(request, "on", date, reader.today)
    row = await one_row(request, "policies", POLICIES, request.match_info["key"])
    return json_response(document(_VIEW.decode(row.state), day))


_QUESTIONS = Questions(fields=entry_fields(ShownPolicy))
_ON = Parameter("on", date, "the day for which to show the version in force")

RESOURCES = (
    listed("/v1/policies", policies, _QUESTIONS, ShownPolicy, more=(_ON,)),
    Resource(
        "/v1/policies/{key}",
        policy,
        returns=ShownPolicy,
        query=(_ON, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
)
