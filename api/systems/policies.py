"""Policies: the numbers that rules are judged by, every version of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from aiohttp import web

from api.http.asking import asked_day, one_row, rows_page
from api.http.problems import not_found
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response
from api.http.resources import Parameter, Resource
from projections.systems.policies import POLICIES, Policies, document


class FoundPolicies(msgspec.Struct, frozen=True):
    """A page of policies; the ``Link`` header leads to the next."""

    items: tuple[dict[str, Any], ...]


_VIEW = Policies()


async def policies(request: web.Request) -> web.Response:
    """Every policy with all its versions, and which of them holds on a day (today)."""
    day = asked_day(request)
    return await rows_page(
        request,
        "policies",
        POLICIES,
        where=[],
        show=lambda row: document(_VIEW.decode(row.state), day),
    )


async def policy(request: web.Request) -> web.Response:
    """One policy with all its versions, and which of them holds on a day (today)."""
    row = await one_row(request, "policies", POLICIES, request.match_info["key"])
    if row is None:
        raise not_found()
    return json_response(document(_VIEW.decode(row.state), asked_day(request)))


_ON = Parameter("on", date, "the day on which a version shall hold")

RESOURCES = (
    Resource(
        "/v1/policies",
        policies,
        returns=FoundPolicies,
        query=(_ON, AFTER, LIMIT, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/policies/{key}",
        policy,
        returns=dict[str, Any],
        query=(_ON, AT_LEAST),
        headers=(AT_LEAST_HEADER,),
    ),
)
