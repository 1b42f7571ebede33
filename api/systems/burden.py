"""The burden account of a business, and the visits that units book, against their caps."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from aiohttp import web

from api.http.access import grant_of
from api.http.asking import (
    PRIVATE,
    asked,
    audience_of,
    caught_up,
    may_ask,
    one_row,
    plans_of,
    rows_page,
)
from api.http.keys import LEDGER
from api.http.listing import FoundItems
from api.http.problems import Problem
from api.http.reading import AFTER, AT_LEAST, AT_LEAST_HEADER, LIMIT, json_response, query_value
from api.http.resources import Parameter, Resource
from ledger.kernel import civil_date
from projections.explain.burden import (
    BOOKINGS,
    BURDENS,
    Burden,
    Burdens,
    Limit,
    beyond,
    document,
    limits,
)
from projections.systems.policies import Policies

_VIEW = Burdens()


async def burden(request: web.Request) -> web.Response:
    """What inspections cost a business: visits, minutes on site, and visits that it was spared.

    In all, by year, and by the unit that came. A joint visit counts once, with the minutes from the
    first arrival to the last departure; each unit in it beyond the first is a visit avoided. For
    the business itself and the authorities.
    """
    entity = request.match_info["entity"]
    if audience_of(await grant_of(request), entity) == "public":
        raise Problem("forbidden", "The account is for the business itself and the authorities.")
    row = await one_row(request, Burdens.name, BURDENS, entity)
    # A business of which only sealed facts are recorded reads like one of which nothing is.
    account = Burden(entity) if row is None else _VIEW.decode(row.state)
    return json_response(document(account), headers=PRIVATE)


async def visits(request: web.Request) -> web.Response:
    """Visits booked by each unit at each business in a year, against the caps.

    `capped` visits are refused beyond `cap` (SUP-R1); `exempt` ones, on clues, are looked at beyond
    `reasonable` (SUP-V1). With `beyond=true` only those that are beyond one of the two, as can be
    after a grade rose or a cap fell. A unit sees its own. Those that are planned count for the unit
    and for the Justice Bureau; to everybody else only those count that came about.
    """
    grant = await grant_of(request)
    where = [may_ask(grant, unit=BOOKINGS.c.unit, entity=None)]
    counters = (BOOKINGS.c.capped, BOOKINGS.c.exempt)
    if not plans_of(grant):
        counters = (BOOKINGS.c.capped_made, BOOKINGS.c.exempt_made)
        where.append(counters[0] + counters[1] > 0)
    today = civil_date(request.app[LEDGER].clock())
    await caught_up(request, Policies.name)
    follower = await caught_up(request, Burdens.name)
    known = await asked(lambda: limits(follower.views, today))
    if (year := query_value(request, "year", int | None, None)) is not None:
        where.append(BOOKINGS.c.year == year)
    if (wanted := query_value(request, "beyond", bool | None, None)) is not None:
        over = beyond(known, counters)
        where.append(over if wanted else sa.not_(over))

    def show(row: sa.Row[Any]) -> dict[str, Any]:
        # A unit, year or grade that has come up since is shown with the next question.
        limit = known.get((row.unit, row.year, row.grade), Limit())
        capped, exempt = (getattr(row, counter.name) for counter in counters)
        over = {
            "capped": limit.capped is not None and capped > limit.capped,
            "exempt": limit.exempt is not None and exempt > limit.exempt,
        }
        return {
            "entity": row.entity,
            "unit": row.unit,
            "year": row.year,
            "grade": row.grade,
            "capped": capped,
            "cap": limit.capped,
            "exempt": exempt,
            "reasonable": limit.exempt,
            "beyond": [counter for counter, is_over in over.items() if is_over],
            "policy_version": limit.policy_version,
        }

    return await rows_page(
        request,
        Burdens.name,
        BOOKINGS,
        where=where,
        show=show,
        filters={name: BOOKINGS.c[name] for name in ("unit", "entity")},
    )


RESOURCES = (
    Resource(
        "/v1/entities/{entity}/burden",
        burden,
        returns=dict[str, Any],
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    Resource(
        "/v1/supervision/visits",
        visits,
        returns=FoundItems,
        query=(
            Parameter("unit", str, "the unit that booked them"),
            Parameter("entity", str, "the business"),
            Parameter("year", int, "the cap year"),
            Parameter("beyond", bool, "whether a counter is beyond its limit"),
            AFTER,
            LIMIT,
            AT_LEAST,
        ),
        headers=(AT_LEAST_HEADER,),
    ),
)
