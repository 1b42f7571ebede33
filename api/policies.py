"""Policies: the numbers that rules are judged by, every version of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from aiohttp import web

from api.asking import one_row, rows_page
from api.keys import LEDGER
from api.problems import not_found
from api.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response, query_value
from api.resources import Parameter, Resource
from ledger.kernel import civil_date
from projections.policies import POLICIES, Policies, document


class FoundPolicies(msgspec.Struct, frozen=True):
    """A page of policies; the ``Link`` header leads to the next."""

    items: tuple[dict[str, Any], ...]


_VIEW = Policies()


def _day(request: web.Request) -> date:
    today = civil_date(request.app[LEDGER].clock())
    return query_value(request, "on", date, today)


async def policies(request: web.Request) -> web.Response:
    """Every policy with all its versions, and which of them holds on a day (today)."""
    day = _day(request)
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
    return json_response(document(_VIEW.decode(row.state), _day(request)))


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
