"""The inspection burden of a business, and the visits that units book, against their caps."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from api.http.asking import (
    PRIVATE,
    asked,
    caught_up,
    row_or_none,
    rows_page,
)
from api.http.listing import listed
from api.http.problems import Problem
from api.http.questions import Questions
from api.http.reader import reader_of
from api.http.reading import AT_LEAST, AT_LEAST_HEADER, json_response, query_value
from api.http.resources import Parameter, Resource
from projections.answers import entry_fields
from projections.explain.burden import (
    BOOKINGS,
    BURDENS,
    Burden,
    Burdens,
    Limit,
    ShownBurden,
    beyond,
    document,
    limits,
)
from projections.systems.policies import Policies

_VIEW = Burdens()


class UnitBooking(msgspec.Struct, frozen=True):
    """The visits that a unit booked at a business in a year, against its limits."""

    entity: str
    unit: str
    year: int
    grade: str
    capped: int
    cap: int | None
    exempt: int
    reasonable: int | None
    beyond: list[str]
    policy_version: int | None


async def burden(request: web.Request) -> web.Response:
    """The inspection burden of a business: visits, minutes on site, and visits avoided.

    In all, by year, and by unit. A joint visit counts once, with the minutes from the first arrival
    to the last departure; each further unit in it counts as a visit avoided. Only for the business
    itself and the authorities.
    """
    entity = request.match_info["entity"]
    if (await reader_of(request)).audience(entity) == "public":
        raise Problem("forbidden", "burden.only-business-itself-authorities-may-read")
    row = await row_or_none(request, Burdens.name, BURDENS, entity)
    # A business with only sealed facts must look like one without any facts.
    account = Burden(entity) if row is None else _VIEW.decode(row.state)
    return json_response(document(account), headers=PRIVATE)


async def visits(request: web.Request) -> web.Response:
    """The visits booked by each unit at each business in a year, against the caps.

    `capped` visits beyond `cap` are refused (SUP-R1); `exempt` visits, made on clues, beyond
    `reasonable` are examined (SUP-V1). `beyond=true` returns only rows beyond one of the two: that
    is possible after a grade rose or a cap was lowered. A unit sees its own rows. The unit and the
    Justice Bureau see planned visits counted too; all others see only visits that took place.
    """
    reader = await reader_of(request)
    where = [reader.concerned(BOOKINGS.c.unit)]
    counters = (BOOKINGS.c.capped, BOOKINGS.c.exempt)
    if not reader.plans:
        counters = (BOOKINGS.c.capped_made, BOOKINGS.c.exempt_made)
        where.append(counters[0] + counters[1] > 0)
    await caught_up(request, Policies.name)
    follower = await caught_up(request, Burdens.name)
    known = await asked(lambda: limits(follower.views, reader.today))
    if (wanted := query_value(request, "beyond", bool | None, None)) is not None:
        over = beyond(known, counters)
        where.append(over if wanted else sa.not_(over))

    def show(row: sa.Row[Any]) -> UnitBooking:
        # A unit, year or grade that was not known yet is shown at the next query.
        limit = known.get((row.unit, row.year, row.grade), Limit())
        capped, exempt = (getattr(row, counter.name) for counter in counters)
        over = {
            "capped": limit.capped is not None and capped > limit.capped,
            "exempt": limit.exempt is not None and exempt > limit.exempt,
        }
        return UnitBooking(
            row.entity,
            row.unit,
            row.year,
            row.grade,
            capped,
            limit.capped,
            exempt,
            limit.exempt,
            [counter for counter, is_over in over.items() if is_over],
            limit.policy_version,
        )

    return await rows_page(
        request,
        Burdens.name,
        BOOKINGS,
        where=where,
        show=show,
        questions=_QUESTIONS,
        entry=UnitBooking,
    )


_QUESTIONS = Questions(
    filters=(
        Parameter("unit", str, "the unit that booked them"),
        Parameter("entity", str, "the business"),
        Parameter("year", int, "the cap year"),
    ),
    numbers=("year",),
    fields=entry_fields(UnitBooking),
)

RESOURCES = (
    Resource(
        "/v1/entities/{entity}/burden",
        burden,
        returns=ShownBurden,
        query=(AT_LEAST,),
        headers=(AT_LEAST_HEADER,),
    ),
    listed(
        "/v1/supervision/visits",
        visits,
        _QUESTIONS,
        UnitBooking,
        more=(Parameter("beyond", bool, "whether a counter is beyond its limit"),),
    ),
)
